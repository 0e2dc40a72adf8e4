//! Compares networks on a GPU with the same networks on the CPU.
//!
//! Each test needs a CUDA device and runs only with `--ignored`. Without a device it says so and
//! passes, unless SLICEWISE_REQUIRE_GPU=1. docs/gpu.md explains how to run these tests. Tests of
//! single parts are in `segmenter.rs`, and tests of the program in `tests/gpu.rs` of the workspace.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use ndarray::Array3;
use slicewise_core::{Prediction, TrainingCase};
use slicewise_model::{
    ARCHITECTURES, Device, ModelConfig, Precision, TchSegmenter, TrainingConfig,
};
use std::ops::ControlFlow;
use std::path::Path;

/// Returns the GPU. Without a GPU it returns none, or panics if `SLICEWISE_REQUIRE_GPU` is 1.
fn gpu() -> Option<Device> {
    let device = slicewise_model::choose_device("auto").unwrap();
    if device.is_cuda() {
        return Some(device);
    }
    let required = std::env::var_os("SLICEWISE_REQUIRE_GPU").is_some_and(|value| value == "1");
    assert!(
        !required,
        "SLICEWISE_REQUIRE_GPU=1, but libtorch sees no GPU"
    );
    eprintln!("SKIPPED: libtorch sees no GPU");
    None
}

/// Returns an image of a bright and a dim ball on a dark background with a ripple, and the classes
/// of its voxels.
fn balls() -> (Array3<f32>, Array3<u8>) {
    let size = (24, 40, 36);
    let inside = |(z, y, x): (usize, usize, usize), centre: [i32; 3], radius: i32| {
        let from = [z as i32, y as i32, x as i32];
        let squares = from.iter().zip(centre).map(|(a, b)| (a - b) * (a - b));
        squares.sum::<i32>() < radius * radius
    };
    let labels = Array3::from_shape_fn(size, |voxel| {
        if inside(voxel, [10, 14, 12], 8) {
            1
        } else if inside(voxel, [14, 28, 24], 7) {
            2
        } else {
            0
        }
    });
    let image = Array3::from_shape_fn(size, |(z, y, x)| {
        let ripple = ((z * 5 + y * 3 + x * 7) % 8) as f32 / 20.0;
        [-1.0, 1.5, 0.3][usize::from(labels[[z, y, x]])] + ripple
    });
    (image, labels)
}

/// Creates a segmenter of the network called `architecture`.
fn segmenter(architecture: &str, precision: Precision, device: Device) -> TchSegmenter {
    let model = ModelConfig {
        architecture: architecture.into(),
        ..ModelConfig::default()
    };
    let training = TrainingConfig {
        crop: [16, 24, 24],
        soft_dice: 1.0,
        precision,
        ..TrainingConfig::default()
    };
    TchSegmenter::new(&model, &training, 3, 1, device).unwrap()
}

/// Trains the steps `from..to` of 60 on [`balls`], with every third slice annotated. Returns the
/// losses.
fn train(segmenter: &mut TchSegmenter, from: usize, to: usize) -> Vec<f64> {
    let (image, labels) = balls();
    let annotated: Vec<bool> = (0..image.dim().0).map(|z| z % 3 == 1).collect();
    let case = TrainingCase {
        image: &image,
        labels: &labels,
        annotated: &annotated,
    };
    let mut losses = Vec::new();
    segmenter
        .train(&[case], from..to, 60, 2, &mut |_, loss| {
            losses.push(loss);
            ControlFlow::Continue(())
        })
        .unwrap();
    losses
}

/// Saves `original` to `path` and loads this checkpoint into a new segmenter on `device`.
fn moved(original: &TchSegmenter, path: &Path, name: &str, device: Device) -> TchSegmenter {
    original.save(path).unwrap();
    let mut other = segmenter(name, Precision::Bfloat16, device);
    other.load(path).unwrap();
    other
}

