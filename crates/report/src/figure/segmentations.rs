//! Fig. 6 of the paper: one unseen case of each task, segmented with more and more slices
//! annotated.

use super::marks::text;
use super::palette::{grey, of_class};
use super::raster::{Brightness, Frame, Window};
use super::style::{GREY, INK, bold, centred, font};
use super::{Area, Drawn, Figure, SCALE, draw_footer, footer};
use crate::error::ReportError;
use crate::finding::task_title;
use crate::order::{label, percent};
use crate::paper::headline_ratio;
use crate::picture::{Kept, Labels, Pictures};
use crate::table::three;
use plotters::prelude::{Color, DrawingBackend, RGBColor, Rectangle};
use slicewise_data::Task;
use slicewise_experiment::record::{FIRST, FULL};
use slicewise_experiment::{Results, RoundRecord};
use std::path::Path;

const WIDTH: u32 = 900;
/// Slice numbers at the left.
const LABEL: u32 = 74;
const GAP: u32 = 8;
const HEAD: u32 = 38;
const FOOT: u32 = 52;
/// Name of the task and case.
const BLOCK_TITLE: u32 = 22;
/// One row of a legend.
const LEGEND_ROW: u32 = 22;
/// Entries in one.
const LEGEND_ENTRIES: usize = 4;
/// Three lines above a column.
const HEADING: u32 = 56;
/// Columns of which the widest block has room: scan, truth, four rounds, full annotation.
const COLUMNS: u32 = 7;

/// A block a task.
pub(super) struct SegmentationFigure<'a> {
    blocks: Vec<Block<'a>>,
    footer: [String; 2],
}

/// One case.
struct Block<'a> {
    pictures: Pictures<'a>,
    window: Window,
    brightness: Brightness,
    slices: Vec<ChosenSlice>,
    columns: Vec<Column>,
}

/// An axial slice, by its share of the foreground's extent.
struct ChosenSlice {
    index: usize,
    share: f64,
}

/// One column of images.
struct Column {
    words: [String; 3],
    /// Drawn over the scan.
    labels: Option<Labels>,
}

impl<'a> SegmentationFigure<'a> {
    /// `None` if no segmentation was kept.
    pub(super) fn new(results: &'a Results, root: &Path) -> Result<Option<Self>, ReportError> {
        let mut blocks = Vec::new();
        for data in &results.manifest.data {
            if let Some(pictures) = Pictures::read(results, root, data)? {
                blocks.extend(Block::new(pictures)?);
            }
        }
        Ok((!blocks.is_empty()).then(|| Self {
            blocks,
            footer: footer(
                results,
                "one unseen case a task (n = 1), the first seed, no interval",
            ),
        }))
    }
}

impl<'a> Block<'a> {
    fn new(pictures: Pictures<'a>) -> Result<Option<Self>, ReportError> {
        let Some(window) = Window::around(&pictures.truth) else {
            return Ok(None);
        };
        let rounds = chosen_rounds(&pictures);
        if rounds.is_empty() {
            return Ok(None);
        }
        let plain = |name: &str, labels| Column {
            words: [name.to_owned(), String::new(), String::new()],
            labels,
        };
        let truth = Some(pictures.truth.clone());
        let mut columns = vec![plain("scan", None), plain("ground truth", truth)];
        for record in rounds {
            let dice = pictures.scores(record).map(|case| case.mean_dice);
            columns.push(Column {
                words: [
                    label(&record.strategy).replace(" (shared)", ""),
                    percent(record.ratio),
                    dice.map_or_else(String::new, |dice| format!("Dice {}", three(dice))),
                ],
                labels: Some(pictures.segmentation(record)?),
            });
        }
        let shares: &[f64] = match pictures.data.task {
            Task::BrainExtraction => &[0.5],
            Task::TissueSegmentation => &[0.7, 0.5, 0.3],
        };
        Ok(Some(Self {
            brightness: Brightness::of(&pictures.scan, &window),
            slices: chosen_slices(&pictures.truth, shares),
            window,
            columns,
            pictures,
        }))
    }

    /// Names of the classes beside their colours, on a grid from `top` on.
    fn draw_legend<DB: DrawingBackend>(&self, root: &Area<DB>, top: u32) -> Drawn<DB> {
        let scale = SCALE as i32;
        let columns = LEGEND_ENTRIES as i32;
        let classes = self.pictures.data.classes.iter().enumerate().skip(1);
        for (class, name) in classes {
            let place = class as i32 - 1;
            let x = (16 + place % columns * (WIDTH as i32 - 32) / columns) * scale;
            let middle = (top as i32 + place / columns * LEGEND_ROW as i32 + 11) * scale;
            let corners = [
                (x, middle - 6 * scale),
                (x + 20 * scale, middle + 6 * scale),
            ];
            root.draw(&Rectangle::new(corners, of_class(class).filled()))?;
            text(root, name, &font(11.0, INK), (x + 28 * scale, middle))?;
        }
        Ok(())
    }

    fn legend_height(&self) -> u32 {
        let entries = self.pictures.data.classes.len().saturating_sub(1);
        entries.div_ceil(LEGEND_ENTRIES) as u32 * LEGEND_ROW
    }

    /// Above the images.
    fn head(&self) -> u32 {
        BLOCK_TITLE + self.legend_height() + HEADING
    }

    fn image_width() -> u32 {
        (WIDTH - LABEL - 16) / COLUMNS - GAP
    }

