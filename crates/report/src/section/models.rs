//! What another network, or another way of training it, gains: Dice on Part B of each further model minus
//! that of the sweep's first one, at the same ratio, by the same strategy, on the same cases, folds and
//! seeds. For sweeps with two or more models.

use crate::observations::{CROSSED, compare};
use crate::prelude::*;
use crate::section::{Content, Format, Made, Sweep, Table};

pub(crate) fn make(sweep: &Sweep) -> Made {
    let Some(first) = sweep.results.manifest.models.first() else { return Ok(None) };
    let evaluated = || sweep.rounds.iter().filter(|round| round.evaluated);
    // Rounds of full annotation at other steps are other points.
    let point = |round: &Round| (round.task, ratio_key(round.asked), round.steps);
    let pairs = evaluated().filter(|round| !round.primary).filter_map(|ours| {
        let mut theirs = evaluated().filter(|round| round.primary);
        let same = theirs.find(|theirs| theirs.arm == ours.arm && point(theirs) == point(ours))?;
        Some([ours, same])
    });
    // Rounds are sorted by task, so each task's are neighbours: one family.
    let rows = compare(&sweep.observations, &pairs.collect_vec(), |round| round.task)?;
    // Of full annotation alone Table 1 says as much.
    if rows.iter().all(|row| row.ours.arm == Arm::Full) {
        return Ok(None);
    }
    let how = format!(
        "Dice on Part B of each model minus that of {first}, by the same strategy, at the same ratio and with \
         as many steps. {CROSSED} Holm's correction is over all rows of a task."
    );
    let table = Table::of(&rows, how)
        .tidy("task", |r| r.ours.task)
        .column(("model", "model"), Format::Words, |r| r.ours.model)
        .column(("against", "minus"), Format::Words, |_| first.as_str())
        .column(("strategy", "strategy"), Format::Words, |r| &r.ours.arm)
        .shown("task", Format::Words, |r| r.ours.task)
        .column(("ratio", "slices"), Format::Ratio, |r| r.ours.ratio)
        .paired(|r| r.paired);
    Ok(Some(Content::of("models", table)?))
}
