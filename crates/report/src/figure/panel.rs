//! One pair of axes: title, grid, tick labels, and where a value lies on the figure.

use super::style::{FAINT, INK, bold, font};
use super::{Area, Place, SCALE};
use plotters::chart::ChartBuilder;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{Color, DrawingBackend};
use std::ops::Range;

/// What one axis shows.
pub(super) struct AxisSpec {
    pub(super) range: Range<f64>,
    /// Name with its unit.
    pub(super) label: &'static str,
    /// Decimals of tick labels.
    pub(super) decimals: usize,
    /// About how many ticks.
    pub(super) ticks: usize,
}

/// Axes on the figure.
pub(super) struct Panel {
    x: Range<f64>,
    y: Range<f64>,
    /// Drawn units of the plotting area, y downwards.
    pub(super) pixels: (Range<i32>, Range<i32>),
}

impl Panel {
    /// Draws axes into `area`, leaving `right` points of reading size free on the right.
    pub(super) fn draw<DB: DrawingBackend>(
        area: &Area<DB>,
        title: &str,
        x: AxisSpec,
        y: AxisSpec,
        right: u32,
    ) -> Result<Self, DrawingAreaErrorKind<DB::ErrorType>> {
        area.draw_text(
            title,
            &bold(12.0, INK),
            (70 * SCALE as i32, 6 * SCALE as i32),
        )?;
        let mut chart = ChartBuilder::on(area)
            .margin_top(30 * SCALE)
            .margin_right(right * SCALE)
            .margin_left(10 * SCALE)
            .margin_bottom(6 * SCALE)
            .x_label_area_size(38 * SCALE)
            .y_label_area_size(60 * SCALE)
            .build_cartesian_2d(x.range.clone(), y.range.clone())?;
        chart
            .configure_mesh()
            .bold_line_style(FAINT.stroke_width(2))
            .light_line_style(FAINT.mix(0.0))
            .axis_style(INK.stroke_width(2))
            .x_labels(x.ticks)
            .y_labels(y.ticks)
            .x_label_formatter(&|value| number(*value, x.decimals))
            .y_label_formatter(&|value| number(*value, y.decimals))
            .x_desc(x.label)
            .y_desc(y.label)
            .label_style(font(11.0, INK))
            .axis_desc_style(font(12.0, INK))
            .draw()?;
        let pixels = chart.plotting_area().get_pixel_range();
        Ok(Self {
            x: x.range,
            y: y.range,
            pixels,
        })
    }

    /// Where a value lies, in drawn units of the whole figure.
    pub(super) fn place(&self, x: f64, y: f64) -> Place {
        let share =
            |value: f64, range: &Range<f64>| (value - range.start) / (range.end - range.start);
        let between = |share: f64, pixels: &Range<i32>| {
            pixels.start + (share * f64::from(pixels.end - pixels.start)).round() as i32
        };
        (
            between(share(x, &self.x), &self.pixels.0),
            between(1.0 - share(y, &self.y), &self.pixels.1),
        )
    }

    /// Height of `y` cut to the panel, and whether it lay inside.
    pub(super) fn clamp_y(&self, y: f64) -> (i32, bool) {
        let inside = self.y.contains(&y) || y == self.y.end;
        (
            self.place(self.x.start, y.clamp(self.y.start, self.y.end))
                .1,
            inside,
        )
    }
}

/// With so many decimals and a true minus sign.
pub(super) fn number(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}").replace('-', "−")
}
