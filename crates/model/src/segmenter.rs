//! Trains a network, predicts with it, and saves and loads it.

use crate::architecture::{Architecture, Network};
use crate::checkpoint;
use crate::committee::CommitteeConfig;
use crate::config::{ArchitectureChoice, ModelConfig, Schedule, TrainingConfig};
use crate::crops::{TrainingSet, fingerprint};
use crate::dispatch::Dispatch;
use crate::error::ModelError;
use crate::fault::guard;
use crate::layers::Scope;
use crate::loss::Loss;
use crate::loss::Teaching;
use crate::numerics::Numerics;
use crate::optimizer::Optimizer;
use crate::registry;
use crate::slices::Slices;
use ndarray::Array3;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use slicewise_core::IGNORE;
use slicewise_core::{Prediction, Segmenter, SegmenterError, TrainingCase, Wanted};
use slicewise_kernels::Tape;
use std::cell::RefCell;
use std::f64::consts::PI;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;
use tch::nn::VarStore;
use tch::{Device, Tensor};

/// Exponent of the polynomial schedule, as in nnU-Net.
const SCHEDULE_POWER: f64 = 0.9;

/// A network with its weights, its optimiser and the settings of its training.
pub struct TchSegmenter {
    architecture: &'static Architecture,
    network: Box<dyn Network>,
    store: VarStore,
    optimizer: Optimizer,
    tape: Arc<Tape>,
    model: ModelConfig,
    training: TrainingConfig,
    classes: usize,
    numerics: Numerics,
    dispatch: Dispatch,
    /// The committee that predictions with members ask; without one there are no members.
    pub committee: Option<CommitteeConfig>,
    /// Members of the committee that are networks of their own, as they were trained last.
    members: Vec<TchSegmenter>,
    /// Training set of the previous call and its fingerprint, if the device keeps it.
    resident: Option<(u64, TrainingSet)>,
}

impl TchSegmenter {
    /// Creates a network with fresh weights, which `seed` determines. `classes` is the number of
    /// classes, background included.
    ///
    /// # Errors
    /// Fails when the configuration is invalid, when `classes` is not between 2 and 255, or when
    /// libtorch fails.
    pub fn new(
        model: &ModelConfig,
        training: &TrainingConfig,
        classes: usize,
        seed: u64,
        device: Device,
    ) -> Result<Self, ModelError> {
        training.validate_for(model)?;
        let training = training.for_model(model);
        // A label is one byte, and one of its values stands for unannotated voxels.
        if !(2..=usize::from(IGNORE)).contains(&classes) {
            return Err(ModelError::Config {
                field: "classes",
                expected: format!("2 to {IGNORE}, background included"),
                got: classes.to_string(),
            });
        }
        let ArchitectureChoice::Registered(name) = &model.architecture else {
            return Err(ModelError::Config {
                field: "model.architecture",
                expected: "the name of a network".to_owned(),
                got: model.architecture.to_string(),
            });
        };
        let architecture = registry::find(name)?;
        let numerics = Numerics::new(&training, device);
        let store = VarStore::new(device);
        let generator = RefCell::new(ChaCha8Rng::seed_from_u64(seed));
        let tape = Arc::default();
        let scope = Scope {
            path: store.root(),
            generator: &generator,
            numerics,
            tape: &tape,
        };
        let (network, optimizer) = guard(|| {
            let network = (architecture.build)(&scope, model, classes as i64);
            Ok((network, Optimizer::new(&store)))
        })?;
        Ok(Self {
            architecture,
            network,
            optimizer,
            store,
            tape,
            model: model.clone(),
            training,
            classes,
            numerics,
            dispatch: Dispatch::for_device(device, numerics),
            committee: None,
            members: Vec::new(),
            resident: None,
        })
    }

    /// Returns the number of trainable parameters.
    pub fn parameters(&self) -> u64 {
        self.store
            .trainable_variables()
            .iter()
            .map(|variable| variable.numel() as u64)
            .sum()
    }

