//! Benchmarks loading a scan, the whole way from files to training data, and the way of a prediction
//! back to the scan: `cargo bench -p slicewise-data`.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array4;
use slicewise_data::nifti::{read_image, write_image, write_labels};
use slicewise_data::{DataConfig, Geometry, Task, TaskDefinition, load_task, on_grid, phantom};
use std::fs;
use tempfile::tempdir;

fn volumes(criterion: &mut Criterion) {
    let folder = tempdir().expect("a folder for the phantom");
    let head = phantom::generate(1, 0, 1.0);
    let image = folder.path().join("image.nii.gz");
    let mask = folder.path().join("mask.nii.gz");
    let manifest = folder.path().join("manifest.csv");
    write_image(&image, &head.image).expect("a written image");
    write_labels(&mask, &head.brain_mask).expect("a written mask");
    fs::write(
        &manifest,
        "case,image,label,mask,split\nhead,image.nii.gz,,mask.nii.gz,A\nother,image.nii.gz,,mask.nii.gz,B\n",
    )
    .expect("a written manifest");

    let mut group = criterion.benchmark_group("volumes");
    group.sample_size(10);
    group.throughput(Throughput::Elements(head.image.voxels.len() as u64));
    group.bench_function("load .nii.gz", |bencher| {
        bencher.iter(|| read_image(&image));
    });
    // Two cases of brain extraction are halved to 2 mm. The cache is empty each time.
    let config = DataConfig {
        path: Some(manifest),
        spacing_mm: Some(2.0.into()),
        ..DataConfig::new("manifest")
    };
    group.throughput(Throughput::Elements(2 * head.image.voxels.len() as u64));
    group.bench_function("load and preprocess", |bencher| {
        bencher.iter_batched(
            || tempdir().expect("an empty cache"),
            |cache| {
                let data = load_task(
                    Task::BRAIN_EXTRACTION,
                    &TaskDefinition::BRAIN_EXTRACTION,
                    &config,
                    cache.path(),
                );
                (data.expect("good files"), cache)
            },
            BatchSize::PerIteration,
        );
    });
    // A newborn's nine tissues, from 1.7 mm back to the scan's 0.86 mm.
    let probabilities = Array4::from_shape_fn([9, 66, 78, 58], |(c, z, y, x)| {
        ((c * 31 + z * 17 + y * 7 + x * 3) % 101) as f32 / 101.0
    });
    let from = Geometry::axis_aligned([1.7; 3]);
    let to = from.subgrid([-0.2; 3], [0.506; 3]);
    let shape = [130, 154, 115];
    group.throughput(Throughput::Elements(shape.iter().product::<usize>() as u64));
    group.bench_function("map to the scan's own grid", |bencher| {
        bencher.iter(|| on_grid(&probabilities, &from, &to, shape));
    });
    group.finish();
}

criterion_group!(benches, volumes);
criterion_main!(benches);
