//! Hyperparameters of the networks and of their training.
//!
//! Each default is the paper's value (Zhang et al. 2019) or says why it is another.

use crate::architecture;
use crate::error::ModelError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Which network, and how large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// Name in [`crate::ARCHITECTURES`]. Default `attention-unet`, the paper's.
    #[schemars(schema_with = "architecture_names")]
    pub architecture: String,
    /// Feature maps at full resolution, doubled at each level. The paper gives none; 8 keeps a
    /// training step near 0.1 s on one CPU core.
    pub base_width: usize,
    /// Resolutions, full one included. The paper gives none; 4 is the 3D U-Net's
    /// (Çiçek et al. 2016).
    pub levels: usize,
    /// Normalisation after each convolution.
    pub norm: Norm,
    /// The final attention map; ignored by networks without one.
    pub head: HeadConfig,
    /// [`TrainingConfig::precision`] of this network, where it is another than the training's:
    /// one sweep can then compare two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// [`TrainingConfig::layout`], likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
}

/// The names of [`crate::ARCHITECTURES`].
fn architecture_names(_: &mut SchemaGenerator) -> Schema {
    let names = architecture::ARCHITECTURES.iter().map(|entry| entry.name);
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

/// Normalisation over one sample, so that neither batch size nor other crops matter. Batch
/// normalisation is left out: its running statistics mean little with two crops a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Each feature map by itself (nnU-Net's).
    #[default]
    Instance,
    /// Groups of at most 8 feature maps together. On real newborns it learned far slower: mean
    /// Dice 0.28 against 0.67 after 300 steps (three Part A babies held out).
    Group,
    /// None.
    None,
}

/// How the final attention map (AM) is computed and used. The paper leaves all of it open but
/// the two paths and the multiplication.
///
/// The defaults come from `experiments/attention-head*.yaml` and what went before them on
/// newborns held out of Part A (EXPERIMENTS.md): an AM that learns on features it does not teach
/// leaves the segmentation better and P closer to R, and multiplying class *probabilities* is
/// what a map of values in (0, 1) means. The paper to the letter is `source: final-maps,
/// recalibration: multiply, supervision: 0, detached: false`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeadConfig {
    /// What the AM is computed from.
    pub source: Source,
    /// From the AM's logits to its values in (0, 1).
    pub activation: Activation,
    /// Which of CAM and SAM there are.
    pub paths: Paths,
    /// How CAM and SAM are combined.
    pub combine: Combine,
    /// How the AM acts on the final feature maps.
    pub recalibration: Recalibration,
    /// Weight of the cross-entropy of the AM's logits over annotated voxels, beside the
    /// segmentation loss. Not in the paper (0); without it the argmax of the AM (SR2) means
    /// little after a short training. While the AM is detached it is a second network's own loss,
    /// so its full weight costs the segmentation nothing.
    pub supervision: f64,
    /// Whether the AM's path takes its source as it is, without teaching it: no gradient of the
    /// AM reaches the features below.
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

/// What the final attention map is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The last decoder features: a second opinion beside the final feature maps.
    #[default]
    LastDecoder,
    /// The final feature maps themselves, one a class.
    FinalMaps,
}

/// From the attention map's logits to its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Each class by itself.
    #[default]
    Sigmoid,
    /// Classes compete: values sum to 1.
    Softmax,
}

/// Which attention paths there are; for the ablation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Paths {
    /// CAM ∥ SAM, the paper's.
    #[default]
    Both,
    /// CAM alone: one weight a class, the same in every voxel.
    Channel,
    /// SAM alone.
    Spatial,
}

/// How CAM and SAM become one map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// Their logits are added.
    #[default]
    Sum,
    /// Their sigmoids are multiplied: both must agree for a high value.
    Product,
}

/// How the attention map acts on the final feature maps (FMs), which are signed logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recalibration {
    /// FM × AM, the paper to the letter. An AM near 0 pulls a logit *towards zero*: it lowers a
    /// class with a positive FM, but raises one with a negative FM. The network learns around it.
    Multiply,
    /// softplus(FM) × AM: with FMs above zero, a higher AM always favours its class.
    MultiplyPositive,
    /// FM + ln AM, which is the product of class probabilities and AM: exp(FM) × AM.
    #[default]
    MultiplyProbabilities,
    /// The AM is predicted and supervised but does not touch the FMs.
    None,
}