    fn row_height(&self) -> u32 {
        (f64::from(Self::image_width()) * self.window.aspect()).ceil() as u32 + GAP
    }

    fn height(&self) -> u32 {
        self.head() + self.slices.len() as u32 * self.row_height() + GAP
    }

    /// Class colours where there is one, the scan elsewhere.
    fn color(&self, column: &Column, voxel: [usize; 3]) -> RGBColor {
        let class = column.labels.as_ref().map(|labels| labels.voxels[voxel]);
        match class.map(usize::try_from) {
            Some(Ok(class)) if class > 0 => of_class(class),
            _ => grey(self.brightness.share(self.pictures.scan.voxels[voxel])),
        }
    }

    fn draw<DB: DrawingBackend>(&self, root: &Area<DB>, top: u32) -> Drawn<DB> {
        let scale = SCALE as i32;
        let at = |x: u32, y: u32| (x as i32 * scale, (top + y) as i32 * scale);
        let title = format!(
            "{} · case {}",
            task_title(self.pictures.data.task),
            self.pictures.case
        );
        root.draw_text(&title, &bold(12.0, INK), at(16, 0))?;
        self.draw_legend(root, top + BLOCK_TITLE)?;
        for (index, column) in self.columns.iter().enumerate() {
            let left = LABEL + index as u32 * (Self::image_width() + GAP);
            for (line, words) in column.words.iter().enumerate() {
                let y = BLOCK_TITLE + self.legend_height() + 8 + 15 * line as u32;
                let color = if line == 0 { INK } else { GREY };
                let middle = at(left + Self::image_width() / 2, y);
                root.draw_text(words, &centred(font(10.0, color)), middle)?;
            }
            for (row, slice) in self.slices.iter().enumerate() {
                let frame = Frame {
                    window: &self.window,
                    place: at(left, self.head() + row as u32 * self.row_height()),
                    width: Self::image_width() as i32 * scale,
                };
                frame.fill(root, |y, x| self.color(column, [slice.index, y, x]))?;
            }
        }
        for (row, slice) in self.slices.iter().enumerate() {
            let middle = self.head() + row as u32 * self.row_height() + self.row_height() / 2;
            let number = format!("slice {}", slice.index);
            text(root, &number, &font(10.0, INK), at(16, middle - 8))?;
            text(
                root,
                &percent(slice.share),
                &font(10.0, GREY),
                at(16, middle + 8),
            )?;
        }
        Ok(())
    }
}

/// The first round, those of one strategy nearest to the paper's two ratios, its last, and full
/// annotation; those of them that were kept.
fn chosen_rounds<'a>(pictures: &Pictures<'a>) -> Vec<&'a RoundRecord> {
    let mut rounds = pictures.rounds(FIRST, Kept::Segmentation);
    if let Some(strategy) = pictures.strategy(Kept::Segmentation) {
        let own = pictures.rounds(strategy, Kept::Segmentation);
        let nearest = |ratio: f64| {
            let apart = |record: &RoundRecord| (record.ratio - ratio).abs();
            own.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)))
        };
        let tasks = [Task::BrainExtraction, Task::TissueSegmentation];
        let ratios = tasks.map(headline_ratio).into_iter();
        rounds.extend(ratios.filter_map(nearest));
        rounds.extend(own.last());
        rounds.dedup_by_key(|record| (record.strategy.clone(), record.round));
    }
    rounds.extend(pictures.rounds(FULL, Kept::Segmentation));
    rounds
}

/// The axial slices at `shares` of the way from the lowest to the highest with foreground.
fn chosen_slices(truth: &Labels, shares: &[f64]) -> Vec<ChosenSlice> {
    let foreground = truth
        .voxels
        .indexed_iter()
        .filter(|&(_, &class)| class != 0);
    let (low, high) = foreground.fold((usize::MAX, 0), |(low, high), ((z, _, _), _)| {
        (low.min(z), high.max(z))
    });
    let at = |share: f64| (low as f64 + share * (high - low) as f64).round() as usize;
    shares
        .iter()
        .map(|&share| ChosenSlice {
            index: at(share),
            share,
        })
        .collect()
}

impl Figure for SegmentationFigure<'_> {
    fn name(&self) -> &'static str {
        "fig6"
    }

    fn size(&self) -> (u32, u32) {
        let blocks: u32 = self.blocks.iter().map(Block::height).sum();
        (WIDTH, HEAD + blocks + FOOT)
    }

    fn draw<DB: DrawingBackend>(&self, root: &Area<DB>) -> Drawn<DB> {
        let scale = SCALE as i32;
        let title = "Segmentations of an unseen case as annotation grows";
        root.draw_text(title, &bold(15.0, INK), (16 * scale, 10 * scale))?;
        let mut top = HEAD;
        for block in &self.blocks {
            block.draw(root, top)?;
            top += block.height();
        }
        draw_footer(root, &self.footer)
    }

    fn caption(&self) -> String {
        "One unseen case of each task (the paper's Fig. 6): the scan, the truth, and the \
         segmentation after the shared first round, after rounds of one strategy, and with full \
         annotation. Percentages above the columns are of annotated slices; Dice is the case's mean \
         over foreground classes, not the slice's. Slices are named by their number and their place \
         between the lowest and the highest slice with foreground. Anterior is up and the subject's \
         right is on the right (neurological orientation); voxels have their physical shape. One \
         case and one seed: an illustration, not a finding."
            .to_owned()
    }
}
