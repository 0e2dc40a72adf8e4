//! Laws about precision and memory format.

use super::*;

#[test]
fn precision_and_memory_format_change_rounding_alone() {
    let (image, labels) = boxes();
    for model in models() {
        for norm in [Norm::Instance, Norm::Group, Norm::None] {
            let model = ModelConfig {
                norm,
                ..model.clone()
            };
            let probabilities = |precision, memory_format| {
                let training = TrainingConfig {
                    precision,
                    memory_format,
                    // AdamW's first steps follow the sign of a gradient, however small it is, and
                    // so amplify rounding.
                    algorithm: Algorithm::Sgd,
                    learning_rate: 0.01,
                    ..training()
                };
                trained(&model, &training, &labels, 2)
                    .predict(&image)
                    .unwrap()
                    .probabilities
            };
            let reference = probabilities(Precision::Float32, MemoryFormat::Contiguous);
            for (precision, memory_format, tolerance) in [
                (Precision::Float32, MemoryFormat::ChannelsLast, 1e-3),
                (Precision::Bfloat16, MemoryFormat::Contiguous, 0.1),
                (Precision::Bfloat16, MemoryFormat::ChannelsLast, 0.1),
            ] {
                let difference = (&probabilities(precision, memory_format) - &reference)
                    .iter()
                    .fold(0f32, |most, d| most.max(d.abs()));
                assert!(
                    difference < tolerance,
                    "{precision:?} {memory_format:?} {norm:?}: {difference} {model:?}"
                );
            }
        }
    }
}

#[test]
fn a_models_own_precision_and_memory_format_come_before_the_trainings() {
    let (image, labels) = boxes();
    let probabilities = |own: Option<(Precision, MemoryFormat)>, (precision, memory_format)| {
        let model = ModelConfig {
            precision: own.map(|(precision, _)| precision),
            memory_format: own.map(|(_, memory_format)| memory_format),
            ..models()[0].clone()
        };
        let training = TrainingConfig {
            precision,
            memory_format,
            ..training()
        };
        let segmenter = trained(&model, &training, &labels, 2);
        segmenter.predict(&image).unwrap().probabilities
    };
    let exact = (Precision::Float32, MemoryFormat::Contiguous);
    let fast = (Precision::Bfloat16, MemoryFormat::ChannelsLast);
    assert!(probabilities(None, exact) != probabilities(None, fast));
    assert!(probabilities(Some(exact), fast) == probabilities(None, exact));
    assert!(probabilities(Some(fast), exact) == probabilities(None, fast));
}

/// oneDNN's bf16 weight gradient is wrong on grids two slices deep. Crops of depth 2 have such a
/// grid at full resolution, crops of depth 4 at the bottleneck.
#[test]
fn bf16_trains_at_every_depth_of_crop() {
    let (image, labels) = boxes();
    let flags = annotated(image.dim().0);
    let default_head = |model: &ModelConfig| model.head == HeadConfig::default();
    for model in models().into_iter().filter(default_head) {
        for depth in [2, 4, 6, 8] {
            let loss = |precision| {
                let training = TrainingConfig {
                    precision,
                    crop: [depth, 12, 12],
                    ..training()
                };
                let case = TrainingCase {
                    image: &image,
                    labels: &labels,
                    annotated: &flags,
                };
                let mut losses = Vec::new();
                segmenter(&model, &training, 1)
                    .train(&[case], 0..12, 12, 2, &mut |_, loss| {
                        losses.push(loss);
                        ControlFlow::Continue(())
                    })
                    .unwrap();
                losses[9..].iter().sum::<f64>() / 3.0
            };
            let (float32, bfloat16) = (loss(Precision::Float32), loss(Precision::Bfloat16));
            assert!(
                (float32 - bfloat16).abs() < 0.05,
                "depth {depth}: {float32} against {bfloat16} {model:?}"
            );
        }
    }
}
