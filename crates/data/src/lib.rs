//! Volumes with geometry, NIfTI, datasets, preprocessing, phantoms and slice annotations.

pub mod annotation;
mod cache;
mod check;
pub mod config;
pub mod datasets;
pub mod drawn;
pub mod error;
pub mod fault;
pub mod format;
mod grid;
mod grid_cause;
mod grouping;
pub mod line;
pub mod listing;
mod load;
mod mask;
mod missing;
pub mod nifti;
pub mod normalise;
mod nrrd;
pub mod own_grid;
pub mod phantom;
pub mod preprocess;
mod raw_case;
mod resample;
pub mod scan;
mod source;
pub mod spacing;
mod split;
mod survey;
pub mod text;
mod twins;

pub use annotation::{AnnotationError, SliceAnnotation};
pub use check::{Checked, Problem, check_task, examine};
pub use config::{Channel, DataConfig, PhantomConfig};
pub use datasets::{CaseSource, Dataset, Source};
pub use drawn::{Drawing, read_drawing};
pub use error::DataError;
pub use grouping::LabelGrouping;
pub use load::{folds, load_task, notes};
pub use nifti::Position;
pub use normalise::Normalise;
pub use own_grid::{GridError, nearest_on_grid, on_grid};
pub use scan::PreparedScan;
pub use slicewise_core::{
    Agreement, Case, Geometry, Image, IntensityScale, LabelMap, Labels, Part, SliceAxis,
    StoredAxes, Task, TaskData, TaskDefinition, Volume,
};
pub use spacing::Spacing;
pub use survey::{CaseFacts, Survey, survey};
