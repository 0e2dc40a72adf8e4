//! Axial slices as pictures: anterior up, the subject's right on the right, voxels as rectangles of
//! their physical shape.
//!
//! Rows are y and columns x of `[z, y, x]` in RAS, so the first row of voxels is drawn at the
//! bottom.

use super::marks::stroke;
use super::{Area, Drawn, Place};
use crate::picture::Labels;
use plotters::prelude::{Color, DrawingBackend, PathElement, RGBColor, Rectangle};
use slicewise_data::Image;
use std::collections::BTreeMap;
use std::ops::Range;

/// The part of every axial slice that is shown.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    /// Voxel size `[y, x]` in mm.
    spacing_mm: [f64; 2],
}

/// Room left around what is labelled.
const MARGIN_MM: f64 = 5.0;

impl Window {
    /// Around all foreground of `labels`, on whatever slice; `None` without foreground.
    pub(super) fn around(labels: &Labels) -> Option<Self> {
        let [_, y_mm, x_mm] = labels.geometry.spacing_mm();
        let (_, height, width) = labels.voxels.dim();
        let foreground = labels
            .voxels
            .indexed_iter()
            .filter(|&(_, &class)| class != 0);
        let (ys, xs): (Vec<usize>, Vec<usize>) = foreground.map(|((_, y, x), _)| (y, x)).unzip();
        let range = |places: &[usize], spacing_mm: f64, end: usize| {
            let margin = (MARGIN_MM / spacing_mm).ceil() as usize;
            let (first, last) = (places.iter().min()?, places.iter().max()?);
            Some(first.saturating_sub(margin)..(last + margin + 1).min(end))
        };
        Some(Self {
            rows: range(&ys, y_mm, height)?,
            columns: range(&xs, x_mm, width)?,
            spacing_mm: [y_mm, x_mm],
        })
    }

    /// Height over width, in millimetres.
    pub(super) fn aspect(&self) -> f64 {
        let [y_mm, x_mm] = self.spacing_mm;
        self.rows.len() as f64 * y_mm / (self.columns.len() as f64 * x_mm)
    }
}

/// A window on a place of the figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) window: &'a Window,
    /// Top left, drawn units.
    pub(super) place: Place,
    /// Width in drawn units; the height follows.
    pub(super) width: i32,
}

impl Frame<'_> {
    pub(super) fn height(&self) -> i32 {
        (f64::from(self.width) * self.window.aspect()).round() as i32
    }

    /// The corner of the grid at the left of column `x` and, seen by the reader, below row `y`.
    fn corner(&self, y: usize, x: usize) -> Place {
        let Window { rows, columns, .. } = self.window;
        let along = |part: usize, whole: &Range<usize>, length: i32| {
            (part as f64 * f64::from(length) / whole.len() as f64).round() as i32
        };
        (
            self.place.0 + along(x - columns.start, columns, self.width),
            self.place.1 + along(rows.end - y, rows, self.height()),
        )
    }

    /// Every voxel (y, x) in its colour. Voxels of one colour are drawn one after the other, those
    /// side by side as one rectangle.
    pub(super) fn fill<DB: DrawingBackend>(
        &self,
        area: &Area<DB>,
        color: impl Fn(usize, usize) -> RGBColor,
    ) -> Drawn<DB> {
        let mut runs: BTreeMap<(u8, u8, u8), Vec<[Place; 2]>> = BTreeMap::new();
        for y in self.window.rows.clone().rev() {
            let colors: Vec<_> = self
                .window
                .columns
                .clone()
                .map(|x| (x, color(y, x)))
                .collect();
            for run in colors.chunk_by(|a, b| a.1 == b.1) {
                let [(first, RGBColor(r, g, b)), (last, _)] = [run[0], run[run.len() - 1]];
                let corners = [self.corner(y + 1, first), self.corner(y, last + 1)];
                runs.entry((r, g, b)).or_default().push(corners);
            }
        }
        for ((r, g, b), corners) in runs {
            for corners in corners {
                area.draw(&Rectangle::new(corners, RGBColor(r, g, b).filled()))?;
            }
        }
        Ok(())
    }

    /// The border of the voxels (y, x) that are `inside`.
    pub(super) fn outline<DB: DrawingBackend>(
        &self,
        area: &Area<DB>,
        inside: impl Fn(usize, usize) -> bool,
        color: RGBColor,
    ) -> Drawn<DB> {
        let Window { rows, columns, .. } = self.window;
        let in_window =
            |y: usize, x: usize| rows.contains(&y) && columns.contains(&x) && inside(y, x);
        let edge =
            |from: Place, to: Place| area.draw(&PathElement::new(vec![from, to], stroke(color, 3)));
        for y in rows.clone() {
            for x in columns.clone().filter(|&x| inside(y, x)) {
                let [[a, b], [c, d]] = [y, y + 1].map(|y| [x, x + 1].map(|x| self.corner(y, x)));
                let beside = [
                    (in_window(y.wrapping_sub(1), x), a, b),
                    (in_window(y + 1, x), c, d),
                    (in_window(y, x.wrapping_sub(1)), a, c),
                    (in_window(y, x + 1), b, d),
                ];
                for (_, from, to) in beside.into_iter().filter(|(joined, ..)| !joined) {
                    edge(from, to)?;
                }
            }
        }
        Ok(())
    }
}

/// Brightness of a scan in `[0, 1]`: its window's darkest and brightest hundredth are black and
/// white.
pub(super) struct Brightness {
    black: f32,
    white: f32,
}

impl Brightness {
    pub(super) fn of(scan: &Image, window: &Window) -> Self {
        let shown = |y: usize, x: usize| window.rows.contains(&y) && window.columns.contains(&x);
        let mut values: Vec<f32> = scan
            .voxels
            .indexed_iter()
            .filter(|&((_, y, x), _)| shown(y, x))
            .map(|(_, value)| *value)
            .collect();
        values.sort_by(f32::total_cmp);
        let at = |share: f64| {
            let last = values.len().saturating_sub(1) as f64;
            values.get((share * last) as usize).copied().unwrap_or(0.0)
        };
        Self {
            black: at(0.01),
            white: at(0.99),
        }
    }

    pub(super) fn share(&self, value: f32) -> f64 {
        // Black everywhere, should all voxels be equal.
        let span = (self.white - self.black).max(f32::MIN_POSITIVE);
        f64::from((value - self.black) / span)
    }
}
