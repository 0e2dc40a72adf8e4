//! Dot plots: four measures with their intervals, two on the left and two on the right, a row a name.

use crate::canvas::{Canvas, font};
use crate::figure::{EDGE, Figure, Heading, WIDTH};
use crate::marks::Entry;
use crate::panel::{Axis, Panel, ends};
use crate::style::{BLACK, INK, Marker, ORANGE, P_LOOK, R_LOOK};
use plotters::prelude::RGBColor;
use slicewise_metrics::Interval;
use std::ops::Range;

/// Height of a row.
const ROW: f64 = 40.0;
/// Height of a block's title and axis.
const BLOCK: f64 = 84.0;

/// What a horizontal axis shows, and what its values can be.
type DotAxis = (&'static str, Range<f64>);

/// How the measures look, two a panel.
const LOOKS: [(Marker, RGBColor); 4] = [
    (P_LOOK.marker, P_LOOK.color),
    (R_LOOK.marker, R_LOOK.color),
    (Marker::Triangle, BLACK),
    (Marker::Diamond, ORANGE),
];

/// Rows under one title.
pub struct DotBlock {
    /// Above them.
    pub title: String,
    /// Each name with its four measures: the first two stand on the left axis, the others on the right.
    pub rows: Vec<(String, [Option<Interval>; 4])>,
}

/// Blocks below each other; `titles` are those of the four measures. `None` without a row.
pub fn dot_plot(
    heading: Heading,
    blocks: &[DotBlock],
    titles: [&str; 4],
    axes: [DotAxis; 2],
) -> Option<Figure> {
    let rows: usize = blocks.iter().map(|block| block.rows.len()).sum();
    let names = blocks.iter().flat_map(|block| &block.rows).map(|(name, _)| name);
    // Without a name there is no block.
    let labels = names.map(|name| font(11.0, INK).width(name) as u32).max()?;
    let labels = EDGE + f64::from(labels.min(340)) + 20.0;
    let height = 116.0 + BLOCK * blocks.len() as f64 + ROW * rows as f64;
    let mut figure = Figure::new(heading, (WIDTH, height));
    let entries = titles.into_iter().zip(LOOKS);
    let entries: Vec<Entry> =
        entries.map(|(name, (marker, color))| Entry::marker(name, marker, color)).collect();
    figure.canvas.legend(&entries, (0.0, 34.0), WIDTH);
    let mut top = 76.0;
    for block in blocks {
        block.draw(&mut figure.canvas, top, labels, &axes);
        top += BLOCK + ROW * block.rows.len() as f64;
    }
    Some(figure)
}

impl DotBlock {
    fn draw(&self, canvas: &mut Canvas, top: f64, labels: f64, axes: &[DotAxis; 2]) {
        canvas.text(&self.title, (EDGE, top), font(12.0, INK).bold());
        let (top, rows) = (top + 12.0, self.rows.len() as f64);
        let width = (WIDTH - labels) / 2.0;
        for (side, (name, limits)) in axes.iter().enumerate() {
            let measures = [2 * side, 2 * side + 1];
            let left = labels + side as f64 * width;
            let corners = [(left, top), (left + width - 26.0, top + rows * ROW)];
            let x = Axis::new(self.range(measures, limits), name, 6);
            let panel = Panel::draw(canvas, corners, "", x, Axis::new(rows..0.0, "", 0));
            for (index, (_, values)) in self.rows.iter().enumerate() {
                // The first measure stands a little above the middle of the row, the second below.
                for (measure, aside) in measures.into_iter().zip([0.3, 0.7]) {
                    if let Some(value) = values[measure] {
                        draw_value(canvas, &panel, value, index as f64 + aside, LOOKS[measure]);
                    }
                }
            }
        }
        for (index, (name, _)) in self.rows.iter().enumerate() {
            let middle = top + (index as f64 + 0.5) * ROW;
            canvas.text(name, (EDGE, middle), font(11.0, INK));
        }
    }

    /// A range that holds every mean and interval of two measures, the latter within `limits`.
    fn range(&self, measures: [usize; 2], limits: &Range<f64>) -> Range<f64> {
        let values = self.rows.iter().flat_map(|(_, values)| measures.map(|place| values[place]));
        let [low, high] = ends(values.flatten());
        let (low, high) = (low.max(limits.start), high.min(limits.end));
        let margin = 0.05 * (high - low).max(0.02);
        low - margin..high + margin
    }
}

/// A mean with its interval, lying.
fn draw_value(
    canvas: &mut Canvas,
    panel: &Panel,
    value: Interval,
    row: f64,
    (marker, color): (Marker, RGBColor),
) {
    let [(left, _), (right, _)] = panel.corners;
    let at = panel.place(value.mean, row);
    if let (Some(low), Some(high)) = (value.low, value.high) {
        let [low, high] = [low, high].map(|end| panel.place(end, row).0);
        canvas.line(&[(low.max(left), at.1), (high.min(right), at.1)], color, 1.5);
        for x in [low, high].into_iter().filter(|x| (left..=right).contains(x)) {
            canvas.line(&[(x, at.1 - 3.0), (x, at.1 + 3.0)], color, 1.5);
        }
    }
    canvas.marker(at, marker, 5.0, color);
}
