//! The whole report of a made-up sweep with 10,000 records: `cargo bench -p slicewise-report`.

#[path = "../tests/sample/mod.rs"]
mod sample;

use criterion::{Criterion, criterion_group, criterion_main};
use tempfile::tempdir;

const RECORDS: usize = 10_000;

fn report(criterion: &mut Criterion) {
    let of_one_seed = sample::sweep(&[0]).records.len();
    let seeds: Vec<u64> = (0..RECORDS.div_ceil(of_one_seed) as u64).collect();
    let results = sample::sweep(&seeds);
    let folder = tempdir().expect("a folder for the report");
    let mut group = criterion.benchmark_group("report");
    group.sample_size(10);
    let name = format!("{} records", results.records.len());
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            slicewise_report::write_results(&results, folder.path()).expect("a whole report")
        });
    });
    group.finish();
}

criterion_group!(benches, report);
criterion_main!(benches);
