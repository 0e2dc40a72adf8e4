//! V-Net (Milletari et al. 2016, arXiv 1606.04797), the second network that the paper compares
//! with. Its stages learn a residual of their input, and strided convolutions replace pooling.
//!
//! Deviations from its source, which bring it to the size and cost of the U-Nets:
//! - A stage has two 3×3×3 convolutions instead of one to three of 5×5×5. Two of 3×3×3 have the
//!   receptive field of one of 5×5×5, with 54 weights instead of 125, and each stage is as deep
//!   as those of the U-Nets.
//! - A decoder stage has the width of its level, not twice that. Its first convolution narrows the
//!   joined features, so the stage learns a residual of the upsampled features, not of the joined
//!   ones.
//! - The leaky rectifiers of this crate replace those with learned slopes (PReLU). A normalisation
//!   precedes each rectifier; the source has none. Without it ([`crate::Norm::None`]) the sums
//!   grow from stage to stage: with 4 levels on the small volume of the law tests, a learning rate
//!   of 0.08 diverged, while it did not for the U-Net.
//! - `base_width` and `levels` come from the configuration (16 and 5 in the source), and so does
//!   the loss (soft Dice in the source).
//!
//! The table gives the number of parameters at equal width and levels with 9 classes. The last
//! column is the shortest training step at width 8 with 4 levels (two crops of 32×64×48, bf16,
//! one thread; `--example speed`).
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

/// Entry in the registry of networks.
pub(crate) const ARCHITECTURE: Architecture = Architecture {
    name: "v-net",
    summary: "V-Net (Milletari et al. 2016): no attention, so no attention-guided query",
    has_attention: false,
    build: |scope, config, classes| Box::new(VNet::new(scope, config, classes)),
};

struct VNet {
    first: DoubleConvolution,
    /// Encoder stages from half resolution down to the bottleneck.
    encoder: Vec<EncoderStage>,
    /// Decoder stages from the second coarsest level up to full resolution.
    decoder: Vec<DecoderStage>,
    maps: Convolution,
}

impl VNet {
    fn new(scope: &Scope, config: &ModelConfig, classes: i64) -> Self {
        let width = |level: usize| (config.base_width << level) as i64;
        let strides = config.strides();
        let encoder = (1..config.levels)
            .map(|level| {
                let scope = scope.sub(format!("encoder{level}"));
                EncoderStage {
                    downsampling: scope.sub("downsampling").downsampling(
                        width(level - 1),
                        width(level),
                        strides[level - 1],
                    ),
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
                    upsampling: scope.sub("upsampling").upsampling(
                        width(level + 1),
                        width(level),
                        strides[level],
                    ),
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
    fn features(&self, images: &Tensor) -> Tensor {
        // The residual of the first stage adds the image to each feature map.
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
        features
    }

    fn head(&self, features: &Tensor, slices: &Slices) -> NetworkOutput {
        NetworkOutput {
            maps: to_logits(&self.maps.forward(&slices.select(features))),
            attention: None,
        }
    }
}

/// Encoder stage of one level: halves the grid, then learns a residual.
struct EncoderStage {
    downsampling: Convolution,
    norm: Normalisation,
    residual: DoubleConvolution,
}

impl EncoderStage {
    /// Maps features `[N, C, 2D, 2H, 2W]` to features `[N, 2C, D, H, W]`.
    fn forward(&self, finer: &Tensor) -> Tensor {
        let halved = self.norm.leaky_relu(&self.downsampling.forward(finer));
        self.residual.residual(&[&halved], &halved)
    }
}

/// Decoder stage of one level: doubles the grid, joins the encoder's features, then learns a
/// residual.
struct DecoderStage {
    upsampling: Upsampling,
    norm: Normalisation,
    residual: DoubleConvolution,
}

impl DecoderStage {
    /// Maps coarser features `[N, 2C, D, H, W]` and the encoder's features `skip`
    /// `[N, C, 2D, 2H, 2W]` to features of the shape of `skip`.
    fn forward(&self, coarser: &Tensor, skip: &Tensor) -> Tensor {
        let doubled = self.norm.leaky_relu(&self.upsampling.forward(coarser));
        self.residual.residual(&[skip, &doubled], &doubled)
    }
}
