//! The registry of strategies, with one line for each.
//!
//! An entry `file::Type` stands for `src/file.rs` and its unit struct. The macro declares the
//! module and lists the strategy, so no other file has to change. `tests/laws.rs` tests every
//! entry.

use crate::QueryStrategy;
use slicewise_core::names::{self, UnknownName};

slicewise_core::registry! {
    pub mod files;
    /// Every strategy, in the order of tables and listings.
    pub const STRATEGIES: dyn QueryStrategy = [
        random::Random,
        equal_interval::EqualInterval,
        uncertainty::Uncertainty,
        attention_guided::AttentionGuided,
        spacing_aware::SpacingAware,
        staggered_interval::StaggeredInterval,
        stratified::Stratified,
        coverage::Coverage,
        class_coverage::ClassCoverage,
        error_coverage::ErrorCoverage,
        class_balanced_area::ClassBalancedArea,
        predicted_foreground_random::PredictedForegroundRandom,
        propagation::Propagation,
        mean_entropy::MeanEntropy,
        margin::Margin,
        least_confidence::LeastConfidence,
        power_entropy::PowerEntropy,
        stochastic_batch::StochasticBatch,
        clasp::Clasp,
        bald::Bald,
        power_bald::PowerBald,
        committee::Committee,
        core_set::CoreSet,
        typiclust::Typiclust,
        prob_cover::ProbCover,
        badge::Badge,
        oracle_lowest_accuracy::OracleLowestAccuracy,
        oracle_most_error::OracleMostError,
        oracle_most_error_spaced::OracleMostErrorSpaced,
        oracle_foreground_random::OracleForegroundRandom,
    ];
}

/// Returns the strategy called `name`.
///
/// # Errors
/// No strategy has that name. The error suggests the most similar one.
pub fn find(name: &str) -> Result<&'static dyn QueryStrategy, UnknownName> {
    names::find("strategy", STRATEGIES, |strategy| strategy.name(), name)
}
