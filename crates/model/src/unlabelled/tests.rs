use super::*;
use crate::config::TrainingConfig;
use crate::loss::Loss;
use tch::Device;

/// Class probabilities of the teacher in two slices of two voxels: two classes, `[C, D·H·W]`.
/// At a confidence of 0.8 it is sure of the first voxel (class 1) and the last (class 0).
const TEACHER: [[f64; 4]; 2] = [[0.1, 0.4, 0.3, 0.8], [0.9, 0.6, 0.7, 0.2]];
/// Those of the network.
const NETWORK: [[f64; 4]; 2] = [[0.3, 0.9, 0.5, 0.5], [0.7, 0.1, 0.5, 0.5]];

/// Returns logits `[1, 2, 2, 1, 2]` that give these probabilities.
fn logits(probabilities: [[f64; 4]; 2]) -> Tensor {
    let flat: Vec<f32> = (probabilities.concat().iter())
        .map(|p| p.ln() as f32)
        .collect();
    Tensor::from_slice(&flat).reshape([1, 2, 2, 1, 2])
}

/// Returns the batch of one crop whose slices are annotated where the flag is set.
fn batch(annotated: [bool; 2], inside: [i64; 3]) -> Batch {
    let labels = annotated.map(|known| [if known { 0 } else { i64::from(IGNORE) }; 2]);
    let places = (0..2).filter(|&z| annotated[z]).map(|z| [0, z as i64]);
    Batch {
        images: Tensor::zeros([1, 1, 2, 1, 2], (Kind::Float, Device::Cpu)),
        labels: Tensor::from_slice2(&labels).reshape([1, 2, 1, 2]),
        annotated: places.collect(),
        inside: vec![inside],
    }
}

/// Computes the loss term of [`NETWORK`] with the teacher [`TEACHER`]. Class weights are 0.5 and 1.5.
fn term(method: UnlabelledMethod, confidence: f64, batch: &Batch) -> Option<f64> {
    let settings = Unlabelled {
        confidence,
        ..method.into()
    };
    let teaching = Teaching::new(&settings, batch, (1, 0, 0), |_| logits(TEACHER))?;
    let loss = Loss::new(&TrainingConfig::default(), 0.0, &[9, 1], Device::Cpu);
    let logarithms = log_probabilities(&logits(NETWORK));
    Some(loss.unlabelled(&logarithms, &teaching).double_value(&[]))
}

/// Asserts that the terms of mean teacher and pseudo-labels are these.
fn assert_terms(confidence: f64, batch: &Batch, expected: [f64; 2]) {
    let methods = [
        UnlabelledMethod::MeanTeacher,
        UnlabelledMethod::PseudoLabels,
    ];
    for (method, expected) in methods.into_iter().zip(expected) {
        let got = term(method, confidence, batch).unwrap();
        assert!(
            (got - expected).abs() < 1e-6,
            "{method:?}: {got}, not {expected}"
        );
    }
}

#[test]
fn the_terms_are_those_worked_out_by_hand() {
    let none = batch([false, false], [2, 1, 2]);
    // Squared distances: 2 · 0.2² of the first voxel, 2 · 0.3² of the last.
    let distance = (0.08 + 0.18) / 2.0;
    // The first voxel has class 1 of weight 1.5, the last class 0 of weight 0.5.
    let entropy = -(1.5 * 0.7f64.ln() + 0.5 * 0.5f64.ln()) / 2.0;
    assert_terms(0.8, &none, [distance, entropy]);
    // The third voxel counts as well, with class 1.
    let distance = (0.08 + 0.08 + 0.18) / 3.0;
    let entropy = -(1.5 * 0.7f64.ln() + 1.5 * 0.5f64.ln() + 0.5 * 0.5f64.ln()) / 3.5;
    assert_terms(0.65, &none, [distance, entropy]);
}

