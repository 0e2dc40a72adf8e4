//! Curves along percentages, two panels a row.

use crate::canvas::{Canvas, Place, font};
use crate::figure::{EDGE, Figure, Heading, WIDTH};
use crate::marks::{Entry, lay_out};
use crate::number::decimals;
use crate::panel::{Axis, Panel, ends};
use crate::style::{GREY, Look, Marker, OTHERS};
use plotters::prelude::RGBColor;
use slicewise_metrics::Interval;
use std::ops::Range;

/// Height of one row of panels.
const ROW: f64 = 330.0;
/// Curves that can be told apart, with their intervals.
pub const FEW: usize = 8;
/// Dashes of the second of two lines in one colour.
pub const DOTS: (f64, f64) = (1.5, 4.5);

/// A point of a curve.
#[derive(Clone, Copy)]
pub struct Mark {
    /// Percent.
    pub x: f64,
    /// Its height, with an interval.
    pub value: Interval,
    /// Whether several curves share it, so that it has no mark of its own in any.
    pub shared: bool,
    /// Whether a star lies on it.
    pub star: bool,
}

/// One curve.
pub struct Curve {
    /// Of line and marks.
    pub look: Look,
    /// Whether its marks are.
    pub hollow: bool,
    /// How far to the right of their place its own marks stand, in points.
    pub aside: f64,
    /// From left to right.
    pub marks: Vec<Mark>,
}

/// A level that curves are compared with: its value is written with so many decimals.
#[expect(missing_docs, reason = "the line above says it")]
pub struct Level {
    pub value: Interval,
    pub look: Look,
    pub places: usize,
}

/// One pair of axes.
#[derive(Default)]
pub struct Axes {
    /// Above them.
    pub title: String,
    /// Under the curves.
    pub levels: Vec<Level>,
    /// What comes later lies on top.
    pub curves: Vec<Curve>,
    /// Curves that cannot be told apart, thin and under all: percents and values.
    pub others: Vec<Vec<(f64, f64)>>,
}

/// All panels, and what they share.
pub struct Panels {
    /// Left and right.
    pub rows: Vec<[Axes; 2]>,
    /// Name of the horizontal axis, with its unit.
    pub x_label: &'static str,
    /// Name of the vertical axis.
    pub y_label: &'static str,
    /// What values can be.
    pub limits: Range<f64>,
}

/// Says how far aside the marks of curve `index` of `n` stand, so that intervals at one ratio can be told
/// apart.
pub fn aside(index: usize, n: usize) -> f64 {
    (index as f64 - (n as f64 - 1.0) / 2.0) * (24.0 / n as f64).min(4.0)
}

/// A colour half way to white, for what lies under the marks.
fn pale(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let half = |channel: u8| 128 + channel / 2;
    RGBColor(half(r), half(g), half(b))
}

impl Panels {
    /// A figure of these panels below a legend.
    pub fn figure(&self, heading: Heading, entries: &[Entry]) -> Figure {
        let width = WIDTH - 2.0 * EDGE;
        let top = 36.0 + lay_out(entries, width).1;
        let height = top + ROW * self.rows.len() as f64 + 46.0;
        let mut figure = Figure::new(heading, (WIDTH, height));
        figure.canvas.legend(entries, (EDGE, 34.0), width);
        for (row, panels) in self.rows.iter().enumerate() {
            let top = top + row as f64 * ROW;
            let (x_range, y_range) = (self.x_range(panels), self.y_range(panels));
            for (content, left) in panels.iter().zip([0.0, WIDTH / 2.0]) {
                let corners =
                    [(left + 70.0, top + 32.0), (left + WIDTH / 2.0 - 52.0, top + ROW - 44.0)];
                let x = Axis::new(x_range.clone(), self.x_label, 8);
                let y = Axis::new(y_range.clone(), self.y_label, 7);
                let panel = Panel::draw(&mut figure.canvas, corners, &content.title, x, y);
                content.draw(&mut figure.canvas, &panel);
            }
        }
        figure
    }

