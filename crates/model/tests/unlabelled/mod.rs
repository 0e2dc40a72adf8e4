//! Laws of learning from unannotated slices: they hold for each method and every network.

use super::*;
use slicewise_model::{Unlabelled, UnlabelledMethod};

const METHODS: [UnlabelledMethod; 2] = [
    UnlabelledMethod::PseudoLabels,
    UnlabelledMethod::MeanTeacher,
];

/// Returns a small version of each network; of those with attention also one whose attention map
/// pools over the final maps.
fn networks() -> Vec<ModelConfig> {
    let mut models = models();
    models.retain(|model| {
        let head = model.head;
        head == HeadConfig::default() || (head.source == Source::FinalMaps && head.detached)
    });
    assert_eq!(models.len(), ARCHITECTURES.len() + 1);
    models
}

/// Returns settings with a term that counts from the first step, and that the fresh network's
/// small confidence does not silence.
fn taught(method: UnlabelledMethod) -> TrainingConfig {
    TrainingConfig {
        unlabelled: Unlabelled {
            confidence: 0.51,
            ramp: 0,
            ..method.into()
        },
        flip: true,
        ..training()
    }
}

/// Returns [`boxes`] with every fourth slice annotated.
fn sparse() -> (Array3<f32>, Array3<u8>, Vec<bool>) {
    let (image, labels) = boxes();
    let flags = (0..image.dim().0).map(|z| z % 4 == 2).collect();
    (image, labels, flags)
}

/// Trains the steps `steps` of 12 on [`sparse`] with these `labels`, from `segmenter`'s weights.
/// Returns the losses.
fn train(
    segmenter: &mut TchSegmenter,
    labels: &Array3<u8>,
    steps: std::ops::Range<usize>,
) -> Vec<f64> {
    let (image, _, annotated) = sparse();
    let case = TrainingCase {
        image: &image,
        labels,
        annotated: &annotated,
    };
    let mut losses = Vec::new();
    segmenter
        .train(&[case], steps, 12, 2, &mut |_, loss| {
            losses.push(loss);
            ControlFlow::Continue(())
        })
        .unwrap();
    losses
}

/// Returns the weights after 12 steps.
fn weights_of(model: &ModelConfig, training: &TrainingConfig, labels: &Array3<u8>) -> Vec<u8> {
    let mut segmenter = segmenter(model, training, 1);
    train(&mut segmenter, labels, 0..12);
    weights(&segmenter)
}

#[test]
fn each_method_teaches_and_never_reads_labels_of_unannotated_slices() {
    let (_, labels, annotated) = sparse();
    let mut others = labels.clone();
    for (z, _) in annotated.iter().enumerate().filter(|&(_, known)| !known) {
        // The label is not even a valid class.
        others.slice_mut(s![z, .., ..]).fill(77);
    }
    for model in networks() {
        let untaught = weights_of(&model, &taught(UnlabelledMethod::None), &labels);
        for method in METHODS {
            let truth = weights_of(&model, &taught(method), &labels);
            assert!(truth != untaught, "{method:?} {model:?}");
            let other = weights_of(&model, &taught(method), &others);
            assert!(truth == other, "{method:?} {model:?}");
        }
    }
}

#[test]
fn full_annotation_is_trained_as_without_a_teacher() {
    let (image, labels, _) = sparse();
    for model in networks() {
        let after = |training: &TrainingConfig| {
            let mut segmenter = segmenter(&model, training, 1);
            let case = TrainingCase {
                image: &image,
                labels: &labels,
                annotated: &[true; 12],
            };
            let proceed = |_, _| ControlFlow::Continue(());
            segmenter
                .train(&[case], 0..3, 3, 2, &mut { proceed })
                .unwrap();
            weights(&segmenter)
        };
        let untaught = after(&taught(UnlabelledMethod::None));
        for method in METHODS {
            assert!(after(&taught(method)) == untaught, "{method:?} {model:?}");
        }
    }
}

/// The loss over annotated voxels is then computed from all slices of a crop, so sums are added up in
/// another order. SGD does not amplify that where a gradient should be zero, as AdamW does.
#[test]
fn without_a_confident_voxel_a_step_is_that_without_a_teacher() {
    let (image, labels, _) = sparse();
    for model in networks() {
        let after = |method: UnlabelledMethod, confidence| {
            let mut training = TrainingConfig {
                algorithm: Algorithm::Sgd,
                learning_rate: 0.05,
                ..taught(method)
            };
            training.unlabelled.confidence = confidence;
            let mut segmenter = segmenter(&model, &training, 1);
            train(&mut segmenter, &labels, 0..4);
            segmenter.predict(&image).unwrap().probabilities
        };
        let untaught = after(UnlabelledMethod::None, 0.51);
        let difference = |method, confidence| {
            let differences = &untaught - &after(method, confidence);
            differences
                .iter()
                .fold(0f32, |most, value| most.max(value.abs()))
        };
        for method in METHODS {
            let unsure = difference(method, 1.0);
            assert!(unsure < 1e-5, "{unsure} {method:?} {model:?}");
            let sure = difference(method, 0.51);
            assert!(
                sure > 10.0 * unsure.max(1e-6),
                "{sure} {method:?} {model:?}"
            );
        }
    }
}

#[test]
fn a_training_in_pieces_with_a_teacher_is_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let (_, labels, _) = sparse();
    for model in networks() {
        for method in METHODS {
            let mut training = taught(method);
            training.unlabelled.ramp = 9;
            let whole = weights_of(&model, &training, &labels);
            let mut first = segmenter(&model, &training, 1);
            train(&mut first, &labels, 0..5);
            first.save(&path).unwrap();
            // Another segmenter, as in another process, continues.
            let mut rest = segmenter(&model, &training, 9);
            rest.load(&path).unwrap();
            train(&mut rest, &labels, 5..12);
            assert!(weights(&rest) == whole, "{method:?} {model:?}");
        }
    }
}

#[test]
fn the_loss_falls_with_a_teacher() {
    let (_, labels, _) = sparse();
    for model in networks() {
        for method in METHODS {
            let mut segmenter = segmenter(&model, &taught(method), 1);
            let mut losses = Vec::new();
            for _ in 0..5 {
                losses.extend(train(&mut segmenter, &labels, 0..12));
            }
            let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
            let (first, last) = (mean(&losses[..6]), mean(&losses[54..]));
            assert!(
                last < 0.7 * first,
                "{first} to {last}, {method:?} {model:?}"
            );
        }
    }
}
