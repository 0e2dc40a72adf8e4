//! Volumes with geometry, NIfTI, datasets, preprocessing, phantoms and slice annotations.

pub mod annotation;
mod cache;
mod check;
pub mod config;
pub mod datasets;
pub mod error;
pub mod fault;
pub mod format;
mod grid;
mod grid_cause;
mod grouping;
mod load;
mod mask;
mod missing;
pub mod nifti;
pub mod own_grid;
pub mod phantom;
pub mod preprocess;
mod resample;
mod source;
mod split;
mod survey;

pub use annotation::{AnnotationError, SliceAnnotation};
pub use check::{Inspection, Problem, check_task, inspect_task};
pub use config::{DataConfig, PhantomConfig};
pub use datasets::{CaseSource, Dataset, Source};
pub use error::DataError;
pub use grouping::LabelGrouping;
pub use load::{folds, load_task};
pub use nifti::Position;
pub use own_grid::{GridError, on_grid};
pub use slicewise_core::{
    Agreement, Case, Geometry, Image, LabelMap, Labels, Part, SliceAxis, StoredAxes, Task,
    TaskData, TaskDefinition, Volume,
};
pub use survey::{CaseFacts, Survey, survey};
