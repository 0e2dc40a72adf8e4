//! Volumes with geometry, NIfTI, dataset layouts, preprocessing, phantoms and slice annotations.

pub mod case;
pub mod volume;

pub use case::{Case, Part, Task, TaskData};
pub use volume::{Geometry, Image, LabelMap, Volume};
