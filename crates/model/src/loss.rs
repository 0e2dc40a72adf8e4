//! The loss over annotated voxels: weighted cross-entropy and optional further terms.
//!
//! Source: Zhang et al. 2019, section 2.1, a cross-entropy in which voxels of unannotated slices
//! have weight 0. The paper has no further terms. We add three, each with its own weight: soft Dice,
//! the cross-entropy of the attention map's logits, and what the averaged weights say of unannotated
//! voxels ([`Teaching`]).

use crate::architecture::NetworkOutput;
use crate::config::{TrainingConfig, UnlabelledMethod};
use crate::slices::Slices;
use tch::{Device, Kind, Tensor};

/// What the teacher says of the unannotated voxels of a batch.
pub(crate) struct Teaching {
    /// How the network learns from it; not [`UnlabelledMethod::None`].
    pub(crate) method: UnlabelledMethod,
    /// Weight of the loss term.
    pub(crate) weight: f64,
    /// The teacher's class probabilities, float32 `[N, C, V]`.
    pub(crate) probabilities: Tensor,
    /// The class of each voxel of which the teacher is confident. Other voxels belong to no class,
    /// and neither do annotated voxels and padding.
    pub(crate) sure: Truth,
}

/// Term added to numerator and denominator of soft Dice, which would otherwise be 0 / 0 for a class
/// without voxels.
const SMOOTHING: f64 = 1.0;

/// Least divisor of a mean that may have no voxels, far below the class weight of one voxel.
const NO_VOXELS: f64 = 1e-12;

/// Computes class weights `(1 / frequency)^power`, scaled to a mean of 1 over the classes that
/// occur.
///
/// `counts` has the number of annotated voxels of each class. A class without voxels gets weight
/// 1, which no voxel uses.
pub(crate) fn class_weights(counts: &[u64], power: f64) -> Vec<f64> {
    let total = counts.iter().sum::<u64>() as f64;
    let raw: Vec<Option<f64>> = counts
        .iter()
        .map(|&count| (count > 0).then(|| (total / count as f64).powf(power)))
        .collect();
    let present = raw.iter().flatten().count().max(1) as f64;
    let mean = raw.iter().flatten().sum::<f64>() / present;
    raw.iter()
        .map(|weight| weight.map_or(1.0, |weight| weight / mean))
        .collect()
}

/// The loss of one training, with the weights of its terms.
pub(crate) struct Loss {
    /// Class weights of the cross-entropy, float32 `[C]`.
    weights: Tensor,
    soft_dice: f64,
    attention_supervision: f64,
}

impl Loss {
    /// Creates the loss. `attention_supervision` is the weight of the attention map's
    /// cross-entropy. `counts` has the number of annotated voxels of each class in the training
    /// set.
    pub(crate) fn new(
        training: &TrainingConfig,
        attention_supervision: f64,
        counts: &[u64],
        device: Device,
    ) -> Self {
        let weights: Vec<f32> = class_weights(counts, training.class_weight_power)
            .into_iter()
            .map(|weight| weight as f32)
            .collect();
        Self {
            weights: Tensor::from_slice(&weights).to_device(device),
            soft_dice: training.soft_dice,
            attention_supervision,
        }
    }

    /// Computes the loss over `slices` of a batch, as a scalar.
    ///
    /// `labels` of the whole batch are int64 `[N, D, H, W]`, each a class or [`IGNORE`](slicewise_core::IGNORE). If an annotator
    /// was unsure of all of them, the cross-entropy is 0. `output` holds the chosen slices only. With `teaching` these are all
    /// slices.
    pub(crate) fn compute(
        &self,
        output: &NetworkOutput,
        labels: &Tensor,
        slices: &Slices,
        teaching: Option<&Teaching>,
    ) -> Tensor {
        let truth = Truth::new(&slices.select_labels(labels), self.weights.size()[0]);
        let logarithms = log_probabilities(&output.maps);
        let mut loss = self.cross_entropy(&logarithms, &truth);
        if self.soft_dice > 0.0 {
            loss += self.soft_dice * (1.0 - truth.soft_dice(&logarithms.exp()));
        }
        if let Some(attention) = &output.attention
            && self.attention_supervision > 0.0
        {
            let logarithms = log_probabilities(&attention.logits);
            loss += self.attention_supervision * self.cross_entropy(&logarithms, &truth);
        }
        if let Some(teaching) = teaching {
            loss += teaching.weight * self.unlabelled(&logarithms, teaching);
        }
        loss
    }

