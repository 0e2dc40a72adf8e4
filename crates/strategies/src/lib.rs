//! Query strategies: rules that choose the slices to annotate next.
//!
//! Each strategy is one file and one line in the [`registry`]. A strategy sees predictions, images,
//! geometry and the labels drawn so far, and ground truth only if it declares itself an oracle.
//! CONTRIBUTING.md explains how to add one.

mod area;
#[cfg(test)]
mod authors;
pub mod budget;
mod confidence;
pub mod described;
mod features;
mod noise;
pub mod pool;
pub mod program;
pub mod registry;
pub mod sample;
pub mod strategy;
pub mod view;

pub use budget::target_slices;
pub use described::Described;
pub use pool::{Choice, Picks, Pool, Quota};
pub use program::Program;
pub use registry::{STRATEGIES, find};
pub use sample::Sample;
pub use slicewise_core::{Prediction, UnknownName};
pub use strategy::{QueryStrategy, StrategyError};
pub use view::{AnnotatedLabels, CaseView};
