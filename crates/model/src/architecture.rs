//! What a network is: its entry in the registry, and what it computes of a batch.

use crate::config::ModelConfig;
use crate::layers::Scope;
use crate::slices::Slices;
use tch::{Kind, Tensor};

/// One network that a configuration can name.
pub struct Architecture {
    /// The name in YAML, tables and file: kebab-case.
    pub name: &'static str,
    /// One line for `slicewise list models`.
    pub summary: &'static str,
    /// Whether predictions hold an attention map, and so SR2.
    pub has_attention: bool,
    /// Makes the network with fresh weights for a number of classes.
    pub(crate) build: fn(&Scope, &ModelConfig, classes: i64) -> Box<dyn Network>,
}

/// A network with its weights.
pub(crate) trait Network: Send {
    /// Images `[N, 1, D, H, W]` in the arithmetic of features, each axis a multiple of
    /// [`ModelConfig::downsampling`] → the output of `slices`.
    fn forward(&self, images: &Tensor, slices: &Slices) -> NetworkOutput;
}

/// What a network computes of a batch; all float32 `[N, classes, D, H, W]`, or
/// `[K, classes, 1, H, W]` of K slices.
pub(crate) struct NetworkOutput {
    /// Final feature maps, recalibrated where there is attention. Their softmax is the
    /// segmentation, their argmax SR1.
    pub(crate) maps: Tensor,
    /// The final attention map.
    pub(crate) attention: Option<AttentionMap>,
}

/// The attention map (AM) of the final feature maps, one channel a class.
pub(crate) struct AttentionMap {
    /// What the activation is applied to; what attention supervision acts on.
    pub(crate) logits: Tensor,
    /// From logits to values in (0, 1), monotone over the classes of a voxel: the argmax of
    /// the values, SR2, is the logits'.
    pub(crate) activation: MapActivation,
}

/// From the logits of an attention map to its values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MapActivation {
    /// Each class by itself.
    Sigmoid,
    /// Values sum to 1 over classes.
    Softmax,
    /// The logits are logarithms of the values already.
    Exponential,
}

impl AttentionMap {
    /// The map itself, values in (0, 1).
    pub(crate) fn values(&self) -> Tensor {
        match self.activation {
            MapActivation::Sigmoid => self.logits.sigmoid(),
            MapActivation::Softmax => self.logits.softmax(1, Kind::Float),
            MapActivation::Exponential => self.logits.exp(),
        }
    }

    /// The logarithm of the values.
    pub(crate) fn log_values(&self) -> Tensor {
        match self.activation {
            MapActivation::Sigmoid => self.logits.log_sigmoid(),
            MapActivation::Softmax => self.logits.log_softmax(1, Kind::Float),
            MapActivation::Exponential => self.logits.shallow_clone(),
        }
    }
}
