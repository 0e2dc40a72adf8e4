//! Hyperparameters of the networks and of their training.
//!
//! Each default is the value of the paper (Zhang et al. 2019), or its comment says why it differs.
//! The comments of the fields are written for a user who edits a YAML file: each one stands alone.

mod architecture;
mod training;
mod unlabelled;

pub use architecture::{ArchitectureChoice, ProgramConfig};
pub use training::{Algorithm, MemoryFormat, Precision, Schedule, TrainingConfig};
pub use unlabelled::{Unlabelled, UnlabelledMethod};

use crate::error::{ModelError, check};
use crate::pooling::{self, Pooling};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Chooses the network and its size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// Name of the network, as `slicewise list models` prints it, such as `attention-unet`, `unet`
    /// or `v-net`; or a program of your own, `{command: [python3, net.py]}`. The default is
    /// `attention-unet`, the network of the paper.
    pub architecture: ArchitectureChoice,
    /// Number of feature maps at full resolution, from 1 to 256. Each coarser level has twice as
    /// many as the next finer one. The paper gives no number. The default, 8, keeps a training
    /// step near 0.1 s on one CPU core.
    pub base_width: usize,
    /// Number of resolutions in the network, from 1 to 7. Full resolution counts as one, and each
    /// further level halves the grid, see `pooling`. The paper gives no number. The default, 4,
    /// is that of the 3D U-Net (Çiçek et al. 2016).
    pub levels: usize,
    /// Which axes are halved from level to level: `auto`, or for each level but the coarsest, finest
    /// first, the strides `[D, H, W]` of 1 or 2, depth (the sliced axis) first, such as
    /// `[[1, 2, 2], [2, 2, 2]]` for three levels. The default is `auto`, as in nnU-Net: an axis is
    /// spared while its voxels (the median of Part A) are twice as long as the shortest or longer.
    /// Cubic voxels are halved along all axes. `manifest.json` says what it came to where an axis was
    /// spared. A sweep that goes on keeps that.
    #[serde(skip_serializing_if = "Pooling::is_auto")]
    #[schemars(schema_with = "pooling::schema")]
    pub pooling: Pooling,
    /// Normalisation after each convolution: `instance`, `group` or `none`. The default is
    /// `instance`, as in nnU-Net. It learned far faster than `group` on real newborns.
    pub norm: Norm,
    /// Settings of the final attention map. Networks without attention ignore them. The fields
    /// below `head` give each default.
    pub head: HeadConfig,
    /// Arithmetic of this network, `auto`, `float32` or `bfloat16`. It overrides
    /// `training.precision`, so that one sweep can compare two precisions. The default is
    /// none: the network uses `training.precision`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Memory order of this network's feature maps, `contiguous` or `channels-last`. It overrides
    /// `training.memory_format`, so that one sweep can compare two orders. The default is none: the
    /// network uses `training.memory_format`. Its former name `layout` is still read.
    #[serde(alias = "layout", skip_serializing_if = "Option::is_none")]
    pub memory_format: Option<MemoryFormat>,
    /// What this network learns from unannotated slices. It overrides `training.unlabelled`, with
    /// the same values, so that one sweep can compare ways of training. The default is none: the
    /// network uses `training.unlabelled`.
    #[serde(
        deserialize_with = "unlabelled::read_own",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "unlabelled::schema")]
    pub unlabelled: Option<Unlabelled>,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            architecture: "attention-unet".into(),
            base_width: 8,
            levels: 4,
            pooling: Pooling::default(),
            norm: Norm::default(),
            head: HeadConfig::default(),
            precision: None,
            memory_format: None,
            unlabelled: None,
        }
    }
}

/// Normalisation of feature maps. It uses the statistics of one sample only, so neither the batch
/// size nor the other crops of a batch matter. Batch normalisation is not offered: its running
/// statistics mean little with two crops per step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Instance normalisation: normalises each feature map by itself, as nnU-Net does.
    #[default]
    Instance,
    /// Group normalisation: normalises groups of at most 8 feature maps together. On real newborns
    /// it learned far more slowly than instance normalisation: the mean Dice after 300 steps was
    /// 0.28 against 0.67 (three babies of Part A held out).
    Group,
    /// No normalisation.
    None,
}

