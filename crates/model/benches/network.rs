//! Times one training step and one prediction of the default network on one thread. Run it with
//! `cargo bench -p slicewise-model`.

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array3;
use slicewise_core::TrainingCase;
use slicewise_model::{Device, ModelConfig, TchSegmenter, TrainingConfig};
use std::ops::ControlFlow;
use std::time::Instant;

const CLASSES: usize = 9;

fn network(criterion: &mut Criterion) {
    slicewise_model::set_threads(1);
    let shape = (64, 80, 64);
    let image = Array3::from_shape_fn(shape, |(z, y, x)| {
        ((z * 7 + y * 5 + x * 3) % 13) as f32 / 6.0
    });
    let labels =
        Array3::from_shape_fn(shape, |(z, y, x)| ((z / 8 + y / 8 + x / 8) % CLASSES) as u8);
    let annotated: Vec<bool> = (0..shape.0).map(|z| z % 4 == 0).collect();
    let volume = TrainingCase {
        image: &image,
        labels: &labels,
        annotated: &annotated,
    };
    let training = TrainingConfig {
        soft_dice: 1.0,
        ..TrainingConfig::default()
    };
    let mut segmenter =
        TchSegmenter::new(&ModelConfig::default(), &training, CLASSES, 0, Device::Cpu)
            .expect("valid settings");

    let mut group = criterion.benchmark_group("network");
    group.sample_size(10);
    group.bench_function("training step", |bencher| {
        bencher.iter_custom(|steps| {
            let steps = usize::try_from(steps).unwrap_or(usize::MAX);
            let start = Instant::now();
            segmenter
                .train(&[volume], 0..steps, steps, 0, &mut |_, _| {
                    ControlFlow::Continue(())
                })
                .expect("a finite loss");
            start.elapsed()
        });
    });
    group.bench_function("prediction", |bencher| {
        bencher.iter(|| segmenter.predict(&image));
    });
    group.finish();
}

criterion_group!(benches, network);
criterion_main!(benches);
