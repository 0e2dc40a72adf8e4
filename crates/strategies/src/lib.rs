//! Query strategies: which axial slices to annotate next.
//!
//! One file a strategy, one line in the [`registry`]. A strategy sees predictions and geometry;
//! ground truth is not among this crate's types. CONTRIBUTING.md walks through adding one.

pub mod budget;
pub mod registry;
pub mod strategy;

pub use budget::target_slices;
pub use registry::{STRATEGIES, find};
pub use slicewise_core::Prediction;
pub use strategy::{
    CaseView, Choice, QueryStrategy, StrategyError, highest, one_by_one,
};
