//! Gradient descent (AdamW, Muon, or the paper's SGD with momentum and weight decay) and a moving
//! average of the weights.
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
use crate::muon::Kernels;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

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
///
/// Each kind of number of all variables lies in one tensor, of which theirs are parts: a step is
/// then some ten operations rather than ten for each of a hundred variables.
pub(crate) struct Optimizer {
    /// The variables of the store and what belongs to each.
    pub(crate) slots: Vec<Slot>,
    /// Steps behind the weights.
    pub(crate) steps: u64,
    /// All variables.
    weights: Tensor,
    /// [`Slot::other`] of all.
    others: Tensor,
    /// [`Slot::momentum`] of all.
    momentum: Tensor,
    /// [`Slot::squares`] of all.
    squares: Tensor,
    /// Which of them follow [`Algorithm::Muon`].
    kernels: Kernels,
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

impl Optimizer {
    pub(crate) fn new(store: &VarStore) -> Self {
        let variables = variables(store);
        let flat: Vec<Tensor> = variables
            .iter()
            .map(|(_, variable)| variable.detach().reshape([-1]))
            .collect();
        let weights = Tensor::cat(&flat, 0);
        let others = weights.copy();
        let momentum = weights.zeros_like();
        let squares = weights.zeros_like();
        let mut start = 0;
        let mut kernels = Kernels::default();
        let slots = variables.into_iter().map(|(name, mut variable)| {
            let (shape, length) = (variable.size(), variable.numel() as i64);
            let part = |all: &Tensor| all.narrow(0, start, length).view(shape.as_slice());
            variable.set_data(&part(&weights));
            let slot = Slot {
                name,
                other: part(&others),
                momentum: part(&momentum),
                squares: part(&squares),
                variable,
            };
            kernels.add(&shape, start);
            start += length;
            slot
        });
        Self {
            slots: slots.collect(),
            kernels,
            steps: 0,
            weights,
            others,
            momentum,
            squares,
        }
    }

    /// Exchanges the average and the weights of the last step: before training and after it.
    pub(crate) fn exchange(&mut self) {
        let _no_gradients = tch::no_grad_guard();
        let kept = self.weights.copy();
        self.weights.copy_(&self.others);
        self.others.copy_(&kept);
    }

    /// Forgets the gradients of the step before.
    pub(crate) fn zero_gradients(&mut self) {
        for slot in &mut self.slots {
            slot.variable.zero_grad();
        }
    }

    /// The share of its rate that the next step takes: below 1 while the network warms up.
    pub(crate) fn warmth(&self, training: &TrainingConfig) -> f64 {
        ((self.steps + 1) as f64 / training.warm_up.max(1) as f64).min(1.0)
    }

    /// One step down the gradients that a backward pass left at the variables, then the average. A
    /// variable that had no part in the loss has gradient zero.
    pub(crate) fn step(&mut self, training: &TrainingConfig, rate: f64) {
        let parts = self.slots.iter().map(|slot| slot.variable.grad());
        let gradient = self.flat(parts.collect());
        self.step_along(gradient, training, rate);
    }

    /// [`Self::step`] along `gradient`, that of all variables.
    pub(crate) fn step_along(&mut self, gradient: Tensor, training: &TrainingConfig, rate: f64) {
        self.steps += 1;
        let span = training
            .averaging
            .min(1.0 - WARM_UP / (self.steps as f64 + WARM_UP));
        let _no_gradients = tch::no_grad_guard();
        let mut gradient = gradient;
        if let Some(limit) = training.gradient_clip {
            let norm = gradient.square().sum(Kind::Float).sqrt().double_value(&[]);
            let _ = gradient.g_mul_scalar_((limit / norm.max(f64::MIN_POSITIVE)).min(1.0));
        }
        match training.algorithm {
            Algorithm::Sgd => self.sgd(&gradient, training, rate),
            Algorithm::AdamW => self.adam_w(&gradient, training, rate),
            Algorithm::Muon => self.muon(&gradient, training, rate),
        }
        let _ = self.others.lerp_(&self.weights, 1.0 - span);
    }

