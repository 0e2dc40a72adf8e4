//! Slices as pictures (axial: anterior up, the subject's right on the right), voxels as rectangles of
//! their physical shape.
//!
//! Rows are H and columns W of `[D, H, W]` in RAS (axial: y and x of `[z, y, x]`), so the first row of
//! voxels is drawn at the bottom.

use crate::canvas::{Canvas, Place};
use crate::palette::grey;
use plotters::prelude::RGBColor;
use slicewise_core::{Image, Volume};
use std::collections::BTreeMap;
use std::ops::Range;

/// A scan whose slices are drawn, cut to where something is labelled.
pub struct Scan<'a> {
    image: &'a Image,
    window: Window,
    brightness: Brightness,
}

/// Where a slice is drawn: its index, and the place and width in points of its picture.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// From 0, along the first axis.
    pub index: usize,
    /// Top left.
    pub place: Place,
    /// The height follows.
    pub width: f64,
}

impl<'a> Scan<'a> {
    /// The scan around all foreground of `labels`, which have its grid; `None` without foreground.
    pub fn around(image: &'a Image, labels: &Volume<i32>) -> Option<Self> {
        let window = Window::around(labels)?;
        let brightness = Brightness::of(image, &window);
        Some(Self { image, window, brightness })
    }

    /// How high a picture of this width is.
    pub fn height(&self, width: f64) -> f64 {
        width * self.window.aspect()
    }

    /// The corner of the grid at the left of column `x` and, seen by the reader, below row `y`.
    fn corner(&self, slice: Slice, y: usize, x: usize) -> Place {
        let Window { rows, columns, .. } = &self.window;
        let right = (x - columns.start) as f64 / columns.len() as f64;
        let down = (rows.end - y) as f64 / rows.len() as f64;
        let (width, height) = (slice.width, self.height(slice.width));
        (slice.place.0 + right * width, slice.place.1 + down * height)
    }

    /// Draws a slice; voxels `[z, y, x]` have the colour `over` them, if there is one. Those of one
    /// colour side by side are one rectangle.
    pub fn draw(
        &self,
        canvas: &mut Canvas,
        slice: Slice,
        over: impl Fn([usize; 3]) -> Option<RGBColor>,
    ) {
        let Window { rows, columns, .. } = &self.window;
        let color = |voxel| {
            over(voxel).unwrap_or_else(|| grey(self.brightness.share(self.image.voxels[voxel])))
        };
        let mut runs: BTreeMap<(u8, u8, u8), Vec<[Place; 2]>> = BTreeMap::new();
        for y in rows.clone().rev() {
            let colors: Vec<_> = columns.clone().map(|x| (x, color([slice.index, y, x]))).collect();
            for run in colors.chunk_by(|a, b| a.1 == b.1) {
                let [(first, RGBColor(r, g, b)), (last, _)] = [run[0], run[run.len() - 1]];
                let corners = [self.corner(slice, y + 1, first), self.corner(slice, y, last + 1)];
                runs.entry((r, g, b)).or_default().push(corners);
            }
        }
        for ((r, g, b), corners) in runs {
            canvas.boxes(corners, RGBColor(r, g, b));
        }
    }

    /// Draws the border of the voxels `[z, y, x]` of a slice that are `inside`.
    pub fn outline(
        &self,
        canvas: &mut Canvas,
        slice: Slice,
        inside: impl Fn([usize; 3]) -> bool,
        color: RGBColor,
    ) {
        let Window { rows, columns, .. } = &self.window;
        let inside = |y, x| inside([slice.index, y, x]);
        let in_window =
            |y: usize, x: usize| rows.contains(&y) && columns.contains(&x) && inside(y, x);
        for y in rows.clone() {
            for x in columns.clone().filter(|&x| inside(y, x)) {
                let [[a, b], [c, d]] =
                    [y, y + 1].map(|y| [x, x + 1].map(|x| self.corner(slice, y, x)));
                let beside = [
                    (in_window(y.wrapping_sub(1), x), a, b),
                    (in_window(y + 1, x), c, d),
                    (in_window(y, x.wrapping_sub(1)), a, c),
                    (in_window(y, x + 1), b, d),
                ];
                for (_, from, to) in beside.into_iter().filter(|(joined, ..)| !joined) {
                    canvas.line(&[from, to], color, 1.5);
                }
            }
        }
    }
}

/// The part of every slice that is shown.
#[derive(Debug, Clone)]
struct Window {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Voxel size `[y, x]` in mm.
    spacing_mm: [f64; 2],
}

/// Room left around what is labelled.
const MARGIN_MM: f64 = 5.0;

impl Window {
    /// The window around all foreground of `labels`, on whatever slice; `None` without foreground.
    fn around(labels: &Volume<i32>) -> Option<Self> {
        let [_, y_mm, x_mm] = labels.geometry.spacing_mm();
        let (_, height, width) = labels.voxels.dim();
        let foreground = labels.voxels.indexed_iter().filter(|&(_, &class)| class != 0);
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
    fn aspect(&self) -> f64 {
        let [y_mm, x_mm] = self.spacing_mm;
        self.rows.len() as f64 * y_mm / (self.columns.len() as f64 * x_mm)
    }
}

/// Brightness of a scan in `[0, 1]`: its window's darkest and brightest hundredth are black and
/// white.
struct Brightness {
    black: f32,
    white: f32,
}

impl Brightness {
    /// The brightness of what the window shows, on any slice.
    fn of(scan: &Image, window: &Window) -> Self {
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
        Self { black: at(0.01), white: at(0.99) }
    }

    /// The brightness of one value.
    fn share(&self, value: f32) -> f64 {
        // Black everywhere, should all voxels be equal.
        let span = (self.white - self.black).max(f32::MIN_POSITIVE);
        f64::from((value - self.black) / span)
    }
}
