//! Precision and memory order of feature maps.
//!
//! tch has neither a memory-format argument nor bf16 autocast, so this module does both by hand.
//! Weights are stored as contiguous float32. They are cast and reordered right before an
//! operation uses them, and autograd carries the gradient back to float32.

use crate::config::{MemoryFormat, Precision, TrainingConfig};
use slicewise_kernels::channels_last;
use tch::{Device, Kind, Tensor};

/// Precision and memory order of feature maps `[N, C, D, H, W]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numerics {
    kind: Kind,
    channels_last: bool,
}

impl Numerics {
    pub(crate) fn new(training: &TrainingConfig, device: Device) -> Self {
        Self {
            kind: match training.precision.on(device) {
                Precision::Bfloat16 => Kind::BFloat16,
                Precision::Auto | Precision::Float32 => Kind::Float,
            },
            channels_last: training.memory_format == MemoryFormat::ChannelsLast,
        }
    }

    /// Whether features are float32.
    pub(crate) fn is_float32(self) -> bool {
        self.kind == Kind::Float
    }

    /// Whether channels come last in memory.
    pub(crate) fn is_channels_last(self) -> bool {
        self.channels_last
    }

    /// Returns the tensor in the precision of feature maps.
    pub(crate) fn cast(self, tensor: &Tensor) -> Tensor {
        tensor.to_kind(self.kind)
    }

    /// Returns a five-dimensional tensor in the precision and memory order of feature maps.
    pub(crate) fn prepare(self, tensor: &Tensor) -> Tensor {
        self.order(&self.cast(tensor))
    }

    /// Returns the same values in the memory order of feature maps. Copies nothing if the tensor
    /// has this order already.
    pub(crate) fn order(self, tensor: &Tensor) -> Tensor {
        if self.channels_last {
            channels_last(tensor)
        } else {
            tensor.contiguous()
        }
    }
}

/// Turns features with one channel per class into logits: contiguous float32, the fastest form for
/// the losses and the argmax over classes. (Computing the convolution before it in float32 would
/// lengthen a training step by a tenth.)
pub(crate) fn to_logits(features: &Tensor) -> Tensor {
    features.contiguous().to_kind(Kind::Float)
}
