//! V-Net (Milletari et al. 2016, arXiv 1606.04797), the second of the paper's rivals: stages
//! that learn a residual of their input, strided convolutions instead of pooling.
//!
//! Deviations from its source, so that it is a rival of the U-Nets' size and cost:
//! - Two 3×3×3 convolutions a stage instead of one to three of 5×5×5: two see what one of
//!   5×5×5 sees, with 54 weights for its 125, and each stage is as deep as the U-Nets'.
//! - A decoder stage has its level's width, not twice that. Its first convolution narrows the
//!   joined features, so the residual is that of the upsampled ones, not of the joined ones.
//! - The crate's leaky rectifiers instead of learned slopes (PReLU), and normalisation before
//!   each, which the source has none of. Without ([`crate::Norm::None`]) the sums grow from
//!   stage to stage: with 4 levels on the law tests' small volume, a learning rate of 0.08
//!   diverged where the U-Net's did not.
//! - `base_width` and `levels` are the configuration's (the source's: 16, 5), and so is the loss
//!   (the source's: soft Dice).
//!
//! Trainable numbers at equal width and levels, 9 classes, and the shortest training step at
//! width 8 with 4 levels (two crops of 32×64×48, bf16, one thread; `--example speed`):
//!
//! | network | width 8, 3 levels | width 8, 4 levels | width 16, 4 levels | step |
//! |---|---|---|---|---|
//! | `unet` | 85,409 | 351,233 | 1,402,105 | 0.12 s |
//! | `v-net` | 108,001 | 445,761 | 1,779,321 | 0.14 s |
//! | `attention-unet` | 123,403 | 504,075 | 2,008,891 | 0.16 s |

use crate::architecture::{Architecture, Network, NetworkOutput};
use crate::config::ModelConfig;
use crate::layers::{Convolution, DoubleConvolution, Normalisation, Scope, Upsampling};
use crate::numerics::to_logits;
use crate::slices::Slices;
use tch::Tensor;

/// The registry's entry.
pub(crate) const ARCHITECTURE: Architecture = Architecture {
    name: "v-net",
    summary: "V-Net (Milletari et al. 2016): no attention, so no attention-guided query",
    has_attention: false,
    build: |scope, config, classes| Box::new(VNet::new(scope, config, classes)),
};

struct VNet {
    first: DoubleConvolution,
    /// From half resolution down to the bottleneck.
    encoder: Vec<EncoderStage>,
    /// From the coarsest but one up to full resolution.
    decoder: Vec<DecoderStage>,
    maps: Convolution,
}

impl VNet {
    fn new(scope: &Scope, config: &ModelConfig, classes: i64) -> Self {
        let width = |level: usize| (config.base_width << level) as i64;
        let encoder = (1..config.levels)
            .map(|level| {
                let scope = scope.sub(format!("encoder{level}"));
                EncoderStage {
                    downsampling: scope
                        .sub("downsampling")
                        .downsampling(width(level - 1), width(level)),
                    norm: scope.sub("norm").normalisation(width(level), config.norm),
                    residual: scope.double_convolution(width(level), width(level), config.norm),
                }
            })
            .collect();
        let decoder = (0..config.levels - 1)
            .rev()
            .map(|level| {
                let scope = scope.sub(format!("decoder{level}"));
                DecoderStage {
                    upsampling: scope
                        .sub("upsampling")
                        .upsampling(width(level + 1), width(level)),
                    norm: scope.sub("norm").normalisation(width(level), config.norm),
                    residual: scope.double_convolution(2 * width(level), width(level), config.norm),
                }
            })
            .collect();
        Self {
            first: scope
                .sub("encoder0")
                .double_convolution(1, width(0), config.norm),
            encoder,
            decoder,
            maps: scope.sub("maps").convolution(width(0), classes, 1),
        }
    }
}

impl Network for VNet {
    fn forward(&self, images: &Tensor, slices: &Slices) -> NetworkOutput {
        // The image is added to each feature map of the first stage.
        let mut features = self.first.residual(&[images], images);
        let mut skips = Vec::with_capacity(self.encoder.len());
        for stage in &self.encoder {
            let coarser = stage.forward(&features);
            skips.push(features);
            features = coarser;
        }
        for (stage, skip) in self.decoder.iter().zip(skips.iter().rev()) {
            features = stage.forward(&features, skip);
        }
        NetworkOutput {
            maps: to_logits(&self.maps.forward(&slices.of(&features))),
            attention: None,
        }
    }
}

/// One level of the way down.
struct EncoderStage {
    downsampling: Convolution,
    norm: Normalisation,
    residual: DoubleConvolution,
}

impl EncoderStage {
    /// `[N, C, 2D, 2H, 2W]` → `[N, 2C, D, H, W]`.
    fn forward(&self, finer: &Tensor) -> Tensor {
        let halved = self.norm.leaky_relu(&self.downsampling.forward(finer));
        self.residual.residual(&[&halved], &halved)
    }
}

/// One level of the way up.
struct DecoderStage {
    upsampling: Upsampling,
    norm: Normalisation,
    residual: DoubleConvolution,
}

impl DecoderStage {
    /// `[N, 2C, D, H, W]` and the encoder's `[N, C, 2D, 2H, 2W]` → the latter's shape.
    fn forward(&self, coarser: &Tensor, skip: &Tensor) -> Tensor {
        let doubled = self.norm.leaky_relu(&self.upsampling.forward(coarser));
        self.residual.residual(&[skip, &doubled], &doubled)
    }
}
