//! Slices of scans in rows and columns: segmentations of a case beside each other, and the attention
//! maps of one slice below each other.

use crate::canvas::{Canvas, Font, Place, font};
use crate::figure::{EDGE, Figure, Heading, WIDTH};
use crate::palette::{cividis, of_class};
use crate::raster::{Scan, Slice};
use crate::style::{GREY, INK};
use plotters::prelude::RGBColor;
use slicewise_core::Volume;

/// Between two images.
const GAP: f64 = 8.0;

/// Images of one scan.
struct Gallery<'a> {
    scan: &'a Scan<'a>,
    /// Top left of the first.
    corner: Place,
    /// Width of an image.
    width: f64,
}

impl Gallery<'_> {
    fn row_height(&self) -> f64 {
        self.scan.height(self.width) + GAP
    }

    /// A slice in its row and column.
    fn slice(&self, index: usize, (row, column): (usize, usize)) -> Slice {
        let left = self.corner.0 + column as f64 * (self.width + GAP);
        let top = self.corner.1 + row as f64 * self.row_height();
        Slice { index, place: (left, top), width: self.width }
    }
}

/// Lines of words so far apart, the first darker than the others.
fn lines(
    canvas: &mut Canvas,
    words: &[String],
    (x, y): Place,
    apart: f64,
    font: fn(RGBColor) -> Font,
) {
    for (line, words) in words.iter().enumerate() {
        let color = if line == 0 { INK } else { GREY };
        canvas.text(words, (x, y + apart * line as f64), font(color));
    }
}

/// One case, its columns segmented by different means.
pub struct SegmentedCase<'a> {
    /// Above it.
    pub title: String,
    /// Names of the foreground classes.
    pub classes: &'a [String],
    /// What is segmented.
    pub scan: Scan<'a>,
    /// What stands above each column, and the labels that are drawn over the scan.
    pub columns: Vec<([String; 3], Option<Volume<i32>>)>,
    /// The slice of each row, and what stands beside it.
    pub rows: Vec<(usize, [String; 2])>,
}

/// Room for words at the left.
const LABEL: f64 = 74.0;
/// Columns of which the widest case has room.
const COLUMNS: f64 = 7.0;
/// Height of the figure's title, of a case's, of a legend's row and of the lines above a column.
const HEAD: f64 = 38.0;
const CASE_TITLE: f64 = 22.0;
const LEGEND_ROW: f64 = 22.0;
const HEADING: f64 = 56.0;
/// Entries in a legend's row.
const LEGEND_ENTRIES: usize = 4;

/// Cases below each other.
pub fn segmented_cases(heading: Heading, cases: &[SegmentedCase]) -> Figure {
    let height = HEAD + cases.iter().map(SegmentedCase::height).sum::<f64>() + 52.0;
    let mut figure = Figure::new(heading, (WIDTH, height));
    let mut top = HEAD;
    for case in cases {
        case.draw(&mut figure.canvas, top);
        top += case.height();
    }
    figure
}

impl SegmentedCase<'_> {
    fn legend_height(&self) -> f64 {
        self.classes.len().div_ceil(LEGEND_ENTRIES) as f64 * LEGEND_ROW
    }

    /// Height above the images.
    fn head(&self) -> f64 {
        CASE_TITLE + self.legend_height() + HEADING
    }

    fn gallery(&self, top: f64) -> Gallery<'_> {
        let width = (WIDTH - LABEL - 16.0) / COLUMNS - GAP;
        Gallery { scan: &self.scan, corner: (LABEL, top + self.head()), width }
    }

    fn height(&self) -> f64 {
        self.head() + self.rows.len() as f64 * self.gallery(0.0).row_height() + GAP
    }

    fn draw(&self, canvas: &mut Canvas, top: f64) {
        canvas.text(&self.title, (EDGE, top + 8.0), font(12.0, INK).bold());
        self.draw_legend(canvas, top + CASE_TITLE);
        let gallery = self.gallery(top);
        for (column, (words, labels)) in self.columns.iter().enumerate() {
            let middle = gallery.slice(0, (0, column)).place.0 + gallery.width / 2.0;
            let y = top + CASE_TITLE + self.legend_height() + 15.0;
            lines(canvas, words, (middle, y), 15.0, |color| font(10.0, color).centred());
            for (row, (slice, _)) in self.rows.iter().enumerate() {
                self.scan.draw(canvas, gallery.slice(*slice, (row, column)), |voxel| {
                    let class = usize::try_from(labels.as_ref()?.voxels[voxel]).ok()?;
                    (class > 0).then(|| of_class(class))
                });
            }
        }
        for (row, (slice, words)) in self.rows.iter().enumerate() {
            let middle = gallery.slice(*slice, (row, 0)).place.1 + gallery.row_height() / 2.0;
            lines(canvas, words, (EDGE, middle - 8.0), 16.0, |color| font(10.0, color));
        }
    }

    /// Names of the classes beside their colours, from `top` on.
    fn draw_legend(&self, canvas: &mut Canvas, top: f64) {
        for (place, name) in self.classes.iter().enumerate() {
            let (row, column) = (place / LEGEND_ENTRIES, place % LEGEND_ENTRIES);
            let x = EDGE + column as f64 * (WIDTH - 2.0 * EDGE) / LEGEND_ENTRIES as f64;
            let middle = top + row as f64 * LEGEND_ROW + 11.0;
            let corners = [(x, middle - 6.0), (x + 20.0, middle + 6.0)];
            canvas.rectangle(corners, of_class(place + 1));
            canvas.text(name, (x + 28.0, middle), font(11.0, INK));
        }
    }
}

