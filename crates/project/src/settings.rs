//! What the person who began the project decided.

use slicewise_core::{Agreement, SliceAxis, Task};
use slicewise_data::DataConfig;

/// The settings of a project that this crate needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The project's name. Seeds are derived from it as from a task's name, so that a simulated sweep of
    /// a task of this name trains alike.
    pub task: Task,
    /// Names of the classes, background first.
    pub classes: Vec<String>,
    /// The axis that scans are sliced along.
    pub axis: SliceAxis,
    /// How strategies compare two segmentations of a slice.
    pub agreement: Agreement,
    /// How scans are cropped, resampled and normalised. Its data set is not used.
    pub preparation: DataConfig,
    /// Seed of first weights, crops and queries.
    pub seed: u64,
    /// Training steps of a model.
    pub steps: usize,
    /// Steps between two checkpoints.
    pub checkpoint_every: usize,
}
