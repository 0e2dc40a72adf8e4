//! Laws that hold for every network, with every variant of the attention head. The tests run over
//! the registry, so they cover a new network without any change here.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod precision;
mod unlabelled;

use ndarray::{Array3, s};
use slicewise_core::{Segmenter, TrainingCase};
use slicewise_model::{
    ARCHITECTURES, Activation, Algorithm, Combine, Device, HeadConfig, MemoryFormat, ModelConfig,
    Norm, Paths, Precision, Recalibration, Schedule, Source, TchSegmenter, TrainingConfig,
};
use std::ops::ControlFlow;

/// Returns a small version of each network. Networks with attention come with the default head and
/// with every head that differs from it in one field.
fn models() -> Vec<ModelConfig> {
    let head = HeadConfig::default();
    let heads = [
        head,
        HeadConfig {
            source: Source::FinalMaps,
            ..head
        },
        HeadConfig {
            activation: Activation::Softmax,
            ..head
        },
        HeadConfig {
            paths: Paths::Channel,
            ..head
        },
        HeadConfig {
            paths: Paths::Spatial,
            ..head
        },
        HeadConfig {
            combine: Combine::Product,
            ..head
        },
        HeadConfig {
            recalibration: Recalibration::MultiplyPositive,
            ..head
        },
        HeadConfig {
            recalibration: Recalibration::Multiply,
            ..head
        },
        HeadConfig {
            recalibration: Recalibration::None,
            ..head
        },
        HeadConfig {
            detached: false,
            ..head
        },
    ];
    let mut models = Vec::new();
    for architecture in ARCHITECTURES {
        // Networks without attention ignore the head.
        let heads = if architecture.has_attention {
            &heads[..]
        } else {
            &heads[..1]
        };
        for &head in heads {
            models.push(ModelConfig {
                architecture: architecture.name.into(),
                base_width: 4,
                levels: 2,
                norm: Norm::default(),
                head,
                ..ModelConfig::default()
            });
        }
    }
    models
}

fn training() -> TrainingConfig {
    TrainingConfig {
        crop: [8, 12, 12],
        precision: Precision::Float32,
        ..TrainingConfig::default()
    }
}

/// Creates a segmenter of three classes on the CPU. One thread fixes the order of sums.
fn segmenter(model: &ModelConfig, training: &TrainingConfig, seed: u64) -> TchSegmenter {
    slicewise_model::set_threads(1);
    TchSegmenter::new(model, training, 3, seed, Device::Cpu).unwrap()
}

/// Returns an image of a bright and a dim box on a dark background with a deterministic ripple, and
/// the classes of its voxels.
fn boxes() -> (Array3<f32>, Array3<u8>) {
    let mut labels = Array3::zeros((12, 14, 13));
    labels.slice_mut(s![2..10, 2..8, 2..11]).fill(1);
    labels.slice_mut(s![4..11, 9..13, 3..9]).fill(2);
    let image = Array3::from_shape_fn(labels.dim(), |(z, y, x)| {
        let ripple = ((z * 5 + y * 3 + x * 7) % 8) as f32 / 40.0;
        [-1.0, 1.5, 0.3][usize::from(labels[[z, y, x]])] + ripple
    });
    (image, labels)
}

/// Returns flags that annotate every second slice.
fn annotated(depth: usize) -> Vec<bool> {
    (0..depth).map(|z| z % 2 == 1).collect()
}

/// Returns a segmenter that was trained on [`boxes`] with these `labels` for `steps` steps.
fn trained(
    model: &ModelConfig,
    training: &TrainingConfig,
    labels: &Array3<u8>,
    steps: usize,
) -> TchSegmenter {
    let (image, _) = boxes();
    let mut segmenter = segmenter(model, training, 1);
    let flags = annotated(image.dim().0);
    let case = TrainingCase {
        image: &image,
        labels,
        annotated: &flags,
    };
    segmenter
        .train(&[case], 0..steps, steps, 2, &mut |_, _| {
            ControlFlow::Continue(())
        })
        .unwrap();
    segmenter
}

/// Returns the bytes of the segmenter's checkpoint.
fn weights(segmenter: &TchSegmenter) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    segmenter.save(&path).unwrap();
    std::fs::read(&path).unwrap()
}