    /// Computes the term of the unannotated voxels from the logarithms of class probabilities
    /// `[N, C, V]`. It is 0 where the teacher is confident of none.
    pub(crate) fn unlabelled(&self, logarithms: &Tensor, teaching: &Teaching) -> Tensor {
        match teaching.method {
            UnlabelledMethod::MeanTeacher => teaching.squared_distance(&logarithms.exp()),
            UnlabelledMethod::None | UnlabelledMethod::PseudoLabels => {
                let (total, weight) = self.cross_entropy_sums(logarithms, &teaching.sure);
                total / weight.clamp_min(NO_VOXELS)
            }
        }
    }

    /// Computes the mean cross-entropy over annotated voxels, weighted by class, from the
    /// logarithms of class probabilities `[N, C, V]`.
    fn cross_entropy(&self, logarithms: &Tensor, truth: &Truth) -> Tensor {
        let (total, weight) = self.cross_entropy_sums(logarithms, truth);
        total / weight.clamp_min(NO_VOXELS)
    }

    /// Computes the sum of the cross-entropy over the voxels of `truth`, weighted by class, and the
    /// sum of the weights.
    fn cross_entropy_sums(&self, logarithms: &Tensor, truth: &Truth) -> (Tensor, Tensor) {
        let total = -(truth.sums(logarithms).diagonal(0, 0, 1) * &self.weights).sum(Kind::Float);
        (total, (&truth.counts * &self.weights).sum(Kind::Float))
    }
}

/// The labels of N samples of V voxels each. A sample is a slice of the batch, or a whole crop if no
/// slices are chosen.
///
/// The sums over the voxels of a class are entries of matrix products with the one-hot labels.
/// libtorch has no faster way to compute them.
pub(crate) struct Truth {
    /// One-hot labels, float32 `[N, C, V]`. A voxel with [`IGNORE`](slicewise_core::IGNORE) belongs to no class.
    pub(crate) one_hot: Tensor,
    /// Number of voxels of each class, float32 `[C]`.
    counts: Tensor,
}

impl Truth {
    /// Creates the one-hot labels from `labels`, int64 `[N, D, H, W]`.
    fn new(labels: &Tensor, classes: i64) -> Self {
        // IGNORE becomes one additional class, which is then cut off.
        let labels = labels.flatten(1, 3).clamp_max(classes);
        let (count, voxels) = (labels.size()[0], labels.size()[1]);
        let one_hot = Tensor::zeros([count, classes + 1, voxels], (Kind::Float, labels.device()))
            .scatter_value(1, &labels.unsqueeze(1), 1.0)
            .narrow(1, 0, classes);
        Self::of_one_hot(one_hot)
    }

    /// Takes one-hot labels, float32 `[N, C, V]`.
    pub(crate) fn of_one_hot(one_hot: Tensor) -> Self {
        Self {
            counts: one_hot.sum_dim_intlist([0, 2].as_slice(), false, Kind::Float),
            one_hot,
        }
    }

    /// Sums `values` `[N, C, V]` over voxels. Entry (i, j) of the result `[C, C]` is the sum of the
    /// values of class i over all voxels whose label is class j.
    fn sums(&self, values: &Tensor) -> Tensor {
        let by_sample = values.bmm(&self.one_hot.transpose(1, 2));
        by_sample.sum_dim_intlist([0].as_slice(), false, Kind::Float)
    }

