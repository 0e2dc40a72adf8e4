//! How few slices are enough? The smallest ratio at which a strategy is as good as full
//! annotation, which the paper's Fig. 5 stars.
//!
//! The paper does not say by which rule. Ours: Part B Dice is compared with full annotation's on
//! the same case and seed, and the mean difference may not fall more than [`cost_margin`] below 0.
//! A stricter rule stands beside it: the lower end of the difference's interval may not. Full
//! annotation is the round with exactly as many training steps as the point. A strategy with a point
//! that has none such has no minimum cost: a lower ratio might have reached it.

use crate::arm::Arm;
use crate::paired::Paired;
use crate::rounds::Point;
use slicewise_data::{Agreement, Task};
use slicewise_metrics::Interval;

/// A strategy's point on Part B, and its Dice minus full annotation's.
pub(crate) type Reached = (Point, Paired);

/// Where one strategy has reached full annotation: the smallest ratio that satisfies a rule.
#[derive(Debug, Clone)]
pub(crate) struct MinimumCost {
    pub(crate) task: Task,
    pub(crate) arm: Arm,
    /// The star: the mean difference is within the margin.
    pub(crate) by_mean: Option<Reached>,
    /// Even the lower end of the interval is.
    pub(crate) by_interval: Option<Reached>,
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

impl MinimumCost {
    /// Finds the minimum cost of a strategy from its points by rising ratio.
    pub(crate) fn of(task: Task, arm: Arm, points: &[Reached], margin: f64) -> Self {
        let first = |end: fn(Interval) -> Option<f64>| {
            let near = |(_, paired): &&Reached| {
                end(paired.difference).is_some_and(|value| value >= -margin)
            };
            points.iter().find(near).cloned()
        };
        let by_mean = first(|difference| Some(difference.mean));
        let by_interval = first(|difference| difference.low);
        Self { task, arm, by_mean, by_interval }
    }
}