#[test]
fn shape_is_kept_at_odd_sizes_and_declared_attention_is_present() {
    for model in models() {
        let segmenter = segmenter(&model, &training(), 0);
        for shape in [(1, 1, 1), (5, 9, 7), (8, 12, 13)] {
            let image = Array3::from_shape_fn(shape, |(z, y, x)| (z + y * x) as f32 / 50.0);
            let output = segmenter.predict(&image).unwrap();
            assert_eq!(output.sr1.dim(), shape);
            let (d, h, w) = shape;
            assert_eq!(output.probabilities.dim(), (3, d, h, w));
            for column in output.probabilities.lanes(ndarray::Axis(0)) {
                assert!((column.sum() - 1.0).abs() < 1e-5);
            }
            assert_eq!(output.sr2.is_some(), segmenter.has_attention(), "{model:?}");
            assert_eq!(output.attention.is_some(), segmenter.has_attention());
            if let (Some(sr2), Some(attention)) = (output.sr2, output.attention) {
                for ((z, y, x), &class) in sr2.indexed_iter() {
                    let values = attention.slice(s![.., z, y, x]);
                    assert!(values.iter().all(|v| (0.0..=1.0).contains(v)), "{model:?}");
                    let highest = values.iter().copied().fold(0.0, f32::max);
                    assert_eq!(values[usize::from(class)], highest, "{model:?}");
                }
            }
        }
        let empty = segmenter.predict(&Array3::zeros((0, 4, 4))).unwrap_err();
        assert!(empty.to_string().contains("empty"));
    }
}

#[test]
fn labels_of_unannotated_slices_do_not_matter() {
    let with_dice = TrainingConfig {
        soft_dice: 1.0,
        ..training()
    };
    for model in models() {
        let (_, labels) = boxes();
        let mut others = labels.clone();
        for (z, flag) in annotated(labels.dim().0).into_iter().enumerate() {
            if !flag {
                // The label is not even a valid class.
                others.slice_mut(s![z, .., ..]).fill(77);
            }
        }
        let truth = weights(&trained(&model, &with_dice, &labels, 3));
        assert!(
            truth == weights(&trained(&model, &with_dice, &others, 3)),
            "{model:?}"
        );
        // A changed voxel of an annotated slice does matter, so the test can fail.
        let mut changed = labels.clone();
        changed[[5, 5, 5]] = 2;
        assert!(
            truth != weights(&trained(&model, &with_dice, &changed, 3)),
            "{model:?}"
        );
    }
}

#[test]
fn the_seed_fixes_the_weights() {
    for model in models() {
        let build = |seed| weights(&segmenter(&model, &training(), seed));
        assert!(build(7) == build(7), "{model:?}");
        assert!(build(7) != build(8), "{model:?}");
    }
}

#[test]
fn two_trainings_give_the_same_bits() {
    for precision in [Precision::Float32, Precision::Bfloat16] {
        for model in models() {
            let (_, labels) = boxes();
            let training = TrainingConfig {
                precision,
                flip: true,
                ..training()
            };
            let first = weights(&trained(&model, &training, &labels, 3));
            assert!(
                first == weights(&trained(&model, &training, &labels, 3)),
                "{model:?}"
            );
        }
    }
}

#[test]
fn save_and_load_round_trip_and_training_goes_on_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for model in models() {
        let (image, labels) = boxes();
        let mut original = trained(&model, &training(), &labels, 2);
        original.save(&path).unwrap();
        let mut copy = segmenter(&model, &training(), 99);
        copy.load(&path).unwrap();
        let (a, b) = (
            original.predict(&image).unwrap(),
            copy.predict(&image).unwrap(),
        );
        assert_eq!(a.probabilities, b.probabilities, "{model:?}");
        assert_eq!(a.sr2, b.sr2, "{model:?}");
        // All strategies of an experiment start from one checkpoint, so nothing outside it may
        // influence the training.
        let flags = annotated(image.dim().0);
        let case = TrainingCase {
            image: &image,
            labels: &labels,
            annotated: &flags,
        };
        original
            .train(&[case], 0..2, 2, 5, &mut |_, _| ControlFlow::Continue(()))
            .unwrap();
        copy.train(&[case], 0..2, 2, 5, &mut |_, _| ControlFlow::Continue(()))
            .unwrap();
        assert!(weights(&original) == weights(&copy), "{model:?}");
    }
}

