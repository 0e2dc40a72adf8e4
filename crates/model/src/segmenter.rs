//! Trains a network, predicts with it, and saves and loads it.

use crate::architecture::{Architecture, Network};
use crate::checkpoint;
use crate::config::{ModelConfig, Schedule, TrainingConfig};
use crate::crops::{Batch, TrainingSet, fingerprint};
use crate::dispatch::Dispatch;
use crate::error::ModelError;
use crate::fault::guard;
use crate::inference;
use crate::layers::Scope;
use crate::loss::{IGNORE, Loss};
use crate::numerics::Numerics;
use crate::optimizer::Optimizer;
use crate::registry;
use crate::slices::Slices;
use ndarray::Array3;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use slicewise_core::{Prediction, Segmenter, SegmenterError, TrainingCase};
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
        let training = training.of_model(model);
        // A label is one byte, and one of its values stands for unannotated voxels.
        if !(2..=usize::from(IGNORE)).contains(&classes) {
            return Err(ModelError::Config {
                field: "classes",
                expected: format!("2 to {IGNORE}, background included"),
                got: classes.to_string(),
            });
        }
        let architecture = registry::find(&model.architecture)?;
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
            dispatch: Dispatch::of(device, numerics),
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
            let Batch {
                images,
                labels,
                annotated,
            } = set.batch(training.batch, crop, training.flip, &mut generator);
            let slices = Slices::at(&annotated, dispatch.slices, device);
            let output = self
                .network
                .forward(&self.numerics.prepare(&images), &slices);
            let loss = loss.of(&output, &labels, &slices);
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

    /// Segments one volume `[D, H, W]` of normalised intensities. The network is applied to
    /// overlapping tiles of the size of the training crops, and its outputs are blended.
    ///
    /// # Errors
    /// Fails when the volume is empty, when an intensity is not finite, or when libtorch fails.
    pub fn predict(&self, image: &Array3<f32>) -> Result<Prediction, ModelError> {
        let (multiple, tile) = (self.model.downsampling(), self.training.crop);
        guard(|| {
            let _no_gradients = tch::no_grad_guard();
            let (at_once, device) = (self.dispatch.tiles, self.store.device());
            inference::segment(image, multiple, tile, at_once, device, |tiles| {
                self.network
                    .forward(&self.numerics.prepare(tiles), &Slices::All)
            })
        })
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

    fn predict(&self, image: &Array3<f32>) -> Result<Prediction, SegmenterError> {
        Ok(Self::predict(self, image)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Combine, HeadConfig, Layout, Paths, Precision, Source};
    use crate::registry::ARCHITECTURES;
    use tch::Kind;

    /// Flags of annotated slices in two crops of eight slices each: all are annotated.
    const ALL: [i64; 16] = [1; 16];
    /// Flags of annotated slices in two crops of eight slices each: both ends of the first crop,
    /// and two neighbours and a single slice of the second.
    const SOME: [i64; 16] = [1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0];

    /// The tape keeps its records until a backward pass, which never follows a prediction.
    #[test]
    fn a_prediction_leaves_nothing_on_the_tape() {
        let image = Array3::from_shape_fn((16, 16, 16), |(z, y, x)| (z * y + x) as f32 * 0.01);
        for architecture in ARCHITECTURES {
            let model = ModelConfig {
                architecture: architecture.name.to_owned(),
                ..ModelConfig::default()
            };
            let training = TrainingConfig {
                precision: Precision::Bfloat16,
                layout: Layout::ChannelsLast,
                ..TrainingConfig::default()
            };
            let segmenter = TchSegmenter::new(&model, &training, 9, 1, Device::Cpu).unwrap();
            segmenter.predict(&image).unwrap();
            assert!(segmenter.tape.is_empty(), "{}", architecture.name);
        }
    }

    /// How a test computes one training step.
    #[derive(Clone, Copy)]
    struct Computation {
        precision: Precision,
        layout: Layout,
        device: Device,
        /// Only annotated slices are used, padded to a multiple of this number. None means that all
        /// slices are used.
        slices: Option<usize>,
    }

    /// The reference: contiguous float32 on the CPU.
    const EXACT: Computation = Computation {
        precision: Precision::Float32,
        layout: Layout::Contiguous,
        device: Device::Cpu,
        slices: Some(1),
    };
    /// The fast way on a CPU with bf16 instructions.
    const FAST: Computation = Computation {
        precision: Precision::Bfloat16,
        layout: Layout::ChannelsLast,
        ..EXACT
    };

    /// Computes the loss of two crops whose slices are `annotated` where the flag is 1. Returns it
    /// with its gradients with respect to all variables, on the CPU.
    fn loss_and_gradients(
        model: ModelConfig,
        annotated: &[i64],
        computation: Computation,
    ) -> (f64, Vec<Tensor>) {
        let model = ModelConfig { levels: 3, ..model };
        let training = TrainingConfig {
            precision: computation.precision,
            layout: computation.layout,
            soft_dice: 1.0,
            ..TrainingConfig::default()
        };
        let device = computation.device;
        let segmenter = TchSegmenter::new(&model, &training, 3, 7, device).unwrap();
        let depth = annotated.len() as i64 / 2;
        let count = 2 * depth * 12 * 16;
        let wave = (Tensor::arange(count, (Kind::Float, Device::Cpu)) * 0.11).sin();
        let images = wave.reshape([2, 1, depth, 12, 16]);
        let unknown = Tensor::from_slice(annotated)
            .reshape([2, depth, 1, 1])
            .eq(0);
        let labels = (&images.squeeze_dim(1) * 1.4 + 1.0)
            .round()
            .to_kind(Kind::Int64)
            .masked_fill(&unknown, i64::from(IGNORE))
            .to_device(device);
        let places: Vec<[i64; 2]> = (0..)
            .zip(annotated)
            .filter(|&(_, &known)| known == 1)
            .map(|(slice, _)| [slice / depth, slice % depth])
            .collect();
        let slices = match computation.slices {
            Some(multiple) => Slices::at(&places, multiple, device),
            None => Slices::All,
        };
        let images = segmenter.numerics.prepare(&images.to_device(device));
        let output = segmenter.network.forward(&images, &slices);
        let loss = Loss::new(&training, 1.0, &[300, 200, 100], device);
        let loss = loss.of(&output, &labels, &slices);
        segmenter.tape.backward(&loss);
        let slots = segmenter.optimizer.slots.iter();
        let gradients = slots
            .map(|slot| slot.variable.grad().to_device(Device::Cpu))
            .collect();
        (loss.double_value(&[]), gradients)
    }

    /// Asserts that losses and gradients agree. `loss_tolerance` is relative to the expected loss,
    /// `gradient_tolerance` to the norm of the largest expected gradient.
    fn assert_alike(
        case: &str,
        (loss, gradients): &(f64, Vec<Tensor>),
        (expected, exact): &(f64, Vec<Tensor>),
        loss_tolerance: f64,
        gradient_tolerance: f64,
    ) {
        assert!(
            (loss - expected).abs() < loss_tolerance * expected,
            "{case}: loss {loss}, expected {expected}"
        );
        let norm = |t: &Tensor| t.norm().double_value(&[]);
        let largest = exact.iter().map(norm).fold(0.0, f64::max);
        for (a, b) in gradients.iter().zip(exact) {
            let difference = norm(&(a - b)) / largest;
            assert!(
                difference < gradient_tolerance,
                "{case}: gradient {difference}"
            );
        }
    }

    /// Returns the cosine of the angle between two gradients of all variables.
    fn cosine(a: &[Tensor], b: &[Tensor]) -> f64 {
        let flat = |parts: &[Tensor]| {
            let parts: Vec<Tensor> = parts.iter().map(|part| part.reshape([-1])).collect();
            Tensor::cat(&parts, 0)
        };
        let (a, b) = (flat(a), flat(b));
        let product = |a: &Tensor, b: &Tensor| a.dot(b).double_value(&[]);
        product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
    }

    /// Returns the default configuration with another network and head.
    fn model_with(architecture: &str, head: HeadConfig) -> ModelConfig {
        ModelConfig {
            architecture: architecture.to_owned(),
            head,
            ..ModelConfig::default()
        }
    }

    /// Compares the fast ways, with our own operations in the backward pass, against libtorch's
    /// graph in float32.
    #[test]
    fn every_network_has_the_gradient_of_libtorch_s_graph() {
        for architecture in ARCHITECTURES {
            let name = architecture.name;
            let compute = |computation| {
                let model = model_with(name, HeadConfig::default());
                loss_and_gradients(model, &ALL, computation)
            };
            let exact = compute(EXACT);
            let cosine = cosine(&exact.1, &compute(FAST).1);
            assert!(cosine > 0.99, "{name}: {cosine}");
            let channels_last = Computation {
                layout: Layout::ChannelsLast,
                ..EXACT
            };
            assert_alike(name, &compute(channels_last), &exact, 1e-5, 1e-4);
        }
    }

    /// Returns all heads that differ in how they handle selected slices.
    fn heads() -> Vec<HeadConfig> {
        let mut heads = Vec::new();
        for source in [Source::LastDecoder, Source::FinalMaps] {
            for detached in [true, false] {
                for paths in [Paths::Both, Paths::Channel, Paths::Spatial] {
                    for combine in [Combine::Sum, Combine::Product] {
                        heads.push(HeadConfig {
                            source,
                            detached,
                            paths,
                            combine,
                            ..HeadConfig::default()
                        });
                    }
                }
            }
        }
        heads
    }

    /// Returns every network, those with attention with each head of [`heads`].
    fn models() -> Vec<ModelConfig> {
        let variants = |architecture: &Architecture| {
            let heads = if architecture.has_attention {
                heads()
            } else {
                vec![HeadConfig::default()]
            };
            heads
                .into_iter()
                .map(|head| model_with(architecture.name, head))
                .collect::<Vec<_>>()
        };
        ARCHITECTURES.iter().copied().flat_map(variants).collect()
    }

    #[test]
    fn annotated_slices_alone_give_loss_and_gradients_of_the_whole_crop() {
        for model in models() {
            for layout in [Layout::Contiguous, Layout::ChannelsLast] {
                let compute = |slices| {
                    let computation = Computation {
                        layout,
                        slices,
                        ..EXACT
                    };
                    loss_and_gradients(model.clone(), &SOME, computation)
                };
                let case = format!("{layout:?} {model:?}");
                assert_alike(&case, &compute(Some(1)), &compute(None), 1e-5, 1e-5);
            }
        }
    }

    /// Asserts that five slices give the same result when they are padded to eight.
    fn assert_padding_changes_nothing(device: Device) {
        for model in models() {
            for layout in [Layout::Contiguous, Layout::ChannelsLast] {
                let compute = |multiple| {
                    let computation = Computation {
                        layout,
                        device,
                        slices: Some(multiple),
                        ..EXACT
                    };
                    loss_and_gradients(model.clone(), &SOME, computation)
                };
                let case = format!("{layout:?} {model:?}");
                assert_alike(&case, &compute(8), &compute(1), 1e-5, 1e-5);
            }
        }
    }

    #[test]
    fn padding_slices_change_neither_loss_nor_gradients() {
        assert_padding_changes_nothing(Device::Cpu);
    }

    /// Trains a network in two calls, of 20 and 3 steps. Returns it with the losses of all steps.
    fn trained(device: Device, dispatch: Dispatch) -> (TchSegmenter, Vec<f64>) {
        let model = ModelConfig {
            levels: 2,
            ..ModelConfig::default()
        };
        // Only libtorch computes contiguous float32, so the tape records nothing. The algorithm is
        // SGD, because AdamW amplifies the rounding of gradients that should be zero.
        let training = TrainingConfig {
            algorithm: crate::config::Algorithm::Sgd,
            learning_rate: 0.01,
            precision: Precision::Float32,
            layout: Layout::Contiguous,
            crop: [8, 12, 12],
            soft_dice: 1.0,
            flip: true,
            ..TrainingConfig::default()
        };
        let (image, labels) = volume();
        let annotated: Vec<bool> = (0..12).map(|z| z % 3 == 1).collect();
        let case = TrainingCase {
            image: &image,
            labels: &labels,
            annotated: &annotated,
        };
        let mut segmenter = TchSegmenter::new(&model, &training, 3, 5, device).unwrap();
        segmenter.dispatch = dispatch;
        let mut losses = Vec::new();
        for steps in [0..20, 20..23] {
            segmenter
                .train(&[case], steps, 23, 1, &mut |step, loss| {
                    losses.push(loss);
                    assert_eq!(step, losses.len());
                    ControlFlow::Continue(())
                })
                .unwrap();
        }
        (segmenter, losses)
    }

    /// Returns made-up intensities and labels of three classes, `[12, 20, 28]`.
    fn volume() -> (Array3<f32>, Array3<u8>) {
        let image = Array3::from_shape_fn((12, 20, 28), |(z, y, x)| {
            ((z * 5 + y * 3 + x * 7) % 11) as f32 / 5.0 - 1.0
        });
        let labels = image.mapv(|value| ((value + 1.0) * 1.2) as u8);
        (image, labels)
    }

    /// Asserts that each number of `a` differs from that of `b` by less than `tolerance`, relative
    /// to `b`.
    fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < tolerance * b.abs(), "{a} against {b}");
        }
    }

    /// Asserts that the settings of a GPU and of a CPU lead to the same training, both on `device`.
    fn assert_gpu_settings_train_like_cpu_settings(device: Device) {
        let (with_cpu_settings, one_by_one) = trained(device, Dispatch::CPU);
        // Direct gradients need an empty tape. It is not empty if one of our own loops ran.
        let (network, images) = (
            &with_cpu_settings.network,
            Tensor::zeros([1, 1, 8, 12, 12], (Kind::Float, device)),
        );
        network.forward(&images, &Slices::All);
        let direct_gradients = with_cpu_settings.tape.is_empty();
        with_cpu_settings.tape.clear();
        let gpu = Dispatch {
            direct_gradients,
            ..Dispatch::GPU
        };
        let (with_gpu_settings, together) = trained(device, gpu);
        assert_close(&together, &one_by_one, 1e-4);
        assert!(with_gpu_settings.resident.is_some() && with_cpu_settings.resident.is_none());
        let (image, _) = volume();
        let (a, b) = (
            with_gpu_settings.predict(&image).unwrap(),
            with_cpu_settings.predict(&image).unwrap(),
        );
        let difference = largest_difference(&a, &b);
        assert!(difference < 1e-3, "probabilities differ by {difference}");
    }

    /// Returns the largest difference between the probabilities of two predictions.
    fn largest_difference(a: &ModelOutput, b: &ModelOutput) -> f32 {
        let differences = (&a.probabilities - &b.probabilities).mapv(f32::abs);
        differences.into_iter().fold(0.0, f32::max)
    }

    #[test]
    fn gpu_settings_train_like_cpu_settings() {
        assert_gpu_settings_train_like_cpu_settings(Device::Cpu);
    }

    /// Asserts that the number of tiles in one forward pass does not change a prediction.
    fn assert_tiles_at_once_do_not_matter(device: Device) {
        let (mut segmenter, _) = trained(device, Dispatch::CPU);
        let (image, _) = volume();
        let predict = |segmenter: &TchSegmenter| segmenter.predict(&image).unwrap();
        segmenter.dispatch.tiles = 1;
        let single = predict(&segmenter);
        for tiles in [2, 8, 16] {
            segmenter.dispatch.tiles = tiles;
            let difference = largest_difference(&predict(&segmenter), &single);
            assert!(difference < 1e-5, "{tiles} tiles at once: {difference}");
        }
    }

    #[test]
    fn tiles_together_give_the_same_as_single_tiles() {
        assert_tiles_at_once_do_not_matter(Device::Cpu);
    }

    #[test]
    fn a_training_set_stays_until_another_comes() {
        let (mut segmenter, _) = trained(Device::Cpu, Dispatch::GPU);
        let (image, labels) = volume();
        let all_annotated = [true; 12];
        let case = TrainingCase {
            image: &image,
            labels: &labels,
            annotated: &all_annotated,
        };
        let hash = |segmenter: &TchSegmenter| segmenter.resident.as_ref().map(|set| set.0);
        let hash_before = hash(&segmenter);
        let counts = |s: &TchSegmenter| s.resident.as_ref().map(|set| set.1.counts.clone());
        let counts_before = counts(&segmenter);
        segmenter
            .train(&[case], 0..1, 1, 1, &mut |_, _| ControlFlow::Continue(()))
            .unwrap();
        assert_ne!(hash(&segmenter), hash_before);
        assert_ne!(counts(&segmenter), counts_before);
    }

    #[test]
    fn a_break_ends_the_call_with_the_steps_read_together() {
        let (mut segmenter, _) = trained(Device::Cpu, Dispatch::GPU);
        let (image, labels) = volume();
        let case = TrainingCase {
            image: &image,
            labels: &labels,
            annotated: &[true; 12],
        };
        let before = segmenter.optimizer.steps;
        let mut seen = Vec::new();
        segmenter
            .train(&[case], 0..40, 40, 1, &mut |step, _| {
                seen.push(step);
                ControlFlow::Break(())
            })
            .unwrap();
        assert_eq!(seen, (1..=16).collect::<Vec<_>>());
        assert_eq!(segmenter.optimizer.steps, before + 16);
    }

    // The tests below need a GPU (docs/gpu.md).

    /// Returns the GPU. Without a GPU it returns none, or panics if `SLICEWISE_REQUIRE_GPU` is 1.
    fn gpu() -> Option<Device> {
        let device = crate::choose_device("auto").unwrap();
        if device.is_cuda() {
            let tf32 = std::env::var("NVIDIA_TF32_OVERRIDE");
            assert_eq!(tf32.as_deref(), Ok("0"), "expected NVIDIA_TF32_OVERRIDE=0");
            return Some(device);
        }
        let required = std::env::var_os("SLICEWISE_REQUIRE_GPU").is_some_and(|v| v == "1");
        assert!(
            !required,
            "SLICEWISE_REQUIRE_GPU=1, but libtorch sees no GPU"
        );
        eprintln!("SKIPPED: libtorch sees no GPU");
        None
    }

    #[test]
    #[ignore = "needs a CUDA device"]
    fn gpu_one_step_equals_the_cpus_for_every_network_and_head() {
        let Some(device) = gpu() else { return };
        for model in models() {
            for layout in [Layout::Contiguous, Layout::ChannelsLast] {
                let case = format!("{layout:?} {model:?}");
                let exact = loss_and_gradients(model.clone(), &SOME, EXACT);
                let on_gpu = |computation| {
                    let computation = Computation {
                        layout,
                        device,
                        ..computation
                    };
                    loss_and_gradients(model.clone(), &SOME, computation)
                };
                assert_alike(&case, &on_gpu(EXACT), &exact, 1e-5, 1e-4);
                let fast = on_gpu(FAST);
                assert!((fast.0 / exact.0 - 1.0).abs() < 1e-2, "{case}: {}", fast.0);
                let cosine = cosine(&fast.1, &exact.1);
                assert!(cosine > 0.99, "{case}: {cosine}");
            }
        }
    }

    /// Crops of four and eight slices have one and two slices at the coarsest of three levels. At
    /// two, oneDNN's bf16 gradient on the CPU is garbage.
    #[test]
    #[ignore = "needs a CUDA device"]
    fn gpu_bfloat16_is_right_where_grids_are_two_slices_deep() {
        let Some(device) = gpu() else { return };
        for architecture in ARCHITECTURES {
            for depth in [4, 8] {
                let annotated = vec![1; 2 * depth];
                let gradients = |computation| {
                    let model = model_with(architecture.name, HeadConfig::default());
                    loss_and_gradients(model, &annotated, computation).1
                };
                let on_gpu = gradients(Computation { device, ..FAST });
                let cosine = cosine(&on_gpu, &gradients(EXACT));
                assert!(cosine > 0.99, "{} {depth}: {cosine}", architecture.name);
            }
        }
    }

    #[test]
    #[ignore = "needs a CUDA device"]
    fn gpu_padding_slices_change_neither_loss_nor_gradients() {
        let Some(device) = gpu() else { return };
        assert_padding_changes_nothing(device);
    }

    #[test]
    #[ignore = "needs a CUDA device"]
    fn gpu_tiles_together_give_the_same_as_single_tiles() {
        let Some(device) = gpu() else { return };
        assert_tiles_at_once_do_not_matter(device);
    }

    #[test]
    #[ignore = "needs a CUDA device"]
    fn gpu_training_gives_the_losses_of_the_cpu() {
        let Some(device) = gpu() else { return };
        assert_gpu_settings_train_like_cpu_settings(device);
        let (on_gpu, on_cpu) = (
            trained(device, Dispatch::GPU).1,
            trained(Device::Cpu, Dispatch::CPU).1,
        );
        assert_close(&on_gpu, &on_cpu, 1e-3);
    }
}