    /// The gradient of `loss` with respect to all variables, which keep nothing of it: neither to
    /// be emptied before nor added to, which on a GPU are two launches a variable.
    pub(crate) fn gradient_of(&self, loss: &Tensor) -> Tensor {
        let variables: Vec<&Tensor> = self.slots.iter().map(|slot| &slot.variable).collect();
        self.flat(Tensor::run_backward(&[loss], &variables, false, false))
    }

    /// One tensor of gradients in the order of the variables.
    fn flat(&self, gradients: Vec<Tensor>) -> Tensor {
        let _no_gradients = tch::no_grad_guard();
        let parts: Vec<Tensor> = self
            .slots
            .iter()
            .zip(gradients)
            .map(|(slot, gradient)| {
                if gradient.defined() {
                    gradient.reshape([-1])
                } else {
                    slot.momentum.zeros_like().reshape([-1])
                }
            })
            .collect();
        Tensor::cat(&parts, 0)
    }

    /// All variables, the weights beside them, momentum and squares: each on the CPU in one tensor, in
    /// the order of the slots. From a GPU four copies, not one for each part of each variable.
    pub(crate) fn on_cpu(&self) -> [Tensor; 4] {
        [&self.weights, &self.others, &self.momentum, &self.squares]
            .map(|all| all.detach().to_device(Device::Cpu))
    }

    /// momentum ← m·momentum + gradient + decay·weight; weight ← weight − rate·momentum.
    fn sgd(&mut self, gradient: &Tensor, training: &TrainingConfig, rate: f64) {
        let _ = self.momentum.g_mul_scalar_(training.momentum);
        let _ = self.momentum.g_add_(gradient);
        let decay = &self.weights * training.weight_decay;
        let _ = self.momentum.g_add_(&decay);
        let _ = self.weights.g_sub_(&(&self.momentum * rate));
    }

    /// weight ← weight − rate·(mean / √squares + decay·weight), both means corrected for their
    /// start at zero.
    fn adam_w(&mut self, gradient: &Tensor, training: &TrainingConfig, rate: f64) {
        let descent = self.adaptive(gradient, training, rate);
        let _ = self.weights.g_sub_(&descent);
    }

    /// As [`Self::adam_w`], but a kernel goes down the direction of its mean, which is averaged
    /// with the gradient once more (Nesterov's momentum).
    fn muon(&mut self, gradient: &Tensor, training: &TrainingConfig, rate: f64) {
        let descent = self.adaptive(gradient, training, rate);
        let ahead = self.momentum.lerp(gradient, 1.0 - training.momentum);
        self.kernels.descend(&ahead, rate, &descent);
        let _ = self.weights.g_sub_(&descent);
    }

    /// AdamW's running means and decay; what is left to subtract from the weights.
    fn adaptive(&mut self, gradient: &Tensor, training: &TrainingConfig, rate: f64) -> Tensor {
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let corrected = |kept: f64| 1.0 - kept.powi(steps);
        let kept = training.momentum;
        let _ = self.momentum.lerp_(gradient, 1.0 - kept);
        let _ = self.squares.lerp_(&gradient.square(), 1.0 - SQUARES_KEPT);
        let size = (&self.squares / corrected(SQUARES_KEPT)).sqrt() + EPSILON;
        let _ = self
            .weights
            .g_mul_scalar_(1.0 - rate * training.weight_decay);
        &self.momentum / size * (rate / corrected(kept))
    }

    /// Whether all that training goes on from is finite.
    pub(crate) fn is_finite(&self) -> bool {
        [&self.weights, &self.others, &self.momentum, &self.squares]
            .into_iter()
            .all(|values| values.isfinite().all().int64_value(&[]) == 1)
    }
}
