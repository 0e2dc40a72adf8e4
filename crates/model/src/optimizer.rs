//! Gradient descent (AdamW, or the paper's SGD with momentum and weight decay) and a moving average
//! of the weights.
//!
//! Our own rather than libtorch's, because the state of those cannot be read: a checkpoint holds
//! all of it, so that training goes on after a round, or after a kill, as if nothing had been.
//!
//! Source of AdamW: Loshchilov and Hutter 2019 (arXiv 1711.05101), algorithm 2.
//!
//! With a constant learning rate (the paper's) the weights wander about; their exponential moving
//! average (Polyak averaging) is what predicts. Training does not see it. So rounds of any length
//! can be trained one after another without the rate decaying and starting anew in each.

use crate::config::{Algorithm, TrainingConfig};
use tch::nn::VarStore;
use tch::{Kind, Tensor};

/// In its first steps the average spans a tenth of the training so far: the fresh weights it
/// started from are soon forgotten.
const WARM_UP: f64 = 10.0;

/// What AdamW's running mean of squared gradients keeps of itself each step.
const SQUARES_KEPT: f64 = 0.999;

/// Added to AdamW's denominator.
const EPSILON: f64 = 1e-8;

/// Variables by name, in order.
pub(crate) fn variables(store: &VarStore) -> Vec<(String, Tensor)> {
    let mut variables: Vec<(String, Tensor)> = store.variables().into_iter().collect();
    variables.sort_by(|a, b| a.0.cmp(&b.0));
    variables
}

/// All that training needs to go on, beside the weights of the store: those predict, and are the
/// average of the ones here.
pub(crate) struct Optimizer {
    /// The variables of the store and what belongs to each.
    pub(crate) slots: Vec<Slot>,
    /// Steps behind the weights.
    pub(crate) steps: u64,
}

/// One variable.
pub(crate) struct Slot {
    pub(crate) name: String,
    /// In the store. While training the weights of the last step, else their average.
    pub(crate) variable: Tensor,
    /// The weights of the last step, or while training their average.
    pub(crate) other: Tensor,
    /// The running sum (SGD) or mean (AdamW) of gradients.
    pub(crate) momentum: Tensor,
    /// The running mean of squared gradients, of AdamW alone.
    pub(crate) squares: Tensor,
}

impl Slot {
    /// momentum ← m·momentum + gradient + decay·weight; weight ← weight − rate·momentum.
    fn sgd(&mut self, gradient: &Tensor, training: &TrainingConfig, rate: f64) {
        let _ = self.momentum.g_mul_scalar_(training.momentum);
        let _ = self.momentum.g_add_(gradient);
        let decay = &self.variable * training.weight_decay;
        let _ = self.momentum.g_add_(&decay);
        let _ = self.variable.g_sub_(&(&self.momentum * rate));
    }

    /// weight ← weight − rate·(mean / √squares + decay·weight), both means corrected for their
    /// start at zero. `step` counts from 1.
    fn adam_w(&mut self, gradient: &Tensor, training: &TrainingConfig, rate: f64, step: u64) {
        let corrected = |kept: f64| 1.0 - kept.powi(i32::try_from(step).unwrap_or(i32::MAX));
        let kept = training.momentum;
        let _ = self.momentum.lerp_(gradient, 1.0 - kept);
        let _ = self.squares.lerp_(&gradient.square(), 1.0 - SQUARES_KEPT);
        let size = (&self.squares / corrected(SQUARES_KEPT)).sqrt() + EPSILON;
        let _ = self
            .variable
            .g_mul_scalar_(1.0 - rate * training.weight_decay);
        let descent = &self.momentum / size * (rate / corrected(kept));
        let _ = self.variable.g_sub_(&descent);
    }
}

impl Optimizer {
    pub(crate) fn new(store: &VarStore) -> Self {
        let slots = variables(store).into_iter().map(|(name, variable)| Slot {
            name,
            other: variable.detach().copy(),
            momentum: variable.detach().zeros_like(),
            squares: variable.detach().zeros_like(),
            variable,
        });
        Self {
            slots: slots.collect(),
            steps: 0,
        }
    }

    /// Exchanges the average and the weights of the last step: before training and after it.
    pub(crate) fn exchange(&mut self) {
        tch::no_grad(|| {
            for slot in &mut self.slots {
                let kept = slot.variable.detach().copy();
                slot.variable.copy_(&slot.other);
                slot.other = kept;
            }
        });
    }

    /// Forgets the gradients of the step before.
    pub(crate) fn zero_gradients(&mut self) {
        for slot in &mut self.slots {
            slot.variable.zero_grad();
        }
    }

    /// One step down the gradients, then the average.
    pub(crate) fn step(&mut self, training: &TrainingConfig, rate: f64) {
        self.steps += 1;
        let span = training
            .averaging
            .min(1.0 - WARM_UP / (self.steps as f64 + WARM_UP));
        tch::no_grad(|| {
            let scale = training
                .gradient_clip
                .map_or(1.0, |limit| self.scale(limit));
            for slot in &mut self.slots {
                let gradient = slot.variable.grad();
                if !gradient.defined() {
                    continue;
                }
                let gradient = gradient * scale;
                match training.algorithm {
                    Algorithm::Sgd => slot.sgd(&gradient, training, rate),
                    Algorithm::AdamW => slot.adam_w(&gradient, training, rate, self.steps),
                }
            }
            for slot in &mut self.slots {
                let _ = slot.other.lerp_(&slot.variable, 1.0 - span);
            }
        });
    }

    /// Whether all that training goes on from is finite.
    pub(crate) fn is_finite(&self) -> bool {
        let finite = |tensor: &Tensor| tensor.isfinite().all().int64_value(&[]) == 1;
        let mut slots = self.slots.iter();
        slots.all(|slot| {
            finite(&slot.variable)
                && finite(&slot.other)
                && finite(&slot.momentum)
                && finite(&slot.squares)
        })
    }

    /// What brings the norm of all gradients down to `limit`, at most 1.
    fn scale(&self, limit: f64) -> f64 {
        let squares = self.slots.iter().map(|slot| slot.variable.grad());
        let squares = squares
            .filter(Tensor::defined)
            .map(|gradient| gradient.square().sum(Kind::Float).double_value(&[]));
        let norm = squares.sum::<f64>().sqrt();
        (limit / norm.max(f64::MIN_POSITIVE)).min(1.0)
    }
}
