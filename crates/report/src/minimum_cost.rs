//! How few slices are enough? The smallest ratio at which a strategy is as good as full
//! annotation, which the paper's Fig. 5 stars.
//!
//! The paper does not say by which rule. Ours: Part B Dice is compared with full annotation's on
//! the same case and seed, and the mean difference may not fall more than [a margin](crate::sweep::Sweep::margin) below 0.
//! A stricter rule stands beside it: the lower end of the difference's interval may not. Full
//! annotation is the round with exactly as many training steps as the point. A strategy with a point
//! that has none such has no minimum cost: a lower ratio might have reached it.

use crate::paired::Compared;
use crate::prelude::*;

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
