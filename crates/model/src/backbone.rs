//! Encoder and decoder of the 3D U-Net (Çiçek et al. 2016, arXiv 1606.06650), which the plain and
//! the attention U-Net share.
//!
//! Deviations from the source: padded convolutions, so that output and input have one shape;
//! instance or group instead of batch normalisation; leaky rectifiers; width doubles once a
//! level.

use crate::attention::AttentionBlock;
use crate::config::{ModelConfig, Norm};
use crate::layers::{DoubleConvolution, Scope, Upsampling};
use tch::Tensor;

/// Encoder and decoder with skip connections: everything but the last convolution.
pub(crate) struct Backbone {
    /// From full resolution down; the last is the bottleneck.
    encoder: Vec<DoubleConvolution>,
    /// From the coarsest but one up to full resolution.
    decoder: Vec<(Upsampling, DoubleConvolution)>,
    /// After the bottleneck and each decoder block but the last, whose features go to the head;
    /// empty without attention.
    attention: Vec<AttentionBlock>,
}

impl Backbone {
    /// With `attention`, the features of each level below full resolution are recalibrated on
    /// the way up; at full resolution the head does it.
    pub(crate) fn new(scope: &Scope, config: &ModelConfig, attention: bool) -> Self {
        let width = |level: usize| (config.base_width << level) as i64;
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
                    scope
                        .sub("upsampling")
                        .upsampling(width(level + 1), width(level)),
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
            decoder,
            attention,
        }
    }

    /// Images `[N, 1, D, H, W]` → last decoder features `[N, base_width, D, H, W]`.
    pub(crate) fn forward(&self, images: &Tensor) -> Tensor {
        let recalibrate = |stage: usize, features: Tensor| match self.attention.get(stage) {
            Some(block) => block.forward(&features),
            None => features,
        };
        let mut skips: Vec<Tensor> = Vec::with_capacity(self.encoder.len());
        for block in &self.encoder {
            let features = match skips.last() {
                None => block.forward(images),
                Some(finer) => {
                    let halved =
                        finer.max_pool3d([2, 2, 2], [2, 2, 2], [0, 0, 0], [1, 1, 1], false);
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
