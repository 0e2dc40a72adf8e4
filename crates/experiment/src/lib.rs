//! Sweeps: plan, round loop, records, ledger and resuming. This crate knows a [`Segmenter`], not
//! tch.

mod analysis;
mod asked;
mod choice;
pub mod error;
pub mod evaluation;
pub mod folder;
pub mod holder;
pub mod ledger;
mod leftovers;
pub mod lock;
pub mod losses;
pub mod manifest;
pub mod packed;
pub mod pictures;
pub mod place;
pub mod plan;
mod query;
pub mod record;
mod restore;
pub mod results;
mod round_loop;
pub mod rounds;
pub mod run;
mod schema;
pub mod seed;
mod start;
mod steps;
pub mod training;

pub use analysis::{Effort, Endpoint};
pub use asked::{Asked, Need, QueryBudget, StrategyPlan};
pub use choice::{Ratio, Strategies, StrategyName};
pub use error::ExperimentError;
pub use folder::{ResultsFolder, replace};
pub use holder::Holder;
pub use lock::FolderLock;
pub use manifest::{DataManifest, Manifest};
pub use plan::{Run, StopRule, TaskPlan};
pub use record::{CaseRecord, QueryRecord, RoundRecord};
pub use results::Results;
pub use run::{Observer, PreparedRun};
pub use slicewise_core::{Segmenter, SegmenterError, TrainingCase};
pub use start::{Start, staggered_phase};
pub use steps::{Round, StepPlan};
pub use training::{RoundTraining, Trained};
