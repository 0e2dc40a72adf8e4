//! How few slices are enough? The smallest ratio at which a strategy is as good as full
//! annotation, which the paper's Fig. 5 stars.
//!
//! The paper does not say by which rule. Ours: Part B Dice is compared with full annotation's on
//! the same case and seed, and the mean difference may not fall more than [`Sweep::margin`] below 0.
//! A stricter rule stands beside it: the lower end of the difference's interval may not. Full
//! annotation is the round with exactly as many training steps as the point. A strategy with a point
//! that has none such has no minimum cost: a lower ratio might have reached it.

use crate::arm::Arm;
use crate::error::ReportError;
use crate::paired::{Compared, compare};
use crate::sweep::Sweep;
use slicewise_data::{Part, Task};
use slicewise_metrics::Interval;

/// The rule of the star: the mean difference is within the margin.
pub(crate) const BY_MEAN: &str = "mean";

/// Where one strategy has reached full annotation: the smallest ratio that satisfies a rule.
pub(crate) struct MinimumCost<'a> {
    pub(crate) task: Task,
    pub(crate) arm: Arm,
    /// [`BY_MEAN`], or `interval`: even the lower end of the interval is within the margin.
    pub(crate) rule: &'static str,
    /// The round there, and full annotation with as many steps; `None` if no ratio satisfies it.
    pub(crate) reached: Option<Compared<'a>>,
}

/// Finds the minimum cost of every task, strategy and rule, in the order of tables.
pub(crate) fn minimum_costs<'a>(sweep: &Sweep<'a>) -> Result<Vec<MinimumCost<'a>>, ReportError> {
    let mut costs = Vec::new();
    for task in sweep.tasks() {
        for arm in sweep.strategies() {
            let points = sweep.curve(task, Part::B, &arm).into_iter();
            let equal = points
                .map(|point| Some([point.round, sweep.full(task, Part::B, point.steps)?.round]));
            let equal: Vec<_> = equal.collect::<Option<_>>().unwrap_or_default();
            let rounds = compare(&sweep.observations, &equal, |_| ())?;
            let first = |rule, end: fn(Interval) -> Option<f64>| {
                let near = |value: f64| value >= -sweep.margin(task);
                let reached = rounds.iter().find(|at| end(at.paired.difference).is_some_and(near));
                MinimumCost { task, arm: arm.clone(), rule, reached: reached.copied() }
            };
            if !equal.is_empty() {
                costs.push(first(BY_MEAN, |difference| Some(difference.mean)));
                costs.push(first("interval", |difference| difference.low));
            }
        }
    }
    Ok(costs)
}
