//! What can go wrong in this crate.

use slicewise_core::UnknownName;
use std::path::PathBuf;

/// A failure of the model: of its configuration, its data, the training or a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No network of that name.
    #[error(transparent)]
    UnknownArchitecture(#[from] UnknownName),
    /// A hyperparameter out of range.
    #[error("{field}: expected {expected}, got {got}")]
    Config {
        /// The field's name, dotted as in YAML.
        field: &'static str,
        /// The valid range.
        expected: String,
        /// The value.
        got: String,
    },
    /// A device that does not exist here.
    #[error("device {name:?}: {reason}")]
    Device {
        /// The device asked for.
        name: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// A training volume that cannot be used.
    #[error("training volume {index}: {reason}")]
    TrainingVolume {
        /// Position in the slice of cases.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// No slice of any training volume is annotated.
    #[error("no annotated slice in {cases} training volumes: nothing to learn from")]
    NothingAnnotated {
        /// Training volumes.
        cases: usize,
    },
    /// The training diverged.
    #[error(
        "loss is {loss} at step {step} of {steps}: training diverged; a lower learning_rate or a gradient_clip may help"
    )]
    LossNotFinite {
        /// Step of the round, from 1.
        step: usize,
        /// Steps of the round.
        steps: usize,
        /// The loss.
        loss: f64,
    },
    /// The training diverged in a step whose loss was still finite.
    #[error(
        "weights are not finite after step {step} of {steps}: training diverged; a lower learning_rate or a gradient_clip may help"
    )]
    WeightsNotFinite {
        /// Steps of the round done.
        step: usize,
        /// Steps of the round.
        steps: usize,
    },
    /// A volume with an empty axis.
    #[error("cannot segment an empty volume of shape {shape:?}")]
    EmptyVolume {
        /// Its shape `[D, H, W]`.
        shape: [usize; 3],
    },
    /// A volume to segment with an intensity that is NaN or infinite.
    #[error("volume to segment: expected finite intensities, got {value}")]
    Intensity {
        /// The first of them.
        value: f32,
    },
    /// The checkpoint cannot be read or written.
    #[error("checkpoint {}: {source}", path.display())]
    CheckpointFile {
        /// The file.
        path: PathBuf,
        /// The system's message.
        source: std::io::Error,
    },
    /// The checkpoint is damaged or belongs to another model.
    #[error("checkpoint {}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// Memory of the machine or of its GPU ran out.
    #[error(
        "out of memory: {reason} (a smaller --jobs, training.crop, training.batch or base_width needs less)"
    )]
    OutOfMemory {
        /// libtorch's message, its first line.
        reason: String,
    },
    /// Another failure of libtorch, such as a GPU that is lost.
    #[error("libtorch: {reason}")]
    Libtorch {
        /// libtorch's message, its first line.
        reason: String,
    },
    /// libtorch's failure as tch gives it; what leaves this crate is one of the two above.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}
