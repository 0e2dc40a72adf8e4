//! How few slices are enough? The smallest ratio at which a strategy is as good as full
//! annotation, which the paper's Fig. 5 stars.
//!
//! The paper does not say by which rule. Ours: Part B Dice is compared with full annotation's on
//! the same case and seed, and the mean difference may not fall more than [`cost_margin`] below 0.
//! A stricter rule stands beside it: the lower end of the difference's interval may not.

use crate::arm::Arm;
use crate::paired::{Paired, Scores, paired, scores};
use crate::rounds::{Point, Round};
use slicewise_data::{Agreement, Part, Task};
use slicewise_metrics::Interval;
use std::collections::BTreeSet;

/// Where one strategy has reached full annotation.
#[derive(Debug, Clone)]
pub(crate) struct MinimumCost {
    pub(crate) task: Task,
    pub(crate) arm: Arm,
    /// The star: the mean difference is within the margin.
    pub(crate) by_mean: Option<Reached>,
    /// Even the lower end of the interval is.
    pub(crate) by_interval: Option<Reached>,
}

/// The smallest ratio that satisfies a rule.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    /// The strategy's point on Part B.
    pub(crate) point: Point,
    /// Its Dice minus full annotation's: mean, and 95 % interval for random runs and cases.
    pub(crate) difference: Interval,
    /// Runs that both have.
    pub(crate) seeds: usize,
    /// Cases that both have.
    pub(crate) cases: usize,
}

/// How far below full annotation's Dice still counts as having reached it. The margins are ours,
/// a little above what two seeds of full annotation differ by in the paper's tasks. Of another task
/// that is not known before it has run, so it takes that of the paper's task with the same measure.
pub(crate) fn cost_margin(agreement: Agreement) -> f64 {
    match agreement {
        Agreement::Dice => 0.005,
        Agreement::Accuracy => 0.01,
    }
}

/// Finds the minimum costs of every task that has full annotation and of every strategy, in the
/// order of tables; `rounds` are the primary model's, and `points` are theirs.
pub(crate) fn minimum_costs(
    rounds: &[&Round],
    points: &[Point],
    margin: &dyn Fn(Task) -> f64,
) -> Vec<MinimumCost> {
    let arms: BTreeSet<(Task, &Arm)> =
        rounds.iter().map(|round| (round.task, &round.arm)).collect();
    let point = |round: &Round| {
        let mut points = points.iter().filter(|point| point.part == Part::B);
        let key = (round.task, &round.arm, round.ratio);
        points.find(|point| (point.task, &point.arm, point.ratio) == key)
    };
    let mut costs = Vec::new();
    for (task, arm) in arms {
        let of = |arm: &Arm| {
            let rounds = rounds.iter().copied();
            rounds.filter(|round| round.task == task && round.arm == *arm).collect::<Vec<_>>()
        };
        let (full, own) = (scores(of(&Arm::Full)), of(arm));
        if !arm.is_strategy() || full.is_empty() || !own.iter().any(|r| point(r).is_some()) {
            continue;
        }
        let curve = of(&Arm::First).into_iter().chain(own);
        let reached: Vec<Reached> =
            curve.filter_map(|round| reached(&scores([round]), &full, point(round)?)).collect();
        let first = |value: fn(Interval) -> Option<f64>| {
            let near = |reached: &&Reached| {
                value(reached.difference).is_some_and(|value| value >= -margin(task))
            };
            reached.iter().find(near).cloned()
        };
        costs.push(MinimumCost {
            task,
            arm: arm.clone(),
            by_mean: first(|difference| Some(difference.mean)),
            by_interval: first(|difference| difference.low),
        });
    }
    costs
}

/// Compares a point with full annotation; `None` if they share no case and run.
fn reached(ours: &Scores, full: &Scores, point: &Point) -> Option<Reached> {
    let Paired { difference, runs, cases, .. } = paired(ours, full)?;
    Some(Reached { point: point.clone(), difference, seeds: runs, cases })
}
