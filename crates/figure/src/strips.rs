//! Small panels of strips: how often something lies where along one axis, a strip a row.

use crate::canvas::{Canvas, Place, font};
use crate::figure::{EDGE, Figure, Heading, WIDTH};
use crate::matrix::shade;
use crate::style::{GREY, INK};

/// Panels side by side, and the width of each.
const ACROSS: usize = 4;
const PANEL: f64 = (WIDTH - 2.0 * EDGE) / ACROSS as f64;
/// Room for a row's name, for a panel's title, and for its axis and the gap below.
const NAMES: f64 = 46.0;
const TITLE: f64 = 20.0;
const AXIS: f64 = 34.0;
/// Height of all rows of a panel together, and the most of one.
const ROWS: f64 = 84.0;
const ROW: f64 = 21.0;

/// One panel.
pub struct Strips {
    /// Above it.
    pub title: String,
    /// Below it, in the middle.
    pub note: String,
    /// From above to below: a name, and values in `[0, 1]` from left to right; what is larger counts as 1.
    pub rows: Vec<(String, Vec<f64>)>,
}

/// The panels in rows of four; `words` stand above them, and `scale` says what some values mean.
pub fn strips(
    heading: Heading,
    panels: &[Strips],
    words: [&str; 2],
    scale: &[(f64, &str)],
) -> Figure {
    let lines: Vec<&[Strips]> = panels.chunks(ACROSS).collect();
    let heights = lines.iter().map(|line| line.iter().map(Strips::height).fold(0.0, f64::max));
    let heights: Vec<f64> = heights.collect();
    let mut figure = Figure::new(heading, (WIDTH, 122.0 + heights.iter().sum::<f64>()));
    for (words, y) in words.into_iter().zip([44.0, 62.0]) {
        figure.canvas.text(words, (EDGE, y), font(11.0, INK));
    }
    let mut left = WIDTH / 2.0 + 20.0;
    for (value, words) in scale {
        figure.canvas.rectangle([(left, 37.0), (left + 22.0, 51.0)], shade(*value));
        figure.canvas.text(words, (left + 28.0, 44.0), font(11.0, INK));
        left += 48.0 + font(11.0, INK).width(words);
    }
    let mut top = 92.0;
    for (line, height) in lines.into_iter().zip(heights) {
        for (index, panel) in line.iter().enumerate() {
            panel.draw(&mut figure.canvas, (EDGE + index as f64 * PANEL, top));
        }
        top += height;
    }
    figure
}

impl Strips {
    /// Height of a row.
    fn row(&self) -> f64 {
        (ROWS / self.rows.len() as f64).min(ROW)
    }

    fn height(&self) -> f64 {
        TITLE + self.row() * self.rows.len() as f64 + AXIS
    }

    fn draw(&self, canvas: &mut Canvas, (left, top): Place) {
        let row = self.row();
        let (start, end) = (left + NAMES, left + PANEL - 14.0);
        canvas.text(&self.title, (left, top), font(11.0, INK).bold());
        let top = top + TITLE - 8.0;
        // Names as far apart as they are high.
        let named = (11.0 / row).ceil() as usize;
        for (index, (name, values)) in self.rows.iter().enumerate() {
            let y = top + row * index as f64;
            if index % named == 0 {
                let beside = (start - 5.0, y + row / 2.0);
                canvas.text(name, beside, font(9.0, INK).to_the_right());
            }
            let edge = |place: usize| start + (end - start) * (place as f64 / values.len() as f64);
            for (place, value) in values.iter().enumerate() {
                let corners = [(edge(place), y), (edge(place + 1), y + row - 2.0)];
                canvas.boxes(vec![corners], shade(*value));
            }
        }
        let bottom = top + row * self.rows.len() as f64;
        for (x, words) in [(start, "0"), ((start + end) / 2.0, &self.note), (end, "1")] {
            canvas.text(words, (x, bottom + 8.0), font(9.0, GREY).centred());
        }
    }
}
