//! Benchmarks what is computed over whole volumes in every round: surface distances of all classes,
//! interpolated labels, contour lengths: `cargo bench -p slicewise-metrics --bench surfaces`.

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array3;
use slicewise_metrics::{class_hd95, contour_length_mm, interpolated_labels};

const SHAPE: (usize, usize, usize) = (60, 80, 64);
const CLASSES: usize = 9;

/// Classes as nested wavy shells, so that most lie within boxes nearly as large as the volume.
fn shells(shift: f64) -> Array3<u8> {
    Array3::from_shape_fn(SHAPE, |(z, y, x)| {
        let [z, y, x] = [z as f64 - 30.0 + shift, y as f64 - 40.0, x as f64 - 32.0];
        let radius = (z * z + 0.6 * y * y + x * x).sqrt() + 2.0 * (0.6 * y).sin() * (0.5 * x).cos();
        (CLASSES as f64 - 0.3 * radius).clamp(0.0, CLASSES as f64 - 1.0) as u8
    })
}

fn surfaces(criterion: &mut Criterion) {
    let (a, b) = (shells(0.0), shells(1.5));
    let spacing_mm = [1.7; 3];
    let annotated: Vec<bool> = (0..SHAPE.0).map(|z| z % 8 == 4).collect();

    let mut group = criterion.benchmark_group("volumes");
    group.sample_size(20);
    group.bench_function("HD95 of eight classes", |bencher| {
        bencher.iter(|| class_hd95(&a, &b, spacing_mm, CLASSES));
    });
    let masks = [&a, &b].map(|map| map.mapv(|label| u8::from(label > 0)));
    group.bench_function("HD95 of a mask", |bencher| {
        bencher.iter(|| class_hd95(&masks[0], &masks[1], spacing_mm, 2));
    });
    group.bench_function("labels between every 8th slice", |bencher| {
        bencher.iter(|| interpolated_labels(&a, &annotated, [1.7; 2], CLASSES));
    });
    group.bench_function("contours of all slices", |bencher| {
        bencher.iter(|| {
            let slices = a.outer_iter();
            let lengths = slices.map(|slice| contour_length_mm(slice, [1.7; 2]));
            lengths.sum::<Result<f64, _>>()
        });
    });
    group.finish();
}

criterion_group!(benches, surfaces);
criterion_main!(benches);
