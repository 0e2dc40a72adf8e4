//! Query strategies: which axial slices to annotate next.
//!
//! One file a strategy, one line in the registry. A strategy sees predictions and geometry;
//! ground truth is not among this crate's types.

pub mod strategy;

pub use strategy::{CaseView, Choice, Prediction, QueryStrategy, StrategyError, highest};
