//! Networks, loss, training, inference and checkpoints: the only crate that knows tch.
//!
//! [`TchSegmenter`] trains and runs the attention-guided 3D U-Net of Zhang et al. 2019 (arXiv
//! 1906.07367, section 2.1) and the networks it is compared with, the plain 3D U-Net and V-Net. A
//! network is one file and one line in [`ARCHITECTURES`]. A hyperparameter is a field of
//! [`ModelConfig`] or [`TrainingConfig`].
//!
//! Nothing here reads libtorch's global random generator. Weights and crops come from ChaCha8
//! streams that the caller seeds, so the random numbers of two networks in one process do not
//! disturb each other.

pub mod architecture;
mod attention;
mod backbone;
mod checkpoint;
mod committee;
pub mod config;
mod crops;
mod cuda;
mod dispatch;
pub mod environment;
pub mod error;
mod fault;
mod gpu;
mod inference;
mod kernel_path;
mod layers;
mod loss;
mod muon;
mod numerics;
mod optimizer;
pub mod pooling;
mod precision;
pub mod program;
pub mod registry;
pub mod segmenter;
mod slices;
mod unlabelled;

pub use architecture::Architecture;
pub use committee::CommitteeConfig;
pub use config::{
    Activation, Algorithm, ArchitectureChoice, Combine, HeadConfig, MemoryFormat, ModelConfig,
    Norm, Paths, Precision, ProgramConfig, Recalibration, Schedule, Source, TrainingConfig,
    Unlabelled, UnlabelledMethod,
};
pub use environment::{Environment, choose_device, environment, process_settings, set_threads};
pub use error::ModelError;
pub use gpu::unused_gpu;
pub use kernel_path::kernel_path;
pub use pooling::{Pooling, strides_for};
pub use program::ProgramSegmenter;
pub use registry::ARCHITECTURES;
pub use segmenter::TchSegmenter;
pub use slicewise_kernels::InstructionSet;
// The runner names devices, and should not depend on tch for that.
pub use tch::Device;