/// How the final attention map (AM) is computed and used. The paper fixes only two things: the
/// AM has two paths, channel attention (CAM) and spatial attention (SAM), and the AM multiplies
/// the final feature maps.
///
/// The defaults come from `experiments/attention-head*.yaml` and earlier experiments on newborns
/// held out of Part A (EXPERIMENTS.md). If no gradients of the AM reach the features below it, the
/// segmentation is better, and P (the agreement of the segmentation with that of the AM) is closer
/// to R (its agreement with the truth). Multiplying class *probabilities* is what a map of values
/// in (0, 1) means. The literal reading of the paper is `source: final-maps, recalibration:
/// multiply, supervision: 0, detached: false`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeadConfig {
    /// Features that the final attention map is computed from: `last-decoder` (the last features
    /// of the decoder) or `final-maps` (the final feature maps, one per class). The paper leaves
    /// it open. The default is `last-decoder`, which gives a second opinion beside the final
    /// feature maps.
    pub source: Source,
    /// Function that turns the logits of the final attention map into its values in (0, 1):
    /// `sigmoid` (each class by itself) or `softmax` (the values of all classes sum to 1). The
    /// paper leaves it open. The default is `sigmoid`.
    pub activation: Activation,
    /// Attention paths of the final attention map: `both`, `channel` (channel attention, CAM,
    /// alone) or `spatial` (spatial attention, SAM, alone). The default is `both`, as in the
    /// paper. The others serve ablations.
    pub paths: Paths,
    /// How channel attention (CAM) and spatial attention (SAM) become one map: `sum` (their logits
    /// are added) or `product` (their sigmoids are multiplied). The paper leaves it open. The
    /// default is `sum`.
    pub combine: Combine,
    /// How the final attention map (AM) acts on the final feature maps (FM): `multiply` (FM × AM,
    /// the literal reading of the paper), `multiply-positive` (softplus(FM) × AM),
    /// `multiply-probabilities` (the class probabilities are multiplied by AM) or `none`. The
    /// default is `multiply-probabilities`: a low value of the map then always weakens its class.
    pub recalibration: Recalibration,
    /// Weight of the attention map's own cross-entropy, a number from 0. This term is computed
    /// from the logits of the final attention map over the annotated voxels and is added to the
    /// segmentation loss. The paper has no such term (weight 0). The default is 1, because without
    /// it the argmax of the attention map (SR2) means little after a short training. While
    /// `detached` is true the term costs the segmentation nothing: it trains the attention map
    /// alone, like the loss of a second network.
    pub supervision: f64,
    /// Whether to stop gradients from the final attention map at its source features, `true` or
    /// `false`. With `true`, the attention map learns from these features but does not train
    /// them. The default is `true`, which gave a better segmentation on held-out newborns
    /// (EXPERIMENTS.md). The literal reading of the paper is `false`.
    pub detached: bool,
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self {
            source: Source::default(),
            activation: Activation::default(),
            paths: Paths::default(),
            combine: Combine::default(),
            recalibration: Recalibration::default(),
            supervision: 1.0,
            detached: true,
        }
    }
}

/// Features that the final attention map is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The last features of the decoder. They give a second opinion beside the final feature maps.
    #[default]
    LastDecoder,
    /// The final feature maps themselves, one per class.
    FinalMaps,
}

/// Function that turns the logits of the attention map into its values in (0, 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Sigmoid: each class has its own value, independent of the other classes.
    #[default]
    Sigmoid,
    /// Softmax: the classes compete, and the values of a voxel sum to 1.
    Softmax,
}

/// Attention paths of the final attention map. The choice serves ablations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Paths {
    /// Channel attention (CAM) in parallel with spatial attention (SAM), as in the paper.
    #[default]
    Both,
    /// CAM alone: one weight per class, the same in every voxel.
    Channel,
    /// SAM alone: one weight per class and voxel, from a 3×3×3 convolution.
    Spatial,
}

/// How channel attention (CAM) and spatial attention (SAM) become one map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// Their logits are added.
    #[default]
    Sum,
    /// Their sigmoids are multiplied, so a value is high only where both are high.
    Product,
}

/// How the attention map (AM) acts on the final feature maps (FM), which are signed logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recalibration {
    /// FM × AM, the literal reading of the paper. An AM near 0 pulls a logit *towards zero*: it
    /// lowers a class with a positive FM, but raises one with a negative FM. The network learns
    /// to live with it.
    Multiply,
    /// softplus(FM) × AM. The first factor is above zero, so a higher AM always favours its class.
    MultiplyPositive,
    /// FM + ln AM. This multiplies the class probabilities by the AM, since the exponential of
    /// the sum is exp(FM) × AM.
    #[default]
    MultiplyProbabilities,
    /// The AM is predicted and supervised, but does not change the FM.
    None,
}

impl ModelConfig {
    /// Returns the strides `[D, H, W]` with which each coarser grid is made, finest first.
    pub(crate) fn strides(&self) -> Vec<[i64; 3]> {
        let strides = self.pooling.strides(self.levels).into_iter();
        strides
            .map(|axes| axes.map(|stride| stride as i64))
            .collect()
    }

    /// Returns the factors `[D, H, W]` between the finest and the coarsest grid, `2^(levels - 1)`
    /// along an axis that is always halved. Volumes are padded to multiples of them.
    pub fn downsampling(&self) -> [usize; 3] {
        let strides = self.pooling.strides(self.levels);
        [0, 1, 2].map(|axis| strides.iter().map(|strides| strides[axis]).product())
    }

    /// Checks the values.
    ///
    /// # Errors
    /// Fails when the architecture is unknown or a number is out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.architecture.validate()?;
        check(
            (1..=256).contains(&self.base_width),
            "model.base_width",
            "1 to 256",
            self.base_width,
        )?;
        check(
            (1..=7).contains(&self.levels),
            "model.levels",
            "1 to 7",
            self.levels,
        )?;
        self.pooling.validate(self.levels)?;
        check(
            self.head.supervision.is_finite() && self.head.supervision >= 0.0,
            "model.head.supervision",
            "a number from 0",
            self.head.supervision,
        )
    }
}
