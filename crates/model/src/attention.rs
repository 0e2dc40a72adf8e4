//! Attention blocks: a channel path (CAM) beside a spatial path (SAM).
//!
//! Source: Zhang et al. 2019, section 2.1. CAM: global pooling → small bottleneck → one weight
//! a channel. SAM: a 3×3×3 convolution. Their combination, the attention map (AM), multiplies
//! the feature maps (FMs).
//!
//! The paper leaves open what follows; our choices: the bottleneck halves the channels; inside
//! the network SAM has one channel a FM and the AM is σ(CAM + SAM); the final AM has one channel a class and is configurable
//! ([`HeadConfig`]). CAM pools over whatever is passed in, a crop in training and a volume (or
//! tile) in prediction.

use crate::architecture::{AttentionMap, MapActivation, NetworkOutput};
use crate::config::{Activation, Combine, HeadConfig, Paths, Recalibration, Source};
use crate::layers::{Convolution, Scope};
use crate::numerics::to_logits;
use crate::slices::Slices;
use tch::Tensor;

/// First value of SAM's bias: σ(2) = 0.88, so that a fresh network passes its features on nearly
/// whole and learns like a plain U-Net until its attention has something to say. The same for
/// every class, so it changes neither SR2 nor the supervision of the final AM.
const OPEN_GATE: f64 = 2.0;

/// CAM: global pooling → bottleneck → one logit a channel.
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

    /// `[N, inputs, D, H, W]` → float32 logits `[N, outputs, 1, 1, 1]`.
    fn forward(&self, features: &Tensor) -> Tensor {
        let pooled = features.mean_dim([2, 3, 4].as_slice(), true, tch::Kind::Float);
        self.excite
            .forward_float32(&self.squeeze.forward_float32(&pooled).relu())
    }
}

/// The AM of one level of the network and its product with the features.
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

    /// Features `[N, channels, D, H, W]`, recalibrated: features × σ(CAM + SAM).
    pub(crate) fn forward(&self, features: &Tensor) -> Tensor {
        let channel = self.channel.forward(features).to_kind(features.kind());
        let spatial = self.spatial.forward(features);
        features * (spatial + channel).sigmoid()
    }
}

/// The last block: final FMs, one a class, recalibrated by the final AM, one channel a class.
pub(crate) struct AttentionHead {
    maps: Convolution,
    channel: Option<ChannelAttention>,
    spatial: Option<Convolution>,
    config: HeadConfig,
}

impl AttentionHead {
    /// `width`: channels of the last decoder features.
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

    /// Last decoder features `[N, width, D, H, W]` → maps and AM of `slices`.
    pub(crate) fn forward(&self, features: &Tensor, slices: &Slices) -> NetworkOutput {
        let (maps, source) = match self.config.source {
            Source::LastDecoder => (
                self.maps.forward(&slices.of(features)),
                features.shallow_clone(),
            ),
            // CAM pools all of them.
            Source::FinalMaps => {
                let maps = self.maps.forward(features);
                (slices.of(&maps), maps)
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

    fn multiplies(&self) -> bool {
        self.config.combine == Combine::Product
    }

    /// The AM's logits of `slices` from its source, float32; `[…, 1, 1, 1]` from CAM alone.
    fn logits(&self, source: &Tensor, slices: &Slices) -> Tensor {
        let channel = |path: &ChannelAttention| slices.of_constant(&path.forward(source));
        let spatial = |path: &Convolution| to_logits(&slices.of_convolved(path, source));
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
