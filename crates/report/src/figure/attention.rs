//! Fig. 3 of the paper: the attention map of one class on one unseen slice, round after round,
//! beside the truth and the segmentation.

use crate::arm::Arm;
use crate::error::ReportError;
use crate::figure::heading;
use crate::format::{decimals, percent};
use crate::pictures::{ATTENTION, Labels, Pictures};
use crate::rounds::reached;
use crate::sweep::Sweep;
use itertools::Itertools;
use slicewise_experiment::RoundRecord;
use slicewise_figure::{EDGE, Figure, GREY, INK, RGBColor, Scan, Slice, cividis, font, of_class};
use std::cmp::Reverse;

/// Rounds shown after the first.
const ROUNDS: usize = 3;

const WIDTH: f64 = 760.0;
/// Room for words at the left of a row, and for the colour bar at the right.
const LABEL: f64 = 136.0;
const BAR: f64 = 76.0;
const GAP: f64 = 8.0;
/// Width of an image.
const IMAGE: f64 = (WIDTH - LABEL - BAR) / 4.0 - GAP;
/// Height above the rows.
const HEAD: f64 = 88.0;
const COLUMNS: [&str; 4] = ["scan, true outline", "ground truth", "segmentation", "attention map"];
/// Stands off every grey.
const OUTLINE: RGBColor = RGBColor(255, 170, 0);

/// The figure of the last task by name, so of Task 2 before Task 1; `None` if no attention map was kept or the case lacks the
/// class.
pub(crate) fn attention_figure(sweep: &Sweep) -> Result<Option<Figure>, ReportError> {
    for data in sweep.results.manifest.data.iter().sorted_by_key(|data| Reverse(data.task)) {
        if let Some(pictures) = Pictures::read(sweep, data)?
            && let Some(figure) = of_case(sweep, &pictures)?
        {
            return Ok(Some(figure));
        }
    }
    Ok(None)
}

fn of_case(sweep: &Sweep, pictures: &Pictures) -> Result<Option<Figure>, ReportError> {
    let truth = &pictures.truth;
    let scan = Scan::around(&pictures.scan, truth);
    let (Some((class, name)), Some(scan)) = (pictures.class(), scan) else {
        return Ok(None);
    };
    let mut rounds = pictures.rounds(&Arm::First, ATTENTION);
    rounds.extend(spread(&pictures.strategy(ATTENTION), ROUNDS));
    // The slice with most of the class.
    let (Some(slice), Some(first)) = (fullest_slice(truth, class), rounds.first()) else {
        return Ok(None);
    };
    let row_height = scan.height(IMAGE) + GAP;
    let height = HEAD + row_height * rounds.len() as f64 + 56.0;
    let title = format!("Attention for {name}, round after round");
    let statistics = "one slice of one unseen case (n = 1), the first seed, no interval";
    let mut figure = Figure::new(heading(sweep, ("fig3", &title), statistics), (WIDTH, height));
    let canvas = &mut figure.canvas;
    let (slice_name, start) = pictures.axis.slice_and_start();
    let place = format!(
        "{} · case {} · {slice_name} {slice} (from {start}, from 0) · seed {}",
        pictures.data.task.label(),
        pictures.case,
        first.seed,
    );
    canvas.text(&place, (EDGE, 43.0), font(11.0, GREY));
    let left = |column: usize| LABEL + column as f64 * (IMAGE + GAP);
    for (column, words) in COLUMNS.iter().enumerate() {
        canvas.text(words, (left(column) + IMAGE / 2.0, 73.0), font(11.0, INK).centred());
    }
    let is_class = |labels: &Labels, voxel| usize::try_from(labels.voxels[voxel]) == Ok(class);
    for (row, record) in rounds.iter().enumerate() {
        let top = HEAD + row as f64 * row_height;
        let [scans, truths, segmentations, attentions] = [0, 1, 2, 3].map(|column| Slice {
            index: slice,
            place: (left(column), top),
            width: IMAGE,
        });
        scan.draw(canvas, scans, |_| None);
        scan.outline(canvas, scans, |voxel| is_class(truth, voxel), OUTLINE);
        let (segmented, attention) = (pictures.segmentation(record)?, pictures.attention(record)?);
        for (place, labels) in [(truths, truth), (segmentations, &segmented)] {
            scan.draw(canvas, place, |voxel| is_class(labels, voxel).then(|| of_class(class)));
        }
        scan.draw(canvas, attentions, |voxel| Some(cividis(attention.voxels[voxel])));
        for (line, words) in words(pictures, record, name).iter().enumerate() {
            let color = if line == 0 { INK } else { GREY };
            canvas.text(words, (EDGE, top + 11.0 + 17.0 * line as f64), font(11.0, color));
        }
    }
    canvas.scale((WIDTH - BAR + 8.0, HEAD), row_height - GAP, cividis);
    figure.caption = format!(
        "One {slice_name} of an unseen case, that with most true voxels of {name}, after growing \
         annotation (the paper's Fig. 3): the scan with the true outline, the truth, the class in \
         the segmentation, and the attention map's channel of {name}, weighed against the other \
         classes (softmax), from 0 to 1. Dice is that of {name} over the whole case. {}. One case \
         and one seed: an illustration, not a finding.",
        pictures.axis.orientation()
    );
    Ok(Some(figure))
}

/// What stands beside a round.
fn words(pictures: &Pictures, record: &RoundRecord, class: &str) -> [String; 3] {
    let scores = pictures.scores(record);
    let dice = scores.and_then(|case| case.dice.iter().find(|(name, _)| name == class)?.1);
    [
        Arm::of(&record.strategy).label().to_owned(),
        format!("{} of slices", percent(reached(record))),
        dice.map(|dice| format!("Dice {}", decimals(dice, 3))).unwrap_or_default(),
    ]
}

/// The slice with most voxels of `class`; `None` if none has any.
fn fullest_slice(labels: &Labels, class: usize) -> Option<usize> {
    let mut voxels = vec![0_usize; labels.voxels.dim().0];
    for ((z, _, _), &label) in labels.voxels.indexed_iter() {
        voxels[z] += usize::from(usize::try_from(label) == Ok(class));
    }
    let most = *voxels.iter().max().filter(|&&most| most > 0)?;
    voxels.iter().position(|&count| count == most)
}

/// At most `wanted` of `items`, evenly spread, the last among them.
fn spread<T: Copy>(items: &[T], wanted: usize) -> Vec<T> {
    let mut places: Vec<usize> = (1..=wanted).map(|k| k * items.len() / wanted).collect();
    places.dedup();
    let places = places.into_iter().filter_map(|place| place.checked_sub(1));
    places.map(|place| items[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_spread_up_to_the_last() {
        let of = |n: usize| spread(&(1..=n).collect::<Vec<_>>(), 3);
        assert_eq!(of(9), [3, 6, 9]);
        assert_eq!(of(4), [1, 2, 4]);
        assert_eq!(of(2), [1, 2]);
        assert_eq!(of(1), [1]);
        assert!(of(0).is_empty());
    }
}
