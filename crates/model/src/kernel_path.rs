//! Which code computes a network's finest layers: loops of our own, or libtorch. Sums are added up in
//! another order, so records of one may differ from those of the other in their last digits; a
//! sweep's manifest says which it was.

use crate::config::{ModelConfig, Norm, TrainingConfig};
use crate::numerics::Numerics;
use slicewise_kernels::{convolution, normalisation};
use tch::{Device, Kind, Tensor};

/// The words of a manifest for `model`, trained with `training` on `device`. They are about the
/// layers at full resolution; deeper ones are mostly libtorch's.
pub fn kernel_path(model: &ModelConfig, training: &TrainingConfig, device: Device) -> &'static str {
    if model.architecture.program().is_some() {
        return "its own program";
    }
    if device != Device::Cpu {
        return "libtorch";
    }
    let numerics = Numerics::new(&training.for_model(model), device);
    let width = model.base_width as i64;
    // Two samples: a single one in float32 is a case of its own.
    let features = Tensor::zeros([2, width, 4, 4, 4], (Kind::Float, device));
    let features = numerics.prepare(&features);
    let convolves =
        numerics.is_channels_last() && convolution::takes(&[&features], &[width, width, 3, 3, 3]);
    let normalises = model.norm == Norm::Instance && normalisation::takes(&features);
    match (convolves, normalises) {
        (true, true) => "own convolution and normalisation",
        (true, false) => "own convolution, libtorch's normalisation",
        (false, true) => "libtorch's convolution, own normalisation",
        (false, false) => "libtorch",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MemoryFormat, Precision};
    use slicewise_kernels::InstructionSet;

    #[test]
    fn the_path_follows_memory_format_width_and_device() {
        let training = TrainingConfig {
            precision: Precision::Float32,
            ..TrainingConfig::default()
        };
        let path = |model: &ModelConfig, memory_format, device| {
            let training = TrainingConfig {
                memory_format,
                ..training.clone()
            };
            kernel_path(model, &training, device)
        };
        let model = ModelConfig::default();
        let own = match InstructionSet::available() >= InstructionSet::Avx2 {
            true => "own convolution and normalisation",
            false => "libtorch",
        };
        assert_eq!(path(&model, MemoryFormat::ChannelsLast, Device::Cpu), own);
        assert_eq!(
            path(&model, MemoryFormat::Contiguous, Device::Cpu),
            "libtorch"
        );
        assert_eq!(
            path(&model, MemoryFormat::ChannelsLast, Device::Cuda(0)),
            "libtorch"
        );
        let narrow = ModelConfig {
            base_width: 6,
            ..model
        };
        assert_eq!(
            path(&narrow, MemoryFormat::ChannelsLast, Device::Cpu),
            "libtorch"
        );
    }
}
