//! What a network is: its entry in the registry, and what it computes of a batch.

use crate::config::ModelConfig;
use crate::layers::Scope;
use crate::slices::Slices;
use tch::{Kind, Tensor};

/// A network that a configuration can name.
pub struct Architecture {
    /// Name in the YAML, in tables and (with underscores) of the source file, in kebab-case.
    pub name: &'static str,
    /// Description of one line for `slicewise list models`.
    pub summary: &'static str,
    /// Whether predictions hold an attention map, and with it a second segmentation (SR2).
    pub has_attention: bool,
    /// Builds the network with fresh weights for `classes` classes, background included.
    pub(crate) build: fn(&Scope, &ModelConfig, classes: i64) -> Box<dyn Network>,
}

/// A network with its weights.
pub(crate) trait Network: Send {
    /// Computes the decoder's last features `[N, F, D, H, W]` of a batch of images.
    ///
    /// `images` has shape `[N, 1, D, H, W]` and the precision and memory order of features
    /// ([`crate::numerics::Numerics`]). D, H and W are multiples of [`ModelConfig::downsampling`].
    fn features(&self, images: &Tensor) -> Tensor;

    /// Computes the output for the chosen `slices` from these features.
    fn head(&self, features: &Tensor, slices: &Slices) -> NetworkOutput;

    /// Computes the output for the chosen `slices` of a batch of images.
    fn forward(&self, images: &Tensor, slices: &Slices) -> NetworkOutput {
        self.head(&self.features(images), slices)
    }
}

/// Output of a network for a batch. All tensors are float32 of shape `[N, classes, D, H, W]`, or
/// `[K, classes, 1, H, W]` when K slices are chosen.
pub(crate) struct NetworkOutput {
    /// Final feature maps. A network with attention recalibrates them. Their softmax gives the
    /// class probabilities, and their argmax is the segmentation SR1.
    pub(crate) maps: Tensor,
    /// Final attention map, if the network has attention.
    pub(crate) attention: Option<AttentionMap>,
}

/// The attention map (AM) of the final feature maps, with one channel per class.
pub(crate) struct AttentionMap {
    /// Values before the activation. The supervision of the attention map acts on them.
    pub(crate) logits: Tensor,
    /// Function from logits to values in (0, 1). It keeps the order of the classes of a voxel, so
    /// the segmentation SR2, the argmax of the values, is also the argmax of the logits.
    pub(crate) activation: MapActivation,
}

/// Function from the logits of an attention map to its values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MapActivation {
    /// Sigmoid of each class by itself.
    Sigmoid,
    /// Softmax: the values sum to 1 over the classes.
    Softmax,
    /// Exponential, because the logits are already the logarithms of the values.
    Exponential,
}

impl AttentionMap {
    /// Computes the values of the map, in (0, 1).
    pub(crate) fn values(&self) -> Tensor {
        match self.activation {
            MapActivation::Sigmoid => self.logits.sigmoid(),
            MapActivation::Softmax => self.logits.softmax(1, Kind::Float),
            MapActivation::Exponential => self.logits.exp(),
        }
    }

    /// Computes the logarithms of the values.
    pub(crate) fn log_values(&self) -> Tensor {
        match self.activation {
            MapActivation::Sigmoid => self.logits.log_sigmoid(),
            MapActivation::Softmax => self.logits.log_softmax(1, Kind::Float),
            MapActivation::Exponential => self.logits.shallow_clone(),
        }
    }
}
