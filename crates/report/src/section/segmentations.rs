//! Figs. 3 and 6 of the paper, of the volumes that a sweep keeps; there is no table. Fig. 6 is here:
//! one unseen case of each task, segmented with more and more slices annotated.

use crate::arm::Arm;
use crate::error::ReportError;
use crate::figure::attention::attention_figure;
use crate::figure::heading;
use crate::format::{decimals, percent};
use crate::paper::headline_ratio;
use crate::pictures::{Labels, Pictures, SEGMENTATION};
use crate::rounds::reached;
use crate::section::{Content, Made, Sweep};
use crate::sweep::task_title;
use itertools::Itertools;
use slicewise_data::Task;
use slicewise_experiment::RoundRecord;
use slicewise_figure::{Canvas, EDGE, Figure, GREY, INK, Scan, Slice, WIDTH, font, of_class};

/// Room for slice numbers at the left.
const LABEL: f64 = 74.0;
const GAP: f64 = 8.0;
/// Columns of which the widest block has room: scan, truth, four rounds, full annotation.
const COLUMNS: f64 = 7.0;
/// Width of an image.
const IMAGE: f64 = (WIDTH - LABEL - 16.0) / COLUMNS - GAP;
/// Height of the figure's title, of a block's, of a legend's row and of the lines above a column.
const HEAD: f64 = 38.0;
const BLOCK_TITLE: f64 = 22.0;
const LEGEND_ROW: f64 = 22.0;
const HEADING: f64 = 56.0;
/// Entries in a legend's row.
const LEGEND_ENTRIES: usize = 4;

/// One case.
struct Block<'a> {
    pictures: &'a Pictures<'a>,
    scan: Scan<'a>,
    /// Slices, with their shares of the foreground's extent.
    slices: Vec<(usize, f64)>,
    columns: Vec<Column>,
}

/// One column of images.
struct Column {
    words: [String; 3],
    /// Drawn over the scan.
    labels: Option<Labels>,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let figures = [attention_figure(sweep)?, segmentation_figure(sweep)?];
    Ok(Some(Content::default().drawn(figures.into_iter().flatten())))
}

/// A block a task; `None` if no segmentation was kept.
fn segmentation_figure(sweep: &Sweep) -> Result<Option<Figure>, ReportError> {
    let data = sweep.results.manifest.data.iter();
    let pictures = data.filter_map(|data| Pictures::read(sweep, data).transpose());
    let pictures: Vec<Pictures> = pictures.collect::<Result<_, _>>()?;
    let blocks = pictures.iter().filter_map(|pictures| Block::new(pictures).transpose());
    let blocks: Vec<Block> = blocks.collect::<Result<_, _>>()?;
    if blocks.is_empty() {
        return Ok(None);
    }
    let title = ("fig6", "Segmentations of an unseen case as annotation grows");
    let height = HEAD + blocks.iter().map(Block::height).sum::<f64>() + 52.0;
    let statistics = "one unseen case a task (n = 1), the first seed, no interval";
    let mut figure = Figure::new(heading(sweep, title, statistics), (WIDTH, height));
    let mut top = HEAD;
    for block in &blocks {
        block.draw(&mut figure.canvas, top);
        top += block.height();
    }
    let axes = blocks.iter().map(|block| block.pictures.axis).sorted().dedup().collect_vec();
    let orientation = match axes[..] {
        [axis] => format!(" {}.", axis.orientation()),
        _ => {
            axes.iter().map(|axis| format!(" {}: {}.", axis.words(), axis.orientation())).collect()
        }
    };
    figure.caption = format!(
        "One unseen case of each task (the paper's Fig. 6): the scan, the truth, and the \
         segmentation after the shared first round, after rounds of one strategy, and with full \
         annotation. Percentages above the columns are of annotated slices; Dice is the case's mean \
         over foreground classes, not the slice's. Slices are named by their number and their place \
         between the first and the last slice with foreground.{orientation} Voxels have their \
         physical shape. One case and one seed: an illustration, not a finding."
    );
    Ok(Some(figure))
}

impl<'a> Block<'a> {
    fn new(pictures: &'a Pictures<'a>) -> Result<Option<Self>, ReportError> {
        let rounds = chosen_rounds(pictures);
        let scan = Scan::around(&pictures.scan, &pictures.truth);
        let Some(scan) = scan.filter(|_| !rounds.is_empty()) else {
            return Ok(None);
        };
        let column = |[a, b, c]: [&str; 3], labels| Column {
            words: [a.to_owned(), b.to_owned(), c.to_owned()],
            labels,
        };
        let truth = Some(pictures.truth.clone());
        let mut columns =
            vec![column(["scan", "", ""], None), column(["ground truth", "", ""], truth)];
        for record in rounds {
            let dice = pictures.scores(record).and_then(|case| case.mean_dice);
            let dice = dice.map(|dice| format!("Dice {}", decimals(dice, 3))).unwrap_or_default();
            let arm = Arm::of(&record.strategy).label().replace(" (shared)", "");
            let labels = Some(pictures.segmentation(record)?);
            columns.push(column([&arm, &percent(reached(record)), &dice], labels));
        }
        // One class is shown well enough by one slice.
        let shares: &[f64] =
            if pictures.data.classes.len() > 2 { &[0.7, 0.5, 0.3] } else { &[0.5] };
        let slices = chosen_slices(&pictures.truth, shares);
        Ok(Some(Self { slices, scan, columns, pictures }))
    }