#[test]
fn a_training_in_pieces_is_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for model in models() {
        let (image, labels) = boxes();
        let flags = annotated(image.dim().0);
        let case = TrainingCase {
            image: &image,
            labels: &labels,
            annotated: &flags,
        };
        for (schedule, algorithm) in [
            (Schedule::Constant, Algorithm::AdamW),
            (Schedule::Polynomial, Algorithm::AdamW),
            (Schedule::Cosine, Algorithm::Muon),
        ] {
            let training = TrainingConfig {
                schedule,
                algorithm,
                warm_up: 3,
                flip: true,
                ..training()
            };
            let proceed = |_, _| ControlFlow::Continue(());
            let mut whole = segmenter(&model, &training, 0);
            whole.train(&[case], 0..4, 4, 2, &mut { proceed }).unwrap();
            let mut first = segmenter(&model, &training, 0);
            // This training stops after one step and is saved. Another segmenter, as in another
            // process, loads it and continues.
            let stop = |_, _| ControlFlow::Break(());
            first.train(&[case], 0..4, 4, 2, &mut { stop }).unwrap();
            first.save(&path).unwrap();
            let mut rest = segmenter(&model, &training, 9);
            rest.load(&path).unwrap();
            rest.train(&[case], 1..4, 4, 2, &mut { proceed }).unwrap();
            assert!(
                weights(&whole) == weights(&rest),
                "{model:?}, {schedule:?}, {algorithm:?}"
            );
        }
    }
}

#[test]
fn a_checkpoint_of_another_model_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for model in models() {
        let wider = ModelConfig {
            base_width: 6,
            ..model.clone()
        };
        segmenter(&wider, &training(), 0).save(&path).unwrap();
        let mut target = segmenter(&model, &training(), 0);
        let before = weights(&target);
        let message = target.load(&path).unwrap_err().to_string();
        assert!(message.contains("expected float32"), "{message}");
        assert!(before == weights(&target));
    }
    let deeper = ModelConfig {
        levels: 3,
        ..models()[0].clone()
    };
    segmenter(&deeper, &training(), 0).save(&path).unwrap();
    let mut target = segmenter(&models()[0], &training(), 0);
    let message = target.load(&path).unwrap_err().to_string();
    assert!(message.contains("not one of this network's"), "{message}");
    std::fs::write(&path, b"not a checkpoint").unwrap();
    assert!(target.load(&path).is_err());
    assert!(target.load(&folder.path().join("absent")).is_err());
}

#[test]
fn overfits_one_small_volume() {
    let (image, labels) = boxes();
    let fast = TrainingConfig {
        learning_rate: 0.08,
        ..training()
    };
    for model in models() {
        // Labelling everything as background would be right in 0.73 of the voxels. At width 4
        // some seeds need twice as many steps.
        let model = ModelConfig {
            base_width: 8,
            ..model
        };
        let mut segmenter = segmenter(&model, &fast, 1);
        let case = TrainingCase {
            image: &image,
            labels: &labels,
            annotated: &[true; 12],
        };
        segmenter
            .train(&[case], 0..150, 150, 2, &mut |_, _| {
                ControlFlow::Continue(())
            })
            .unwrap();
        let output = segmenter.predict(&image).unwrap();
        let accuracy = |prediction: &Array3<u8>| {
            let right = prediction
                .iter()
                .zip(&labels)
                .filter(|(a, b)| a == b)
                .count();
            right as f64 / labels.len() as f64
        };
        let sr1_accuracy = accuracy(&output.sr1);
        assert!(sr1_accuracy > 0.9, "{sr1_accuracy} {model:?}");
        if let Some(sr2) = &output.sr2
            // One weight per class cannot segment, and a product with it saturates early.
            && model.head.paths != Paths::Channel
            && model.head.combine != Combine::Product
        {
            let sr2_accuracy = accuracy(sr2);
            assert!(sr2_accuracy > 0.85, "SR2 {sr2_accuracy} {model:?}");
        }
    }
}
