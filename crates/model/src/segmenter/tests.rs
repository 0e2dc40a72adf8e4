mod dispatch;
mod gpu;
mod members;
mod pooling;
mod teacher;

use super::*;
use crate::config::{Combine, HeadConfig, MemoryFormat, Paths, Precision, Source};
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
            architecture: architecture.name.into(),
            ..ModelConfig::default()
        };
        let training = TrainingConfig {
            precision: Precision::Bfloat16,
            memory_format: MemoryFormat::ChannelsLast,
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
    memory_format: MemoryFormat,
    device: Device,
    /// Only annotated slices are used, padded to a multiple of this number. None means that all
    /// slices are used.
    slices: Option<usize>,
}

/// The reference: contiguous float32 on the CPU.
const EXACT: Computation = Computation {
    precision: Precision::Float32,
    memory_format: MemoryFormat::Contiguous,
    device: Device::Cpu,
    slices: Some(1),
};
/// The fast way on a CPU with bf16 instructions.
const FAST: Computation = Computation {
    precision: Precision::Bfloat16,
    memory_format: MemoryFormat::ChannelsLast,
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
        memory_format: computation.memory_format,
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
    let loss = loss.compute(&output, &labels, &slices, None);
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
        architecture: architecture.into(),
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
            memory_format: MemoryFormat::ChannelsLast,
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
        for memory_format in [MemoryFormat::Contiguous, MemoryFormat::ChannelsLast] {
            let compute = |slices| {
                let computation = Computation {
                    memory_format,
                    slices,
                    ..EXACT
                };
                loss_and_gradients(model.clone(), &SOME, computation)
            };
            let case = format!("{memory_format:?} {model:?}");
            assert_alike(&case, &compute(Some(1)), &compute(None), 1e-5, 1e-5);
        }
    }
}

/// Asserts that five slices give the same result when they are padded to eight.
fn assert_padding_changes_nothing(device: Device) {
    for model in models() {
        for memory_format in [MemoryFormat::Contiguous, MemoryFormat::ChannelsLast] {
            let compute = |multiple| {
                let computation = Computation {
                    memory_format,
                    device,
                    slices: Some(multiple),
                    ..EXACT
                };
                loss_and_gradients(model.clone(), &SOME, computation)
            };
            let case = format!("{memory_format:?} {model:?}");
            assert_alike(&case, &compute(8), &compute(1), 1e-5, 1e-5);
        }
    }
}

#[test]
fn padding_slices_change_neither_loss_nor_gradients() {
    assert_padding_changes_nothing(Device::Cpu);
}
