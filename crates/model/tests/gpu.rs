//! What a network does on a GPU, against the CPU. Each test wants a CUDA device and is left out without
//! `--ignored`; where there is none it says so and passes, unless SLICEWISE_REQUIRE_GPU=1. How to run
//! them is in docs/gpu.md. Tests of parts lie in `segmenter.rs`, of the program in `tests/gpu.rs`.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use ndarray::Array3;
use slicewise_core::{Prediction, TrainingCase};
use slicewise_model::{
    ARCHITECTURES, Device, ModelConfig, Precision, TchSegmenter, TrainingConfig,
};
use std::ops::ControlFlow;
use std::path::Path;

/// The GPU, or none where none is asked for.
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

/// A bright and a dim ball on a dark ground with a ripple.
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

fn made(architecture: &str, precision: Precision, device: Device) -> TchSegmenter {
    let model = ModelConfig {
        architecture: architecture.to_owned(),
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

/// The steps `from..to` of 60, every third slice annotated; the losses.
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

/// The segmenter's checkpoint, read by another one on `device`.
fn moved(segmenter: &TchSegmenter, path: &Path, name: &str, device: Device) -> TchSegmenter {
    segmenter.save(path).unwrap();
    let mut other = made(name, Precision::Bfloat16, device);
    other.load(path).unwrap();
    other
}

fn agree(name: &str, a: &Prediction, b: &Prediction) {
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
        let mut on_gpu = made(name, Precision::Bfloat16, device);
        let losses = train(&mut on_gpu, 0, 60);
        assert!(losses[59] < losses[0] / 2.0, "{name}: {losses:?}");
        let on_cpu = moved(&on_gpu, &path, name, Device::Cpu);
        agree(
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
        let mut on_gpu = made(name, Precision::Bfloat16, device);
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
        let mut whole = made(name, Precision::Bfloat16, device);
        let of_whole = train(&mut whole, 0, 60);
        let mut first = made(name, Precision::Bfloat16, device);
        train(&mut first, 0, 30);
        let mut rest = moved(&first, &path, name, device);
        let of_rest = train(&mut rest, 30, 60);
        // Not to the bit: cuDNN and libtorch add some gradients in no fixed order.
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (a, b) = (mean(&of_rest), mean(&of_whole[30..]));
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
    train(&mut made("unet", Precision::Bfloat16, device), 0, 2);
}
