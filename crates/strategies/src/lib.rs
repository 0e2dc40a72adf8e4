//! Query strategies: rules that choose the slices to annotate next.
//!
//! Each strategy is one file and one line in the [`registry`]. A strategy sees predictions and
//! geometry, and ground truth only if it declares itself an oracle. CONTRIBUTING.md explains how to
//! add one.

pub mod budget;
pub mod registry;
pub mod strategy;

pub use budget::target_slices;
pub use registry::{STRATEGIES, find};
pub use slicewise_core::Prediction;
pub use strategy::{CaseView, Choice, QueryStrategy, StrategyError, highest, one_by_one};
