//! What can go wrong in this crate.

use std::path::PathBuf;

/// A failure of the model: of its configuration, its data, the training or a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No network of that name.
    #[error("unknown architecture {name:?}: expected one of {known}")]
    UnknownArchitecture {
        /// The name asked for.
        name: String,
        /// All registered names, comma-separated.
        known: String,
    },
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
        /// Step of this call, from 1.
        step: usize,
        /// Steps of this call.
        steps: usize,
        /// The loss.
        loss: f64,
    },
    /// A volume with an empty axis.
    #[error("cannot segment an empty volume of shape {shape:?}")]
    EmptyVolume {
        /// Its shape `[D, H, W]`.
        shape: [usize; 3],
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
    /// libtorch's own failure, such as being out of memory.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}
