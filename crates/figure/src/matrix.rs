//! Matrices of shares as heat maps.

use crate::canvas::{Canvas, Place, font};
use crate::figure::{EDGE, Figure, Heading, WIDTH};
use crate::number::decimals;
use crate::style::INK;
use plotters::prelude::{RGBColor, WHITE};

/// Greatest height of a cell, the width that its number takes, and the height of a panel's title.
const CELL: f64 = 40.0;
const NUMBER: f64 = 28.0;
const TITLE: f64 = 26.0;
/// Width of the colour bar's column.
const BAR: f64 = 70.0;

/// What one panel shows.
pub struct Matrix {
    /// Above it.
    pub title: String,
    /// Of rows and columns.
    pub names: Vec<String>,
    /// `rows[row][column]`: a share in `[0, 1]`, if it is known.
    pub rows: Vec<Vec<Option<f64>>>,
    /// The mean of each column.
    pub means: Vec<Option<f64>>,
}

/// Light to dark blue: one hue whose lightness alone tells the share, so that it reads the same
/// for the colour-blind and in print.
pub(crate) fn shade(share: f64) -> RGBColor {
    const LIGHT: [f64; 3] = [240.0, 246.0, 252.0];
    const DARK: [f64; 3] = [8.0, 48.0, 107.0];
    let mix = |channel: usize| {
        (LIGHT[channel] + share.clamp(0.0, 1.0) * (DARK[channel] - LIGHT[channel])).round() as u8
    };
    RGBColor(mix(0), mix(1), mix(2))
}

/// All matrices that have a share; `what` says what a cell is, `mean` what the means are. `None` if there
/// is none.
pub fn heat_map(
    heading: Heading,
    mut matrices: Vec<Matrix>,
    what: &str,
    mean: &str,
) -> Option<Figure> {
    matrices.retain(|matrix| matrix.rows.iter().flatten().any(Option::is_some));
    let names = || matrices.iter().flat_map(|matrix| &matrix.names);
    let labels = names().map(|name| font(11.0, INK).width(name) + 8.0).fold(50.0, f64::max);
    let most = matrices.iter().map(|matrix| matrix.names.len()).max()? as f64;
    // Side by side as long as numbers have room, else below each other.
    let cell = |panels: usize| ((WIDTH - 2.0 * EDGE - BAR) / panels as f64 - labels - 24.0) / most;
    let across = if cell(matrices.len()) < NUMBER { 1 } else { matrices.len() };
    let width = cell(across).min(2.0 * CELL);
    let size = (width, CELL.min(width.max(14.0)));
    let block = TITLE + labels + size.1 * (most + 1.0) + if across == 1 { 40.0 } else { 20.0 };
    let height = 108.0 + block * (matrices.len() / across) as f64;
    let mut figure = Figure::new(heading, (WIDTH, height));
    let canvas = &mut figure.canvas;
    canvas.text(what, (EDGE, 44.0), font(12.0, INK));
    let panel = (WIDTH - 2.0 * EDGE - BAR) / across as f64;
    for (index, matrix) in matrices.iter().enumerate() {
        let left = EDGE + (index % across) as f64 * panel;
        let top = 72.0 + (index / across) as f64 * block;
        canvas.text(&matrix.title, (left, top), font(12.0, INK).bold());
        matrix.draw(canvas, (left + labels, top + TITLE + labels), size, mean);
    }
    let left = EDGE + panel * (across as f64 - 1.0) + labels + width * most + 24.0;
    canvas.scale((left, 72.0 + TITLE + labels), size.1 * most, shade);
    Some(figure)
}

impl Matrix {
    /// Draws the cells from `left` and `top` on, the names beside and above them.
    fn draw(&self, canvas: &mut Canvas, (left, top): Place, size: (f64, f64), mean: &str) {
        let (width, height) = size;
        for (index, name) in self.names.iter().enumerate() {
            let middle = index as f64 + 0.5;
            let beside = (left - 6.0, top + middle * height);
            canvas.text(name, beside, font(11.0, INK).to_the_right());
            let above = (left + middle * width, top - 6.0);
            canvas.text(name, above, font(11.0, INK).upright());
        }
        // The means stand off the matrix.
        let below = top + self.names.len() as f64 * height + 5.0;
        let beside = (left - 6.0, below + height / 2.0);
        canvas.text(mean, beside, font(11.0, INK).to_the_right());
        let tops = (0..self.names.len()).map(|row| top + row as f64 * height).chain([below]);
        for (row, (shares, top)) in self.rows.iter().chain([&self.means]).zip(tops).enumerate() {
            for (column, share) in shares.iter().enumerate() {
                let left = left + column as f64 * width;
                let corners = [(left, top), (left + width, top + height)];
                draw_cell(canvas, corners, *share, row == column);
            }
        }
    }
}

/// A cell with its number, if there is room; a dash where there is none, nothing on the diagonal.
fn draw_cell(canvas: &mut Canvas, corners: [Place; 2], share: Option<f64>, diagonal: bool) {
    let [(left, top), (right, bottom)] = corners;
    let inner = [(left + 1.0, top + 1.0), (right - 1.0, bottom - 1.0)];
    canvas.rectangle(inner, share.map_or(WHITE, shade));
    let ink = if share.is_some_and(|share| share > 0.6) { WHITE } else { INK };
    let words = match share {
        _ if right - left < NUMBER => String::new(),
        Some(share) => decimals(share, 2),
        None if diagonal => String::new(),
        None => "–".to_owned(),
    };
    let middle = ((left + right) / 2.0, (top + bottom) / 2.0);
    canvas.text(&words, middle, font(11.0, ink).centred());
}