    /// Computes soft Dice from class probabilities `[N, C, V]`. The value 1 is perfect.
    ///
    /// Soft Dice of one class is `(2 Σ p·t + s) / (Σ p + Σ t + s)`, summed over the annotated
    /// voxels of the batch: p is the probability, t the label (0 or 1) and s [`SMOOTHING`]. The
    /// result is the mean over the foreground classes that occur among the labels.
    fn soft_dice(&self, probabilities: &Tensor) -> Tensor {
        let sums = self.sums(probabilities);
        // Each annotated voxel belongs to one class, so the sum over the columns covers all of
        // them.
        let predicted = sums.sum_dim_intlist([1].as_slice(), false, Kind::Float);
        let dice =
            (sums.diagonal(0, 0, 1) * 2.0 + SMOOTHING) / (predicted + &self.counts + SMOOTHING);
        let foreground = self.counts.size()[0] - 1;
        let present = self.counts.greater(0.0).to_kind(Kind::Float);
        let foreground_sum = |t: &Tensor| t.narrow(0, 1, foreground).sum(Kind::Float);
        foreground_sum(&(dice * &present)) / foreground_sum(&present).clamp_min(1.0)
    }
}

/// Maps logits `[N, C, D, H, W]` to logarithms of class probabilities `[N, C, V]`, V = D·H·W.
pub(crate) fn log_probabilities(logits: &Tensor) -> Tensor {
    logits.flatten(2, 4).log_softmax(1, Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slicewise_core::IGNORE;
    use tch::Reduction;

    #[test]
    fn class_weights_are_powers_of_inverse_frequency_with_mean_one() {
        assert_eq!(class_weights(&[900, 100, 0], 0.0), [1.0, 1.0, 1.0]);
        let weights = class_weights(&[900, 100, 0], 0.5);
        assert!((weights[1] / weights[0] - 3.0).abs() < 1e-12);
        assert!((weights[0] + weights[1] - 2.0).abs() < 1e-12);
        assert_eq!(weights[2], 1.0);
    }

    /// Returns labels of two slices of two voxels each. The last voxel is unannotated.
    fn labels() -> Tensor {
        Tensor::from_slice(&[0i64, 1, 2, 255]).reshape([1, 2, 1, 2])
    }

    /// Returns logits that give each voxel its class of `classes` with a probability near 1.
    fn sure_of(classes: [i64; 4]) -> Tensor {
        let one_hot = Tensor::from_slice(&classes).one_hot(3).to_kind(Kind::Float) * 50.0;
        one_hot.reshape([1, 2, 1, 2, 3]).permute([0, 4, 1, 2, 3])
    }

    #[test]
    fn soft_dice_is_one_for_a_certain_right_answer_and_small_for_a_wrong_one() {
        let truth = Truth::new(&labels(), 3);
        let dice = |classes| {
            let probabilities = log_probabilities(&sure_of(classes)).exp();
            truth.soft_dice(&probabilities).double_value(&[])
        };
        assert!((dice([0, 1, 2, 1]) - 1.0).abs() < 1e-6);
        // Without overlap both classes have (0 + 1) / (1 + 1 + 1).
        assert!((dice([1, 2, 0, 1]) - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn cross_entropy_equals_libtorch_s_with_whole_slices_unannotated() {
        let ignore = i64::from(IGNORE);
        let labels = Tensor::from_slice(&[
            ignore, ignore, 0, 2, 1, ignore, 2, 2, ignore, ignore, ignore, ignore,
        ])
        .reshape([2, 3, 1, 2]);
        let logits = (Tensor::arange(36, (Kind::Float, Device::Cpu)) * 0.7)
            .sin()
            .reshape([2, 3, 3, 1, 2]);
        let loss = Loss::new(&TrainingConfig::default(), 0.0, &[5, 1, 9], Device::Cpu);
        let truth = Truth::new(&labels, 3);
        let ours = loss.cross_entropy(&log_probabilities(&logits), &truth);
        let theirs =
            logits.cross_entropy_loss(&labels, Some(&loss.weights), Reduction::Mean, ignore, 0.0);
        assert!((ours - theirs).abs().double_value(&[]) < 1e-6);
    }
}
