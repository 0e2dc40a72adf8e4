//! Cases of Part B whose ground truth has no foreground.
//!
//! They have no Dice, so no other table counts them. What can be said of them is whether they were
//! left empty: `left_empty` is the share that were, `voxels` the mean number of voxels predicted as
//! foreground; both are means over cases, then over seeds. There is no such section without such a
//! case.

use crate::format::{decimals, share};
use crate::prelude::*;
use crate::rounds::{HALF, Score};
use crate::section::{Content, Format, Made, Sweep, Table};

/// One round: the share of cases left empty, and the voxels predicted in a case.
struct Row<'a> {
    round: &'a Round<'a>,
    left_empty: Score,
    voxels: Score,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let voxels = sweep.observations.scores(false_voxels);
    let empty = sweep.observations.scores(|case| Some((false_voxels(case)? == 0.0).into()));
    let rows = sweep.primary().filter(|round| round.evaluated).filter_map(|round| {
        let of = (round.place, Part::B);
        Some(Row { round, left_empty: *empty.get(&of)?, voxels: *voxels.get(&of)? })
    });
    let rows = rows.collect_vec();
    if rows.is_empty() {
        return Ok(None);
    }
    let how = format!(
        "Cases of Part B without any foreground in their ground truth. They have no Dice and count in no \
         other table. Mean over cases, then over seeds, {HALF}."
    );
    let table = Table::of(&rows, how)
        .column(("task", "task"), Format::Words, |r| r.round.task)
        .column(("strategy", "strategy"), Format::Words, |r| &r.round.arm)
        .column(("ratio", "slices"), Format::Ratio, |r| r.round.ratio)
        .column(("cases", "cases"), Format::Decimals(0), |r| r.voxels.cases)
        .column(("left_empty", "left empty"), Format::Share, |r| r.left_empty.value.mean)
        .tidy("voxels", |r| r.voxels.value.mean)
        .shown("voxels predicted in a case", Format::Decimals(0), |r| r.voxels.value)
        .tidy("seeds", |r| r.voxels.value.n);
    let content = Content::of("healthy", table)?;
    Ok(Some(content.told(sweep, |task| sentence(&rows, task))))
}

/// The voxels predicted as foreground in a case that has none; `None` for any other case.
fn false_voxels(case: &CaseRecord) -> Option<f64> {
    let healthy = !case.predicted_voxels.is_empty() && !case.foreground.contains(&true);
    healthy.then(|| case.predicted_voxels.iter().sum::<u64>() as f64)
}

/// Says that such cases are counted apart, and what became of them after the longest training.
fn sentence(rows: &[Row], task: Task) -> Option<String> {
    let own = rows.iter().filter(|row| row.round.task == task);
    let last = own.max_by_key(|row| (row.round.arm.preference(), row.round.steps))?;
    let (cases, arm) = (last.voxels.cases, &last.round.arm);
    let empty = share(last.left_empty.value.mean, 0);
    let voxels = decimals(last.voxels.value.mean, 0);
    Some(format!(
        "{cases} case(s) of Part B have nothing to find and count in no Dice; {arm} leaves {empty} of them empty and \
         predicts {voxels} voxels in one on average."
    ))
}