/// A class on one slice of a scan.
pub struct ClassOnSlice<'a> {
    /// What is segmented.
    pub scan: Scan<'a>,
    /// The slice's index.
    pub slice: usize,
    /// The class's index.
    pub class: usize,
    /// Where it truly is.
    pub truth: &'a Volume<i32>,
}

/// What there is of a class after one round.
pub struct AttentionRow {
    /// What stands beside it.
    pub words: [String; 3],
    /// Class indices.
    pub segmentation: Volume<i32>,
    /// Attention for the class, in `[0, 1]`.
    pub attention: Volume<f64>,
}

/// A row for each of `rows`: the scan with the true outline, the truth, the segmentation and the
/// attention map, below the names of these `columns`; `note` stands above.
pub fn attention_rows(
    heading: Heading,
    (note, columns): (&str, [&str; 4]),
    shown: &ClassOnSlice,
    rows: &[AttentionRow],
) -> Figure {
    // Room for words at the left of a row, and for the colour bar at the right.
    const LABEL: f64 = 136.0;
    const BAR: f64 = 76.0;
    const WIDTH: f64 = 760.0;
    // Height above the rows.
    const HEAD: f64 = 88.0;
    // Stands off every grey.
    const OUTLINE: RGBColor = RGBColor(255, 170, 0);
    let ClassOnSlice { scan, slice, class, truth } = shown;
    let width = (WIDTH - LABEL - BAR) / 4.0 - GAP;
    let gallery = Gallery { scan, corner: (LABEL, HEAD), width };
    let row_height = gallery.row_height();
    let height = HEAD + row_height * rows.len() as f64 + 56.0;
    let mut figure = Figure::new(heading, (WIDTH, height));
    let canvas = &mut figure.canvas;
    canvas.text(note, (EDGE, 43.0), font(11.0, GREY));
    for (column, words) in columns.iter().enumerate() {
        let middle = gallery.slice(0, (0, column)).place.0 + width / 2.0;
        canvas.text(words, (middle, 73.0), font(11.0, INK).centred());
    }
    let is_class =
        |labels: &Volume<i32>, voxel| usize::try_from(labels.voxels[voxel]) == Ok(*class);
    for (place, row) in rows.iter().enumerate() {
        let AttentionRow { words, segmentation, attention } = row;
        let [scans, truths, segmentations, attentions] =
            [0, 1, 2, 3].map(|column| gallery.slice(*slice, (place, column)));
        scan.draw(canvas, scans, |_| None);
        scan.outline(canvas, scans, |voxel| is_class(truth, voxel), OUTLINE);
        for (place, labels) in [(truths, *truth), (segmentations, segmentation)] {
            scan.draw(canvas, place, |voxel| is_class(labels, voxel).then(|| of_class(*class)));
        }
        scan.draw(canvas, attentions, |voxel| Some(cividis(attention.voxels[voxel])));
        lines(canvas, words, (EDGE, scans.place.1 + 11.0), 17.0, |color| font(11.0, color));
    }
    canvas.scale((WIDTH - BAR + 8.0, HEAD), row_height - GAP, cividis);
    figure
}
