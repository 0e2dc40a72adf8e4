//! Curves along what was annotated, two panels a task.

use super::canvas::{Canvas, Place, font};
use super::marks::{Entry, lay_out};
use super::panel::{Axis as PanelAxis, Panel, ends};
use super::style::{GREY, Look, Marker, SHARED};
use super::{EDGE, Figure, Name, WIDTH};
use crate::arm::Arm;
use crate::format::decimals;
use crate::sweep::Sweep;
use plotters::prelude::RGBColor;
use slicewise_metrics::Interval;
use std::ops::Range;

/// Height of one row of panels.
const ROW: f64 = 330.0;
/// Strategies up to which intervals can be told apart.
pub(super) const FEW: usize = 8;
/// Dashes of the second of two lines in one colour.
pub(super) const DOTS: (f64, f64) = (1.5, 4.5);

/// A point of a curve.
pub(super) struct Mark {
    /// Percent.
    pub(super) x: f64,
    pub(super) value: Interval,
    /// Whether it is the shared first round, which has one mark for all curves.
    pub(super) shared: bool,
    pub(super) star: bool,
}

/// One curve.
pub(super) struct Curve {
    pub(super) look: Look,
    pub(super) hollow: bool,
    /// How far to the right of their place its own marks stand, in points.
    pub(super) aside: f64,
    pub(super) marks: Vec<Mark>,
}

/// A level that curves are compared with: its value is written with so many decimals.
pub(super) struct Level {
    pub(super) value: Interval,
    pub(super) look: Look,
    pub(super) places: usize,
}

/// One pair of axes.
pub(super) struct Axes {
    pub(super) title: String,
    pub(super) levels: Vec<Level>,
    pub(super) curves: Vec<Curve>,
    /// Whether there are too many curves for intervals.
    pub(super) crowded: bool,
}

/// All panels, and what they share.
pub(super) struct Panels {
    pub(super) rows: Vec<[Axes; 2]>,
    pub(super) x_label: &'static str,
    pub(super) y_label: &'static str,
    /// What values can be.
    pub(super) limits: Range<f64>,
}

/// Says how far aside the marks of curve `index` of `n` stand, so that intervals at one ratio can be told
/// apart.
pub(super) fn aside(index: usize, n: usize) -> f64 {
    (index as f64 - (n as f64 - 1.0) / 2.0) * (24.0 / n as f64).min(4.0)
}

/// A colour half way to white, for what lies under the marks.
fn pale(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let half = |channel: u8| 128 + channel / 2;
    RGBColor(half(r), half(g), half(b))
}

impl Panels {
    /// A figure of these panels below a legend.
    pub(super) fn figure(
        self,
        sweep: &Sweep,
        name: Name,
        entries: &[Entry],
        statistics: &str,
    ) -> Figure {
        let width = WIDTH - 2.0 * EDGE;
        let top = 36.0 + lay_out(entries, width).1;
        let height = top + ROW * self.rows.len() as f64 + 46.0;
        let mut figure = Figure::new(name, (WIDTH, height), sweep, statistics);
        figure.canvas.legend(entries, (EDGE, 34.0), width);
        let x_range = self.x_range();
        for (row, panels) in self.rows.iter().enumerate() {
            let top = top + row as f64 * ROW;
            let y_range = self.y_range(panels);
            for (content, left) in panels.iter().zip([0.0, WIDTH / 2.0]) {
                let corners =
                    [(left + 70.0, top + 32.0), (left + WIDTH / 2.0 - 52.0, top + ROW - 44.0)];
                let x = PanelAxis::new(x_range.clone(), self.x_label, 8);
                let y = PanelAxis::new(y_range.clone(), self.y_label, 7);
                let panel = Panel::draw(&mut figure.canvas, corners, &content.title, x, y);
                content.draw(&mut figure.canvas, &panel);
            }
        }
        figure
    }

    /// One range for all panels.
    fn x_range(&self) -> Range<f64> {
        let curves = self.rows.iter().flatten().flat_map(|panel| &panel.curves);
        let end = curves.flat_map(|curve| &curve.marks).map(|mark| mark.x).fold(10.0, f64::max);
        0.0..(end + 4.0).min(104.0)
    }

    /// One range for both panels of a row, so that they compare at a glance. It holds every mean,
    /// and intervals up to the means' own span away; arrowheads show those that go on.
    fn y_range(&self, panels: &[Axes; 2]) -> Range<f64> {
        let marks = panels.iter().flat_map(|panel| &panel.curves).flat_map(|curve| &curve.marks);
        let levels = panels.iter().flat_map(|panel| &panel.levels);
        let values = marks.map(|mark| mark.value).chain(levels.map(|level| level.value));
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
        for (curve, mark, (x, _)) in own() {
            let hidden = mark.shared || self.crowded;
            if let (Some(low), Some(high), false) = (mark.value.low, mark.value.high, hidden) {
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

impl Curve {
    /// Finds where each of its marks stands.
    fn places(&self, panel: &Panel) -> impl Iterator<Item = (&Self, &Mark, Place)> {
        self.marks.iter().map(move |mark| {
            let (x, y) = panel.place(mark.x, mark.value.mean);
            (self, mark, (if mark.shared { x } else { x + self.aside }, y))
        })
    }
}

/// Entries of a legend for the first round and full annotation, as far as the sweep has them.
pub(super) fn shared_entries(has: impl Fn(&Arm) -> bool) -> Vec<Entry> {
    let first = Entry::marker(Arm::First.label(), SHARED.marker, SHARED.color);
    let full = Entry::line(Arm::Full.label(), SHARED);
    let entries = [(Arm::First, first), (Arm::Full, full)].into_iter();
    entries.filter(|(arm, _)| has(arm)).map(|(_, entry)| entry).collect()
}
