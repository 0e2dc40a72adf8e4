//! What each query strategy costs beside the training that it steers: `./just bench-queries`.
//!
//! It trains the network of `experiments/table2.yaml` for some steps on phantoms, on one thread, and asks
//! every strategy for slices of each Part A volume. A strategy's cost is what it takes beyond the plain
//! prediction that every run makes to score its round: features, a committee's members, scores, choice.
//! It is set against the training of a run of that experiment, by the seconds of a step measured in the
//! same run. Takes the path of the Markdown file to write.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use slicewise_core::{Prediction, TrainingCase, Wanted};
use slicewise_data::{DataConfig, Part, PhantomConfig, Task, TaskDefinition, load_task};
use slicewise_model::{
    CommitteeConfig, Device, InstructionSet, ModelConfig, Precision, TchSegmenter, TrainingConfig,
};
use slicewise_strategies::{AnnotatedLabels, CaseView, QueryStrategy, STRATEGIES};
use std::error::Error;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::time::Instant;

/// A run of a strategy in `experiments/table2.yaml`, tissue segmentation: queries, Part A volumes and
/// training steps. (A step here is AdamW's with two crops; with one crop queries weigh twice as much.)
const QUERIES: f64 = 3.0;
const VOLUMES: f64 = 8.0;
const STEPS: f64 = 375.0;
/// Steps that are timed; the first ones are not.
const TIMED: usize = 20;
/// Each measurement is the shortest of so many.
const REPEATS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args()
        .nth(1)
        .ok_or("expected the file to write")?;
    slicewise_model::set_threads(1);
    let cache = tempfile::tempdir()?;
    let config = DataConfig {
        phantom: Some(PhantomConfig {
            subjects: 4,
            seed: 1,
        }),
        spacing_mm: Some(2.4.into()),
        part_b: Some(vec!["phantom-04".to_owned()]),
        ..DataConfig::new("phantom")
    };
    let (task, definition) = (
        Task::TISSUE_SEGMENTATION,
        TaskDefinition::TISSUE_SEGMENTATION,
    );
    let data = load_task(task, &definition, &config, cache.path())?;
    let part_a: Vec<_> = data
        .cases
        .iter()
        .filter(|case| case.part == Part::A)
        .collect();
    let annotated: Vec<Vec<bool>> = part_a
        .iter()
        .map(|case| {
            (0..case.labels.voxels.dim().0)
                .map(|z| z % 8 == 4)
                .collect()
        })
        .collect();
    let volumes: Vec<TrainingCase> = part_a
        .iter()
        .zip(&annotated)
        .map(|(case, annotated)| TrainingCase::of(case, annotated))
        .collect();
    let training = TrainingConfig {
        soft_dice: 1.0,
        precision: Precision::Auto.on(Device::Cpu),
        ..TrainingConfig::default()
    };
    let (model, classes) = (ModelConfig::default(), data.classes.len());
    let mut segmenter = TchSegmenter::new(&model, &training, classes, 1, Device::Cpu)?;
    segmenter.committee = Some(CommitteeConfig::default());
    let train = |segmenter: &mut TchSegmenter, steps: usize| {
        segmenter.train(&volumes, 0..steps, steps, 0, &mut |_, _| {
            ControlFlow::Continue(())
        })
    };
    train(&mut segmenter, TIMED)?;
    let started = Instant::now();
    train(&mut segmenter, TIMED)?;
    let step_s = started.elapsed().as_secs_f64() / TIMED as f64;
    let image = &part_a[0].image.voxels;
    let plain_s = shortest(|| segmenter.predict(image).map(drop))?;

    let mut rows = String::new();
    let mut all = 0.0;
    for strategy in STRATEGIES {
        let wanted = Wanted {
            features: strategy.needs_features(),
            committee: strategy.needs_committee().then_some(1),
        };
        let predicted_s = if wanted == Wanted::default() {
            plain_s
        } else {
            shortest(|| segmenter.predict_with(image, wanted).map(drop))?
        };
        let prediction = segmenter.predict_with(image, wanted)?;
        let asked_s = shortest(|| ask(*strategy, part_a[0], &annotated[0], &prediction))?;
        let extra_s = (predicted_s - plain_s).max(0.0) + asked_s;
        // The first query is of the shared first round, which another run has scored.
        let share = VOLUMES * (QUERIES * extra_s + plain_s) / (STEPS * step_s);
        all += share;
        writeln!(
            rows,
            "| {} | {:.3} | {:.3} | {:.1} % |",
            strategy.name(),
            (predicted_s - plain_s).max(0.0),
            asked_s,
            100.0 * share
        )?;
    }
    let strategies = STRATEGIES.len() as f64;
    let text = format!(
        "# What queries cost\n\n\
         `./just bench-queries` ({}, {}, one thread). Seconds for one volume of {:?} voxels and {classes} \
         classes, the shortest of {REPEATS}: what features and committee add to a prediction of {plain_s:.2} s, \
         which every run makes in any case to score its round, and what scores and choice take. The last \
         column sets {QUERIES} queries of {VOLUMES} volumes, and the one plain prediction of all of them that \
         the first query needs beyond the scored ones, against the {STEPS} training steps of a run of \
         `experiments/table2.yaml`, at {step_s:.3} s a step.\n\n\
         A sweep of all {strategies} strategies costs {:.3} times its training by this.\n\n\
         | strategy | prediction | choice | of training |\n|---|---|---|---|\n{rows}",
        InstructionSet::available().name(),
        training.precision.name(),
        image.shape(),
        1.0 + all / strategies
    );
    std::fs::write(&out, text)?;
    println!("{out}");
    Ok(())
}

/// Asks a strategy for eight slices of a case.
fn ask(
    strategy: &dyn QueryStrategy,
    case: &slicewise_data::Case,
    annotated: &[bool],
    prediction: &Prediction,
) -> Result<(), slicewise_strategies::StrategyError> {
    let labels = &case.labels.voxels;
    let view = CaseView {
        case: &case.id,
        place: 0,
        round: [1, 3],
        budget: Some(8),
        spacing_mm: case.labels.geometry.spacing_mm(),
        agreement: slicewise_metrics::Agreement::Accuracy,
        image: &case.image.voxels,
        labels: AnnotatedLabels::new(labels, annotated),
        prediction,
        annotated,
        truth: strategy.is_oracle().then_some(labels),
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    std::hint::black_box(strategy.select(&view, 8, &mut rng)?);
    Ok(())
}

/// Returns the seconds of the shortest of several calls.
fn shortest<E>(mut call: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let mut shortest = f64::INFINITY;
    for _ in 0..REPEATS {
        let started = Instant::now();
        call()?;
        shortest = shortest.min(started.elapsed().as_secs_f64());
    }
    Ok(shortest)
}
