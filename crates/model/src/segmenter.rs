//! A network in use: training, prediction, checkpoints.

use crate::architecture::{self, Architecture, Network};
use crate::checkpoint;
use crate::config::{ModelConfig, Schedule, TrainingConfig};
use crate::crops::TrainingSet;
use crate::error::ModelError;
use crate::fault::guard;
use crate::inference;
use crate::layers::Scope;
use crate::loss::{IGNORE, Loss};
use crate::numerics::Numerics;
use crate::optimizer::Optimizer;
use crate::slices::Slices;
use crate::tape::Tape;
use ndarray::{Array3, Array4};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::cell::RefCell;
use std::f64::consts::PI;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;
use tch::Device;
use tch::nn::VarStore;

/// Exponent of the polynomial schedule (nnU-Net's).
const SCHEDULE_POWER: f64 = 0.9;

/// One sparsely annotated training volume.
#[derive(Debug, Clone, Copy)]
pub struct TrainingVolume<'a> {
    /// Normalised intensities `[D, H, W]`.
    pub image: &'a Array3<f32>,
    /// True classes `[D, H, W]`; only annotated slices are read.
    pub labels: &'a Array3<u8>,
    /// `[D]`: annotated axial slices.
    pub annotated: &'a [bool],
}

/// The segmentation of one volume.
#[derive(Debug, Clone)]
pub struct ModelOutput {
    /// Class probabilities `[C, D, H, W]`: softmax of the recalibrated final feature maps.
    pub probabilities: Array4<f32>,
    /// SR1 `[D, H, W]`: argmax over classes of the recalibrated final feature maps.
    pub sr1: Array3<u8>,
    /// SR2 `[D, H, W]`: argmax over classes of the attention map.
    pub sr2: Option<Array3<u8>>,
    /// The attention map `[C, D, H, W]`, its classes weighed against each other: softmax of its
    /// logits, whatever activation the network multiplies with. SR2 is its argmax.
    pub attention: Option<Array4<f32>>,
}

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
        let architecture = architecture::find(&model.architecture)?;
        let numerics = Numerics::new(&training);
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
        })
    }

    /// Whether predictions hold SR2.
    pub fn has_attention(&self) -> bool {
        self.architecture.has_attention
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
    /// after each step with the number done and the step's loss; a break ends the call.
    ///
    /// # Errors
    /// A volume that does not fit together, no annotated slice, or a loss that is not finite:
    /// after these the weights are those before the step that gave it. Weights that are not
    /// finite, or libtorch's failure: after these they are of no use.
    pub fn train(
        &mut self,
        cases: &[TrainingVolume],
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
        cases: &[TrainingVolume],
        steps: Range<usize>,
        of: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), ModelError> {
        let training = &self.training;
        let device = self.store.device();
        let set = TrainingSet::new(cases, self.classes, device)?;
        let supervision = self.model.head.supervision;
        let loss = Loss::new(training, supervision, &set.counts, device);
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        let crop = set.crop_size(training.crop, self.model.downsampling());
        for _ in 0..steps.start {
            set.skip(training.batch, crop, training.flip, &mut generator);
        }
        let mut done = steps.start;
        for step in steps {
            let (images, labels) = set.batch(training.batch, crop, training.flip, &mut generator);
            let slices = Slices::annotated(&labels);
            let output = self
                .network
                .forward(&self.numerics.prepare(&images), &slices);
            let loss = loss.of(&output, &labels, &slices);
            let value = loss.double_value(&[]);
            if !value.is_finite() {
                return Err(ModelError::LossNotFinite {
                    step: step + 1,
                    steps: of,
                    loss: value,
                });
            }
            self.optimizer.zero_gradients();
            self.tape.backward(&loss);
            let rate = learning_rate(training, step, of) * self.optimizer.warmth(training);
            self.optimizer.step(training, rate);
            done = step + 1;
            if progress(step + 1, value).is_break() {
                break;
            }
        }
        if self.optimizer.is_finite() {
            return Ok(());
        }
        Err(ModelError::WeightsNotFinite {
            step: done,
            steps: of,
        })
    }

    /// Segments one volume `[D, H, W]` of normalised intensities in overlapping tiles of the
    /// size of the training crops, whose answers are blended.
    ///
    /// # Errors
    /// An empty volume, intensities that are not finite, or libtorch's failure.
    pub fn predict(&self, image: &Array3<f32>) -> Result<ModelOutput, ModelError> {
        let (multiple, tile) = (self.model.downsampling(), self.training.crop);
        guard(|| {
            let _no_gradients = tch::no_grad_guard();
            inference::segment(image, multiple, tile, |tile| {
                let tile = tile.to_device(self.store.device());
                self.network
                    .forward(&self.numerics.prepare(&tile), &Slices::All)
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
    use crate::architecture::ARCHITECTURES;
    use crate::config::{Combine, HeadConfig, Layout, Paths, Precision, Source};
    use tch::{Kind, Tensor};

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

    /// One loss of the slices `annotated` and its gradients with respect to all variables, its
    /// logits computed of the slices that `choose` names from the labels.
    fn descent(
        model: ModelConfig,
        annotated: [i64; 16],
        precision: Precision,
        layout: Layout,
        choose: fn(&Tensor) -> Slices,
    ) -> (f64, Vec<Tensor>) {
        let model = ModelConfig { levels: 3, ..model };
        let training = TrainingConfig {
            precision,
            layout,
            soft_dice: 1.0,
            ..TrainingConfig::default()
        };
        let segmenter = TchSegmenter::new(&model, &training, 3, 7, Device::Cpu).unwrap();
        let count = 2 * 8 * 12 * 16;
        let wave = (Tensor::arange(count, (Kind::Float, Device::Cpu)) * 0.11).sin();
        let images = wave.reshape([2, 1, 8, 12, 16]);
        let annotated = Tensor::from_slice(&annotated);
        let labels = (&images.squeeze_dim(1) * 1.4 + 1.0)
            .round()
            .to_kind(Kind::Int64)
            .masked_fill(&annotated.reshape([2, 8, 1, 1]).eq(0), i64::from(IGNORE));
        let slices = choose(&labels);
        let output = segmenter
            .network
            .forward(&segmenter.numerics.prepare(&images), &slices);
        let loss =
            Loss::new(&training, 1.0, &[300, 200, 100], Device::Cpu).of(&output, &labels, &slices);
        segmenter.tape.backward(&loss);
        let gradients = segmenter
            .optimizer
            .slots
            .iter()
            .map(|slot| slot.variable.grad())
            .collect();
        (loss.double_value(&[]), gradients)
    }

    fn named(architecture: &str, head: HeadConfig) -> ModelConfig {
        ModelConfig {
            architecture: architecture.to_owned(),
            head,
            ..ModelConfig::default()
        }
    }

    /// The fast path, with operations of our own in the backward pass, against libtorch's graph in
    /// float32.
    #[test]
    fn every_network_has_the_gradient_of_float32_in_bfloat16() {
        for architecture in ARCHITECTURES {
            let name = architecture.name;
            let gradient = |precision, layout| {
                let model = named(name, HeadConfig::default());
                let (_, parts) = descent(model, ALL, precision, layout, Slices::annotated);
                let parts: Vec<Tensor> = parts.iter().map(|part| part.reshape([-1])).collect();
                Tensor::cat(&parts, 0)
            };
            let exact = gradient(Precision::Float32, Layout::Contiguous);
            let fast = gradient(Precision::Bfloat16, Layout::ChannelsLast);
            let product = |a: &Tensor, b: &Tensor| a.dot(b).double_value(&[]);
            let cosine =
                product(&exact, &fast) / (product(&exact, &exact) * product(&fast, &fast)).sqrt();
            assert!(cosine > 0.99, "{name}: {cosine}");
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

    #[test]
    fn annotated_slices_alone_give_loss_and_gradients_of_the_whole_crop() {
        for architecture in ARCHITECTURES {
            let heads = if architecture.has_attention {
                heads()
            } else {
                vec![HeadConfig::default()]
            };
            for head in heads {
                for layout in [Layout::Contiguous, Layout::ChannelsLast] {
                    let of = |choose| {
                        let model = named(architecture.name, head);
                        descent(model, SOME, Precision::Float32, layout, choose)
                    };
                    let (whole, gradients) = of(|_| Slices::All);
                    let (loss, of_slices) = of(Slices::annotated);
                    let case = format!("{} {layout:?} {head:?}", architecture.name);
                    assert!(
                        (loss - whole).abs() < 1e-5 * whole,
                        "{case}: {loss} {whole}"
                    );
                    let norm = |t: &Tensor| t.norm().double_value(&[]);
                    let largest = gradients.iter().map(norm).fold(0.0, f64::max);
                    for (a, b) in of_slices.iter().zip(&gradients) {
                        let difference = norm(&(a - b));
                        assert!(difference < 1e-5 * largest, "{case}: {difference}");
                    }
                }
            }
        }
    }
}
