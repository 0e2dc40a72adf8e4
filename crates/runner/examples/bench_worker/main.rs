//! Our side of `./just bench`. `bench/bench.py` starts it and exchanges lines of text with it.
//!
//! ```text
//! bench_worker export CACHE OUT     weights, answers and losses for bench/peer.py to compare with
//! bench_worker serve CACHE [DEVICE] trains and predicts when told, on one thread, as runs do
//! bench_worker cases CACHE OUT      prepared volumes and settings for bench/gpu_peer.py
//! bench_worker volumes FOLDER       metrics and loading when told
//! bench_worker scale MANIFEST CACHE CLASSES    seconds and peak memory from files to scores
//! bench_worker quality CACHE RECIPE             seconds of training to a given Dice (bench/quality.py)
//! bench_worker quality-volumes CACHE OUT DATA   its volumes, for bench/expert.py
//! bench_worker environment          what a sweep sets for a run of one thread, in JSON
//! bench_worker instructions         the instruction set its loops use and the precision with it, in JSON
//! ```
//!
//! A command is a word and the seconds to spend on it. The answer is one line of JSON, `{"count":
//! work done, "seconds": it took}`. The model crate's `speed` example compares settings of ours in
//! processor seconds; this program uses the peer's data, and wall time so that both sides compare.

mod quality;
mod scale;

use ndarray::{Array3, Array4, Axis, Slice, concatenate};
use serde_json::{Value, json};
use slicewise_core::TrainingCase;
use slicewise_data::nifti::{read_image, read_labels};
use slicewise_data::{Case, DataConfig, PhantomConfig, Task, TaskData, TaskDefinition, load_task};
use slicewise_metrics::{Agreement, Overlap};
use slicewise_model::{
    Device, InstructionSet, ModelConfig, Precision, TchSegmenter, TrainingConfig, process_settings,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Phantoms like those of `experiments/table2.yaml`, but fewer. `bench.py` has `slicewise phantom`
/// write the same ones.
const PHANTOM: PhantomConfig = PhantomConfig {
    subjects: 4,
    seed: 1,
};
const SPACING_MM: f64 = 2.4;

/// Every n-th slice is annotated.
const EVERY: usize = 4;

/// Number of classes in the tissue task.
const CLASSES: usize = 9;

/// Number of steps whose losses are compared.
const COMPARED_STEPS: usize = 8;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["export", cache, out] => export(Path::new(cache), Path::new(out)),
        ["serve", cache] => serve(Path::new(cache), "cpu"),
        ["serve", cache, device] => serve(Path::new(cache), device),
        ["cases", cache, out] => cases(Path::new(cache), Path::new(out)),
        ["volumes", folder] => volumes(Path::new(folder)),
        ["scale", manifest, cache, classes] => {
            scale::run(Path::new(manifest), Path::new(cache), classes.parse()?)
        }
        ["quality", cache, recipe] => quality::run(Path::new(cache), recipe),
        ["quality-volumes", cache, out, data] => {
            quality::export(Path::new(cache), Path::new(out), data)
        }
        ["environment"] => {
            let settings: BTreeMap<_, _> = process_settings(1).into_iter().collect();
            println!("{}", json!(settings));
            Ok(())
        }
        ["instructions"] => {
            let name = InstructionSet::available().name();
            println!("{}", json!({"name": name, "precision": precision()}));
            Ok(())
        }
        _ => Err("usage: see the top of crates/runner/examples/bench_worker".into()),
    }
}

/// Marks every [`EVERY`]-th slice of each case as annotated, from slice `first` on: `[case][D]`.
fn every_nth(cases: &[&Case], first: usize) -> Vec<Vec<bool>> {
    let annotated = |case: &&Case| {
        let slices = 0..case.image.voxels.dim().0;
        slices.map(|z| z % EVERY == first).collect()
    };
    cases.iter().map(annotated).collect()
}

/// Converts `cases` to what the model takes, with the slices that [`every_nth`] gave.
fn training_volumes<'a>(cases: &[&'a Case], annotated: &'a [Vec<bool>]) -> Vec<TrainingCase<'a>> {
    let volume = |(case, annotated): (&&'a Case, &'a Vec<bool>)| TrainingCase {
        image: &case.image.voxels,
        labels: &case.labels.voxels,
        annotated,
    };
    cases.iter().zip(annotated).map(volume).collect()
}

/// Returns the precision that a sweep uses on this instruction set.
fn precision() -> Precision {
    Precision::Auto.on(Device::Cpu)
}

/// Returns the training settings of `experiments/table2.yaml`, but AdamW and two crops a step, which
/// the peer has too.
fn training() -> TrainingConfig {
    TrainingConfig {
        soft_dice: 1.0,
        class_weight_power: 0.75,
        precision: precision(),
        ..TrainingConfig::default()
    }
}

fn data(cache: &Path) -> Outcome<(DataConfig, TaskData)> {
    let config = DataConfig {
        phantom: Some(PHANTOM),
        spacing_mm: Some(SPACING_MM.into()),
        part_b: Some(vec!["phantom-04".to_owned()]),
        ..DataConfig::new("phantom")
    };
    let data = load_task(
        Task::TISSUE_SEGMENTATION,
        &TaskDefinition::TISSUE_SEGMENTATION,
        &config,
        cache,
    )?;
    Ok((config, data))
}

