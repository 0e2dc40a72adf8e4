//! The pairwise penalty matrix as a heat map, a panel a task.

use super::marks::stroke;
use super::style::{GREY, INK, bold, font};
use super::{Area, Drawn, Figure, Place, SCALE, draw_footer, footer};
use crate::curve::Curves;
use crate::finding::task_title;
use crate::penalty::{PenaltyMatrix, how, penalties};
use plotters::prelude::{
    Color, DrawingBackend, FontTransform, PathElement, RGBColor, Rectangle, TextStyle, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use slicewise_experiment::Results;

/// Height of a cell, of a panel's title, and of all else, at reading size.
const CELL: u32 = 40;
const TITLE: u32 = 26;
const AROUND: u32 = 128;
/// Left and right edges, and the colour bar's column.
const MARGIN: i32 = 16 * SCALE as i32;
const BAR: i32 = 70 * SCALE as i32;

/// All matrices of a sweep.
pub(super) struct PenaltyFigure {
    matrices: Vec<PenaltyMatrix>,
    footer: [String; 2],
}

/// Light to dark blue: one hue whose lightness alone tells the share, so that it reads the same
/// for the colour-blind and in print.
fn shade(share: f64) -> RGBColor {
    const LIGHT: [f64; 3] = [240.0, 246.0, 252.0];
    const DARK: [f64; 3] = [8.0, 48.0, 107.0];
    let mix = |channel: usize| {
        (LIGHT[channel] + share.clamp(0.0, 1.0) * (DARK[channel] - LIGHT[channel])).round() as u8
    };
    RGBColor(mix(0), mix(1), mix(2))
}

/// Text about a place.
fn centred(style: TextStyle<'_>) -> TextStyle<'_> {
    style.pos(Pos::new(HPos::Center, VPos::Center))
}

impl PenaltyFigure {
    /// `None` if no pair of strategies could be tested at any ratio.
    pub(super) fn new(results: &Results, curves: &Curves) -> Option<Self> {
        let mut matrices = penalties(curves);
        matrices.retain(|matrix| matrix.cells.iter().flatten().any(Option::is_some));
        (!matrices.is_empty()).then(|| Self {
            matrices,
            footer: footer(
                results,
                &format!(
                    "paired t-tests over {} seeds, uncorrected",
                    results.manifest.seeds.len()
                ),
            ),
        })
    }

    /// Length of the longest name in points, at 11 points a letter of about 6.5.
    fn label_width(&self) -> i32 {
        let names = self.matrices.iter().flat_map(|matrix| &matrix.strategies);
        let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
        (7 * longest as i32 + 12).max(50)
    }

    fn panel<DB: DrawingBackend>(
        &self,
        root: &Area<DB>,
        matrix: &PenaltyMatrix,
        (left, top): Place,
        cell_width: i32,
    ) -> Drawn<DB> {
        let scale = SCALE as i32;
        let (cell, labels) = (CELL as i32 * scale, self.label_width() * scale);
        root.draw_text(&task_title(matrix.task), &bold(12.0, INK), (left, top))?;
        let (left, top) = (left + labels, top + TITLE as i32 * scale + labels);
        let right_aligned = font(11.0, INK).pos(Pos::new(HPos::Right, VPos::Center));
        // Turned about its own start, which is then its lower end.
        let upright = TextStyle {
            font: font(11.0, INK).font.transform(FontTransform::Rotate270),
            ..font(11.0, INK).pos(Pos::new(HPos::Left, VPos::Center))
        };
        let n = matrix.strategies.len();
        for (index, name) in matrix.strategies.iter().enumerate() {
            let middle = |size: i32| index as i32 * size + size / 2;
            root.draw_text(name, &right_aligned, (left - 12, top + middle(cell)))?;
            root.draw_text(name, &upright, (left + middle(cell_width), top - 12))?;
        }
        let at = |row: i32, column: usize| {
            let (x, y) = (left + column as i32 * cell_width, top + row * cell);
            [(x, y), (x + cell_width, y + cell)]
        };
        for (row, cells) in matrix.cells.iter().enumerate() {
            for (column, penalty) in cells.iter().enumerate() {
                let share = penalty.map(|penalty| penalty.share);
                Self::cell(root, at(row as i32, column), share, row == column)?;
            }
        }
        // The means stand off the matrix.
        let below = top + n as i32 * cell + 10;
        root.draw_text("mean loss", &right_aligned, (left - 12, below + cell / 2))?;
        for column in 0..n {
            let [(x, _), (right, _)] = at(0, column);
            let corners = [(x, below), (right, below + cell)];
            Self::cell(root, corners, matrix.mean_loss(column), false)?;
        }
        Ok(())
    }

    /// A square with its number; a dash where nothing could be tested, nothing on the diagonal.
    fn cell<DB: DrawingBackend>(
        root: &Area<DB>,
        corners: [Place; 2],
        share: Option<f64>,
        diagonal: bool,
    ) -> Drawn<DB> {
        let [(left, top), (right, bottom)] = corners;
        let fill = share.map_or(WHITE, shade);
        root.draw(&Rectangle::new(corners, fill.filled()))?;
        root.draw(&Rectangle::new(corners, stroke(WHITE, 3)))?;
        let ink = if share.is_some_and(|share| share > 0.6) {
            WHITE
        } else {
            INK
        };
        let words = match share {
            Some(share) => format!("{share:.2}"),
            None if diagonal => String::new(),
            None => "–".to_owned(),
        };
        let middle = ((left + right) / 2, (top + bottom) / 2);
        root.draw_text(&words, &centred(font(11.0, ink)), middle)
    }

    /// The scale of colours, from 0 below to 1 above.
    fn bar<DB: DrawingBackend>(root: &Area<DB>, (left, top): Place, height: i32) -> Drawn<DB> {
        const STEPS: i32 = 50;
        let width = 14 * SCALE as i32;
        let y = |step: i32| top + height - height * step / STEPS;
        // Each over the one above it, so that no seam shows between them.
        for step in (0..STEPS).rev() {
            let corners = [(left, y(step + 1)), (left + width, y(0))];
            let color = shade((f64::from(step) + 0.5) / f64::from(STEPS));
            root.draw(&Rectangle::new(corners, color.filled()))?;
        }
        for (step, words) in [(0, "0"), (STEPS / 2, "0.5"), (STEPS, "1")] {
            let tick = vec![(left + width, y(step)), (left + width + 8, y(step))];
            root.draw(&PathElement::new(tick, stroke(GREY, 2)))?;
            let style = font(10.0, GREY).pos(Pos::new(HPos::Left, VPos::Center));
            root.draw_text(words, &style, (left + width + 14, y(step)))?;
        }
        Ok(())
    }
}

impl Figure for PenaltyFigure {
    fn name(&self) -> &'static str {
        "penalty"
    }

    fn size(&self) -> (u32, u32) {
        let rows = self
            .matrices
            .iter()
            .map(|matrix| matrix.strategies.len() + 1);
        let rows = rows.max().unwrap_or(1) as u32;
        (
            900,
            AROUND + TITLE + self.label_width() as u32 + CELL * rows,
        )
    }

    fn draw<DB: DrawingBackend>(&self, root: &Area<DB>) -> Drawn<DB> {
        let (width, _) = root.dim_in_pixel();
        let scale = SCALE as i32;
        let title = "Which strategy loses to which?";
        root.draw_text(title, &bold(15.0, INK), (MARGIN, 10 * scale))?;
        root.draw_text(
            "share of the ratios at which the column is significantly below the row",
            &font(12.0, INK),
            (MARGIN, 36 * scale),
        )?;
        draw_footer(root, &self.footer)?;
        let panels = self.matrices.len() as i32;
        let panel = (width as i32 - 2 * MARGIN - BAR) / panels;
        let most = self.matrices.iter().map(|matrix| matrix.strategies.len());
        let most = most.max().unwrap_or(1) as i32;
        let widest = panel - (self.label_width() + 24) * scale;
        let cell_width = (widest / most).min(2 * CELL as i32 * scale);
        let top = 66 * scale;
        for (index, matrix) in self.matrices.iter().enumerate() {
            let left = MARGIN + index as i32 * panel;
            self.panel(root, matrix, (left, top), cell_width)?;
        }
        let cells = top + (TITLE as i32 + self.label_width()) * scale;
        let right_end = self.label_width() * scale + cell_width * most + 24 * scale;
        let left = MARGIN + (panels - 1) * panel + right_end;
        Self::bar(root, (left, cells), CELL as i32 * scale * most)
    }

    fn caption(&self) -> String {
        format!(
            "Pairwise penalties on Part B. {} A dash stands where no ratio has two seeds of both.",
            how()
        )
    }
}
