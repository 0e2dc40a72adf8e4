//! Curves, markers, whiskers, legends.

use crate::canvas::{Canvas, Font, Place, font};
use crate::style::{INK, Look, Marker};
use plotters::prelude::{RGBColor, WHITE};

/// Width of a curve.
const LINE: f64 = 2.0;
/// Height of a row of a legend, and the length of its samples.
const LEGEND_ROW: f64 = 22.0;
const SAMPLE: f64 = 36.0;

/// One entry of a legend.
pub struct Entry {
    label: String,
    /// How its line looks, if it has one.
    line: Option<Look>,
    marker: Option<(Marker, RGBColor)>,
}

impl Entry {
    /// A line and its marker.
    pub fn curve(label: impl Into<String>, look: Look) -> Self {
        Self { label: label.into(), line: Some(look), marker: Some((look.marker, look.color)) }
    }

    /// A line alone.
    pub fn line(label: impl Into<String>, look: Look) -> Self {
        Self { label: label.into(), line: Some(look), marker: None }
    }

    /// A marker alone.
    pub fn marker(label: impl Into<String>, marker: Marker, color: RGBColor) -> Self {
        Self { label: label.into(), line: None, marker: Some((marker, color)) }
    }
}

/// A legend in rows of at most `width` points: where the sample of each entry begins, and the
/// legend's height.
pub(crate) fn lay_out(entries: &[Entry], width: f64) -> (Vec<Place>, f64) {
    let (mut x, mut y) = (0.0, LEGEND_ROW / 2.0);
    let mut places = Vec::new();
    for entry in entries {
        let entry_width = SAMPLE + 6.0 + legend_font().width(&entry.label) + 14.0;
        if x > 0.0 && x + entry_width > width {
            (x, y) = (0.0, y + LEGEND_ROW);
        }
        places.push((x, y));
        x += entry_width;
    }
    (places, y + LEGEND_ROW / 2.0)
}

fn legend_font() -> Font {
    font(11.0, INK)
}

impl Canvas {
    /// A curve through `points`.
    pub fn curve(&mut self, points: &[Place], look: Look) {
        self.dashed(points, look.color, LINE, look.dash);
    }

    /// A whisker at `x` between two heights. An end that goes on beyond the panel has an arrowhead
    /// instead of a cap.
    pub fn whisker(&mut self, x: f64, ends: [(f64, bool); 2], color: RGBColor) {
        let heights = ends.map(|(y, _)| y);
        self.line(&heights.map(|y| (x, y)), color, 1.0);
        for ((y, goes_on), inwards) in ends.into_iter().zip([heights[1], heights[0]]) {
            let back = if goes_on { 4.0 * (inwards - y).signum() } else { 0.0 };
            self.line(&[(x - 3.0, y + back), (x, y), (x + 3.0, y + back)], color, 1.0);
        }
    }

    /// A marker of about `radius` points, edged so that it stands off its curve: stars dark,
    /// others white.
    pub fn marker(&mut self, at: Place, shape: Marker, radius: f64, color: RGBColor) {
        let edge = if shape == Marker::Star { INK } else { WHITE };
        self.edged(outline(at, shape, radius), color, (edge, 1.0));
    }

    /// The same, but white with an outline of its colour.
    pub fn hollow_marker(&mut self, at: Place, shape: Marker, radius: f64, color: RGBColor) {
        self.edged(outline(at, shape, radius), WHITE, (color, 1.5));
    }

    /// A scale of the colours of shares, from 0 below to 1 above, with its top left at this place.
    pub fn scale(&mut self, (left, top): Place, height: f64, color: fn(f64) -> RGBColor) {
        const STEPS: u32 = 50;
        let y = |share: f64| top + height * (1.0 - share);
        // Each over the one above it, so that no seam shows between them.
        for step in (0..STEPS).rev() {
            let share = f64::from(step + 1) / f64::from(STEPS);
            let corners = [(left, y(share)), (left + 14.0, y(0.0))];
            self.rectangle(corners, color(share - 0.5 / f64::from(STEPS)));
        }
        for (share, words) in [(0.0, "0"), (0.5, "0.5"), (1.0, "1")] {
            self.text(words, (left + 18.0, y(share)), font(10.0, INK));
        }
    }

    /// A legend whose top left is at `at`; gives its height.
    pub fn legend(&mut self, entries: &[Entry], (left, top): Place, width: f64) -> f64 {
        let (places, height) = lay_out(entries, width);
        for (entry, (x, y)) in entries.iter().zip(places) {
            let (x, y) = (left + x, top + y);
            if let Some(look) = entry.line {
                self.curve(&[(x, y), (x + SAMPLE, y)], look);
            }
            if let Some((shape, color)) = entry.marker {
                let radius = if shape == Marker::Star { 8.0 } else { 5.0 };
                self.marker((x + SAMPLE / 2.0, y), shape, radius, color);
            }
            self.text(&entry.label, (x + SAMPLE + 6.0, y), legend_font());
        }
        height
    }
}

/// Corners of a marker, as angles from the top and shares of the radius.
fn outline((x, y): Place, shape: Marker, radius: f64) -> Vec<Place> {
    let (corners, turn) = match shape {
        Marker::Circle => (16, 0.0),
        Marker::Square => (4, 0.125),
        Marker::Diamond => (4, 0.0),
        Marker::Triangle => (3, 0.0),
        Marker::TriangleDown => (3, 0.5),
        Marker::Star => (10, 0.0),
    };
    let corner = |corner: u32| {
        let angle = (f64::from(corner) / f64::from(corners) + turn) * std::f64::consts::TAU;
        let reach = match shape {
            Marker::Star if corner % 2 == 1 => 0.45 * radius,
            // Equal areas look equally large: fewer corners reach further.
            Marker::Triangle | Marker::TriangleDown => 1.3 * radius,
            Marker::Square | Marker::Diamond => 1.15 * radius,
            _ => radius,
        };
        (x + reach * angle.sin(), y - reach * angle.cos())
    };
    (0..corners).map(corner).collect()
}
