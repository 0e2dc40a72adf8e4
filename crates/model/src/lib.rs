//! Networks, loss, training, inference and checkpoints: the only crate that knows tch.
//!
//! The attention-guided 3D U-Net of Zhang et al. 2019 (arXiv 1906.07367, section 2.1) and its
//! rivals, the plain 3D U-Net and V-Net, behind [`TchSegmenter`]. A network is one file and one line in
//! [`ARCHITECTURES`]; a hyperparameter is a field of [`ModelConfig`] or [`TrainingConfig`].
//!
//! Nothing here reads libtorch's global random generator: weights and crops come from ChaCha8
//! streams seeded by the caller, so cells of a sweep may run side by side in one process.

pub mod architecture;
mod attention;
mod attention_unet;
mod checkpoint;
pub mod config;
mod crops;
mod cuda;
mod dispatch;
pub mod environment;
pub mod error;
mod fault;
mod gpu;
mod inference;
pub mod instructions;
mod kernel;
mod kernel_path;
mod layers;
mod loss;
mod muon;
mod numerics;
mod optimizer;
mod precision;
pub mod segmenter;
mod slices;
mod tape;
mod unet;
mod v_net;

pub use architecture::{ARCHITECTURES, Architecture};
pub use config::{
    Activation, Algorithm, Combine, HeadConfig, Layout, ModelConfig, Norm, Paths, Precision,
    Recalibration, Schedule, Source, TrainingConfig,
};
pub use environment::{Environment, choose_device, environment, process_settings, set_threads};
pub use error::ModelError;
pub use gpu::unused_gpu;
pub use instructions::InstructionSet;
pub use kernel_path::kernel_path;
pub use segmenter::{ModelOutput, TchSegmenter, TrainingVolume};
// The runner names a device without depending on tch itself.
pub use tch::Device;
