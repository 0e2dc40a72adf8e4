//! Tests that the settings of [`Dispatch`] change no result.

use super::*;
use crate::config::{Unlabelled, UnlabelledMethod};

/// Trains a network in two calls, of 20 and 3 steps. Returns it with the losses of all steps.
pub(super) fn trained(device: Device, dispatch: Dispatch) -> (TchSegmenter, Vec<f64>) {
    trained_by(UnlabelledMethod::None, device, dispatch)
}

/// As [`trained`], with a teacher from the first step on.
fn trained_by(
    method: UnlabelledMethod,
    device: Device,
    dispatch: Dispatch,
) -> (TchSegmenter, Vec<f64>) {
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
        memory_format: MemoryFormat::Contiguous,
        crop: [8, 12, 12],
        soft_dice: 1.0,
        flip: true,
        unlabelled: Unlabelled {
            confidence: 0.51,
            ramp: 0,
            ..method.into()
        },
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
pub(super) fn volume() -> (Array3<f32>, Array3<u8>) {
    let image = Array3::from_shape_fn((12, 20, 28), |(z, y, x)| {
        ((z * 5 + y * 3 + x * 7) % 11) as f32 / 5.0 - 1.0
    });
    let labels = image.mapv(|value| ((value + 1.0) * 1.2) as u8);
    (image, labels)
}

/// Asserts that each number of `a` differs from that of `b` by less than `tolerance`, relative
/// to `b`.
pub(super) fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < tolerance * b.abs(), "{a} against {b}");
    }
}

/// Asserts that the settings of a GPU and of a CPU lead to the same training, both on `device`.
pub(super) fn assert_gpu_settings_train_like_cpu_settings(device: Device) {
    let methods = [
        UnlabelledMethod::None,
        UnlabelledMethod::PseudoLabels,
        UnlabelledMethod::MeanTeacher,
    ];
    let [untaught, labelled, taught] = methods.map(|method| gpu_settings_like_cpu(method, device));
    // So it is three trainings that agree.
    assert!(untaught != labelled && untaught != taught && labelled != taught);
}

/// Asserts it for one method, and returns the losses.
fn gpu_settings_like_cpu(method: UnlabelledMethod, device: Device) -> Vec<f64> {
    let (with_cpu_settings, one_by_one) = trained_by(method, device, Dispatch::CPU);
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
    let (with_gpu_settings, together) = trained_by(method, device, gpu);
    assert_close(&together, &one_by_one, 1e-4);
    assert!(with_gpu_settings.resident.is_some() && with_cpu_settings.resident.is_none());
    let (image, _) = volume();
    let (a, b) = (
        with_gpu_settings.predict(&image).unwrap(),
        with_cpu_settings.predict(&image).unwrap(),
    );
    let difference = largest_difference(&a, &b);
    assert!(
        difference < 1e-3,
        "{method:?}: probabilities differ by {difference}"
    );
    one_by_one
}

/// Returns the largest difference between the probabilities of two predictions.
fn largest_difference(a: &Prediction, b: &Prediction) -> f32 {
    let differences = (&a.probabilities - &b.probabilities).mapv(f32::abs);
    differences.into_iter().fold(0.0, f32::max)
}

#[test]
fn gpu_settings_train_like_cpu_settings() {
    assert_gpu_settings_train_like_cpu_settings(Device::Cpu);
}

/// Asserts that the number of tiles in one forward pass does not change a prediction.
pub(super) fn assert_tiles_at_once_do_not_matter(device: Device) {
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
