//! Gradient descent (AdamW, Muon, or the paper's SGD with momentum and weight decay) and a moving
//! average of the weights.
//!
//! We implement the optimisers ourselves, because the state of libtorch's optimisers cannot be
//! read. A checkpoint holds the whole state, so training continues after a round, or after a kill,
//! as if it had not been interrupted.
//!
//! Source of AdamW: Loshchilov and Hutter 2019 (arXiv 1711.05101), algorithm 2.
//!
//! With a constant learning rate, as in the paper, the weights fluctuate. Predictions therefore use
//! their exponential moving average (Polyak averaging), which training itself does not see. So
//! rounds of any length can follow one another, and the rate need not decay and start anew in each
//! of them.

use crate::config::{Algorithm, TrainingConfig};
use crate::muon::Kernels;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

/// In the first steps, the average spans only a tenth of the training so far. It then soon forgets
/// the fresh weights that it started from.
const WARM_UP: f64 = 10.0;

/// Share of AdamW's running mean of squared gradients that each step keeps (β₂ of the source).
const SQUARES_KEPT: f64 = 0.999;

/// Small number added to AdamW's denominator, which may otherwise be zero.
const EPSILON: f64 = 1e-8;

/// Returns the variables of `store` with their names, sorted by name.
pub(crate) fn variables(store: &VarStore) -> Vec<(String, Tensor)> {
    let mut variables: Vec<(String, Tensor)> = store.variables().into_iter().collect();
    variables.sort_by(|a, b| a.0.cmp(&b.0));
    variables
}

/// State of the training beside the weights in the store. The store holds the averaged weights,
/// which predict; the optimiser holds the weights of the last step.
///
/// One long tensor holds the weights of all variables, another one their momentum, and so on. The
/// tensors of a single variable are views into these. A step then takes about ten operations, not
/// ten for each of a hundred variables.
pub(crate) struct Optimizer {
    /// The variables of the store, each with its own part of the state.
    pub(crate) slots: Vec<Slot>,
    /// Number of training steps done so far.
    pub(crate) steps: u64,
    /// Weights of all variables, flat.
    weights: Tensor,
    /// [`Slot::other`] of all variables, flat.
    others: Tensor,
    /// [`Slot::momentum`] of all variables, flat.
    momentum: Tensor,
    /// [`Slot::squares`] of all variables, flat.
    squares: Tensor,
    /// Variables that follow [`Algorithm::Muon`] when it is chosen.
    kernels: Kernels,
}

/// One variable and its part of the optimiser's state.
pub(crate) struct Slot {
    /// Name of the variable in the store.
    pub(crate) name: String,
    /// The variable in the store. During training it holds the weights of the last step, at other
    /// times their average.
    pub(crate) variable: Tensor,
    /// The other set of weights. During training it holds the average, at other times the weights
    /// of the last step.
    pub(crate) other: Tensor,
    /// Running sum (SGD) or running mean (AdamW and Muon) of the gradients.
    pub(crate) momentum: Tensor,
    /// Running mean of the squared gradients. SGD does not use it.
    pub(crate) squares: Tensor,
}

impl Optimizer {
    /// Creates the state before the first step, and makes the variables of `store` views of it.
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

    /// Swaps the averaged weights and the weights of the last step. Called before and after
    /// training.
    pub(crate) fn exchange(&mut self) {
        let _no_gradients = tch::no_grad_guard();
        let kept = self.weights.copy();
        self.weights.copy_(&self.others);
        self.others.copy_(&kept);
    }

    /// Does `work` while the store holds the averaged weights, without gradients. Called in training,
    /// between two steps.
    pub(crate) fn with_average<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let _no_gradients = tch::no_grad_guard();
        self.exchange();
        let result = work();
        self.exchange();
        result
    }

    /// Sets the gradients of the previous step to zero.
    pub(crate) fn zero_gradients(&mut self) {
        for slot in &mut self.slots {
            slot.variable.zero_grad();
        }
    }

    /// Returns the factor of the learning rate for the next step. It is below 1 during warm-up.
    pub(crate) fn warmth(&self, training: &TrainingConfig) -> f64 {
        ((self.steps + 1) as f64 / training.warm_up.max(1) as f64).min(1.0)
    }

    /// Does one step with the gradients that a backward pass left at the variables, then updates
    /// the average. The gradient of a variable that the loss does not depend on counts as zero.
    pub(crate) fn step(&mut self, training: &TrainingConfig, rate: f64) {
        let parts = self.slots.iter().map(|slot| slot.variable.grad());
        let gradient = self.flat(parts.collect());
        self.step_along(gradient, training, rate);
    }

    /// Does the same as [`Self::step`], with the given flat `gradient` of all variables.
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

    /// Computes the flat gradient of `loss` with respect to all variables without storing anything
    /// at the variables. Zeroing stored gradients and adding to them would cost two kernel
    /// launches per variable on a GPU.
    pub(crate) fn gradient_of(&self, loss: &Tensor) -> Tensor {
        let variables: Vec<&Tensor> = self.slots.iter().map(|slot| &slot.variable).collect();
        self.flat(Tensor::run_backward(&[loss], &variables, false, false))
    }

    /// Joins the gradients of all variables into one flat tensor, in the order of the slots.
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

    /// Returns weights, other weights, momentum and squares of all variables on the CPU, each as
    /// one flat tensor in the order of the slots. From a GPU this takes four copies, not four per
    /// variable.
    pub(crate) fn on_cpu(&self) -> [Tensor; 4] {
        [&self.weights, &self.others, &self.momentum, &self.squares]
            .map(|all| all.detach().to_device(Device::Cpu))
    }

    /// Does a step of SGD: momentum ← m·momentum + gradient + decay·weight, then
    /// weight ← weight − rate·momentum.
    fn sgd(&mut self, gradient: &Tensor, training: &TrainingConfig, rate: f64) {
        let _ = self.momentum.g_mul_scalar_(training.momentum);
        let _ = self.momentum.g_add_(gradient);
        let decay = &self.weights * training.weight_decay;
        let _ = self.momentum.g_add_(&decay);
        let _ = self.weights.g_sub_(&(&self.momentum * rate));
    }

    /// Does a step of AdamW: weight ← weight − rate·(mean / √squares + decay·weight). Both running
    /// means are corrected for their start at zero.
    fn adam_w(&mut self, gradient: &Tensor, training: &TrainingConfig, rate: f64) {
        let descent = self.adaptive(gradient, training, rate);
        let _ = self.weights.g_sub_(&descent);
    }

    /// Does a step of Muon: like [`Self::adam_w`], but a convolution kernel follows the
    /// orthogonalised direction of its running mean. Nesterov momentum applies: the running mean
    /// is averaged with the gradient once more before.
    fn muon(&mut self, gradient: &Tensor, training: &TrainingConfig, rate: f64) {
        let descent = self.adaptive(gradient, training, rate);
        let nesterov = self.momentum.lerp(gradient, 1.0 - training.momentum);
        self.kernels.descend(&nesterov, rate, &descent);
        let _ = self.weights.g_sub_(&descent);
    }

    /// Updates AdamW's running means and applies the weight decay. Returns what remains to be
    /// subtracted from the weights.
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

    /// Whether all weights and the whole state of the optimiser are finite.
    pub(crate) fn is_finite(&self) -> bool {
        [&self.weights, &self.others, &self.momentum, &self.squares]
            .into_iter()
            .all(|values| values.isfinite().all().int64_value(&[]) == 1)
    }
}
