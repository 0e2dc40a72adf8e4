//! All strategies, one line each.
//!
//! An entry `file::Type` stands for `src/file.rs` and its unit struct; it declares the module and
//! lists the strategy, so nothing else has to be touched. `tests/laws.rs` covers every entry.

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
    ];
}

/// The strategy called `name`.
///
/// # Errors
/// No strategy has that name; the error suggests the nearest.
pub fn find(name: &str) -> Result<&'static dyn QueryStrategy, UnknownName> {
    names::find("strategy", STRATEGIES, |strategy| strategy.name(), name)
}