/// Writes what a peer needs to show that its network equals ours. It computes in float32, with the
/// loops of this instruction set. The volume has a crop's size, so every crop is the whole volume.
fn export(cache: &Path, out: &Path) -> Outcome<()> {
    slicewise_model::set_threads(1);
    std::fs::create_dir_all(out)?;
    let (config, data) = data(cache)?;
    let case = &data.cases[0];
    let model = ModelConfig::default();
    let training = TrainingConfig {
        precision: Precision::Float32,
        ..training()
    };
    let image = central(&case.image.voxels, training.crop);
    let labels = central(&case.labels.voxels, training.crop);
    let annotated: Vec<bool> = (0..training.crop[0]).map(|z| z % EVERY == 1).collect();
    let volume = TrainingCase {
        image: &image,
        labels: &labels,
        annotated: &annotated,
    };
    let mut segmenter = TchSegmenter::new(&model, &training, CLASSES, 0, Device::Cpu)?;
    // Training first leaves fresh weights, where biases are 0 and scales 1. The checkpoint also
    // holds the optimiser, so the peer continues from the same state.
    let (before, of) = (4, 4 + COMPARED_STEPS);
    segmenter.train(&[volume], 0..before, of, 0, &mut |_, _| {
        ControlFlow::Continue(())
    })?;
    segmenter.save(&out.join("start.safetensors"))?;
    let output = segmenter.predict(&image)?;
    let mut losses = Vec::new();
    segmenter.train(&[volume], before..of, of, 0, &mut |_, loss| {
        losses.push(loss);
        ControlFlow::Continue(())
    })?;
    let after = segmenter.predict(&image)?;

    let floats =
        |values: &Array4<f32>| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
    std::fs::write(
        out.join("image.f32"),
        image
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<u8>>(),
    )?;
    std::fs::write(
        out.join("labels.u8"),
        labels.iter().copied().collect::<Vec<u8>>(),
    )?;
    std::fs::write(out.join("probabilities.f32"), floats(&output.probabilities))?;
    std::fs::write(out.join("after.f32"), floats(&after.probabilities))?;
    let attention = output
        .attention
        .ok_or("expected an attention map, got none")?;
    std::fs::write(out.join("attention.f32"), floats(&attention))?;
    let image_sum: f64 = case
        .image
        .voxels
        .iter()
        .map(|&value| f64::from(value).abs())
        .sum();
    let settings = json!({
        "model": model,
        "training": self::training(),
        "classes": CLASSES,
        "parameters": segmenter.parameters(),
        "every": EVERY,
        "margin_mm": config.margin_mm,
        "spacing_mm": SPACING_MM,
        "subjects": PHANTOM.subjects,
        "shape": training.crop,
        "annotated": annotated,
        "losses": losses,
        "first_case": {
            "shape": case.image.voxels.shape(),
            "sum": image_sum,
            "labels": case.labels.voxels.iter().map(|&class| u64::from(class)).sum::<u64>(),
        },
    });
    std::fs::write(out.join("settings.json"), settings.to_string())?;
    Ok(())
}

/// Returns the middle of a volume. Where it is smaller than `size`, its border is repeated.
fn central<T: Copy>(volume: &Array3<T>, size: [usize; 3]) -> Array3<T> {
    let mut central = volume.clone();
    for (axis, &wanted) in size.iter().enumerate() {
        let have = central.len_of(Axis(axis));
        let start = have.saturating_sub(wanted) / 2;
        central = central
            .slice_axis(Axis(axis), Slice::from(start..(start + wanted).min(have)))
            .to_owned();
        while central.len_of(Axis(axis)) < wanted {
            let border = central.slice_axis(Axis(axis), Slice::from(-1..)).to_owned();
            central = concatenate![Axis(axis), central, border];
        }
    }
    central
}

/// Writes every case as raw voxels, and the settings: a GPU machine then needs neither NIfTI files
/// nor their reader.
fn cases(cache: &Path, out: &Path) -> Outcome<()> {
    std::fs::create_dir_all(out)?;
    let (_, data) = data(cache)?;
    let mut shapes = Vec::new();
    for (index, case) in data.cases.iter().enumerate() {
        let image: Vec<u8> = case
            .image
            .voxels
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let labels: Vec<u8> = case.labels.voxels.iter().copied().collect();
        std::fs::write(out.join(format!("{index}.f32")), image)?;
        std::fs::write(out.join(format!("{index}.u8")), labels)?;
        shapes.push(case.image.voxels.shape().to_vec());
    }
    let settings = json!({
        "model": ModelConfig::default(),
        "training": training(),
        "classes": CLASSES,
        "every": EVERY,
        "shapes": shapes,
    });
    Ok(std::fs::write(
        out.join("settings.json"),
        settings.to_string(),
    )?)
}

