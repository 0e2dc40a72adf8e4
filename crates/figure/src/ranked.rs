//! Rows of three panels: P and R along the slices of a case, and scatters of their ranks with the
//! regression line.

use crate::canvas::{Canvas, Place, font};
use crate::figure::{EDGE, Figure, Heading, WIDTH};
use crate::marks::Entry;
use crate::panel::{Axis, Corners, Panel};
use crate::style::{GREY, INK, Marker, P_LOOK, R_LOOK};
use slicewise_metrics::Line;

/// Height of one row.
const ROW: f64 = 346.0;
/// Left and right ends of the three panels, as shares of the width.
const PANELS: [[f64; 2]; 3] = [[0.078, 0.345], [0.44, 0.645], [0.74, 0.98]];

/// One row.
pub struct RankedSlices {
    /// Above it.
    pub title: String,
    /// Title and horizontal axis of the left panel.
    pub profile: [String; 2],
    /// P of each slice, in `[0, 1]`.
    pub p: Vec<f64>,
    /// R of each slice, in `[0, 1]`.
    pub r: Vec<f64>,
    /// The other panels.
    pub scatters: [RankScatter; 2],
}

/// Slices by their ranks.
pub struct RankScatter {
    /// Above it.
    pub title: String,
    /// Name of the horizontal axis.
    pub label: &'static str,
    /// Average ranks of P and R, and whether the truth has foreground.
    pub ranks: Vec<(f64, f64, bool)>,
    /// The regression line through them.
    pub line: Line,
}

/// Rows below each other.
pub fn ranked_slices(heading: Heading, rows: &[RankedSlices], [p, r]: [&str; 2]) -> Figure {
    let height = 108.0 + ROW * rows.len() as f64;
    let mut figure = Figure::new(heading, (WIDTH, height));
    let entries = [Entry::curve(p, P_LOOK), Entry::curve(r, R_LOOK)];
    figure.canvas.legend(&entries, (EDGE, 36.0), WIDTH);
    for (row, slices) in rows.iter().enumerate() {
        slices.draw(&mut figure.canvas, 74.0 + ROW * row as f64);
    }
    figure
}

impl RankedSlices {
    fn draw(&self, canvas: &mut Canvas, top: f64) {
        canvas.text(&self.title, (EDGE, top), font(12.0, INK).bold());
        let corners = |[left, right]: [f64; 2]| {
            [(left * WIDTH, top + 44.0), (right * WIDTH, top + ROW - 66.0)]
        };
        let [profile, case, cases] = PANELS.map(corners);
        self.draw_profile(canvas, profile);
        for (scatter, corners) in self.scatters.iter().zip([case, cases]) {
            scatter.draw(canvas, corners);
        }
    }

    fn draw_profile(&self, canvas: &mut Canvas, corners: Corners) {
        let lowest = self.p.iter().chain(&self.r).copied().fold(1.0, f64::min);
        let lowest = ((lowest * 10.0).floor() / 10.0 - 0.1).max(0.0) - 0.02;
        let last = (self.p.len().max(2) - 1) as f64;
        let [title, label] = &self.profile;
        let x = Axis::new(-1.0..last + 1.0, label, 8);
        let panel = Panel::draw(canvas, corners, title, x, Axis::new(lowest..1.02, "P and R", 6));
        for (values, look) in [(&self.r, R_LOOK), (&self.p, P_LOOK)] {
            let places = values.iter().enumerate();
            let places: Vec<Place> =
                places.map(|(slice, value)| panel.place(slice as f64, *value)).collect();
            canvas.curve(&places, look);
            for at in places {
                canvas.marker(at, look.marker, 3.0, look.color);
            }
        }
    }
}

impl RankScatter {
    fn draw(&self, canvas: &mut Canvas, corners: Corners) {
        let n = self.ranks.len() as f64;
        let x = Axis::new(0.0..n + 1.0, self.label, 5);
        let y = Axis::new(0.0..n + 1.0, "rank of R", 6);
        let panel = Panel::draw(canvas, corners, &self.title, x, y);
        // Many slices leave less room.
        let radius = if self.ranks.len() > 100 { 3.0 } else { 4.5 };
        for &(p, r, foreground) in &self.ranks {
            let at = panel.place(p, r);
            if foreground {
                canvas.marker(at, Marker::Circle, radius, INK);
            } else {
                canvas.hollow_marker(at, Marker::Circle, radius - 0.5, INK);
            }
        }
        let at = |x: f64| panel.place(x, self.line.slope * x + self.line.intercept);
        canvas.line(&[at(1.0), at(n)], GREY, 1.5);
    }
}