#[test]
fn annotated_voxels_and_padding_do_not_count() {
    let last = [0.18, -(0.5f64.ln())];
    assert_terms(0.8, &batch([true, false], [2, 1, 2]), last);
    let first = [0.08, -(0.7f64.ln())];
    assert_terms(0.8, &batch([false, true], [2, 1, 2]), first);
    // Of an annotated slice nobody teaches the voxels that its annotator was unsure of.
    let mut unsure = batch([true, false], [2, 1, 2]);
    let _ = unsure.labels.select(1, 0).fill_(i64::from(IGNORE));
    assert_terms(0.8, &unsure, last);
    unsure.annotated.clear();
    let both = [0.13, -(1.5 * 0.7f64.ln() + 0.5 * 0.5f64.ln()) / 2.0];
    assert_terms(0.8, &unsure, both);
    // The crop is longer than the volume, in depth or in width.
    assert_terms(0.8, &batch([false, false], [1, 1, 2]), first);
    assert_terms(0.8, &batch([false, false], [2, 1, 1]), first);
}

#[test]
fn where_no_voxel_is_confident_there_is_nothing_to_lose() {
    assert_terms(0.95, &batch([false, false], [2, 1, 2]), [0.0; 2]);
}

#[test]
fn a_crop_without_unannotated_slices_asks_nobody() {
    for method in [
        UnlabelledMethod::MeanTeacher,
        UnlabelledMethod::PseudoLabels,
    ] {
        assert_eq!(term(method, 0.8, &batch([true, true], [2, 1, 2])), None);
        // The slice without annotation is padding.
        assert_eq!(term(method, 0.8, &batch([true, false], [1, 1, 2])), None);
    }
    let none = UnlabelledMethod::None;
    assert_eq!(term(none, 0.8, &batch([false, true], [2, 1, 2])), None);
}

#[test]
fn the_weight_rises_over_the_ramp_and_stays() {
    assert!((ramp(0, 100) - (-5.0f64).exp()).abs() < 1e-12);
    assert!((ramp(50, 100) - (-1.25f64).exp()).abs() < 1e-12);
    assert_eq!([ramp(100, 100), ramp(1000, 100), ramp(0, 0)], [1.0; 3]);
    let settings = Unlabelled {
        weight: Some(2.0),
        ..UnlabelledMethod::MeanTeacher.into()
    };
    let batch = batch([false, true], [2, 1, 2]);
    let weight = |steps| {
        let teaching = Teaching::new(&settings, &batch, (1, 0, steps), |_| logits(TEACHER));
        teaching.unwrap().weight
    };
    assert_eq!(weight(200), 2.0);
    assert!((weight(100) - 2.0 * (-1.25f64).exp()).abs() < 1e-12);
    let default = |method: UnlabelledMethod| Unlabelled::from(method).weight();
    let methods = [
        UnlabelledMethod::PseudoLabels,
        UnlabelledMethod::MeanTeacher,
    ];
    assert_eq!(methods.map(default), [1.0, 10.0]);
}

#[test]
fn only_the_mean_teacher_sees_noise_and_each_step_has_its_own() {
    let batch = batch([false, true], [2, 1, 2]);
    let seen = |method: UnlabelledMethod, seed, step| {
        let mut seen = Vec::new();
        Teaching::new(&method.into(), &batch, (seed, step, 0), |images| {
            seen = Vec::<f32>::try_from(images.flatten(0, 4)).unwrap();
            logits(TEACHER)
        });
        seen
    };
    assert_eq!(seen(UnlabelledMethod::PseudoLabels, 1, 0), [0.0; 4]);
    let noise = |seed, step| seen(UnlabelledMethod::MeanTeacher, seed, step);
    assert_eq!(noise(1, 0), noise(1, 0));
    assert!(noise(1, 0) != noise(1, 1) && noise(1, 0) != noise(2, 0));
    let all: Vec<f32> = (0..500).flat_map(|step| noise(1, step)).collect();
    assert!(all.iter().all(|value| value.abs() <= NOISE));
    let mean = all.iter().sum::<f32>() / all.len() as f32;
    let square = all.iter().map(|value| value * value).sum::<f32>() / all.len() as f32;
    // Uniform on ±0.2: mean 0, standard deviation 0.2 / √3.
    assert!(mean.abs() < 0.01, "{mean}");
    assert!(
        (square.sqrt() - NOISE / 3f32.sqrt()).abs() < 0.005,
        "{square}"
    );
}
