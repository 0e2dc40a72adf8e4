//! Dice of each foreground class on Part B, with full annotation and at the ratio that the paper
//! compares, or where a task lacks that, the largest: `task,class,strategy,ratio,mean,ci_low,ci_high,seeds,cases`.

use crate::arm::Arm;
use crate::format::percents;
use crate::frame::Columns;
use crate::grid::{Format, Grid, pivot};
use crate::rounds::{HALF, Score, ratio_key};
use crate::section::{Content, Made};
use crate::sweep::Sweep;
use slicewise_data::{Part, Task};
use slicewise_experiment::CaseRecord;
use std::collections::BTreeSet;

/// Dice of one class.
struct ClassRow<'a> {
    task: Task,
    /// The class's place in the manifest, and its name.
    class: (usize, &'a str),
    arm: &'a Arm,
    ratio: f64,
    /// Over the cases that have the class.
    dice: Score,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let rows = class_rows(sweep);
    let frame = Columns::of(&rows)
        .task(|r| r.task)
        .text("class", |r| r.class.1)
        .text("strategy", |r| r.arm.name())
        .real("ratio", |r| r.ratio)
        .score(|r| &r.dice)
        .frame("tissues")?;
    let arms: BTreeSet<&Arm> = rows.iter().map(|row| row.arm).collect();
    let arms: Vec<&Arm> = arms.into_iter().collect();
    let lines = pivot(&rows, &arms, |row| ((row.task, row.class), row.arm));
    let strategies = rows.iter().filter(|row| row.arm.is_strategy());
    let ratios: BTreeSet<u64> = strategies.map(|row| ratio_key(row.ratio)).collect();
    let how = format!(
        "With full annotation trained for as many steps, and by strategy with {} of the slices annotated: mean over the cases \
         that have the class, then over seeds, {HALF}.",
        percents(ratios.into_iter().map(|ratio| ratio as f64 / 1e6))
    );
    let mut grid = Grid::of(&lines, how).column("task", Format::Words, |r| r.0.0.label()).column(
        "class",
        Format::Words,
        |r| r.0.1.1,
    );
    for (at, arm) in arms.iter().enumerate() {
        grid = grid.column(arm.label(), Format::Decimals(3), |r| Some(r.1[at]?.dice.value));
    }
    Ok(Some(Content::table(frame, vec![grid.grid()])))
}

/// Every class by task and the manifest's order, then by arm.
fn class_rows<'a>(sweep: &'a Sweep) -> Vec<ClassRow<'a>> {
    let mut rows = Vec::new();
    for data in &sweep.results.manifest.data {
        let compared = sweep.compared_ratio(data.task);
        let compared_ratio = compared.map(ratio_key);
        let full_steps = full_steps(sweep, data.task, compared);
        for (place, class) in data.classes.iter().enumerate().skip(1) {
            let compared = sweep.primary().filter(|round| {
                let at_ratio = Some(ratio_key(round.ratio)) == compared_ratio;
                round.task == data.task
                    && (round.arm == Arm::Full && Some(round.steps) == full_steps
                        || round.arm.is_strategy() && at_ratio)
            });
            let of_class = |case: &CaseRecord| case.dice.iter().find(|(name, _)| name == class)?.1;
            let scores = sweep.observations.scores(of_class);
            rows.extend(compared.filter_map(|round| {
                let dice = scores.get(&(round.place, Part::B))?.clone();
                let (task, arm, ratio) = (round.task, &round.arm, round.ratio);
                Some(ClassRow { task, class: (place, class.as_str()), arm, ratio, dice })
            }));
        }
    }
    rows
}

/// The steps of full annotation beside points at a ratio: as many as theirs. Without such points it is
/// the longest training, and without such steps there is none.
fn full_steps(sweep: &Sweep, task: Task, ratio: Option<f64>) -> Option<u64> {
    let fulls = sweep.fulls(task, Part::B);
    let Some(ratio) = ratio else { return Some(fulls.last()?.steps) };
    let arms = sweep.strategies();
    let mut points = arms.iter().filter_map(|arm| sweep.at(task, Part::B, arm, ratio));
    let equal = points.find_map(|point| sweep.full(task, Part::B, point.steps))?;
    Some(equal.steps)
}