    /// Trains the network from its present weights. Of a training of `total` steps it does `steps`,
    /// with crops drawn from `seed`. The steps may be spread over several calls: `0..20` and then
    /// `20..total` gives the same as `0..total`.
    ///
    /// After each step it calls `progress` with the number of steps done and the loss of the step.
    /// If `progress` returns a break, the training ends. On a GPU the losses of up to sixteen steps
    /// are read together, because reading makes the GPU wait. `progress` is then called for all of
    /// these steps at once, and a break ends the training after the last of them.
    ///
    /// # Errors
    /// Fails when the arrays of a volume do not fit together, when no slice is annotated, or when a
    /// loss is not finite. The weights are then those before the failing step. On a GPU, they are
    /// useless after a loss that is not finite.
    ///
    /// Fails also when weights are not finite, or when libtorch fails. The weights are then
    /// useless.
    pub fn train(
        &mut self,
        cases: &[TrainingCase],
        steps: Range<usize>,
        total: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), ModelError> {
        guard(|| {
            self.optimizer.exchange();
            let result = self.descend(cases, steps, total, seed, progress);
            self.optimizer.exchange();
            result
        })
        // Otherwise the tape would keep the features of a failed forward pass.
        .inspect_err(|_| self.tape.clear())
    }

    /// Does the work of [`Self::train`]. The store must hold the weights of the last step, not
    /// their average.
    fn descend(
        &mut self,
        cases: &[TrainingCase],
        steps: Range<usize>,
        total: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), ModelError> {
        let (hash, set) = self.training_set(cases)?;
        let (training, dispatch) = (&self.training, self.dispatch);
        let device = self.store.device();
        let supervision = self.model.head.supervision;
        let loss = Loss::new(training, supervision, &set.counts, device);
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        let crop = set.crop_size(training.crop, self.model.downsampling());
        for _ in 0..steps.start {
            set.skip(training.batch, crop, training.flip, &mut generator);
        }
        let (mut done, end) = (steps.start, steps.end);
        let mut unread = Vec::new();
        for step in steps {
            let batch = set.batch(training.batch, crop, training.flip, &mut generator);
            let now = (seed, step, self.optimizer.steps);
            let teaching = Teaching::new(&training.unlabelled, &batch, now, |images| {
                let images = self.numerics.prepare(images);
                let forward = || self.network.forward(&images, &Slices::All);
                self.optimizer.with_average(forward).maps
            });
            let slices = match &teaching {
                Some(_) => Slices::All,
                None => Slices::at(&batch.annotated, dispatch.slices, device),
            };
            let output = self
                .network
                .forward(&self.numerics.prepare(&batch.images), &slices);
            let loss = loss.compute(&output, &batch.labels, &slices, teaching.as_ref());
            unread.push(loss.detach());
            let mut losses = Vec::new();
            if dispatch.losses == 1 {
                losses = read(&mut unread, step + 1, total)?;
            }
            let rate = learning_rate(training, step, total) * self.optimizer.warmth(training);
            if dispatch.direct_gradients {
                let gradient = self.optimizer.gradient_of(&loss);
                self.optimizer.step_along(gradient, training, rate);
            } else {
                self.optimizer.zero_gradients();
                self.tape.backward(&loss);
                self.optimizer.step(training, rate);
            }
            if unread.len() == dispatch.losses || (step + 1 == end && !unread.is_empty()) {
                losses = read(&mut unread, step + 1, total)?;
            }
            let mut stop = false;
            for value in losses {
                done += 1;
                stop |= progress(done, value).is_break();
            }
            if stop {
                break;
            }
        }
        if dispatch.resident {
            self.resident = Some((hash, set));
        }
        if self.optimizer.is_finite() {
            return Ok(());
        }
        Err(ModelError::WeightsNotFinite {
            step: done,
            steps: total,
        })
    }

