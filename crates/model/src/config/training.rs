//! How a network is trained: loss, optimiser, crops and arithmetic.

use super::ModelConfig;
use super::unlabelled::{self, Unlabelled};
use crate::error::{ModelError, check};
use crate::pooling::Pooling;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// a multiple of `2^(levels - 1)`, or less along an axis that the network's `pooling` spares. The
    /// paper gives no size. The default is `[32, 64, 48]`.
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
    /// trained further does not warm up again. The default is 0: no warm-up.
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
    /// `channels-last`, which is faster. Its former name `layout` is still read.
    #[serde(alias = "layout")]
    pub memory_format: MemoryFormat,
    /// Whether to mirror half of the crops left to right, `true` or `false`. The default is
    /// `false`, because the paper has no augmentation.
    pub flip: bool,
    /// Upper limit of the gradient's Euclidean norm, a number above 0. A longer gradient is scaled
    /// down to it. The default is none: no limit, as in the paper.
    pub gradient_clip: Option<f64>,
    /// What the network learns from slices that nobody has annotated: `none`, `pseudo-labels`,
    /// `mean-teacher`, or one of them with settings of its own, such as `{method: mean-teacher,
    /// weight: 5}`. The default is `none`: annotated slices alone teach, as in the paper.
    #[serde(
        deserialize_with = "unlabelled::read",
        skip_serializing_if = "Unlabelled::is_default"
    )]
    #[schemars(schema_with = "unlabelled::schema")]
    pub unlabelled: Unlabelled,
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
            memory_format: MemoryFormat::default(),
            flip: false,
            gradient_clip: None,
            unlabelled: Unlabelled::default(),
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
pub enum MemoryFormat {
    /// `[N, C, D, H, W]` in memory, libtorch's default.
    Contiguous,
    /// `[N, D, H, W, C]` in memory. oneDNN computes faster in this order.
    #[default]
    ChannelsLast,
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
        self.unlabelled.validate(self.averaging)?;
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

    /// Returns these settings, with those of `model` where it sets its own.
    pub(crate) fn for_model(&self, model: &ModelConfig) -> Self {
        Self {
            precision: model.precision.unwrap_or(self.precision),
            memory_format: model.memory_format.unwrap_or(self.memory_format),
            unlabelled: (model.unlabelled.as_ref())
                .unwrap_or(&self.unlabelled)
                .clone(),
            ..self.clone()
        }
    }

    /// Checks the values against a network as far as that can be done before the data is read. Which
    /// axes [`Pooling::Auto`] spares, and so which crops fit, is known by then only if all voxels are
    /// `cubic`.
    ///
    /// # Errors
    /// As those of [`Self::validate_for`].
    pub fn validate_before_data(&self, model: &ModelConfig, cubic: bool) -> Result<(), ModelError> {
        if model.pooling == Pooling::Auto && !cubic {
            model.validate()?;
            return self.for_model(model).validate();
        }
        self.validate_for(model)
    }

    /// Checks the values against the network they train.
    ///
    /// # Errors
    /// Fails when either configuration is invalid by itself, or when the crop is not a multiple of
    /// the network's downsampling.
    pub fn validate_for(&self, model: &ModelConfig) -> Result<(), ModelError> {
        model.validate()?;
        self.for_model(model).validate()?;
        let factors = model.downsampling();
        let expected = match &model.pooling {
            Pooling::Auto => format!("multiples of {} for {} levels", factors[0], model.levels),
            Pooling::Strides(strides) => {
                format!("multiples of {factors:?} for levels pooled by {strides:?}")
            }
        };
        let mut axes = self.crop.iter().zip(factors);
        check(
            axes.all(|(size, factor)| size.is_multiple_of(factor)),
            "training.crop",
            expected,
            self.crop,
        )
    }
}