/// Trains and predicts when told, on one thread, with the data and settings of a sweep.
fn serve(cache: &Path, device: &str) -> Outcome<()> {
    slicewise_model::set_threads(1);
    let device = slicewise_model::choose_device(device)?;
    let (_, data) = data(cache)?;
    let cases: Vec<&Case> = data.cases.iter().collect();
    let annotated = every_nth(&cases, EVERY / 2);
    let cases = training_volumes(&cases, &annotated);
    let mut segmenter =
        TchSegmenter::new(&ModelConfig::default(), &training(), CLASSES, 0, device)?;
    answer(|command, seconds| match command {
        "train" => {
            let start = Instant::now();
            let mut done = (0, 0.0);
            segmenter.train(&cases, 0..usize::MAX, usize::MAX, 0, &mut |step, _| {
                done = (step, start.elapsed().as_secs_f64());
                if done.1 < seconds {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            Ok(json!({"count": done.0, "seconds": done.1}))
        }
        "predict" => repeat(seconds, || {
            Ok(segmenter.predict(&data.cases[0].image.voxels)?)
        }),
        other => Err(format!("expected train or predict, got {other}").into()),
    })
}

/// Measures metrics over a truth and two shifted copies of it, as `bench/volumes.py` does, and
/// loading.
fn volumes(folder: &Path) -> Outcome<()> {
    // The class of each of Draw-EM's labels; 0 and 4 are background.
    const CLASS_OF: [u8; 10] = [0, 1, 2, 3, 0, 4, 5, 6, 7, 8];
    let labels = read_labels(&folder.join("phantom-01_tissue.nii.gz"))?;
    let truth = labels.voxels.mapv(|label| CLASS_OF[label as usize]);
    let (sr1, sr2) = (rolled(&truth, 1, 1), rolled(&truth, 2, 2));
    let path = folder.join("phantom-01_T2w.nii.gz");
    answer(|command, seconds| match command {
        "metrics" => repeat(seconds, || scores(&truth, &sr1, &sr2)),
        "scores" => {
            let scores = scores(&truth, &sr1, &sr2)?;
            let means = scores.into_iter().map(|(name, values)| {
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                (name.to_owned(), Value::from(mean))
            });
            Ok(Value::Object(means.collect()))
        }
        "load" => repeat(seconds, || Ok(read_image(&path)?)),
        "voxels" => {
            let image = read_image(&path)?.voxels;
            let sum: f64 = image.iter().map(|&value| f64::from(value)).sum();
            Ok(json!({"sum": sum, "shape": image.shape()}))
        }
        other => Err(format!("expected metrics, scores, load or voxels, got {other}").into()),
    })
}

/// Returns the volume moved by `shift` along an axis. What leaves at one end enters at the other.
fn rolled(volume: &Array3<u8>, shift: usize, axis: usize) -> Array3<u8> {
    Array3::from_shape_fn(volume.dim(), |(z, y, x)| {
        let mut from = [z, y, x];
        let length = volume.len_of(Axis(axis));
        from[axis] = (from[axis] + length - shift) % length;
        volume[from]
    })
}

/// Returns P and R of each slice in both measures, and the Dice of each class by slice and over the
/// volume; only values that are defined.
fn scores(
    truth: &Array3<u8>,
    sr1: &Array3<u8>,
    sr2: &Array3<u8>,
) -> Outcome<Vec<(&'static str, Vec<f64>)>> {
    let p = Overlap::of(sr1, sr2)?;
    let r = Overlap::of(sr1, truth)?;
    let slices = |overlap: &Overlap| {
        overlap
            .slice_dice(CLASSES)
            .into_iter()
            .flatten()
            .flatten()
            .collect()
    };
    let volume = |overlap: &Overlap| -> Outcome<Vec<f64>> {
        Ok(overlap.class_dice(CLASSES)?.into_iter().flatten().collect())
    };
    Ok(vec![
        ("p_accuracy", p.agreement(Agreement::Accuracy)),
        ("p_dice", p.agreement(Agreement::Dice)),
        ("p_slices", slices(&p)),
        ("p_volume", volume(&p)?),
        ("r_accuracy", r.agreement(Agreement::Accuracy)),
        ("r_dice", r.agreement(Agreement::Dice)),
        ("r_slices", slices(&r)),
        ("r_volume", volume(&r)?),
    ])
}

/// Repeats `work` for so many seconds, at least once.
fn repeat<T>(seconds: f64, mut work: impl FnMut() -> Outcome<T>) -> Outcome<Value> {
    let start = Instant::now();
    let mut count = 0;
    loop {
        std::hint::black_box(work()?);
        count += 1;
        let elapsed = start.elapsed().as_secs_f64();
        if elapsed >= seconds {
            return Ok(json!({"count": count, "seconds": elapsed}));
        }
    }
}

/// Reports that all is ready, then answers one line after another until there are none.
fn answer(mut command: impl FnMut(&str, f64) -> Outcome<Value>) -> Outcome<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{{}}")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (name, value) = line.split_once(' ').ok_or("expected a word and a number")?;
        writeln!(out, "{}", command(name, value.parse()?)?)?;
        out.flush()?;
    }
    Ok(())
}
