//! What another network, another way of training it, or another plan gains on Part B: Dice of a further
//! model minus that of the sweep's first one, and of a task minus that of each earlier one with the same
//! labels, by the same strategy, at the same ratio, on the same cases, folds and seeds.

use crate::observations::{CROSSED, Compared, STRICT, compare};
use crate::prelude::*;
use crate::section::{Content, Format, Made, Sweep, Table};

pub(crate) fn make(sweep: &Sweep) -> Made {
    let evaluated = || sweep.rounds.iter().filter(|round| round.evaluated);
    // Rounds of full annotation at other steps are other points; a plan's is the longest.
    let are_beside = |[ours, theirs]: &[&Round; 2]| {
        let point = |round: &Round| (round.arm.clone(), ratio_key(round.asked));
        let trained = |round: &Round| (round.task, round.steps);
        let are_models = theirs.primary && !ours.primary && trained(ours) == trained(theirs);
        let plan = |round: &Round| (round.primary, round.longest, sweep.definition(round.task));
        let is_plan = ours.primary && ours.longest && ours.task > theirs.task;
        point(ours) == point(theirs) && (are_models || is_plan && plan(ours) == plan(theirs))
    };
    let pairs = evaluated().cartesian_product(evaluated()).map(<[_; 2]>::from);
    let pairs = pairs.filter(are_beside).collect_vec();
    // Rounds are sorted by task, so each task's are neighbours: one family.
    let rows = compare(&sweep.observations, &pairs, |round| round.task)?;
    // Of full annotation alone Table 1 says as much.
    if rows.iter().all(|row| row.ours.arm == Arm::Full) {
        return Ok(None);
    }
    let how = format!(
        "Dice on Part B minus that of the sweep's first model with as many steps, or of another task with \
         the same labels, by the same strategy and at the same ratio. {CROSSED} {STRICT} Holm's correction is \
         over all rows of a task."
    );
    let against = |Compared { ours, theirs, .. }: &Compared| {
        if ours.task == theirs.task { theirs.model } else { theirs.task.name() }.to_owned()
    };
    let table = Table::of(&rows, how)
        .tidy("task", |r| r.ours.task)
        .column(("model", "model"), Format::Words, |r| r.ours.model)
        .column(("against", "minus"), Format::Words, against)
        .column(("strategy", "strategy"), Format::Words, |r| &r.ours.arm)
        .shown("task", Format::Words, |r| r.ours.task)
        .column(("ratio", "slices"), Format::Ratio, |r| r.ours.ratio)
        .paired(|r| r.paired);
    Ok(Some(Content::of("models", table)?))
}
