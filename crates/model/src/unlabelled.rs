//! What a network learns from unannotated slices: the averaged weights predict the crops of a step,
//! and the network follows them where they are confident of a voxel that nobody annotated.
//!
//! Sources: pseudo-labels, Lee 2013 (ICML workshop on challenges in representation learning). Mean
//! teacher, Tarvainen and Valpola 2017 (arXiv 1703.01780); masked by confidence as in UA-MT, Yu et
//! al. 2019 (arXiv 1907.07034).
//!
//! The teacher predicts anew in each step, and needs nothing but the average that a checkpoint holds
//! anyway. So a training that is interrupted goes on as if it had not been. Labels that are made
//! once for a whole round would have to be kept beside the checkpoint.
//!
//! Deviations from the sources:
//! - Lee's network labels for itself. Here its averaged weights do, which err less and which
//!   predict in the end.
//! - Lee labels every sample. Here a voxel needs a class of at least [`Unlabelled::confidence`].
//! - UA-MT masks by the entropy of the mean of eight predictions with dropout, with a threshold that
//!   rises. Our networks have no dropout; one prediction's highest probability is the measure.
//! - The noise on the teacher's crop is uniform, not a clipped Gaussian. As in UA-MT only the
//!   teacher's crop has noise, so the loss over annotated voxels is that of a training without
//!   teacher.
//! - The moving average forgets faster (0.98, not 0.999), because a training has hundreds of steps.

use crate::config::{Unlabelled, UnlabelledMethod};
use crate::crops::Batch;
use crate::loss::{Teaching, Truth, log_probabilities};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use slicewise_core::IGNORE;
use tch::{Kind, Tensor};

/// Largest noise in a voxel of the teacher's crop, where intensities have standard deviation 1 over
/// a volume. UA-MT has noise of standard deviation 0.1, clipped at this.
const NOISE: f32 = 0.2;

impl Teaching {
    /// Asks the teacher about a batch. `predict` gives the teacher's logits `[N, C, D, H, W]` of
    /// images `[N, 1, D, H, W]`, without gradients. `seed` is that of the crops, `step` the step of
    /// the round and `steps` the number of steps that the network has behind it.
    ///
    /// Returns none where there is nothing to learn: no method, or no unannotated slice in any crop.
    pub(crate) fn new(
        settings: &Unlabelled,
        batch: &Batch,
        (seed, step, steps): (u64, usize, u64),
        predict: impl FnOnce(&Tensor) -> Tensor,
    ) -> Option<Self> {
        let slices: i64 = batch.inside.iter().map(|inside| inside[0]).sum();
        if settings.method == UnlabelledMethod::None || slices == batch.annotated.len() as i64 {
            return None;
        }
        let logits = match settings.method {
            UnlabelledMethod::MeanTeacher => predict(&noisy(&batch.images, seed, step)),
            _ => predict(&batch.images),
        };
        let weight = settings.weight() * ramp(steps, settings.ramp);
        let places = unannotated(batch);
        Some(Self::of(settings, weight, &logits, &places))
    }

    /// Takes what the teacher's `logits` `[N, C, D, H, W]` say of the voxels at `places`, bool
    /// `[N, D, H, W]`.
    fn of(settings: &Unlabelled, weight: f64, logits: &Tensor, places: &Tensor) -> Self {
        let probabilities = log_probabilities(logits).exp();
        // Above one half there is one such class at most.
        let confident = probabilities.ge(settings.confidence);
        let sure = confident.logical_and(&places.flatten(1, 3).unsqueeze(1));
        Self {
            method: settings.method,
            weight,
            sure: Truth::of_one_hot(sure.to_kind(Kind::Float)),
            probabilities,
        }
    }

    /// Computes the mean over confident voxels of the squared Euclidean distance between the class
    /// probabilities `[N, C, V]` of the network and the teacher, from 0 to 2. It is 0 where no voxel
    /// is confident.
    pub(crate) fn squared_distance(&self, probabilities: &Tensor) -> Tensor {
        let sum = |values: &Tensor| values.sum_dim_intlist([1].as_slice(), false, Kind::Float);
        let distances = sum(&(probabilities - &self.probabilities).square());
        let confident = sum(&self.sure.one_hot);
        (distances * &confident).sum(Kind::Float) / confident.sum(Kind::Float).clamp_min(1.0)
    }
}

/// Returns the factor of the loss term after `steps` steps, of which the first `length` are the
/// ramp.
fn ramp(steps: u64, length: usize) -> f64 {
    let missing = 1.0 - (steps as f64 / length.max(1) as f64).min(1.0);
    match length {
        0 => 1.0,
        _ => (-5.0 * missing * missing).exp(),
    }
}

/// Tells of each voxel of a batch whether it lies in an unannotated slice of its volume, bool
/// `[N, D, H, W]`. A voxel of an annotated slice that its annotator marked as unsure does not.
fn unannotated(batch: &Batch) -> Tensor {
    let places = batch.labels.eq(i64::from(IGNORE));
    for &[sample, slice] in &batch.annotated {
        let _ = places.select(0, sample).select(0, slice).fill_(0);
    }
    let size = places.size();
    for (sample, inside) in (0..).zip(&batch.inside) {
        for (axis, &inside) in inside.iter().enumerate() {
            let padding = size[axis + 1] - inside;
            if padding > 0 {
                let sample = places.select(0, sample);
                let _ = sample.narrow(axis as i64, inside, padding).fill_(0);
            }
        }
    }
    places
}

/// Adds noise to images. Its random numbers are a stream of their own for each `step`, beside the
/// one that draws the crops. So crops are those of a training without noise, and a training that is
/// continued at some step has the noise of that step.
fn noisy(images: &Tensor, seed: u64, step: usize) -> Tensor {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(step as u64 + 1);
    let noise: Vec<f32> = (0..images.numel())
        .map(|_| NOISE * (2.0 * generator.random::<f32>() - 1.0))
        .collect();
    let noise = Tensor::from_slice(&noise).reshape(images.size());
    images + noise.to_device(images.device())
}

#[cfg(test)]
mod tests;
