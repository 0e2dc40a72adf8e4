//! The ablation of the attention head: a row a model; how well P ranks slices as R does on the
//! left, the Dice of both segmentations on the right.

use super::canvas::{Canvas, font};
use super::marks::Entry;
use super::panel::{Axis, Panel, ends};
use super::style::{BLACK, INK, Marker, ORANGE, P_LOOK, R_LOOK};
use super::{EDGE, Figure, WIDTH, intervals};
use crate::sweep::Sweep;
use plotters::prelude::RGBColor;
use slicewise_metrics::Interval;
use std::ops::Range;

/// Height of a model's row.
const ROW: f64 = 40.0;
/// Height of a task's title and axis.
const BLOCK: f64 = 84.0;

/// What the horizontal axes show, and what their values can be.
const AXES: [(&str, Range<f64>); 2] =
    [("rank correlation of P with R", -1.0..1.0), ("mean Dice", 0.0..1.0)];

/// How the measures look, two a panel.
const LOOKS: [(Marker, RGBColor); 4] = [
    (P_LOOK.marker, P_LOOK.color),
    (R_LOOK.marker, R_LOOK.color),
    (Marker::Triangle, BLACK),
    (Marker::Diamond, ORANGE),
];

/// All models of a task at one round that they share.
pub(crate) struct HeadBlock {
    pub(crate) title: String,
    /// Each model with its four measures: the first two are rank correlations, the others Dice.
    pub(crate) rows: Vec<(String, [Option<Interval>; 4])>,
}

/// A block a task; `titles` are those of the four measures. `None` without a block.
pub(crate) fn dot_plot(sweep: &Sweep, blocks: &[HeadBlock], titles: [&str; 4]) -> Option<Figure> {
    let rows: usize = blocks.iter().map(|block| block.rows.len()).sum();
    let names = blocks.iter().flat_map(|block| &block.rows).map(|(name, _)| name);
    // Without a name there is no block.
    let labels = names.map(|name| font(11.0, INK).width(name) as u32).max()?;
    let labels = EDGE + f64::from(labels.min(340)) + 20.0;
    let height = 116.0 + BLOCK * blocks.len() as f64 + ROW * rows as f64;
    let statistics = intervals(sweep, "Part B, mean and 95 % Student-t interval over seeds");
    let title = ("heads", "Which attention head makes P follow R?");
    let mut figure = Figure::new(title, (WIDTH, height), sweep, &statistics);
    let entries = titles.into_iter().zip(LOOKS);
    let entries: Vec<Entry> =
        entries.map(|(name, (marker, color))| Entry::marker(name, marker, color)).collect();
    figure.canvas.legend(&entries, (0.0, 34.0), WIDTH);
    let mut top = 76.0;
    for block in blocks {
        block.draw(&mut figure.canvas, top, labels);
        top += BLOCK + ROW * block.rows.len() as f64;
    }
    figure.caption = "Every model with an attention map, at one round that they share. Left: \
         Spearman's correlation of P, which a strategy may see, with R, over all unseen slices of a \
         seed and over those with foreground. Right: mean Dice of the segmentation (SR1) and of the \
         attention map's (SR2). Bars are 95 % intervals over seeds, of correlations over cases too, cut where they leave \
         what the measure can be."
        .to_owned();
    Some(figure)
}

impl HeadBlock {
    fn draw(&self, canvas: &mut Canvas, top: f64, labels: f64) {
        canvas.text(&self.title, (EDGE, top), font(12.0, INK).bold());
        let (top, rows) = (top + 12.0, self.rows.len() as f64);
        let width = (WIDTH - labels) / 2.0;
        for (side, (name, limits)) in AXES.into_iter().enumerate() {
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
        for (index, (model, _)) in self.rows.iter().enumerate() {
            let middle = top + (index as f64 + 0.5) * ROW;
            canvas.text(model, (EDGE, middle), font(11.0, INK));
        }
    }

    /// A range that holds every mean and interval of two measures, the latter within `limits`.
    fn range(&self, measures: [usize; 2], limits: Range<f64>) -> Range<f64> {
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