/// Asserts that two predictions agree up to the rounding of bf16.
fn assert_agree(name: &str, a: &Prediction, b: &Prediction) {
    let difference = (&a.probabilities - &b.probabilities).mapv(f32::abs);
    let mean = difference.mean().unwrap();
    assert!(mean <= 0.01, "{name}: mean difference {mean}");
    let same = a.sr1.iter().zip(&b.sr1).filter(|(a, b)| a == b).count();
    let share = same as f64 / a.sr1.len() as f64;
    assert!(share >= 0.99, "{name}: SR1 the same in {share} of voxels");
}

#[test]
#[ignore = "needs a CUDA device"]
fn gpu_one_checkpoint_predicts_alike_on_the_cpu() {
    let Some(device) = gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let (image, _) = balls();
    for architecture in ARCHITECTURES {
        let name = architecture.name;
        let mut on_gpu = segmenter(name, Precision::Bfloat16, device);
        let losses = train(&mut on_gpu, 0, 60);
        assert!(losses[59] < losses[0] / 2.0, "{name}: {losses:?}");
        let on_cpu = moved(&on_gpu, &path, name, Device::Cpu);
        assert_agree(
            name,
            &on_gpu.predict(&image).unwrap(),
            &on_cpu.predict(&image).unwrap(),
        );
    }
}

#[test]
#[ignore = "needs a CUDA device"]
fn gpu_a_checkpoint_goes_to_the_cpu_and_back_to_the_bit() {
    let Some(device) = gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for architecture in ARCHITECTURES {
        let name = architecture.name;
        let mut on_gpu = segmenter(name, Precision::Bfloat16, device);
        train(&mut on_gpu, 0, 20);
        let on_cpu = moved(&on_gpu, &file("gpu"), name, Device::Cpu);
        let back = moved(&on_cpu, &file("cpu"), name, device);
        back.save(&file("back")).unwrap();
        let bytes = |name: &str| std::fs::read(file(name)).unwrap();
        assert!(bytes("gpu") == bytes("cpu"), "{name}");
        assert!(bytes("gpu") == bytes("back"), "{name}");
    }
}

#[test]
#[ignore = "needs a CUDA device"]
fn gpu_a_training_in_pieces_goes_on_as_the_whole() {
    let Some(device) = gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for architecture in ARCHITECTURES {
        let name = architecture.name;
        let mut whole = segmenter(name, Precision::Bfloat16, device);
        let whole_losses = train(&mut whole, 0, 60);
        let mut first = segmenter(name, Precision::Bfloat16, device);
        train(&mut first, 0, 30);
        let mut rest = moved(&first, &path, name, device);
        let rest_losses = train(&mut rest, 30, 60);
        // The losses differ in their bits, because cuDNN and libtorch add some gradients in no
        // fixed order.
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (a, b) = (mean(&rest_losses), mean(&whole_losses[30..]));
        assert!((a / b - 1.0).abs() < 0.1, "{name}: {a} against {b}");
    }
}

#[test]
#[ignore = "needs a CUDA device"]
fn gpu_what_does_not_fit_is_out_of_memory_and_the_next_one_works() {
    let Some(device) = gpu() else { return };
    let model = ModelConfig {
        base_width: 64,
        ..ModelConfig::default()
    };
    let training = TrainingConfig {
        batch: 64,
        crop: [256, 256, 256],
        ..TrainingConfig::default()
    };
    let image = Array3::from_elem((256, 256, 256), 0.5);
    let labels = Array3::zeros((256, 256, 256));
    let case = TrainingCase {
        image: &image,
        labels: &labels,
        annotated: &[true; 256],
    };
    let failed = TchSegmenter::new(&model, &training, 3, 0, device).and_then(|mut segmenter| {
        segmenter.train(&[case], 0..1, 1, 0, &mut |_, _| ControlFlow::Continue(()))
    });
    let message = failed.unwrap_err().to_string();
    assert!(message.starts_with("out of memory: "), "{message}");
    let mut next = segmenter("unet", Precision::Bfloat16, device);
    train(&mut next, 0, 2);
}
