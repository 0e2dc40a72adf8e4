//! Stochastic gradient descent with momentum and weight decay, and a moving average of the
//! weights.
//!
//! Our own rather than libtorch's, because its momentum cannot be read: a checkpoint holds all
//! of it, so that training goes on after a round, or after a kill, as if nothing had been.
//!
//! With a constant learning rate (the paper's) the weights wander about; their exponential moving
//! average (Polyak averaging) is what predicts. Training does not see it. So rounds of any length
//! can be trained one after another without the rate decaying and starting anew in each.

use crate::config::TrainingConfig;
use tch::nn::VarStore;
use tch::{Kind, Tensor};

/// In its first steps the average spans a tenth of the training so far: the fresh weights it
/// started from are soon forgotten.
const WARM_UP: f64 = 10.0;

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
    /// The running sum of gradients.
    pub(crate) momentum: Tensor,
}

impl Optimizer {
    pub(crate) fn new(store: &VarStore) -> Self {
        let slots = variables(store).into_iter().map(|(name, variable)| Slot {
            name,
            other: variable.detach().copy(),
            momentum: variable.detach().zeros_like(),
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

    /// One step down the gradients: momentum ← m·momentum + gradient + decay·weight, weight ←
    /// weight − rate·momentum, then the average.
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
                let _ = slot.momentum.g_mul_scalar_(training.momentum);
                let _ = slot.momentum.g_add_(&(gradient * scale));
                let _ = slot
                    .momentum
                    .g_add_(&(&slot.variable * training.weight_decay));
                let _ = slot.variable.g_sub_(&(&slot.momentum * rate));
            }
            for slot in &mut self.slots {
                let _ = slot.other.lerp_(&slot.variable, 1.0 - span);
            }
        });
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
