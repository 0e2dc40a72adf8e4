//! Encoder and decoder of the 3D U-Net (Çiçek et al. 2016, arXiv 1606.06650), which the plain and
//! the attention U-Net share.
//!
//! Deviations from the source:
//! - The convolutions are padded, so that output and input have the same shape.
//! - Instance or group normalisation replaces batch normalisation.
//! - The rectifiers are leaky.
//! - The width doubles once per level.

use crate::attention::AttentionBlock;
use crate::config::{ModelConfig, Norm};
use crate::layers::{DoubleConvolution, Scope, Upsampling};
use tch::Tensor;

/// Encoder and decoder with skip connections: everything but the last convolution.
pub(crate) struct Backbone {
    /// Encoder blocks from full resolution downwards. The last one is the bottleneck.
    encoder: Vec<DoubleConvolution>,
    /// Strides `[D, H, W]` of the pooling before each encoder block but the first.
    strides: Vec<[i64; 3]>,
    /// Decoder blocks from the second coarsest level up to full resolution.
    decoder: Vec<(Upsampling, DoubleConvolution)>,
    /// Attention blocks after the bottleneck and after each decoder block but the last, whose
    /// features go to the head. Empty without attention.
    attention: Vec<AttentionBlock>,
}

impl Backbone {
    /// Creates encoder and decoder. With `attention`, the decoder recalibrates the features of
    /// each level coarser than full resolution. At full resolution the head does this.
    pub(crate) fn new(scope: &Scope, config: &ModelConfig, attention: bool) -> Self {
        let width = |level: usize| (config.base_width << level) as i64;
        let strides = config.strides();
        let block = |scope: &Scope, inputs, outputs, norm: Norm| {
            scope.double_convolution(inputs, outputs, norm)
        };
        let encoder = (0..config.levels)
            .map(|level| {
                let inputs = if level == 0 { 1 } else { width(level - 1) };
                let scope = scope.sub(format!("encoder{level}"));
                block(&scope, inputs, width(level), config.norm)
            })
            .collect();
        let decoder = (0..config.levels - 1)
            .rev()
            .map(|level| {
                let scope = scope.sub(format!("decoder{level}"));
                (
                    scope.sub("upsampling").upsampling(
                        width(level + 1),
                        width(level),
                        strides[level],
                    ),
                    block(&scope, 2 * width(level), width(level), config.norm),
                )
            })
            .collect();
        let attention = (1..config.levels)
            .rev()
            .filter(|_| attention)
            .map(|level| AttentionBlock::new(&scope.sub(format!("attention{level}")), width(level)))
            .collect();
        Self {
            encoder,
            strides,
            decoder,
            attention,
        }
    }

    /// Maps images `[N, 1, D, H, W]` to the last decoder features `[N, base_width, D, H, W]`.
    pub(crate) fn forward(&self, images: &Tensor) -> Tensor {
        let recalibrate = |stage: usize, features: Tensor| match self.attention.get(stage) {
            Some(block) => block.forward(&features),
            None => features,
        };
        let mut skips: Vec<Tensor> = Vec::with_capacity(self.encoder.len());
        for (level, block) in self.encoder.iter().enumerate() {
            let features = match skips.last() {
                None => block.forward(images),
                Some(finer) => {
                    let stride = self.strides[level - 1];
                    let halved = finer.max_pool3d(stride, stride, [0, 0, 0], [1, 1, 1], false);
                    block.forward(&halved)
                }
            };
            skips.push(features);
        }
        let bottleneck = skips.pop().unwrap_or_else(|| images.shallow_clone());
        self.decoder
            .iter()
            .zip(skips.iter().rev())
            .enumerate()
            .fold(
                recalibrate(0, bottleneck),
                |features, (stage, ((upsample, block), skip))| {
                    let joined = block.forward_parts(&[skip, &upsample.forward(&features)]);
                    recalibrate(stage + 1, joined)
                },
            )
    }
}