    /// Returns the checked volumes on the device, and their fingerprint (0 unless the device keeps
    /// the volumes). Reuses the training set of the previous call if the volumes are the same.
    fn training_set(&mut self, cases: &[TrainingCase]) -> Result<(u64, TrainingSet), ModelError> {
        let hash = if self.dispatch.resident {
            fingerprint(cases)
        } else {
            0
        };
        match self.resident.take() {
            Some((previous, set)) if previous == hash => Ok((hash, set)),
            // The previous set is freed before the new one is made.
            _ => Ok((
                hash,
                TrainingSet::new(cases, self.classes, self.store.device())?,
            )),
        }
    }

    /// Writes the weights and the state of the training to the safetensors file `path`. The file is
    /// written whole or not at all.
    ///
    /// # Errors
    /// Fails when the file cannot be written, or when libtorch fails.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        guard(|| checkpoint::save(&self.optimizer, self.architecture.name, path))
    }

    /// Reads a file that [`Self::save`] wrote.
    ///
    /// # Errors
    /// Fails when the file cannot be read, is damaged, or holds tensors of other names, types or
    /// shapes. The weights are unchanged then.
    pub fn load(&mut self, path: &Path) -> Result<(), ModelError> {
        guard(|| checkpoint::load(&mut self.optimizer, path))
    }
}

impl Segmenter for TchSegmenter {
    fn has_attention(&self) -> bool {
        self.architecture.has_attention
    }

    fn parameters(&self) -> Option<u64> {
        Some(Self::parameters(self))
    }

    fn train(
        &mut self,
        cases: &[TrainingCase],
        steps: Range<usize>,
        total: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), SegmenterError> {
        Ok(Self::train(self, cases, steps, total, seed, progress)?)
    }

    fn train_members(
        &mut self,
        cases: &[TrainingCase],
        steps: usize,
        seed: u64,
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<(), SegmenterError> {
        Ok(Self::train_members(self, cases, steps, seed, go_on)?)
    }

    fn predict(&self, image: &Array3<f32>) -> Result<Prediction, SegmenterError> {
        Ok(Self::predict(self, image)?)
    }

    fn predict_with(
        &mut self,
        image: &Array3<f32>,
        wanted: Wanted,
    ) -> Result<Prediction, SegmenterError> {
        Ok(Self::predict_with(self, image, wanted)?)
    }

    fn save(&self, path: &Path) -> Result<(), SegmenterError> {
        Ok(Self::save(self, path)?)
    }

    fn load(&mut self, path: &Path) -> Result<(), SegmenterError> {
        Ok(Self::load(self, path)?)
    }
}

/// Reads the `losses` of the last steps, up to step number `step` (from 1) of `steps`, and empties
/// the vector. Waits for the device.
///
/// # Errors
/// Fails when a loss is not finite, or when libtorch fails.
fn read(losses: &mut Vec<Tensor>, step: usize, steps: usize) -> Result<Vec<f64>, ModelError> {
    let first = step - losses.len();
    let values = Vec::<f32>::try_from(Tensor::stack(&std::mem::take(losses), 0))?;
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(ModelError::LossNotFinite {
            step: first + index + 1,
            steps,
            loss: f64::from(values[index]),
        }),
        None => Ok(values.into_iter().map(f64::from).collect()),
    }
}

/// Returns the learning rate at `step`, counted from 0, of a round of `steps` steps.
fn learning_rate(training: &TrainingConfig, step: usize, steps: usize) -> f64 {
    let factor = match training.schedule {
        Schedule::Constant => 1.0,
        Schedule::Polynomial => (1.0 - step as f64 / steps as f64)
            .max(0.0)
            .powf(SCHEDULE_POWER),
        Schedule::Cosine => (1.0 + (PI * (step as f64 / steps as f64).min(1.0)).cos()) / 2.0,
    };
    training.learning_rate * factor
}

mod members;
mod predict;

#[cfg(test)]
mod tests;
