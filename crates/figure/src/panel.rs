//! One pair of axes: title, grid, tick labels, and where a value lies on the figure.

use crate::canvas::{Canvas, Place, font};
use crate::number::decimals;
use crate::style::{FAINT, INK};
use slicewise_metrics::Interval;
use std::ops::Range;

/// Two corners, top left and bottom right.
pub(crate) type Corners = [Place; 2];

/// What one axis shows.
pub(crate) struct Axis {
    range: Range<f64>,
    /// Name with its unit.
    label: String,
    /// At most how many ticks; 0 for an axis without any.
    ticks: usize,
}

/// Axes on the figure.
pub(crate) struct Panel {
    x: Range<f64>,
    y: Range<f64>,
    /// The plotting area.
    pub(crate) corners: Corners,
}

impl Axis {
    /// An axis of this range, with its name and unit, and at most so many ticks.
    pub(crate) fn new(range: Range<f64>, label: &str, ticks: usize) -> Self {
        Self { range, label: label.to_owned(), ticks }
    }

    /// Values at round distances, and the decimals that tell them apart.
    fn ticks(&self) -> (Vec<f64>, usize) {
        let Range { start, end } = self.range;
        if self.ticks == 0 || end <= start {
            return (Vec::new(), 0);
        }
        let least = (end - start) / self.ticks as f64;
        let power = 10_f64.powi(least.log10().floor() as i32);
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
        let step = steps.into_iter().find(|step| *step >= least * 0.999).unwrap_or(10.0 * power);
        let places = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
        let (first, last) =
            ((start / step - 1e-9).ceil() as i64, (end / step + 1e-9).floor() as i64);
        ((first..=last).map(|tick| tick as f64 * step).collect(), places)
    }
}

impl Panel {
    /// Draws axes around the plotting area with these corners; the title stands above, names and
    /// tick labels at the left and below.
    pub(crate) fn draw(
        canvas: &mut Canvas,
        corners: [Place; 2],
        title: &str,
        x: Axis,
        y: Axis,
    ) -> Self {
        let [(left, top), (right, bottom)] = corners;
        let ((x_ticks, x_places), (y_ticks, y_places)) = (x.ticks(), y.ticks());
        // What nonsense in records may give.
        let whole = |range: Range<f64>| {
            let length = range.end - range.start;
            if length.is_finite() && length != 0.0 { range } else { 0.0..1.0 }
        };
        let panel = Self { x: whole(x.range), y: whole(y.range), corners };
        canvas.text(title, (left, top - 14.0), font(12.0, INK).bold());
        for tick in x_ticks {
            let (at, _) = panel.place(tick, panel.y.start);
            canvas.line(&[(at, top), (at, bottom)], FAINT, 1.0);
            let words = decimals(tick, x_places);
            canvas.text(&words, (at, bottom + 11.0), font(10.0, INK).centred());
        }
        for tick in y_ticks {
            let (_, at) = panel.place(panel.x.start, tick);
            canvas.line(&[(left, at), (right, at)], FAINT, 1.0);
            let words = decimals(tick, y_places);
            canvas.text(&words, (left - 5.0, at), font(10.0, INK).to_the_right());
        }
        canvas.line(&[(left, top), (left, bottom), (right, bottom)], INK, 1.0);
        let middle = ((left + right) / 2.0, (top + bottom) / 2.0);
        canvas.text(&x.label, (middle.0, bottom + 29.0), font(11.0, INK).centred());
        canvas.text(&y.label, (left - 46.0, middle.1), font(11.0, INK).centred().upright());
        panel
    }

    /// Finds where a value lies on the figure.
    pub(crate) fn place(&self, x: f64, y: f64) -> Place {
        let share =
            |value: f64, range: &Range<f64>| (value - range.start) / (range.end - range.start);
        let [(left, top), (right, bottom)] = self.corners;
        (left + share(x, &self.x) * (right - left), bottom - share(y, &self.y) * (bottom - top))
    }

    /// Finds the height of `y` cut to the panel, and tells whether it went on beyond.
    pub(crate) fn height(&self, y: f64) -> (f64, bool) {
        let inside = y.min(self.y.end).max(self.y.start);
        (self.place(self.x.start, inside).1, inside != y)
    }
}

/// The lowest and the highest end of intervals; a mean is its own ends where it has no interval.
pub(crate) fn ends(values: impl IntoIterator<Item = Interval>) -> [f64; 2] {
    values.into_iter().fold([f64::MAX, f64::MIN], |[low, high], value| {
        [low.min(value.low.unwrap_or(value.mean)), high.max(value.high.unwrap_or(value.mean))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_told_apart() {
        let of = |range: Range<f64>| {
            let (ticks, places) = Axis::new(range, "", 6).ticks();
            ticks.into_iter().map(|tick| decimals(tick, places)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(0.0..54.0), "0 10 20 30 40 50");
        assert_eq!(of(0.9531..0.9805), "0.955 0.960 0.965 0.970 0.975 0.980");
        assert_eq!(of(-0.25..1.0), "0.0 0.5 1.0");
        assert_eq!(of(1.0..1.0), "");
    }
}
