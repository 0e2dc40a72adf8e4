//! Errors of this crate.

use slicewise_core::UnknownName;
use std::path::PathBuf;

/// A failure of the model. Its cause may be the configuration, the data, the training, a
/// checkpoint or libtorch.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No network has the requested name.
    #[error(transparent)]
    UnknownArchitecture(#[from] UnknownName),
    /// A hyperparameter is out of range.
    #[error("{field}: expected {expected}, got {got}")]
    Config {
        /// Name of the field, with dots between its levels, such as `model.head.supervision`.
        field: &'static str,
        /// The valid range.
        expected: String,
        /// The invalid value.
        got: String,
    },
    /// The requested device does not exist on this machine.
    #[error("device {name:?}: {reason}")]
    Device {
        /// The requested device.
        name: String,
        /// Why the device cannot be used.
        reason: String,
    },
    /// A training volume cannot be used.
    #[error("training volume {index}: {reason}")]
    TrainingVolume {
        /// Index of the volume among the training volumes, from 0.
        index: usize,
        /// What is wrong with the volume.
        reason: String,
    },
    /// No slice of any training volume is annotated.
    #[error("no annotated slice in {cases} training volumes: nothing to learn from")]
    NothingAnnotated {
        /// Number of training volumes.
        cases: usize,
    },
    /// A network that is a program of the user's own failed, or answered wrongly.
    #[error("model `{command}`: {problem}")]
    Program {
        /// The command.
        command: String,
        /// What it was doing, what was expected and what it did.
        problem: String,
    },
    /// The training diverged: the loss of a step is NaN or infinite.
    #[error(
        "loss is {loss} at step {step} of {steps}: training diverged; a lower learning_rate or a gradient_clip may help"
    )]
    LossNotFinite {
        /// The step with this loss, counted from 1 within the round.
        step: usize,
        /// Number of steps of the round.
        steps: usize,
        /// The loss.
        loss: f64,
    },
    /// The training diverged: the weights are NaN or infinite although the loss was still finite.
    #[error(
        "weights are not finite after step {step} of {steps}: training diverged; a lower learning_rate or a gradient_clip may help"
    )]
    WeightsNotFinite {
        /// Number of steps of the round that are done.
        step: usize,
        /// Number of steps of the round.
        steps: usize,
    },
    /// The volume to segment has an axis of length 0.
    #[error("cannot segment an empty volume of shape {shape:?}")]
    EmptyVolume {
        /// Shape `[D, H, W]` of the volume.
        shape: [usize; 3],
    },
    /// The volume to segment has an intensity that is NaN or infinite.
    #[error("volume to segment: expected finite intensities, got {value}")]
    Intensity {
        /// The first such intensity.
        value: f32,
    },
    /// The file of a checkpoint cannot be read or written.
    #[error("checkpoint {}: {source}", path.display())]
    CheckpointFile {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A checkpoint is damaged or belongs to another model.
    #[error("checkpoint {}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// The memory of the machine or of its GPU is exhausted.
    #[error(
        "out of memory: {reason} (a smaller --jobs, training.crop, training.batch or base_width needs less)"
    )]
    OutOfMemory {
        /// First line of libtorch's message.
        reason: String,
    },
    /// libtorch failed in another way, for example because the GPU was lost.
    #[error("libtorch: {reason}")]
    Libtorch {
        /// First line of libtorch's message.
        reason: String,
    },
    /// A failure of libtorch as tch reports it. Public functions of this crate turn it into
    /// [`OutOfMemory`](Self::OutOfMemory) or [`Libtorch`](Self::Libtorch).
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

/// Returns an error that names `field` unless `valid` is true.
pub(crate) fn check(
    valid: bool,
    field: &'static str,
    expected: impl Into<String>,
    got: impl std::fmt::Debug,
) -> Result<(), ModelError> {
    if valid {
        return Ok(());
    }
    Err(ModelError::Config {
        field,
        expected: expected.into(),
        got: format!("{got:?}"),
    })
}
