//! Volumes with geometry, NIfTI, dataset layouts, preprocessing, phantoms and slice annotations.

pub mod annotation;
mod atomic;
mod cache;
pub mod case;
mod check;
pub mod config;
pub mod error;
mod grouping;
pub mod layouts;
mod load;
pub mod nifti;
pub mod orientation;
pub mod phantom;
pub mod preprocess;
mod resample;
mod source;
mod split;
pub mod volume;

pub use annotation::{AnnotationError, SliceAnnotation};
pub use case::{Case, Part, Task, TaskData};
pub use check::{Problem, check_task};
pub use config::{DataConfig, PhantomConfig};
pub use error::DataError;
pub use grouping::LabelGrouping;
pub use layouts::{CaseSource, DatasetLayout, Source};
pub use load::load_task;
pub use orientation::StoredAxes;
pub use volume::{Geometry, Image, LabelMap, Volume};
