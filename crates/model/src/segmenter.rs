//! A network in use: training, prediction, checkpoints.

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
use crate::tape::Tape;
use ndarray::Array3;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use slicewise_core::{Prediction, Segmenter, SegmenterError, TrainingCase};
use std::cell::RefCell;
use std::f64::consts::PI;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;
use tch::nn::VarStore;
use tch::{Device, Tensor};

/// Exponent of the polynomial schedule (nnU-Net's).
const SCHEDULE_POWER: f64 = 0.9;

/// A network with its weights and the way it is trained.
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
    /// The training set of the call before and its fingerprint, where the device keeps it.
    resident: Option<(u64, TrainingSet)>,
}

impl TchSegmenter {
    /// A network with fresh weights, which `seed` fixes. `classes` counts background too.
    ///
    /// # Errors
    /// An invalid configuration, or a number of classes outside 2 to 255.
    pub fn new(
        model: &ModelConfig,
        training: &TrainingConfig,
        classes: usize,
        seed: u64,
        device: Device,
    ) -> Result<Self, ModelError> {
        training.validate_for(model)?;
        let training = training.of_model(model);
        // A label is one byte, and one of its values marks unannotated voxels.
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

    /// Trainable numbers.
    pub fn parameters(&self) -> u64 {
        self.store
            .trainable_variables()
            .iter()
            .map(|variable| variable.numel() as u64)
            .sum()
    }

    /// Trains the steps `steps` of a training of `of`, from the present weights, with crops drawn
    /// from `seed`: `0..of` is all of it, `0..20` and then `20..of` the same. Calls `progress`
    /// after each step with the number done and the step's loss; a break ends the call. On a GPU,
    /// which should not wait for losses, the calls come for up to sixteen steps together, and a
    /// break ends the call with the last of them.
    ///
    /// # Errors
    /// A volume that does not fit together, no annotated slice, or a loss that is not finite:
    /// after these the weights are those before the step that gave it (on a GPU, after a loss, of
    /// no use). Weights that are not finite, or libtorch's failure: after these they are of no use.
    pub fn train(
        &mut self,
        cases: &[TrainingCase],
        steps: Range<usize>,
        of: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), ModelError> {
        guard(|| {
            self.optimizer.exchange();
            let result = self.descend(cases, steps, of, seed, progress);
            self.optimizer.exchange();
            result
        })
        // A forward pass that failed would keep its features for as long as the network lives.
        .inspect_err(|_| self.tape.clear())
    }

    /// [`Self::train`], with the weights of the last step in the store.
    fn descend(
        &mut self,
        cases: &[TrainingCase],
        steps: Range<usize>,
        of: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), ModelError> {
        let (mark, set) = self.training_set(cases)?;
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
                losses = read(&mut unread, step + 1, of)?;
            }
            let rate = learning_rate(training, step, of) * self.optimizer.warmth(training);
            if dispatch.direct_gradients {
                let gradient = self.optimizer.gradient_of(&loss);
                self.optimizer.step_along(gradient, training, rate);
            } else {
                self.optimizer.zero_gradients();
                self.tape.backward(&loss);
                self.optimizer.step(training, rate);
            }
            if unread.len() == dispatch.losses || (step + 1 == end && !unread.is_empty()) {
                losses = read(&mut unread, step + 1, of)?;
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
            self.resident = Some((mark, set));
        }
        if self.optimizer.is_finite() {
            return Ok(());
        }
        Err(ModelError::WeightsNotFinite {
            step: done,
            steps: of,
        })
    }

    /// The volumes on the device, checked, with their fingerprint where the device keeps them: those
    /// of the call before, if they are the same.
    fn training_set(&mut self, cases: &[TrainingCase]) -> Result<(u64, TrainingSet), ModelError> {
        let mark = if self.dispatch.resident {
            fingerprint(cases)
        } else {
            0
        };
        match self.resident.take() {
            Some((of, set)) if of == mark => Ok((mark, set)),
            // What was there is gone before the new set comes.
            _ => Ok((
                mark,
                TrainingSet::new(cases, self.classes, self.store.device())?,
            )),
        }
    }

    /// Segments one volume `[D, H, W]` of normalised intensities in overlapping tiles of the
    /// size of the training crops, whose answers are blended.
    ///
    /// # Errors
    /// An empty volume, intensities that are not finite, or libtorch's failure.
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