    /// One range for all panels, if none goes beyond 100, as percentages do. Amounts have a range for
    /// each row, since one row can be much more work than another.
    fn x_range(&self, row: &[Axes; 2]) -> Range<f64> {
        let end = |panels: &mut dyn Iterator<Item = &Axes>| {
            let of = |panel: &Axes| {
                let marks = panel.curves.iter().flat_map(|curve| &curve.marks).map(|mark| mark.x);
                let others = panel.others.iter().flatten().map(|(x, _)| *x);
                marks.chain(others).fold(10.0, f64::max)
            };
            panels.map(of).fold(10.0, f64::max)
        };
        let of_all = end(&mut self.rows.iter().flatten());
        match of_all > 100.0 {
            true => 0.0..1.04 * end(&mut row.iter()),
            false => 0.0..(of_all + 4.0).min(104.0),
        }
    }

    /// One range for both panels of a row, so that they compare at a glance. It holds every mean,
    /// and intervals up to the means' own span away; arrowheads show those that go on.
    fn y_range(&self, panels: &[Axes; 2]) -> Range<f64> {
        let marks = panels.iter().flat_map(|panel| &panel.curves).flat_map(|curve| &curve.marks);
        let levels = panels.iter().flat_map(|panel| &panel.levels);
        let others = panels.iter().flat_map(|panel| panel.others.iter().flatten());
        let others = others.map(|(_, mean)| Interval { mean: *mean, low: None, high: None, n: 0 });
        let values = marks.map(|mark| mark.value).chain(levels.map(|level| level.value));
        let values = values.chain(others);
        let values: Vec<Interval> = values.collect();
        let alone = |value: &Interval| Interval { low: None, high: None, ..*value };
        let [low, high] = ends(values.iter().map(alone));
        let [least, most] = ends(values);
        let span = (high - low).max(0.02);
        let (low, high) = (least.max(low - span), most.min(high + span));
        // A little more, so that marks are whole.
        low.max(self.limits.start) - 0.06 * span..high.min(self.limits.end) + 0.06 * span
    }
}

impl Axes {
    /// Intervals lie under all curves, and curves under all marks.
    fn draw(&self, canvas: &mut Canvas, panel: &Panel) {
        let [(left, _), (right, _)] = panel.corners;
        for Level { value, look, places } in &self.levels {
            if let (Some(low), Some(high)) = (value.low, value.high) {
                let ([top, bottom], color) =
                    ([high, low].map(|end| panel.height(end).0), look.color);
                canvas.area(
                    vec![(left, top), (right, top), (right, bottom), (left, bottom)],
                    color,
                    0.14,
                );
            }
            let (y, _) = panel.height(value.mean);
            canvas.curve(&[(left, y), (right, y)], *look);
            canvas.text(&decimals(value.mean, *places), (right + 4.0, y), font(11.0, GREY));
        }
        let own = || self.curves.iter().flat_map(|curve| curve.places(panel));
        for others in &self.others {
            let places: Vec<Place> = others.iter().map(|(x, y)| panel.place(*x, *y)).collect();
            canvas.line(&places, OTHERS.color, 1.0);
        }
        for (curve, mark, (x, _)) in own() {
            if let (Some(low), Some(high), false) = (mark.value.low, mark.value.high, mark.shared) {
                canvas.whisker(x, [low, high].map(|end| panel.height(end)), pale(curve.look.color));
            }
        }
        for curve in &self.curves {
            let places: Vec<Place> = curve.places(panel).map(|(_, _, place)| place).collect();
            canvas.curve(&places, curve.look);
        }
        for (Curve { look, hollow, .. }, _, at) in own().filter(|(_, mark, _)| !mark.shared) {
            if *hollow {
                canvas.hollow_marker(at, look.marker, 4.0, look.color);
            } else {
                canvas.marker(at, look.marker, 5.0, look.color);
            }
        }
        for (curve, _, at) in own().filter(|(_, mark, _)| mark.star) {
            canvas.marker(at, Marker::Star, 8.0, curve.look.color);
        }
    }
}

impl Mark {
    /// A mark of one curve alone, without a star.
    pub fn new(x: f64, value: Interval) -> Self {
        Self { x, value, shared: false, star: false }
    }
}

impl Curve {
    /// A curve with filled marks that stand in their places.
    pub fn new(look: Look, marks: Vec<Mark>) -> Self {
        Self { look, hollow: false, aside: 0.0, marks }
    }

    /// Finds where each of its marks stands.
    fn places(&self, panel: &Panel) -> impl Iterator<Item = (&Self, &Mark, Place)> {
        self.marks.iter().map(move |mark| {
            let (x, y) = panel.place(mark.x, mark.value.mean);
            (self, mark, (if mark.shared { x } else { x + self.aside }, y))
        })
    }
}
