//! How few slices are enough? The smallest ratio at which a strategy is as good as full
//! annotation, which the paper's Fig. 5 stars.
//!
//! The paper does not say by which rule. Ours: Part B Dice is compared with full annotation's on
//! the same case and seed, and the mean difference may not fall more than [`cost_margin`] below 0.
//! A stricter rule stands beside it: the lower end of the difference's interval may not. Full
//! annotation is the round with exactly as many training steps as the point. A strategy with a point
//! that has none such has no minimum cost: a lower ratio might have reached it.

use crate::arm::Arm;
use crate::paired::{Paired, paired};
use crate::rounds::Point;
use crate::sweep::Sweep;
use slicewise_data::{Agreement, Part, Task};
use slicewise_metrics::Interval;

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

/// Finds the minimum costs of every task and strategy of the primary model, in the order of tables.
pub(crate) fn minimum_costs(sweep: &Sweep, margin: &dyn Fn(Task) -> f64) -> Vec<MinimumCost> {
    let mut costs = Vec::new();
    for task in sweep.tasks() {
        for arm in sweep.strategies() {
            let curve = sweep.curve(task, Part::B, &arm);
            let compared = curve.iter().map(|point| against_full(sweep, point));
            let Some(compared) = compared.collect::<Option<Vec<_>>>() else { continue };
            if compared.is_empty() {
                continue;
            }
            let reached: Vec<Reached> = compared.into_iter().flatten().collect();
            let first = |value: fn(Interval) -> Option<f64>| {
                let near = |reached: &&Reached| {
                    value(reached.difference).is_some_and(|value| value >= -margin(task))
                };
                reached.iter().find(near).cloned()
            };
            costs.push(MinimumCost {
                task,
                by_mean: first(|difference| Some(difference.mean)),
                by_interval: first(|difference| difference.low),
                arm,
            });
        }
    }
    costs
}

/// Compares a point with full annotation at equal steps: `None` if there is none, an inner `None` if
/// they share no case and run yet.
fn against_full(sweep: &Sweep, point: &Point) -> Option<Option<Reached>> {
    let full = sweep.full(point.task, Part::B, point.steps)?;
    let compared = paired(&sweep.scores(point), &sweep.scores(full));
    Some(compared.map(|Paired { difference, runs, cases, .. }| Reached {
        point: point.clone(),
        difference,
        seeds: runs,
        cases,
    }))
}
