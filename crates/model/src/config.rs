//! Hyperparameters of the networks and of their training.
//!
//! Each default is the value of the paper (Zhang et al. 2019), or its comment says why it differs.
//! The comments of the fields are written for a user who edits a YAML file: each one stands alone.

use crate::architecture;
use crate::error::ModelError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Chooses the network and its size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// Name of the network, one of those that `slicewise list models` prints: `attention-unet`,
    /// `unet` or `v-net`. The default is `attention-unet`, the network of the paper.
    #[schemars(schema_with = "architecture_names")]
    pub architecture: String,
    /// Number of feature maps at full resolution, from 1 to 256. Each coarser level has twice as
    /// many as the next finer one. The paper gives no number. The default, 8, keeps a training
    /// step near 0.1 s on one CPU core.
    pub base_width: usize,
    /// Number of resolutions in the network, from 1 to 7. Full resolution counts as one, and each
    /// further level halves the grid along every axis. The paper gives no number. The default, 4,
    /// is that of the 3D U-Net (Çiçek et al. 2016).
    pub levels: usize,
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
    /// `training.layout`, so that one sweep can compare two orders. The default is none: the
    /// network uses `training.layout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
}

/// The names of [`crate::ARCHITECTURES`].
fn architecture_names(_: &mut SchemaGenerator) -> Schema {
    let names = crate::ARCHITECTURES.iter().map(|entry| entry.name);
    json_schema!({"type": "string", "enum": names.collect::<Vec<_>>()})
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            architecture: "attention-unet".to_owned(),
            base_width: 8,
            levels: 4,
            norm: Norm::default(),
            head: HeadConfig::default(),
            precision: None,
            layout: None,
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
/// held out of Part A (EXPERIMENTS.md). An AM whose gradients do not reach the features below it
/// gives a better segmentation, and its predicted Dice P is closer to the real Dice R. Multiplying
/// class *probabilities* is what a map of values in (0, 1) means. The literal reading of the paper
/// is `source: final-maps, recalibration: multiply, supervision: 0, detached: false`.
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

/// How the network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Optimisation algorithm: `adamw`, `sgd` or `muon`. The paper uses SGD. The default is
    /// `adamw`, which makes faster progress in the few hundred steps that a CPU can afford
    /// (EXPERIMENTS.md).
    pub algorithm: Algorithm,
    /// Learning rate before `schedule` and `warm_up` act on it, a number above 0. The default is
    /// 0.004, for AdamW. The paper uses 0.001, for SGD and its own long schedule. In a few hundred
    /// steps SGD needs 0.15.
    pub learning_rate: f64,
    /// Share of the running mean of gradients (of the running sum, with SGD) that each step keeps,
    /// from 0 to below 1. The default is 0.9, as in the paper.
    pub momentum: f64,
    /// Strength of weight decay, a number from 0. Each step shrinks the weights in proportion to
    /// it and to the learning rate. The default is 1e-4, as in the paper.
    pub weight_decay: f64,
    /// Number of crops in each training step, at least 1. The default is 2, as in the paper.
    pub batch: usize,
    /// Size of a training crop `[D, H, W]` in voxels, depth (the sliced axis) first. Each size is
    /// a multiple of `2^(levels - 1)`. The paper gives no size. The default is `[32, 64, 48]`.
    ///
    /// D should be less than the depth of the volumes. Otherwise a crop has only one possible
    /// position along the depth: regularly spaced annotated slices then always fall on the same
    /// rows of the coarse grids, and the network does not learn the slices between them.
    ///
    /// Predictions use half-overlapping tiles of this size too, because the feature statistics of
    /// a whole volume (in normalisation and channel attention) differ from those of a crop.
    pub crop: [usize; 3],
    /// How the learning rate changes over the steps of a round: `constant`, `polynomial` or
    /// `cosine`. The default is `constant`, as in the paper.
    pub schedule: Schedule,
    /// Number of first steps over which the learning rate rises in proportion to the step, a whole
    /// number from 0. The steps of a network are counted over all rounds, so a network that is
    /// trained further does not warm up again. The default is 0: no warm-up, as in the paper.
    pub warm_up: usize,
    /// Share of the averaged weights that each step keeps, from 0 to below 1. Predictions use this
    /// exponential moving average of the weights. With 0 they use the weights of the last step, as
    /// in the paper. The default is 0.98, which averages over about 50 steps. This gives the
    /// settling that a constant learning rate lacks, without the restarts of a decaying one.
    pub averaging: f64,
    /// Exponent of the class weights in the cross-entropy, a number from 0. The weight of a class
    /// is (1 / frequency)^power, from its frequency among the annotated voxels, scaled to a mean
    /// of 1 over the classes. With 0 all classes weigh the same. The paper says "weighted
    /// cross-entropy" and leaves the weights open. The default is 0.5: with 0, small tissues are
    /// not learned at all in a short training.
    pub class_weight_power: f64,
    /// Weight of the loss term 1 − soft Dice over the annotated voxels, a number from 0. The
    /// cross-entropy has weight 1. The paper has no such term. The default is 0, which turns it
    /// off.
    pub soft_dice: f64,
    /// Arithmetic of the convolutions: `auto`, `float32` or `bfloat16`. Weights, optimiser,
    /// channel attention, activations of the final map and loss are float32 in either case. The
    /// paper uses 32 bits. The default is `auto`: `bfloat16` where the device computes it faster
    /// than `float32`, else `float32`.
    pub precision: Precision,
    /// Memory order of the feature maps: `contiguous` (as libtorch stores them) or `channels-last`
    /// (all channels of a voxel together). Results differ by rounding alone. The default is
    /// `channels-last`, which is faster.
    pub layout: Layout,
    /// Whether to mirror half of the crops left to right, `true` or `false`. The default is
    /// `false`, because the paper has no augmentation.
    pub flip: bool,
    /// Upper limit of the gradient's Euclidean norm, a number above 0. A longer gradient is scaled
    /// down to it. The default is none: no limit, as in the paper.
    pub gradient_clip: Option<f64>,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            learning_rate: 0.004,
            momentum: 0.9,
            weight_decay: 1e-4,
            batch: 2,
            crop: [32, 64, 48],
            schedule: Schedule::default(),
            warm_up: 0,
            averaging: 0.98,
            class_weight_power: 0.5,
            soft_dice: 0.0,
            precision: Precision::default(),
            layout: Layout::default(),
            flip: false,
            gradient_clip: None,
        }
    }
}

