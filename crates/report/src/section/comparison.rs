//! Is one strategy better than another? Every pair of strategies at every ratio that both have,
//! paired over case and seed on Part B; `task,ratio,strategy,rival,mean,ci_low,ci_high,p,p_holm,
//! seeds,cases,n`.
//!
//! `mean` is the Dice of `strategy` minus that of `rival`, `ci_*` its interval for random seeds and
//! cases, `n` the pairs of case and seed. All strategies of a seed share split, first slices and
//! first weights, so the difference on one case within one seed is what a strategy is worth there.

use crate::arm::Arm;
use crate::frame::Columns;
use crate::grid::{Format, Grid};
use crate::paired::{CROSSED, Paired, Scores, compare, scores};
use crate::paper::COMPARED_RATIO;
use crate::rounds::ratio_key;
use crate::section::{Content, Made};
use crate::sweep::Sweep;
use slicewise_data::Task;
use std::collections::BTreeMap;

/// `arm` against `rival` at one ratio.
struct Comparison<'a> {
    task: Task,
    ratio: u64,
    /// The later of the two in the order of tables.
    arm: &'a Arm,
    rival: &'a Arm,
    paired: Paired,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let rows = comparisons(sweep);
    let ratio = |row: &Comparison| row.ratio as f64 / 1e6;
    let frame = Columns::of(&rows)
        .task(|r| r.task)
        .real("ratio", ratio)
        .text("strategy", |r| r.arm.name())
        .text("rival", |r| r.rival.name())
        .interval(|r| r.paired.difference)
        .maybe("p", |r| r.paired.p)
        .maybe("p_holm", |r| r.paired.p_holm)
        .count("seeds", |r| r.paired.runs)
        .count("cases", |r| r.paired.cases)
        .count("n", |r| r.paired.difference.n)
        .frame("comparison")?;
    let how = format!(
        "Mean Dice of the first strategy minus the second's on the same Part B case and seed. \
         {CROSSED} Holm's correction is over all pairs of strategies of a task at a ratio. The \
         page shows one ratio a task; tables/comparison.csv has every one."
    );
    let shown = shown_ratios(&rows);
    let grid = Grid::of(&rows, how)
        .column("strategy", Format::Words, |r| r.arm.label())
        .column("minus", Format::Words, |r| r.rival.label())
        .column("task", Format::Words, |r| r.task.label())
        .column("slices", Format::Ratio, ratio)
        .column("difference", Format::Difference, |r| r.paired.difference)
        .column("interval", Format::Ends, |r| r.paired.difference)
        .column("p", Format::P, |r| r.paired.p)
        .column("p, Holm", Format::P, |r| r.paired.p_holm)
        .column("seeds", Format::Decimals(0), |r| r.paired.runs)
        .column("cases", Format::Decimals(0), |r| r.paired.cases)
        .on_page(|r| shown[&r.task] == r.ratio);
    Ok(Some(Content::table(frame, vec![grid.grid()])))
}

/// Makes the comparisons, sorted by task, ratio, rival and strategy.
fn comparisons<'a>(sweep: &'a Sweep) -> Vec<Comparison<'a>> {
    let mut groups: BTreeMap<(Task, u64), Vec<(&Arm, Scores)>> = BTreeMap::new();
    for round in sweep.primary().filter(|round| round.arm.is_strategy()) {
        let group = groups.entry((round.task, ratio_key(round.ratio))).or_default();
        group.push((&round.arm, scores([round])));
    }
    let mut all = Vec::new();
    for ((task, ratio), arms) in &groups {
        let pairs = arms.iter().enumerate().flat_map(|(place, (rival, theirs))| {
            let later = arms[place + 1..].iter();
            later.map(move |(arm, ours)| ((*arm, *rival), ours, theirs))
        });
        all.extend(compare(pairs).into_iter().map(|((arm, rival), paired)| Comparison {
            task: *task,
            ratio: *ratio,
            arm,
            rival,
            paired,
        }));
    }
    all
}

/// Chooses the ratio of each task that a page has room for: the paper's, else the largest.
fn shown_ratios(rows: &[Comparison]) -> BTreeMap<Task, u64> {
    let wanted = ratio_key(COMPARED_RATIO);
    let mut ratios: BTreeMap<Task, u64> = BTreeMap::new();
    for row in rows {
        let best = ratios.entry(row.task).or_insert(row.ratio);
        *best = [*best, row.ratio].into_iter().max_by_key(|&r| (r == wanted, r)).unwrap_or(*best);
    }
    ratios
}
