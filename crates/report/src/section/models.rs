//! What another network, or another way of training it, gains: Dice on Part B of each further model minus
//! that of the sweep's first one, at the same ratio, by the same strategy, on the same cases, folds and
//! seeds; `task,model,against,strategy,ratio,mean,ci_low,ci_high,p,p_holm,seeds,cases,n`. For sweeps with
//! two or more models.

use crate::arm::Arm;
use crate::frame::Columns;
use crate::grid::{Format, Grid};
use crate::paired::{CROSSED, Paired, compare};
use crate::rounds::{Round, ratio_key};
use crate::section::{Content, Made};
use crate::sweep::Sweep;

/// A round of a further model, and how it differs from the first model's.
type Row<'a> = (&'a Round<'a>, Paired);

pub(crate) fn make(sweep: &Sweep) -> Made {
    let Some(first) = sweep.results.manifest.models.first() else {
        return Ok(None);
    };
    let evaluated = || sweep.rounds.iter().filter(|round| round.evaluated);
    // Rounds of full annotation at other steps are other points.
    let point = |round: &Round| (round.task, ratio_key(round.asked), round.steps);
    let pairs = evaluated().filter(|round| !round.primary).filter_map(|ours| {
        let mut theirs = evaluated().filter(|round| round.primary);
        let same = theirs.find(|theirs| theirs.arm == ours.arm && point(theirs) == point(ours))?;
        Some((ours, (ours.place, same.place)))
    });
    // Rounds are sorted by task, so each task's are neighbours: one family.
    let rows: Vec<Row> = compare(&sweep.observations, pairs.collect(), |round| round.task)?;
    // Of full annotation alone Table 1 says as much.
    if rows.iter().all(|row| row.0.arm == Arm::Full) {
        return Ok(None);
    }
    let frame = Columns::of(&rows)
        .task(|r| r.0.task)
        .text("model", |r| r.0.model)
        .text("against", |_| first)
        .text("strategy", |r| r.0.arm.name())
        .real("ratio", |r| r.0.ratio)
        .paired(|r| &r.1)
        .frame("models")?;
    let how = format!(
        "Dice on Part B of each model minus that of {first}, by the same strategy, at the same ratio and with \
         as many steps. {CROSSED} Holm's correction is over all rows of a task."
    );
    let grid = Grid::of(&rows, how)
        .column("model", Format::Words, |r| r.0.model)
        .column("minus", Format::Words, |_| first.as_str())
        .column("strategy", Format::Words, |r| r.0.arm.label())
        .column("task", Format::Words, |r| r.0.task.label())
        .column("slices", Format::Ratio, |r| r.0.ratio)
        .paired(|r| &r.1);
    Ok(Some(Content::table(frame, vec![grid.grid()])))
}