/// Optimisation algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    #[default]
    AdamW,
    /// Stochastic gradient descent with momentum, as in the paper.
    Sgd,
    /// Muon (Jordan et al. 2024): convolution kernels move along their orthogonalised momentum.
    /// All other parameters follow AdamW, at the same learning rate.
    Muon,
}

/// How the learning rate changes over the steps of a round of the experiment. It does not matter
/// how many calls of `train` the round takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The learning rate stays the same, as in the paper.
    #[default]
    Constant,
    /// The learning rate is multiplied by `(1 − step / steps)^0.9`, as in nnU-Net. Each round
    /// starts anew.
    Polynomial,
    /// The learning rate is multiplied by `(1 + cos(π · step / steps)) / 2` (Loshchilov and Hutter
    /// 2017). Each round starts anew.
    Cosine,
}

/// Arithmetic of the convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Chooses [`Bfloat16`](Self::Bfloat16) where the device computes it faster than float32, else
    /// [`Float32`](Self::Float32). [`Precision::fastest_on`] makes the choice.
    #[default]
    Auto,
    /// Floating-point numbers of 32 bits, as in the paper.
    Float32,
    /// Floating-point numbers of 16 bits with the range of float32. The AVX512-BF16 instructions
    /// of AMD multiply them twice as fast as float32, those of Intel half as fast
    /// (`results/bench`). A CPU without such instructions takes almost three times as long.
    Bfloat16,
}

/// Memory order of feature maps. Results differ by rounding alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// `[N, C, D, H, W]` in memory, libtorch's default.
    Contiguous,
    /// `[N, D, H, W, C]` in memory. oneDNN computes faster in this order.
    #[default]
    ChannelsLast,
}

/// Returns an error that names `field` unless `valid` is true.
fn check(
    valid: bool,
    field: &'static str,
    expected: impl Into<String>,
    got: impl std::fmt::Debug,
) -> Result<(), ModelError> {
    if valid {
        return Ok(());
    }
    Err(ModelError::Config {
        field,
        expected: expected.into(),
        got: format!("{got:?}"),
    })
}

impl ModelConfig {
    /// Factor between the finest and the coarsest grid, `2^(levels - 1)`. Volumes are padded to
    /// multiples of it.
    pub fn downsampling(&self) -> usize {
        1 << (self.levels - 1)
    }

    /// Checks the values.
    ///
    /// # Errors
    /// Fails when the architecture is unknown or a number is out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        registry::find(&self.architecture)?;
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
        check(
            self.head.supervision.is_finite() && self.head.supervision >= 0.0,
            "model.head.supervision",
            "a number from 0",
            self.head.supervision,
        )
    }
}

impl TrainingConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// Fails when a number is out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        let finite_from_zero = |value: f64| value.is_finite() && value >= 0.0;
        check(
            self.learning_rate.is_finite() && self.learning_rate > 0.0,
            "training.learning_rate",
            "a number above 0",
            self.learning_rate,
        )?;
        check(
            (0.0..1.0).contains(&self.momentum),
            "training.momentum",
            "0 to below 1",
            self.momentum,
        )?;
        for (field, value) in [
            ("training.weight_decay", self.weight_decay),
            ("training.class_weight_power", self.class_weight_power),
            ("training.soft_dice", self.soft_dice),
        ] {
            check(finite_from_zero(value), field, "a number from 0", value)?;
        }
        check(
            (0.0..1.0).contains(&self.averaging),
            "training.averaging",
            "0 to below 1",
            self.averaging,
        )?;
        check(self.batch > 0, "training.batch", "at least 1", self.batch)?;
        check(
            self.crop.iter().all(|&size| size > 0),
            "training.crop",
            "three sizes above 0",
            self.crop,
        )?;
        check(
            self.gradient_clip
                .is_none_or(|limit| limit.is_finite() && limit > 0.0),
            "training.gradient_clip",
            "a number above 0, or nothing",
            self.gradient_clip,
        )
    }

    /// Returns these settings, with the precision and the layout of `model` where it sets its own.
    pub(crate) fn of_model(&self, model: &ModelConfig) -> Self {
        Self {
            precision: model.precision.unwrap_or(self.precision),
            layout: model.layout.unwrap_or(self.layout),
            ..self.clone()
        }
    }

    /// Checks the values against the network they train.
    ///
    /// # Errors
    /// Fails when either configuration is invalid by itself, or when the crop is not a multiple of
    /// the network's downsampling.
    pub fn validate_for(&self, model: &ModelConfig) -> Result<(), ModelError> {
        model.validate()?;
        self.validate()?;
        let factor = model.downsampling();
        check(
            self.crop.iter().all(|size| size.is_multiple_of(factor)),
            "training.crop",
            format!("multiples of {factor} for {} levels", model.levels),
            self.crop,
        )
    }
}
