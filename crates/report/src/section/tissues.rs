//! Dice of each foreground class on Part B, with full annotation and at the ratio that the paper
//! compares, or where a task lacks that, the largest.

use crate::format::percents;
use crate::prelude::*;
use crate::rounds::{HALF, Score};
use crate::section::{Content, Format, Made, Sweep, Table, pivot};

/// Dice of one class after one round.
struct ClassRow<'a> {
    round: &'a Round<'a>,
    /// The class's place in the manifest, and its name.
    class: (usize, &'a str),
    /// Over the cases that have the class.
    dice: Score,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let rows = class_rows(sweep);
    let frame = Table::of(&rows, "")
        .tidy("task", |r| r.round.task)
        .tidy("class", |r| r.class.1)
        .tidy("strategy", |r| &r.round.arm)
        .tidy("ratio", |r| r.round.ratio)
        .score(|r| r.dice)
        .frame("tissues")?;
    let arms = rows.iter().map(|row| &row.round.arm).sorted().dedup().collect_vec();
    let lines = pivot(&rows, &arms, |row| ((row.round.task, row.class), &row.round.arm));
    let strategies = rows.iter().filter(|row| row.round.arm.is_strategy());
    let ratios = strategies.map(|row| ratio_key(row.round.ratio)).sorted().dedup();
    let how = format!(
        "With full annotation trained for as many steps, and by strategy with {} of the slices annotated: mean over the cases \
         that have the class, then over seeds, {HALF}.",
        percents(ratios.map(|ratio| ratio as f64 / 1e6))
    );
    let words = Format::Words;
    let mut table =
        Table::of(&lines, how).shown("task", words, |r| r.0.0).shown("class", words, |r| r.0.1.1);
    for (at, arm) in arms.iter().enumerate() {
        table = table.shown(arm.label(), Format::Decimals(3), |r| Some(r.1[at]?.dice.value));
    }
    Ok(Some(Content::table(frame, vec![table.grid()])))
}

/// Every class by task and the manifest's order, then by arm.
fn class_rows<'a>(sweep: &Sweep<'a>) -> Vec<ClassRow<'a>> {
    let mut rows = Vec::new();
    for data in &sweep.results.manifest.data {
        let compared = sweep.compared_ratio(data.task);
        let full_steps = full_steps(sweep, data.task, compared);
        let is_compared = |round: &&Round| match &round.arm {
            _ if round.task != data.task => false,
            Arm::Full => Some(round.steps) == full_steps,
            Arm::First => false,
            Arm::Strategy(..) => Some(ratio_key(round.ratio)) == compared.map(ratio_key),
        };
        for (place, class) in data.classes.iter().enumerate().skip(1) {
            let of_class = |case: &CaseRecord| case.dice.iter().find(|(name, _)| name == class)?.1;
            let scores = sweep.observations.scores(of_class);
            rows.extend(sweep.primary().filter(is_compared).filter_map(|round| {
                let dice = *scores.get(&(round.place, Part::B))?;
                Some(ClassRow { round, class: (place, class.as_str()), dice })
            }));
        }
    }
    rows
}

/// The steps of full annotation beside points at a ratio: as many as theirs. Without such points it is
/// the longest training, and without such steps there is none.
fn full_steps(sweep: &Sweep, task: Task, ratio: Option<f64>) -> Option<u64> {
    let Some(ratio) = ratio else { return Some(sweep.fulls(task, Part::B).last()?.steps) };
    let there = |of: &&Point| of.arm.is_strategy() && ratio_key(of.ratio) == ratio_key(ratio);
    let mut points = sweep.panel(task, Part::B).filter(there);
    points.find_map(|point| Some(sweep.full(task, Part::B, point.steps)?.steps))
}