    fn legend_height(&self) -> f64 {
        let entries = self.pictures.data.classes.len().saturating_sub(1);
        entries.div_ceil(LEGEND_ENTRIES) as f64 * LEGEND_ROW
    }

    /// Height above the images.
    fn head(&self) -> f64 {
        BLOCK_TITLE + self.legend_height() + HEADING
    }

    fn row_height(&self) -> f64 {
        self.scan.height(IMAGE) + GAP
    }

    fn height(&self) -> f64 {
        self.head() + self.slices.len() as f64 * self.row_height() + GAP
    }

    fn draw(&self, canvas: &mut Canvas, top: f64) {
        let title = task_title(self.pictures.data.task);
        let title = format!("{title} · case {}", self.pictures.case);
        canvas.text(&title, (EDGE, top + 8.0), font(12.0, INK).bold());
        self.draw_legend(canvas, top + BLOCK_TITLE);
        let image_top = |row: usize| top + self.head() + row as f64 * self.row_height();
        for (index, column) in self.columns.iter().enumerate() {
            let left = LABEL + index as f64 * (IMAGE + GAP);
            for (line, words) in column.words.iter().enumerate() {
                let y = top + BLOCK_TITLE + self.legend_height() + 15.0 + 15.0 * line as f64;
                let color = if line == 0 { INK } else { GREY };
                canvas.text(words, (left + IMAGE / 2.0, y), font(10.0, color).centred());
            }
            for (row, &(slice, _)) in self.slices.iter().enumerate() {
                let slice = Slice { index: slice, place: (left, image_top(row)), width: IMAGE };
                self.scan.draw(canvas, slice, |voxel| {
                    let class = usize::try_from(column.labels.as_ref()?.voxels[voxel]).ok()?;
                    (class > 0).then(|| of_class(class))
                });
            }
        }
        for (row, (slice, share)) in self.slices.iter().enumerate() {
            let middle = image_top(row) + self.row_height() / 2.0;
            canvas.text(&format!("slice {slice}"), (EDGE, middle - 8.0), font(10.0, INK));
            canvas.text(&percent(*share), (EDGE, middle + 8.0), font(10.0, GREY));
        }
    }

    /// Names of the classes beside their colours, from `top` on.
    fn draw_legend(&self, canvas: &mut Canvas, top: f64) {
        for (place, name) in self.pictures.data.classes.iter().skip(1).enumerate() {
            let (row, column) = (place / LEGEND_ENTRIES, place % LEGEND_ENTRIES);
            let x = EDGE + column as f64 * (WIDTH - 2.0 * EDGE) / LEGEND_ENTRIES as f64;
            let middle = top + row as f64 * LEGEND_ROW + 11.0;
            let corners = [(x, middle - 6.0), (x + 20.0, middle + 6.0)];
            canvas.rectangle(corners, of_class(place + 1));
            canvas.text(name, (x + 28.0, middle), font(11.0, INK));
        }
    }
}

/// The first round, those of one strategy nearest to the paper's two ratios, its last, and full
/// annotation; those of them that were kept.
fn chosen_rounds<'a>(pictures: &Pictures<'a>) -> Vec<&'a RoundRecord> {
    let mut rounds = pictures.rounds(&Arm::First, SEGMENTATION);
    let own = pictures.strategy(SEGMENTATION);
    let nearest = |ratio: f64| {
        let apart = |record: &RoundRecord| (record.ratio - ratio).abs();
        own.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)))
    };
    rounds.extend(Task::OF_PAPER.into_iter().filter_map(headline_ratio).filter_map(nearest));
    rounds.extend(own.last());
    rounds.dedup_by(|a, b| (&a.strategy, a.round) == (&b.strategy, b.round));
    rounds.extend(pictures.rounds(&Arm::Full, SEGMENTATION));
    rounds
}

/// The slices at `shares` of the way from the lowest to the highest with foreground.
fn chosen_slices(truth: &Labels, shares: &[f64]) -> Vec<(usize, f64)> {
    let foreground = truth.voxels.indexed_iter().filter(|&(_, &class)| class != 0);
    let ends = foreground.map(|((z, _, _), _)| z).minmax().into_option();
    let (low, high) = ends.unwrap_or_default();
    let at = |share: f64| (low as f64 + share * (high - low) as f64).round() as usize;
    shares.iter().map(|&share| (at(share), share)).collect()
}
