//! The loss over annotated voxels: weighted cross-entropy, and what stands beside it.
//!
//! Source: Zhang et al. 2019, section 2.1: cross-entropy with weight 0 for voxels of slices
//! that nobody annotated. Beyond the paper, each with its own weight: soft Dice, and
//! cross-entropy of the attention map's logits.

use crate::architecture::NetworkOutput;
use crate::config::TrainingConfig;
use tch::{Device, Kind, Reduction, Tensor};

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

    /// The loss of a batch, a scalar. `labels`: int64 `[N, D, H, W]`, class or [`IGNORE`], at
    /// least one of them a class.
    pub(crate) fn of(&self, output: &NetworkOutput, labels: &Tensor) -> Tensor {
        let mut loss = self.cross_entropy(&output.maps, labels);
        if self.soft_dice > 0.0 {
            loss += self.soft_dice * (1.0 - soft_dice(&output.maps, labels));
        }
        if let Some(attention) = &output.attention
            && self.attention_supervision > 0.0
        {
            loss += self.attention_supervision * self.cross_entropy(&attention.logits, labels);
        }
        loss
    }

    /// Mean over annotated voxels, weighted by class.
    fn cross_entropy(&self, logits: &Tensor, labels: &Tensor) -> Tensor {
        logits.cross_entropy_loss(
            labels,
            Some(&self.weights),
            Reduction::Mean,
            i64::from(IGNORE),
            0.0,
        )
    }
}

/// Mean over the foreground classes among the labels of
/// `(2 Σ p·t + s) / (Σ p + Σ t + s)` over the batch's annotated voxels; 1 is perfect.
fn soft_dice(maps: &Tensor, labels: &Tensor) -> Tensor {
    let classes = maps.size()[1];
    let annotated = labels.not_equal(i64::from(IGNORE));
    let truth = (labels * &annotated)
        .one_hot(classes)
        .permute([0, 4, 1, 2, 3])
        .to_kind(Kind::Float)
        * annotated.unsqueeze(1);
    let probabilities = maps.softmax(1, Kind::Float) * annotated.unsqueeze(1);
    let sum = |t: &Tensor| {
        t.sum_dim_intlist([0, 2, 3, 4].as_slice(), false, Kind::Float)
            .narrow(0, 1, classes - 1)
    };
    let overlap = sum(&(&probabilities * &truth));
    let true_size = sum(&truth);
    let dice = (overlap * 2.0 + SMOOTHING) / (sum(&probabilities) + &true_size + SMOOTHING);
    let present = true_size.greater(0.0).to_kind(Kind::Float);
    (dice * &present).sum(Kind::Float) / present.sum(Kind::Float).clamp_min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_weights_are_powers_of_inverse_frequency_with_mean_one() {
        assert_eq!(class_weights(&[900, 100, 0], 0.0), [1.0, 1.0, 1.0]);
        let weights = class_weights(&[900, 100, 0], 0.5);
        assert!((weights[1] / weights[0] - 3.0).abs() < 1e-12);
        assert!((weights[0] + weights[1] - 2.0).abs() < 1e-12);
        assert_eq!(weights[2], 1.0);
    }

    #[test]
    fn soft_dice_is_one_for_a_certain_right_answer_and_small_for_a_wrong_one() {
        let labels = Tensor::from_slice(&[0i64, 1, 2, 255]).reshape([1, 1, 2, 2]);
        let certain = |classes: [i64; 4]| {
            let one_hot = Tensor::from_slice(&classes).one_hot(3).to_kind(Kind::Float) * 50.0;
            one_hot.reshape([1, 1, 2, 2, 3]).permute([0, 4, 1, 2, 3])
        };
        let right = soft_dice(&certain([0, 1, 2, 1]), &labels);
        let wrong = soft_dice(&certain([1, 2, 0, 1]), &labels);
        assert!((right.double_value(&[]) - 1.0).abs() < 1e-6);
        // No overlap: (0 + 1) / (1 + 1 + 1) for both classes.
        assert!((wrong.double_value(&[]) - 1.0 / 3.0).abs() < 1e-6);
    }
}
