//! Sweeps: plan, round loop, records, ledger and resuming. This crate knows a [`Segmenter`], not
//! tch.

pub mod cell;
pub mod error;
pub mod evaluation;
pub mod folder;
pub mod ledger;
mod leftovers;
pub mod lock;
pub mod manifest;
pub mod packed;
pub mod pictures;
pub mod plan;
pub mod record;
mod restore;
pub mod results;
mod round_loop;
mod schema;
pub mod seed;
mod training;

pub use cell::{CellRun, Observer};
pub use error::ExperimentError;
pub use folder::{ResultsFolder, replace};
pub use lock::FolderLock;
pub use manifest::{DataManifest, Manifest};
pub use plan::{Cell, Ratio, Round, StepPlan, StopRule, StrategyName, TaskPlan};
pub use record::{CaseRecord, QueryRecord, RoundRecord};
pub use results::Results;
pub use slicewise_core::{Segmenter, SegmenterError, TrainingCase};
