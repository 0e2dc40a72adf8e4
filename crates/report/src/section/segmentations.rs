//! Figs. 3 and 6 of the paper, of the volumes that a sweep keeps; there is no table. Fig. 6 is here:
//! one unseen case of each task, segmented with more and more slices annotated.

use crate::figure::attention::attention_figure;
use crate::figure::heading;
use crate::format::decimals;
use crate::paper::headline_ratio;
use crate::pictures::{Labels, Pictures, SEGMENTATION};
use crate::prelude::*;
use crate::rounds::reached;
use crate::section::{Content, Made, Sweep};
use slicewise_figure::{Figure, Scan, SegmentedCase, segmented_cases};

pub(crate) fn make(sweep: &Sweep) -> Made {
    let figures = [attention_figure(sweep)?, segmentation_figure(sweep)?];
    Ok(Some(Content::default().drawn(figures.into_iter().flatten())))
}

/// A case a task; `None` if no segmentation was kept.
fn segmentation_figure(sweep: &Sweep) -> Result<Option<Figure>> {
    let data = sweep.results.manifest.data.iter();
    let pictures = data.filter_map(|data| Pictures::read(sweep, data).transpose());
    let pictures: Vec<Pictures> = pictures.collect::<Result<_, _>>()?;
    let cases = pictures.iter().filter_map(|of| Some((of.axis, segmented(of).transpose()?)));
    let cases = cases.map(|(axis, case)| Ok((axis, case?)));
    let (axes, cases): (Vec<_>, Vec<_>) = cases.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    if cases.is_empty() {
        return Ok(None);
    }
    let title = ("fig6", "Segmentations of an unseen case as annotation grows");
    let statistics = "one unseen case a task (n = 1), the first seed, no interval";
    let figure = segmented_cases(heading(sweep, title, statistics), &cases);
    let axes = axes.into_iter().sorted().dedup().collect_vec();
    let orientation = match axes[..] {
        [axis] => format!(" {}.", axis.orientation()),
        _ => {
            axes.iter().map(|axis| format!(" {}: {}.", axis.words(), axis.orientation())).collect()
        }
    };
    Ok(Some(figure.captioned(format!(
        "One unseen case of each task (the paper's Fig. 6): the scan, the truth, and the \
         segmentation after the shared first round, after rounds of one strategy, and with full \
         annotation. Percentages above the columns are of annotated slices; Dice is the case's mean \
         over foreground classes, not the slice's. Slices are named by their number and their place \
         between the first and the last slice with foreground.{orientation} Voxels have their \
         physical shape. One case and one seed: an illustration, not a finding."
    ))))
}

/// The case of one task; `None` if no segmentation was kept, or there is nothing to segment.
fn segmented<'a>(pictures: &'a Pictures) -> Result<Option<SegmentedCase<'a>>> {
    let rounds = chosen_rounds(pictures);
    let scan = Scan::around(&pictures.scan, &pictures.truth);
    let Some(scan) = scan.filter(|_| !rounds.is_empty()) else { return Ok(None) };
    let plain = |name: &str| [name.to_owned(), String::new(), String::new()];
    let truth = Some(pictures.truth.clone());
    let mut columns = vec![(plain("scan"), None), (plain("ground truth"), truth)];
    for record in rounds {
        let dice = pictures.scores(record).and_then(|case| case.mean_dice);
        let dice = dice.map(|dice| format!("Dice {}", decimals(dice, 3))).unwrap_or_default();
        let arm = Arm::of(&record.strategy).label().replace(" (shared)", "");
        let labels = Some(pictures.segmentation(record)?);
        columns.push(([arm, percent(reached(record)), dice], labels));
    }
    let title = format!("{} · case {}", task_title(pictures.data.task), pictures.case);
    let classes = pictures.data.classes.get(1..).unwrap_or_default();
    // One class is shown well enough by one slice.
    let shares: &[f64] = if classes.len() > 1 { &[0.7, 0.5, 0.3] } else { &[0.5] };
    let rows = chosen_slices(&pictures.truth, shares);
    Ok(Some(SegmentedCase { title, classes, scan, columns, rows }))
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

/// The slices at `shares` of the way from the lowest to the highest with foreground, and what stands
/// beside them.
fn chosen_slices(truth: &Labels, shares: &[f64]) -> Vec<(usize, [String; 2])> {
    let foreground = truth.voxels.indexed_iter().filter(|&(_, &class)| class != 0);
    let ends = foreground.map(|((z, _, _), _)| z).minmax().into_option();
    let (low, high) = ends.unwrap_or_default();
    let at = |share: f64| (low as f64 + share * (high - low) as f64).round() as usize;
    let row = |share| (at(share), [format!("slice {}", at(share)), percent(share)]);
    shares.iter().map(|&share| row(share)).collect()
}
