//! How few slices are enough? The smallest ratio at which a strategy is as good as full
//! annotation, which the paper's Fig. 5 stars.
//!
//! The paper does not say by which rule. Ours: Part B Dice is compared with full annotation's on
//! the same case and seed, and the mean difference may not fall more than [`cost_margin`] below 0.
//! A stricter rule stands beside it: the lower end of the difference's interval may not. Cases
//! are what the interval resamples, after averaging a case's seeds: it says what other unseen
//! cases would change, not what other seeds would.

use crate::arm::Arm;
use crate::paired::{RESAMPLES, Scores, differences, scores};
use crate::rounds::{Point, Round, mean};
use slicewise_data::{Agreement, Part, Task};
use slicewise_experiment::seed::generator;
use slicewise_metrics::{Interval, bootstrap_interval};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Its Dice minus full annotation's: mean, and 95 % bootstrap interval over cases.
    pub(crate) difference: Interval,
    /// Seeds that both have.
    pub(crate) seeds: usize,
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

/// Compares a point with full annotation; `None` if they share no case and seed.
fn reached(ours: &Scores, full: &Scores, point: &Point) -> Option<Reached> {
    let pairs = differences(ours, full);
    let seeds: BTreeSet<u64> = pairs.keys().map(|(seed, _)| *seed).collect();
    let mut by_case: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for ((_, case), difference) in &pairs {
        by_case.entry(case).or_default().push(*difference);
    }
    let cases = by_case.values().filter_map(|seeds| mean(seeds.iter().copied()));
    let cases: Vec<f64> = cases.collect();
    let mean = mean(cases.iter().copied())?;
    let alone = Interval { mean, low: None, high: None, n: cases.len() };
    let mut rng = generator(0, &["minimum-cost"]);
    Some(Reached {
        point: point.clone(),
        // Refused for a single case only, which has no interval.
        difference: bootstrap_interval(&cases, 0.95, RESAMPLES, &mut rng).unwrap_or(alone),
        seeds: seeds.len(),
    })
}
