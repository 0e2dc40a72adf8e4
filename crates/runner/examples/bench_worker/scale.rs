//! Measures seconds and peak memory of what a run does, from files to scores.

use crate::{Outcome, every_nth, training, training_volumes};
use serde_json::{Value, json};
use slicewise_data::{DataConfig, Part, Task, TaskDefinition, load_task};
use slicewise_metrics::{Agreement, Overlap, slice_entropy};
use slicewise_model::{Device, ModelConfig, TchSegmenter};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

/// Does what a run does with a dataset of phantoms, stage by stage, on one thread: it loads and
/// prepares the files, trains some steps, segments one volume and scores it. Labels are spread over
/// `classes`.
pub(crate) fn run(manifest: &Path, cache: &Path, classes: usize) -> Outcome<()> {
    const STEPS: usize = 5;
    slicewise_model::set_threads(1);
    let config = DataConfig {
        path: Some(manifest.to_owned()),
        classes: Some((0..10).map(|class| format!("label-{class}")).collect()),
        part_b_count: Some(1),
        ..DataConfig::new("manifest")
    };
    let start = Instant::now();
    let mut data = load_task(
        Task::TISSUE_SEGMENTATION,
        &TaskDefinition::TISSUE_SEGMENTATION,
        &config,
        cache,
    )?;
    let load = stage(start)?;
    for case in &mut data.cases {
        for ((z, y, x), label) in case.labels.voxels.indexed_iter_mut() {
            if *label > 0 {
                *label = (1 + (usize::from(*label) + z / 4 + y / 4 + x / 4) % (classes - 1)) as u8;
            }
        }
    }
    let part_a: Vec<_> = data
        .cases
        .iter()
        .filter(|case| case.part == Part::A)
        .collect();
    let annotated = every_nth(&part_a, 0);
    let volumes = training_volumes(&part_a, &annotated);
    let mut segmenter = TchSegmenter::new(
        &ModelConfig::default(),
        &training(),
        classes,
        0,
        Device::Cpu,
    )?;
    let start = Instant::now();
    segmenter.train(&volumes, 0..STEPS, STEPS, 0, &mut |_, _| {
        ControlFlow::Continue(())
    })?;
    let train = stage(start)?;
    let case = part_a[0];
    let start = Instant::now();
    let output = segmenter.predict(&case.image.voxels)?;
    let predict = stage(start)?;
    let start = Instant::now();
    let overlap = Overlap::of(&output.sr1, &case.labels.voxels)?;
    std::hint::black_box((
        overlap.agreement(Agreement::Accuracy),
        overlap.class_dice(classes)?,
    ));
    std::hint::black_box(slice_entropy(&output.probabilities));
    let score = stage(start)?;
    println!(
        "{}",
        json!({
            "shape": case.image.voxels.shape(),
            "cases": data.cases.len(),
            "classes": classes,
            "steps": STEPS,
            "load": load,
            "train": train,
            "predict": predict,
            "score": score,
        })
    );
    Ok(())
}

/// Returns the seconds since `start`, and the most memory this process has held so far (Linux's
/// `VmHWM`).
fn stage(start: Instant) -> Outcome<Value> {
    let seconds = start.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|kib| kib.trim().trim_end_matches(" kB").parse::<f64>().ok());
    let peak = peak.ok_or("expected VmHWM in /proc/self/status, got none")?;
    Ok(json!({"seconds": seconds, "peak_mib": peak / 1024.0}))
}
