//! Benchmarks slice-wise P, R and Dice of all classes, and the entropy of a prediction: `cargo
//! bench -p slicewise-metrics`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array3, Array4};
use slicewise_metrics::{Agreement, Overlap, slice_entropy};

const SHAPE: (usize, usize, usize) = (100, 145, 120);
const CLASSES: usize = 9;

fn slices(criterion: &mut Criterion) {
    let map = |shift: usize| {
        Array3::from_shape_fn(SHAPE, |(z, y, x)| {
            (((z + shift) / 9 + (y + shift) / 11 + x / 7) % CLASSES) as u8
        })
    };
    let (sr1, truth) = (map(0), map(1));
    let probabilities = Array4::from_elem((CLASSES, SHAPE.0, SHAPE.1, SHAPE.2), 1.0 / 9.0);

    let mut group = criterion.benchmark_group("slices");
    group.throughput(Throughput::Elements(sr1.len() as u64));
    group.bench_function("P and Dice of all classes", |bencher| {
        bencher.iter(|| {
            let overlap = Overlap::of(&sr1, &truth)?;
            let p = overlap.agreement(Agreement::Accuracy);
            overlap
                .class_dice(CLASSES)
                .map(|dice| (p, dice, overlap.slice_dice(CLASSES)))
        });
    });
    group.sample_size(10);
    group.bench_function("entropy", |bencher| {
        bencher.iter(|| slice_entropy(&probabilities));
    });
    group.finish();
}

criterion_group!(benches, slices);
criterion_main!(benches);
