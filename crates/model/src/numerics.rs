//! In which arithmetic and memory order feature maps are computed.
//!
//! tch has neither a memory-format argument nor bf16 autocast, so both are done by hand:
//! weights live in contiguous float32 and are cast and reordered on their way into an
//! operation; autograd carries the gradient back to float32.

use crate::config::{Layout, Precision, TrainingConfig};
use tch::{Device, Kind, Tensor};

/// Precision and layout of feature maps `[N, C, D, H, W]`.
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
            channels_last: training.layout == Layout::ChannelsLast,
        }
    }

    /// Whether channels come last in memory.
    pub(crate) fn is_channels_last(self) -> bool {
        self.channels_last
    }

    /// The tensor in the arithmetic of feature maps.
    pub(crate) fn cast(self, tensor: &Tensor) -> Tensor {
        tensor.to_kind(self.kind)
    }

    /// A five-dimensional tensor in the arithmetic and memory order of feature maps.
    pub(crate) fn prepare(self, tensor: &Tensor) -> Tensor {
        self.order(&self.cast(tensor))
    }

    /// The same values in the memory order of feature maps; nothing is copied when they are.
    pub(crate) fn order(self, tensor: &Tensor) -> Tensor {
        if self.channels_last {
            channels_last(tensor)
        } else {
            tensor.contiguous()
        }
    }
}

/// Logits from features of one channel a class: contiguous float32, which the losses and the argmax
/// over classes are fastest on. (Computing the convolution before it in float32 would add a tenth
/// to a training step.)
pub(crate) fn to_logits(features: &Tensor) -> Tensor {
    features.contiguous().to_kind(Kind::Float)
}

/// The same `[N, C, D, H, W]` with its channels last in memory; nothing is copied when they are.
pub(crate) fn channels_last(tensor: &Tensor) -> Tensor {
    tensor
        .permute([0, 2, 3, 4, 1])
        .contiguous()
        .permute([0, 4, 1, 2, 3])
}
