//! Measures the seconds of training to a given Dice: trains with one recipe and scores unseen
//! volumes in between. `bench/quality.py` gives the recipe and says what "reached" means.

use crate::{Outcome, training_volumes};
use ndarray::Array3;
use serde::Deserialize;
use serde_json::json;
use slicewise_data::{Case, DataConfig, Part, Task, TaskData, TaskDefinition, load_task};
use slicewise_metrics::Overlap;
use slicewise_model::{Device, ModelConfig, TchSegmenter, TrainingConfig};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

/// One training, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    data: DataConfig,
    #[serde(default)]
    model: ModelConfig,
    training: TrainingConfig,
    seed: u64,
    /// The most steps to train.
    steps: usize,
    /// Number of steps between two evaluations.
    every: usize,
    /// The mean Dice of Part B at which the training ends.
    target: f64,
    /// Every n-th slice is annotated; 1 is full annotation.
    #[serde(default = "one")]
    annotated_every: usize,
}

fn one() -> usize {
    1
}

/// Trains as `recipe` (JSON) says, on one thread. Prints a line of JSON at each evaluation: steps,
/// seconds of training alone (by the clock, and of this thread on a core), mean Dice of Part B.
pub(crate) fn run(cache: &Path, recipe: &str) -> Outcome<()> {
    slicewise_model::set_threads(1);
    let recipe: Recipe = serde_json::from_str(recipe)?;
    let data = load_task(
        Task::TISSUE_SEGMENTATION,
        &TaskDefinition::TISSUE_SEGMENTATION,
        &recipe.data,
        cache,
    )?;
    let cases_of = |part| data.cases.iter().filter(move |case| case.part == part);
    let part_a: Vec<&Case> = cases_of(Part::A).collect();
    let every = recipe.annotated_every;
    let annotated: Vec<Vec<bool>> = part_a
        .iter()
        .map(|case| (0..case.image.voxels.dim().0).map(|z| z % every == every / 2))
        .map(Iterator::collect)
        .collect();
    let volumes = training_volumes(&part_a, &annotated);
    let classes = data.classes.len();
    let mut segmenter = TchSegmenter::new(
        &recipe.model,
        &recipe.training,
        classes,
        recipe.seed,
        Device::Cpu,
    )?;
    let (mut done, mut seconds, mut on_core) = (0, 0.0, 0.0);
    while done < recipe.steps {
        let next = (done + recipe.every).min(recipe.steps);
        let (start, before) = (Instant::now(), core_seconds());
        segmenter.train(
            &volumes,
            done..next,
            recipe.steps,
            recipe.seed,
            &mut |_, _| ControlFlow::Continue(()),
        )?;
        seconds += start.elapsed().as_secs_f64();
        on_core += core_seconds() - before;
        done = next;
        let dice = cases_of(Part::B)
            .map(|case| mean_dice(&segmenter, case, classes))
            .collect::<Outcome<Vec<f64>>>()?;
        let dice = dice.iter().sum::<f64>() / dice.len() as f64;
        println!(
            "{}",
            json!({"steps": done, "seconds": seconds, "core_seconds": on_core, "dice": dice})
        );
        if dice >= recipe.target {
            break;
        }
    }
    Ok(())
}

/// Returns the Dice of SR1, as the mean over the foreground classes of a case.
fn mean_dice(segmenter: &TchSegmenter, case: &Case, classes: usize) -> Outcome<f64> {
    let output = segmenter.predict(&case.image.voxels)?;
    let dice = Overlap::of(&output.sr1, &case.labels.voxels)?.class_dice(classes)?;
    let dice: Vec<f64> = dice.into_iter().skip(1).flatten().collect();
    Ok(dice.iter().sum::<f64>() / dice.len() as f64)
}

/// Returns the seconds that this process's main thread has run on a core (Linux only). Other work
/// on the machine does not count.
fn core_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
    nanoseconds.unwrap_or(f64::NAN) / 1e9
}

/// Writes the volumes of `data` (JSON) in the form that `bench/expert.py` reads.
pub(crate) fn export(cache: &Path, out: &Path, data: &str) -> Outcome<()> {
    let TaskData { cases, classes, .. } = load_task(
        Task::TISSUE_SEGMENTATION,
        &TaskDefinition::TISSUE_SEGMENTATION,
        &serde_json::from_str::<DataConfig>(data)?,
        cache,
    )?;
    std::fs::create_dir_all(out)?;
    let mut about = Vec::new();
    for case in &cases {
        let file = |kind: &str| out.join(format!("{}.{kind}", case.id));
        write(&file("f32"), &case.image.voxels, |value| {
            value.to_le_bytes()
        })?;
        write(&file("u8"), &case.labels.voxels, |class| [class])?;
        let part = if case.part == Part::A { "A" } else { "B" };
        about.push(json!({"id": case.id, "part": part, "shape": case.image.voxels.shape()}));
    }
    let about = json!({"cases": about, "classes": classes.len()});
    Ok(std::fs::write(out.join("cases.json"), about.to_string())?)
}

fn write<T: Copy, const N: usize>(
    path: &Path,
    volume: &Array3<T>,
    bytes: fn(T) -> [u8; N],
) -> Outcome<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for &value in volume {
        file.write_all(&bytes(value))?;
    }
    Ok(file.flush()?)
}
