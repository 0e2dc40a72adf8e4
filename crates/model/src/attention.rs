//! Attention blocks: a channel path (CAM) in parallel with a spatial path (SAM).
//!
//! Source: Zhang et al. 2019, section 2.1. CAM is global pooling, a small bottleneck and one
//! weight per channel. SAM is a 3×3×3 convolution. Together they form the attention map (AM),
//! which multiplies the feature maps (FMs).
//!
//! The paper leaves the details open. Our choices:
//! - The bottleneck halves the number of channels.
//! - Inside the network, SAM has one channel per FM, and the AM is σ(CAM + SAM).
//! - The final AM has one channel per class and is configurable ([`HeadConfig`]).
//! - CAM pools over its whole input: a crop in training, a volume or a tile in prediction.

use crate::architecture::{AttentionMap, MapActivation, NetworkOutput};
use crate::config::{Activation, Combine, HeadConfig, Paths, Recalibration, Source};
use crate::layers::{Convolution, Scope};
use crate::numerics::to_logits;
use crate::slices::Slices;
use tch::Tensor;

/// Initial bias of SAM. Since σ(2) = 0.88, a fresh network hardly weakens its features and learns
/// like a plain U-Net until its attention has learned something. The bias is the same for all
/// classes, so it changes neither SR2 nor the supervision of the final AM.
const OPEN_GATE: f64 = 2.0;

/// Channel attention (CAM): global pooling, a bottleneck, and one logit per channel.
struct ChannelAttention {
    squeeze: Convolution,
    excite: Convolution,
}

impl ChannelAttention {
    fn new(scope: &Scope, inputs: i64, outputs: i64) -> Self {
        let bottleneck = (inputs / 2).max(1);
        Self {
            squeeze: scope.sub("squeeze").convolution(inputs, bottleneck, 1),
            excite: scope.sub("excite").convolution(bottleneck, outputs, 1),
        }
    }

    /// Maps features `[N, inputs, D, H, W]` to float32 logits `[N, outputs, 1, 1, 1]`.
    fn forward(&self, features: &Tensor) -> Tensor {
        let pooled = features.mean_dim([2, 3, 4].as_slice(), true, tch::Kind::Float);
        self.excite
            .forward_float32(&self.squeeze.forward_float32(&pooled).relu())
    }
}

/// Attention block of one level: computes an AM from the features and multiplies them by it.
pub(crate) struct AttentionBlock {
    channel: ChannelAttention,
    spatial: Convolution,
}

impl AttentionBlock {
    pub(crate) fn new(scope: &Scope, channels: i64) -> Self {
        Self {
            channel: ChannelAttention::new(&scope.sub("channel"), channels, channels),
            spatial: scope
                .sub("spatial")
                .biased_convolution(channels, channels, 3, OPEN_GATE),
        }
    }

    /// Recalibrates features `[N, channels, D, H, W]`: returns features × σ(CAM + SAM), of the
    /// same shape.
    pub(crate) fn forward(&self, features: &Tensor) -> Tensor {
        let channel = self.channel.forward(features).to_kind(features.kind());
        let spatial = self.spatial.forward(features);
        features * (spatial + channel).sigmoid()
    }
}

/// Last block of the network: computes the final FMs, one per class, and recalibrates them by the
/// final AM, which has one channel per class.
pub(crate) struct AttentionHead {
    maps: Convolution,
    channel: Option<ChannelAttention>,
    spatial: Option<Convolution>,
    config: HeadConfig,
}

impl AttentionHead {
    /// Creates the block. `width` is the number of channels of the last decoder features.
    pub(crate) fn new(scope: &Scope, width: i64, classes: i64, config: HeadConfig) -> Self {
        let inputs = match config.source {
            Source::LastDecoder => width,
            Source::FinalMaps => classes,
        };
        Self {
            maps: scope.sub("maps").convolution(width, classes, 1),
            channel: (config.paths != Paths::Spatial)
                .then(|| ChannelAttention::new(&scope.sub("channel"), inputs, classes)),
            spatial: (config.paths != Paths::Channel).then(|| {
                scope
                    .sub("spatial")
                    .biased_convolution(inputs, classes, 3, OPEN_GATE)
            }),
            config,
        }
    }

    /// Computes final feature maps and AM of `slices` from the last decoder features
    /// `[N, width, D, H, W]`.
    pub(crate) fn forward(&self, features: &Tensor, slices: &Slices) -> NetworkOutput {
        let (maps, source) = match self.config.source {
            Source::LastDecoder => (
                self.maps.forward(&slices.select(features)),
                features.shallow_clone(),
            ),
            // CAM pools over all slices, so the maps of all slices are needed.
            Source::FinalMaps => {
                let maps = self.maps.forward(features);
                (slices.select(&maps), maps)
            }
        };
        let maps = to_logits(&maps);
        let logits = if self.config.detached {
            self.logits(&source.detach(), slices)
        } else {
            self.logits(&source, slices)
        };
        let logits = logits.expand_as(&maps);
        let attention = AttentionMap {
            logits,
            activation: match self.config.activation {
                Activation::Sigmoid if self.multiplies() => MapActivation::Exponential,
                Activation::Sigmoid => MapActivation::Sigmoid,
                Activation::Softmax => MapActivation::Softmax,
            },
        };
        let maps = match self.config.recalibration {
            Recalibration::Multiply => maps * attention.values(),
            Recalibration::MultiplyPositive => maps.softplus() * attention.values(),
            Recalibration::MultiplyProbabilities => maps + attention.log_values(),
            Recalibration::None => maps,
        };
        NetworkOutput {
            maps,
            attention: Some(attention),
        }
    }

    /// Whether CAM and SAM are combined by a product, whose logits are logarithms.
    fn multiplies(&self) -> bool {
        self.config.combine == Combine::Product
    }

    /// Computes the float32 logits of the AM for `slices` from its `source` features. With CAM
    /// alone their last three axes have length 1.
    fn logits(&self, source: &Tensor, slices: &Slices) -> Tensor {
        let channel = |path: &ChannelAttention| slices.select_constant(&path.forward(source));
        let spatial = |path: &Convolution| to_logits(&slices.select_convolved(path, source));
        let paths = [
            self.channel.as_ref().map(channel),
            self.spatial.as_ref().map(spatial),
        ];
        paths
            .into_iter()
            .flatten()
            .map(|logits| {
                if self.multiplies() {
                    logits.log_sigmoid()
                } else {
                    logits
                }
            })
            .reduce(|sum, logits| sum + logits)
            .expect("Paths names at least one")
    }
}
