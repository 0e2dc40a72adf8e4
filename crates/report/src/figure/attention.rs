//! Fig. 3 of the paper: the attention map of one class on one unseen slice, round after round,
//! beside the truth and the segmentation.

use crate::figure::heading;
use crate::format::decimals;
use crate::pictures::{ATTENTION, Labels, Pictures};
use crate::prelude::*;
use crate::rounds::reached;
use crate::sweep::Sweep;
use slicewise_experiment::pictures::pictured_class;
use slicewise_figure::{AttentionRow, ClassOnSlice, Figure, Scan, attention_rows};
use std::cmp::Reverse;

/// Rounds shown after the first.
const ROUNDS: usize = 3;

const COLUMNS: [&str; 4] = ["scan, true outline", "ground truth", "segmentation", "attention map"];

/// The figure of the last task by name, so of Task 2 before Task 1; `None` if no attention map was kept or the case lacks the
/// class.
pub(crate) fn attention_figure(sweep: &Sweep) -> Result<Option<Figure>> {
    for data in sweep.results.manifest.data.iter().sorted_by_key(|data| Reverse(data.task)) {
        if let Some(pictures) = Pictures::read(sweep, data)?
            && let Some(figure) = of_case(sweep, &pictures)?
        {
            return Ok(Some(figure));
        }
    }
    Ok(None)
}

fn of_case(sweep: &Sweep, pictures: &Pictures) -> Result<Option<Figure>> {
    let truth = &pictures.truth;
    let scan = Scan::around(&pictures.scan, truth);
    let (Some((class, name)), Some(scan)) = (pictured_class(&pictures.data.classes), scan) else {
        return Ok(None);
    };
    let mut rounds = pictures.rounds(&Arm::First, ATTENTION);
    rounds.extend(spread(&pictures.strategy(ATTENTION), ROUNDS));
    // The slice with most of the class.
    let (Some(slice), Some(first)) = (fullest_slice(truth, class), rounds.first()) else {
        return Ok(None);
    };
    let title = format!("Attention for {name}, round after round");
    let statistics = "one slice of one unseen case (n = 1), the first seed, no interval";
    let (slice_name, start) = pictures.axis.slice_and_start();
    let (task, case, seed) = (pictures.data.task.label(), pictures.case, first.seed);
    let note =
        format!("{task} · case {case} · {slice_name} {slice} (from {start}, from 0) · seed {seed}");
    let rows = rounds.iter().map(|record| {
        let scores = pictures.scores(record);
        let dice = scores.and_then(|case| case.dice.iter().find(|(of, _)| of == name)?.1);
        let words = [
            Arm::of(&record.strategy).label().to_owned(),
            format!("{} of slices", percent(reached(record))),
            dice.map(|dice| format!("Dice {}", decimals(dice, 3))).unwrap_or_default(),
        ];
        let segmentation = pictures.segmentation(record)?;
        Ok(AttentionRow { words, segmentation, attention: pictures.attention(record)? })
    });
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let heading = heading(sweep, ("fig3", &title), statistics);
    let shown = ClassOnSlice { scan, slice, class, truth };
    let figure = attention_rows(heading, (&note, COLUMNS), &shown, &rows);
    Ok(Some(figure.captioned(format!(
        "One {slice_name} of an unseen case, that with most true voxels of {name}, after growing \
         annotation (the paper's Fig. 3): the scan with the true outline, the truth, the class in \
         the segmentation, and the attention map's channel of {name}, weighed against the other \
         classes (softmax), from 0 to 1. Dice is that of {name} over the whole case. {}. One case \
         and one seed: an illustration, not a finding.",
        pictures.axis.orientation()
    ))))
}

/// The slice with most voxels of `class`; `None` if none has any.
fn fullest_slice(labels: &Labels, class: usize) -> Option<usize> {
    let of_class =
        labels.voxels.indexed_iter().filter(|(_, label)| usize::try_from(**label) == Ok(class));
    let voxels = of_class.map(|((z, _, _), _)| z).counts();
    voxels.into_iter().max_by_key(|(z, most)| (*most, Reverse(*z))).map(|(z, _)| z)
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