    /// Writes the weights, and what training needs to go on, to `path` (safetensors), whole or
    /// not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        guard(|| checkpoint::save(&self.optimizer, self.architecture.name, path))
    }

    /// Reads what [`Self::save`] wrote. After an error the weights are what they were.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or holds tensors of other names, types or shapes.
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
        of: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), SegmenterError> {
        Ok(Self::train(self, cases, steps, of, seed, progress)?)
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

/// The `losses` of the last steps before and with `step` of `steps`, which are taken; waits for the
/// device.
///
/// # Errors
/// One that is not finite.
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

/// Of `step` (from 0) of `steps`.
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

    /// Of two crops of eight slices all.
    const ALL: [i64; 16] = [1; 16];
    /// Both ends of the first crop, two neighbours and one apart of the second.
    const SOME: [i64; 16] = [1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0];

    /// What is noted is kept until a backward pass, which after a prediction never comes.
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

    /// How one step is computed.
    #[derive(Clone, Copy)]
    struct How {
        precision: Precision,
        layout: Layout,
        device: Device,
        /// Annotated slices are filled up to a multiple of so many; without, all slices are taken.
        slices: Option<usize>,
    }

    const EXACT: How = How {
        precision: Precision::Float32,
        layout: Layout::Contiguous,
        device: Device::Cpu,
        slices: Some(1),
    };
    const FAST: How = How {
        precision: Precision::Bfloat16,
        layout: Layout::ChannelsLast,
        ..EXACT
    };

    /// One loss of the slices `annotated` of two crops and its gradients with respect to all
    /// variables, on the CPU.
    fn descent(model: ModelConfig, annotated: &[i64], how: How) -> (f64, Vec<Tensor>) {
        let model = ModelConfig { levels: 3, ..model };
        let training = TrainingConfig {
            precision: how.precision,
            layout: how.layout,
            soft_dice: 1.0,
            ..TrainingConfig::default()
        };
        let segmenter = TchSegmenter::new(&model, &training, 3, 7, how.device).unwrap();
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
            .to_device(how.device);
        let places: Vec<[i64; 2]> = (0..)
            .zip(annotated)
            .filter(|&(_, &known)| known == 1)
            .map(|(slice, _)| [slice / depth, slice % depth])
            .collect();
        let slices = match how.slices {
            Some(multiple) => Slices::at(&places, multiple, how.device),
            None => Slices::All,
        };
        let images = segmenter.numerics.prepare(&images.to_device(how.device));
        let output = segmenter.network.forward(&images, &slices);
        let loss = Loss::new(&training, 1.0, &[300, 200, 100], how.device);
        let loss = loss.of(&output, &labels, &slices);
        segmenter.tape.backward(&loss);
        let of_variables = segmenter.optimizer.slots.iter();
        let gradients = of_variables
            .map(|slot| slot.variable.grad().to_device(Device::Cpu))
            .collect();
        (loss.double_value(&[]), gradients)
    }

    /// Loss and gradients are the same, but for so much of the loss and of the largest gradient's
    /// norm.
    fn alike(
        case: &str,
        (loss, gradients): &(f64, Vec<Tensor>),
        (expected, exact): &(f64, Vec<Tensor>),
        of_loss: f64,
        of_gradients: f64,
    ) {
        assert!(
            (loss - expected).abs() < of_loss * expected,
            "{case}: loss {loss}, expected {expected}"
        );
        let norm = |t: &Tensor| t.norm().double_value(&[]);
        let largest = exact.iter().map(norm).fold(0.0, f64::max);
        for (a, b) in gradients.iter().zip(exact) {
            let difference = norm(&(a - b)) / largest;
            assert!(difference < of_gradients, "{case}: gradient {difference}");
        }
    }

    /// The cosine between two gradients of all variables.
    fn cosine(a: &[Tensor], b: &[Tensor]) -> f64 {
        let flat = |parts: &[Tensor]| {
            let parts: Vec<Tensor> = parts.iter().map(|part| part.reshape([-1])).collect();
            Tensor::cat(&parts, 0)
        };
        let (a, b) = (flat(a), flat(b));
        let product = |a: &Tensor, b: &Tensor| a.dot(b).double_value(&[]);
        product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
    }

    fn named(architecture: &str, head: HeadConfig) -> ModelConfig {
        ModelConfig {
            architecture: architecture.to_owned(),
            head,
            ..ModelConfig::default()
        }
    }

    /// The fast paths, with operations of our own in the backward pass, against libtorch's graph in
    /// float32.
    #[test]
    fn every_network_has_the_gradient_of_libtorch_s_graph() {
        for architecture in ARCHITECTURES {
            let name = architecture.name;
            let of = |how| descent(named(name, HeadConfig::default()), &ALL, how);
            let exact = of(EXACT);
            let cosine = cosine(&exact.1, &of(FAST).1);
            assert!(cosine > 0.99, "{name}: {cosine}");
            let loops = How {
                layout: Layout::ChannelsLast,
                ..EXACT
            };
            alike(name, &of(loops), &exact, 1e-5, 1e-4);
        }
    }

    /// Every head of different slices to choose.
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

    /// Every network with every head of [`heads`] that it has.
    fn models() -> Vec<ModelConfig> {
        let of = |architecture: &Architecture| {
            let heads = if architecture.has_attention {
                heads()
            } else {
                vec![HeadConfig::default()]
            };
            heads
                .into_iter()
                .map(|head| named(architecture.name, head))
                .collect::<Vec<_>>()
        };
        ARCHITECTURES.iter().copied().flat_map(of).collect()
    }

    #[test]
    fn annotated_slices_alone_give_loss_and_gradients_of_the_whole_crop() {
        for model in models() {
            for layout in [Layout::Contiguous, Layout::ChannelsLast] {
                let how = How { layout, ..EXACT };
                let of = |slices| descent(model.clone(), &SOME, How { slices, ..how });
                let case = format!("{layout:?} {model:?}");
                alike(&case, &of(Some(1)), &of(None), 1e-5, 1e-5);
            }
        }
    }

    /// Five slices as five and as eight.
    fn padding_changes_nothing(device: Device) {
        for model in models() {
            for layout in [Layout::Contiguous, Layout::ChannelsLast] {
                let of = |slices| {
                    let how = How {
                        layout,
                        device,
                        slices: Some(slices),
                        ..EXACT
                    };
                    descent(model.clone(), &SOME, how)
                };
                alike(&format!("{layout:?} {model:?}"), &of(8), &of(1), 1e-5, 1e-5);
            }
        }
    }

    #[test]
    fn slices_that_fill_up_change_neither_loss_nor_gradients() {
        padding_changes_nothing(Device::Cpu);
    }

    /// Weights and losses of a training in two calls, of 20 steps and 3.
    fn trained(device: Device, dispatch: Dispatch) -> (TchSegmenter, Vec<f64>) {
        let model = ModelConfig {
            levels: 2,
            ..ModelConfig::default()
        };
        // Contiguous float32 is libtorch's alone: nothing is noted on the tape. SGD, because AdamW
        // makes much of the rounding of gradients that should be zero.
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

    fn volume() -> (Array3<f32>, Array3<u8>) {
        let image = Array3::from_shape_fn((12, 20, 28), |(z, y, x)| {
            ((z * 5 + y * 3 + x * 7) % 11) as f32 / 5.0 - 1.0
        });
        let labels = image.mapv(|value| ((value + 1.0) * 1.2) as u8);
        (image, labels)
    }

    fn differ_at_most(a: &[f64], b: &[f64], most: f64) {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < most * b.abs(), "{a} against {b}");
        }
    }

    /// A GPU's way through a training against the CPU's, both on `device`.
    fn a_gpus_way_is_the_cpus(device: Device) {
        let (of_cpu, one_by_one) = trained(device, Dispatch::CPU);
        // The tape, if a loop of our own took part after all, wants gradients by its own way.
        let (network, images) = (
            &of_cpu.network,
            Tensor::zeros([1, 1, 8, 12, 12], (Kind::Float, device)),
        );
        network.forward(&images, &Slices::All);
        let direct_gradients = of_cpu.tape.is_empty();
        of_cpu.tape.clear();
        let gpu = Dispatch {
            direct_gradients,
            ..Dispatch::GPU
        };
        let (of_gpu, together) = trained(device, gpu);
        differ_at_most(&together, &one_by_one, 1e-4);
        assert!(of_gpu.resident.is_some() && of_cpu.resident.is_none());
        let (image, _) = volume();
        let (a, b) = (
            of_gpu.predict(&image).unwrap(),
            of_cpu.predict(&image).unwrap(),
        );
        let most = (&a.probabilities - &b.probabilities).mapv(f32::abs);
        let most = most.into_iter().fold(0.0, f32::max);
        assert!(most < 1e-3, "probabilities differ by {most}");
    }

    #[test]
    fn a_gpus_way_through_a_training_is_the_cpus() {
        a_gpus_way_is_the_cpus(Device::Cpu);
    }

    /// A volume of several tiles, together and one by one.
    fn tiles_do_not_matter(device: Device) {
        let (mut segmenter, _) = trained(device, Dispatch::CPU);
        let (image, _) = volume();
        let of = |segmenter: &TchSegmenter| segmenter.predict(&image).unwrap();
        segmenter.dispatch.tiles = 1;
        let single = of(&segmenter);
        for tiles in [2, 8, 16] {
            segmenter.dispatch.tiles = tiles;
            let together = of(&segmenter);
            let off = (&together.probabilities - &single.probabilities).mapv(f32::abs);
            let off = off.into_iter().fold(0.0, f32::max);
            assert!(off < 1e-5, "{tiles} tiles at once: {off}");
        }
    }

    #[test]
    fn tiles_together_give_what_single_ones_give() {
        tiles_do_not_matter(Device::Cpu);
    }

    #[test]
    fn a_training_set_stays_until_another_comes() {
        let (mut segmenter, _) = trained(Device::Cpu, Dispatch::GPU);
        let (image, labels) = volume();
        let other = [true; 12];
        let case = TrainingCase {
            image: &image,
            labels: &labels,
            annotated: &other,
        };
        let mark = |segmenter: &TchSegmenter| segmenter.resident.as_ref().map(|set| set.0);
        let before = mark(&segmenter);
        let counts = |s: &TchSegmenter| s.resident.as_ref().map(|set| set.1.counts.clone());
        let few = counts(&segmenter);
        segmenter
            .train(&[case], 0..1, 1, 1, &mut |_, _| ControlFlow::Continue(()))
            .unwrap();
        assert_ne!(mark(&segmenter), before);
        assert_ne!(counts(&segmenter), few);
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

    // On a GPU (docs/gpu.md).

    /// The GPU, or none where none is asked for.
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
    fn gpu_one_step_is_the_cpus_for_every_network_and_head() {
        let Some(device) = gpu() else { return };
        for model in models() {
            for layout in [Layout::Contiguous, Layout::ChannelsLast] {
                let case = format!("{layout:?} {model:?}");
                let exact = descent(model.clone(), &SOME, EXACT);
                let on_gpu = |how| {
                    let how = How {
                        layout,
                        device,
                        ..how
                    };
                    descent(model.clone(), &SOME, how)
                };
                alike(&case, &on_gpu(EXACT), &exact, 1e-5, 1e-4);
                let fast = on_gpu(FAST);
                assert!((fast.0 / exact.0 - 1.0).abs() < 1e-2, "{case}: {}", fast.0);
                let cosine = cosine(&fast.1, &exact.1);
                assert!(cosine > 0.99, "{case}: {cosine}");
            }
        }
    }

    /// Crops of four and eight slices: one and two at the coarsest of three levels, where oneDNN's bf16
    /// is garbage at two.
    #[test]
    #[ignore = "needs a CUDA device"]
    fn gpu_bfloat16_is_right_where_grids_are_two_slices_deep() {
        let Some(device) = gpu() else { return };
        for architecture in ARCHITECTURES {
            for depth in [4, 8] {
                let annotated = vec![1; 2 * depth];
                let of = |how| {
                    let model = named(architecture.name, HeadConfig::default());
                    descent(model, &annotated, how).1
                };
                let cosine = cosine(&of(How { device, ..FAST }), &of(EXACT));
                assert!(cosine > 0.99, "{} {depth}: {cosine}", architecture.name);
            }
        }
    }

    #[test]
    #[ignore = "needs a CUDA device"]
    fn gpu_slices_that_fill_up_change_neither_loss_nor_gradients() {
        let Some(device) = gpu() else { return };
        padding_changes_nothing(device);
    }

    #[test]
    #[ignore = "needs a CUDA device"]
    fn gpu_tiles_together_give_what_single_ones_give() {
        let Some(device) = gpu() else { return };
        tiles_do_not_matter(device);
    }

    #[test]
    #[ignore = "needs a CUDA device"]
    fn gpu_its_way_through_a_training_is_the_cpus() {
        let Some(device) = gpu() else { return };
        a_gpus_way_is_the_cpus(device);
        let (on_gpu, on_cpu) = (
            trained(device, Dispatch::GPU).1,
            trained(Device::Cpu, Dispatch::CPU).1,
        );
        differ_at_most(&on_gpu, &on_cpu, 1e-3);
    }
}