/// How the network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// How weights follow gradients. The paper's is SGD; in the hundreds of steps that a CPU can
    /// afford AdamW starts faster (EXPERIMENTS.md).
    pub algorithm: Algorithm,
    /// Of the first step. The paper's is 0.001, for SGD and its own long schedule. SGD needs
    /// 0.15 in hundreds of steps.
    pub learning_rate: f64,
    /// What the running mean of gradients keeps of itself each step. 0.9, the paper's.
    pub momentum: f64,
    /// 1e-4, the paper's.
    pub weight_decay: f64,
    /// Crops a step. 2, the paper's.
    pub batch: usize,
    /// Crop size `[D, H, W]` in voxels, multiples of `2^(levels - 1)`. The paper gives none.
    /// D should be less than the volumes': with one position alone, regularly spaced annotated
    /// slices always meet the same rows of the coarse grids and slices between are not learned.
    /// A volume is predicted in half-overlapping tiles of this size, since feature statistics
    /// (normalisation, CAM) of a whole are not those of a crop.
    pub crop: [usize; 3],
    /// Learning rate over the steps of a round.
    pub schedule: Schedule,
    /// Over so many of a network's first steps the rate rises in proportion to the step; 0 is off.
    /// They are counted over all rounds, so that a round that goes on does not warm up again.
    pub warm_up: usize,
    /// Weights predict by their exponential moving average: what it keeps of itself each step,
    /// from 0 (the weights of the last step, the paper's) to below 1. 0.98 spans 50 steps: the
    /// settling that a constant rate lacks, without the restarts of one that decays.
    pub averaging: f64,
    /// Class weights are (1 / frequency)^power over the annotated voxels, with mean 1 over
    /// classes. The paper's "weighted cross-entropy" leaves them open; 0 is uniform. With 0,
    /// small tissues are not learned at all in a short training.
    pub class_weight_power: f64,
    /// Weight of 1 − soft Dice over annotated voxels, beside the cross-entropy's 1. Beyond the
    /// paper; 0 is off.
    pub soft_dice: f64,
    /// Arithmetic of convolutions. Weights, optimiser, CAM, activations of the final map and loss
    /// are float32 in either.
    pub precision: Precision,
    /// Memory order of feature maps.
    pub layout: Layout,
    /// Mirrors half of the crops left to right. The paper has no augmentation: off.
    pub flip: bool,
    /// Upper limit of the gradient's norm; none in the paper.
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

/// How weights follow gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Adam with decoupled weight decay.
    #[default]
    AdamW,
    /// Stochastic gradient descent with momentum, the paper's.
    Sgd,
    /// Kernels of convolutions follow their momentum made orthogonal (Jordan et al. 2024), all
    /// else follows AdamW, at the same rate.
    Muon,
}

/// Learning rate over the steps of a round of the experiment, in however many calls of `train`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The same throughout, the paper's.
    #[default]
    Constant,
    /// `(1 − step / steps)^0.9` (nnU-Net's), anew in each round.
    Polynomial,
    /// `(1 + cos(π · step / steps)) / 2` (Loshchilov and Hutter 2017), anew in each round.
    Cosine,
}

/// Arithmetic of convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// [`Bfloat16`](Self::Bfloat16) where the device computes it fast, else
    /// [`Float32`](Self::Float32): [`Precision::fastest_on`].
    #[default]
    Auto,
    /// 32 bits, the paper's.
    Float32,
    /// 16 bits with float32's range. AMD's AVX512-BF16 multiplies them twice as fast as float32,
    /// Intel's half as fast (`results/bench`); a CPU without such instructions takes almost three
    /// times as long.
    Bfloat16,
}

/// Memory order of feature maps; results differ by rounding alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// `[N, C, D, H, W]`, libtorch's own.
    Contiguous,
    /// `[N, D, H, W, C]` in memory: oneDNN's faster path.
    #[default]
    ChannelsLast,
}

/// `Ok` when `valid`, else an error naming the field.
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
    /// Factor between the finest and the coarsest grid: volumes are padded to its multiples.
    pub fn downsampling(&self) -> usize {
        1 << (self.levels - 1)
    }

    /// Checks the values.
    ///
    /// # Errors
    /// An unknown architecture or a number out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        architecture::find(&self.architecture)?;
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
    /// A number out of range.
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

    /// These settings with those that `model` has of its own.
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
    /// Either is invalid by itself, or the crop is no multiple of the network's downsampling.
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
