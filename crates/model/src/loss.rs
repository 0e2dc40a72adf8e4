//! The loss over annotated voxels: weighted cross-entropy, and what stands beside it.
//!
//! Source: Zhang et al. 2019, section 2.1: cross-entropy with weight 0 for voxels of slices
//! that nobody annotated. Beyond the paper, each with its own weight: soft Dice, and
//! cross-entropy of the attention map's logits.

use crate::architecture::NetworkOutput;
use crate::config::TrainingConfig;
use crate::slices::Slices;
use tch::{Device, Kind, Tensor};

/// The label of voxels that carry no loss: unannotated slices and padding.
pub(crate) const IGNORE: u8 = u8::MAX;

/// Keeps soft Dice defined where a class has no voxels.
const SMOOTHING: f64 = 1.0;

/// Class weights `(1 / frequency)^power` with mean 1 over the classes that occur.
///
/// `counts`: annotated voxels of each class. Classes without any get 1: no voxel asks for it.
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

/// The loss with its weights, for the classes and the device of one training.
pub(crate) struct Loss {
    weights: Tensor,
    soft_dice: f64,
    attention_supervision: f64,
}

impl Loss {
    /// `attention_supervision`: weight of the attention map's cross-entropy; `counts`:
    /// annotated voxels of each class in the training set.
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

    /// The loss of `slices` of a batch, a scalar. `labels`: int64 `[N, D, H, W]`, class or
    /// [`IGNORE`], at least one of them a class; `output`: of `slices` alone.
    pub(crate) fn of(&self, output: &NetworkOutput, labels: &Tensor, slices: &Slices) -> Tensor {
        let truth = Truth::of(&slices.of_labels(labels), self.weights.size()[0]);
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
        loss
    }

    /// Mean over annotated voxels, weighted by class.
    fn cross_entropy(&self, logarithms: &Tensor, truth: &Truth) -> Tensor {
        let of_voxels =
            -(truth.sums(logarithms).diagonal(0, 0, 1) * &self.weights).sum(Kind::Float);
        of_voxels / (&truth.counts * &self.weights).sum(Kind::Float)
    }
}

/// The labels of N samples of V voxels, which are K slices of a batch or all of it.
///
/// Sums over the voxels of a class are entries of matrix products with the one-hot truth, which
/// libtorch has no faster way to make.
struct Truth {
    /// One-hot, float32 `[N, C, V]`; no class at [`IGNORE`].
    one_hot: Tensor,
    /// `[C]`: voxels of each class.
    counts: Tensor,
}

impl Truth {
    /// `labels`: int64 `[N, D, H, W]`.
    fn of(labels: &Tensor, classes: i64) -> Self {
        // IGNORE is no class: it goes to one more, which is cut off.
        let labels = labels.flatten(1, 3).clamp_max(classes);
        let (count, voxels) = (labels.size()[0], labels.size()[1]);
        let one_hot = Tensor::zeros([count, classes + 1, voxels], (Kind::Float, labels.device()))
            .scatter_value(1, &labels.unsqueeze(1), 1.0)
            .narrow(1, 0, classes);
        Self {
            counts: one_hot.sum_dim_intlist([0, 2].as_slice(), false, Kind::Float),
            one_hot,
        }
    }

    /// `[C, C]`: the sum of `values` `[N, C, V]` of each class (row) over the voxels that are of
    /// each (column).
    fn sums(&self, values: &Tensor) -> Tensor {
        let of_samples = values.bmm(&self.one_hot.transpose(1, 2));
        of_samples.sum_dim_intlist([0].as_slice(), false, Kind::Float)
    }

    /// Mean over the foreground classes among the labels of
    /// `(2 Σ p·t + s) / (Σ p + Σ t + s)` over the batch's annotated voxels; 1 is perfect.
    /// `probabilities`: `[N, C, V]`.
    fn soft_dice(&self, probabilities: &Tensor) -> Tensor {
        let sums = self.sums(probabilities);
        // Every annotated voxel is of one class.
        let predicted = sums.sum_dim_intlist([1].as_slice(), false, Kind::Float);
        let dice =
            (sums.diagonal(0, 0, 1) * 2.0 + SMOOTHING) / (predicted + &self.counts + SMOOTHING);
        let foreground = self.counts.size()[0] - 1;
        let present = self.counts.greater(0.0).to_kind(Kind::Float);
        let of_foreground = |t: &Tensor| t.narrow(0, 1, foreground).sum(Kind::Float);
        of_foreground(&(dice * &present)) / of_foreground(&present).clamp_min(1.0)
    }
}

/// Logits `[N, C, D, H, W]` → logarithms of class probabilities `[N, C, V]`.
fn log_probabilities(logits: &Tensor) -> Tensor {
    logits.flatten(2, 4).log_softmax(1, Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Reduction;

    #[test]
    fn class_weights_are_powers_of_inverse_frequency_with_mean_one() {
        assert_eq!(class_weights(&[900, 100, 0], 0.0), [1.0, 1.0, 1.0]);
        let weights = class_weights(&[900, 100, 0], 0.5);
        assert!((weights[1] / weights[0] - 3.0).abs() < 1e-12);
        assert!((weights[0] + weights[1] - 2.0).abs() < 1e-12);
        assert_eq!(weights[2], 1.0);
    }

    /// Two slices of two voxels, the last unknown, and logits that are sure of `classes`.
    fn labels() -> Tensor {
        Tensor::from_slice(&[0i64, 1, 2, 255]).reshape([1, 2, 1, 2])
    }

    fn sure_of(classes: [i64; 4]) -> Tensor {
        let one_hot = Tensor::from_slice(&classes).one_hot(3).to_kind(Kind::Float) * 50.0;
        one_hot.reshape([1, 2, 1, 2, 3]).permute([0, 4, 1, 2, 3])
    }

    #[test]
    fn soft_dice_is_one_for_a_certain_right_answer_and_small_for_a_wrong_one() {
        let truth = Truth::of(&labels(), 3);
        let dice = |classes| {
            let probabilities = log_probabilities(&sure_of(classes)).exp();
            truth.soft_dice(&probabilities).double_value(&[])
        };
        assert!((dice([0, 1, 2, 1]) - 1.0).abs() < 1e-6);
        // No overlap: (0 + 1) / (1 + 1 + 1) for both classes.
        assert!((dice([1, 2, 0, 1]) - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn cross_entropy_is_that_of_libtorch_with_whole_slices_unannotated() {
        let ignore = i64::from(IGNORE);
        let labels = Tensor::from_slice(&[
            ignore, ignore, 0, 2, 1, ignore, 2, 2, ignore, ignore, ignore, ignore,
        ])
        .reshape([2, 3, 1, 2]);
        let logits = (Tensor::arange(36, (Kind::Float, Device::Cpu)) * 0.7)
            .sin()
            .reshape([2, 3, 3, 1, 2]);
        let loss = Loss::new(&TrainingConfig::default(), 0.0, &[5, 1, 9], Device::Cpu);
        let truth = Truth::of(&labels, 3);
        let ours = loss.cross_entropy(&log_probabilities(&logits), &truth);
        let theirs =
            logits.cross_entropy_loss(&labels, Some(&loss.weights), Reduction::Mean, ignore, 0.0);
        assert!((ours - theirs).abs().double_value(&[]) < 1e-6);
    }
}
