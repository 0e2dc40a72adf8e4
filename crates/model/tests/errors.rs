//! Checks which inputs are refused and with which messages, and how configurations are written.

use ndarray::Array3;
use slicewise_core::TrainingCase;
use slicewise_model::{
    Device, ModelConfig, ModelError, Pooling, TchSegmenter, TrainingConfig, UnlabelledMethod,
};
use std::ops::ControlFlow;

/// Returns settings of a small network.
fn small() -> (ModelConfig, TrainingConfig) {
    let model = ModelConfig {
        base_width: 2,
        levels: 2,
        ..ModelConfig::default()
    };
    let training = TrainingConfig {
        crop: [4, 4, 4],
        ..TrainingConfig::default()
    };
    (model, training)
}

/// Applies `change` to the small settings and returns the message with which they are refused.
fn refusal(change: impl FnOnce(&mut ModelConfig, &mut TrainingConfig)) -> String {
    let (mut model, mut training) = small();
    change(&mut model, &mut training);
    TchSegmenter::new(&model, &training, 3, 0, Device::Cpu)
        .err()
        .expect("an error")
        .to_string()
}

#[test]
fn hyperparameters_out_of_range_are_named() {
    type Change = fn(&mut ModelConfig, &mut TrainingConfig);
    let cases: [(&str, Change); 17] = [
        ("did you mean \"unet\"?", |m, _| {
            m.architecture = "u-net".into()
        }),
        ("model.base_width", |m, _| m.base_width = 0),
        ("model.levels", |m, _| m.levels = 0),
        ("training.learning_rate", |_, t| t.learning_rate = 0.0),
        ("training.momentum", |_, t| t.momentum = 1.0),
        ("training.soft_dice", |_, t| t.soft_dice = f64::NAN),
        ("training.batch", |_, t| t.batch = 0),
        ("multiples of 2", |_, t| t.crop = [4, 5, 4]),
        (
            "training.crop: expected multiples of [1, 2, 2] for levels pooled by [[1, 2, 2]], got \
             [5, 5, 4]",
            |m, t| {
                m.pooling = Pooling::Strides(vec![[1, 2, 2]]);
                t.crop = [5, 5, 4];
            },
        ),
        (
            "model.pooling: expected auto, or 1 times [D, H, W] of 1 or 2 for 2 levels, got []",
            |m, _| m.pooling = Pooling::Strides(vec![]),
        ),
        ("got [[1, 3, 2]]", |m, _| {
            m.pooling = Pooling::Strides(vec![[1, 3, 2]]);
        }),
        ("training.gradient_clip", |_, t| t.gradient_clip = Some(0.0)),
        (
            "training.averaging: expected above 0 for training.unlabelled, whose teacher is the \
             moving average of the weights, got 0.0",
            |_, t| {
                t.averaging = 0.0;
                t.unlabelled = UnlabelledMethod::MeanTeacher.into();
            },
        ),
        ("above 0 for training.unlabelled", |m, t| {
            t.averaging = 0.0;
            m.unlabelled = Some(UnlabelledMethod::PseudoLabels.into());
        }),
        ("training.unlabelled.weight", |_, t| {
            t.unlabelled.weight = Some(-1.0);
        }),
        ("training.unlabelled.confidence", |_, t| {
            t.unlabelled.confidence = 0.5;
        }),
        ("above 0.5, at most 1, got NaN", |_, t| {
            t.unlabelled.confidence = f64::NAN;
        }),
    ];
    for (expected, change) in cases {
        let message = refusal(change);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn training_volumes_that_do_not_fit_are_refused() {
    let (model, training) = small();
    let mut segmenter = TchSegmenter::new(&model, &training, 3, 0, Device::Cpu).unwrap();
    let image = Array3::from_elem((4, 5, 6), 0.5);
    let labels = Array3::zeros((4, 5, 6));
    let mut message = |image: &Array3<f32>, labels: &Array3<u8>, annotated: &[bool]| {
        let case = TrainingCase {
            image,
            labels,
            annotated,
        };
        segmenter
            .train(&[case], 0..1, 1, 0, &mut |_, _| ControlFlow::Continue(()))
            .unwrap_err()
            .to_string()
    };
    let all = [true; 4];
    assert!(message(&image, &labels, &[false; 4]).contains("no annotated slice"));
    assert!(message(&image, &labels, &[true; 3]).contains("4 slices, got 3"));
    assert!(message(&image, &Array3::zeros((4, 5, 5)), &all).contains("shape"));
    assert!(message(&image, &Array3::from_elem((4, 5, 6), 3), &all).contains("below 3, got 3"));
    assert!(message(&Array3::from_elem((4, 5, 6), f32::NAN), &labels, &all).contains("NaN"));
}

#[test]
fn a_diverging_training_is_an_error_with_its_step() {
    let (model, mut training) = small();
    training.learning_rate = 1e30;
    let mut segmenter = TchSegmenter::new(&model, &training, 3, 0, Device::Cpu).unwrap();
    let image = Array3::from_shape_fn((4, 4, 4), |(z, y, x)| (z * y + x) as f32);
    let labels = Array3::from_shape_fn((4, 4, 4), |(_, y, _)| (y % 3) as u8);
    let case = TrainingCase {
        image: &image,
        labels: &labels,
        annotated: &[true; 4],
    };
    let mut done = 0;
    let error = segmenter
        .train(&[case], 0..20, 20, 0, &mut |step, _| {
            done = step;
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert!(matches!(error, ModelError::LossNotFinite { step, .. } if step == done + 1));
    // After this single step the loss is finite, but the weights are not.
    training.learning_rate = 1e38;
    let mut segmenter = TchSegmenter::new(&model, &training, 3, 0, Device::Cpu).unwrap();
    let error = segmenter
        .train(&[case], 0..1, 1, 0, &mut |_, loss| {
            assert!(loss.is_finite());
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "weights are not finite after step 1 of 1: training diverged; \
         a lower learning_rate or a gradient_clip may help"
    );
}

#[test]
fn configurations_round_trip_in_kebab_case_and_unknown_keys_are_errors() {
    let training = TrainingConfig::default();
    let text = serde_json::to_string(&training).unwrap();
    assert!(
        text.contains(r#""memory_format":"channels-last""#),
        "{text}"
    );
    assert_eq!(
        serde_json::from_str::<TrainingConfig>(&text).unwrap(),
        training
    );
    let partial: ModelConfig =
        serde_json::from_str(r#"{"base_width": 16, "head": {"source": "final-maps"}}"#).unwrap();
    assert_eq!((partial.base_width, partial.levels), (16, 4));
    let unknown = serde_json::from_str::<TrainingConfig>(r#"{"lr": 1}"#).unwrap_err();
    assert!(unknown.to_string().contains("unknown field `lr`"));
}

#[test]
fn progress_counts_every_step() {
    let (model, training) = small();
    let mut segmenter = TchSegmenter::new(&model, &training, 3, 0, Device::Cpu).unwrap();
    let image = Array3::from_shape_fn((4, 4, 4), |(z, y, x)| (z * y + x) as f32 / 9.0);
    let labels = Array3::zeros((4, 4, 4));
    let case = TrainingCase {
        image: &image,
        labels: &labels,
        annotated: &[true; 4],
    };
    let mut steps = Vec::new();
    segmenter
        .train(&[case], 0..3, 3, 0, &mut |step, loss| {
            steps.push(step);
            assert!(loss > 0.0);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(steps, [1, 2, 3]);
}
