//! What all crates share, without any heavy dependency: tasks, cases, volumes and their place in
//! space, predictions, the [`Segmenter`] trait; names with a hint, whole-file writes, hashes; programs of
//! the user's own that answer questions, and the array files that they are given.

pub mod case;
pub mod definition;
pub mod hash;
pub mod matrix;
pub mod names;
pub mod npy;
pub mod orientation;
pub mod prediction;
pub mod process;
pub mod segmenter;
pub mod task;
pub mod volume;
pub mod write;

pub use case::{Case, IGNORE, IntensityScale, Part, TaskData};
pub use definition::{Agreement, Labels, SliceAxis, TaskDefinition};
pub use names::{UnknownName, nearest};
pub use orientation::StoredAxes;
pub use prediction::{Prediction, Wanted};
pub use process::Process;
pub use segmenter::{Segmenter, SegmenterError, TrainingCase};
pub use task::{BadTaskName, LONGEST_NAME, Task};
pub use volume::{Geometry, Image, LabelMap, Volume};
pub use write::write_whole;
