//! `slicewise check`: everything that can be known before the first step, all problems at once.

use crate::command::CheckArguments;
use crate::config::ExperimentConfig;
use crate::failure::{Failure, Outcome};
use crate::schedule::steps;
use crate::segmenter::TchModel;
use anyhow::anyhow;
use indicatif::{HumanBytes, HumanDuration};
use slicewise_data::{Part, TaskData};
use slicewise_experiment::{Segmenter, TrainingCase};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Steps timed for the estimate; the first, which warms libtorch up, is not counted.
const TIMED_STEPS: usize = 3;

/// Prints what the experiment would do, or every problem of its data.
pub(crate) fn run(arguments: &CheckArguments) -> Outcome {
    let config = ExperimentConfig::read(&arguments.experiment)?;
    let mut problems = Vec::new();
    for &task in config.tasks.keys() {
        for problem in slicewise_data::check_task(task, &config.data) {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    if !problems.is_empty() {
        println!("| file | problem | what to do |\n|---|---|---|");
        for problem in &problems {
            println!(
                "| {} | {} | {} |",
                problem.file.display(),
                problem.problem,
                problem.remedy
            );
        }
        return Err(Failure::input(anyhow!(
            "{}: {} problem(s) in its data, listed above",
            arguments.experiment.display(),
            problems.len()
        )));
    }

    slicewise_model::set_threads(config.threads);
    let cells = config.cells();
    let (mut seconds, mut bytes) = (0.0, 0);
    for &task in config.tasks.keys() {
        let data = slicewise_data::load_task(task, &config.data, &arguments.cache)
            .map_err(Failure::input)?;
        let count = |part| data.cases.iter().filter(|case| case.part == part).count();
        println!(
            "{}: {} cases in Part A, {} in Part B, {} classes",
            task.name(),
            count(Part::A),
            count(Part::B),
            data.classes.len()
        );
        for model in config.models.keys() {
            let cost = cost(&config, model, &data)?;
            for cell in cells
                .iter()
                .filter(|cell| cell.task == task && &cell.model == model)
            {
                let rounds = config.tasks[&task].rounds(&cell.strategy).len();
                seconds += steps(&config, cell) as f64 * cost.step_s + rounds as f64 * cost.round_s;
                bytes += cost.checkpoint_bytes;
            }
            println!(
                "  {model}: {:.3} s a step, {:.1} s to segment all cases",
                cost.step_s, cost.round_s
            );
        }
    }
    let jobs = config.default_jobs();
    println!(
        "{} cells, {} training steps",
        cells.len(),
        cells.iter().map(|cell| steps(&config, cell)).sum::<usize>()
    );
    println!("disk: about {} of checkpoints", HumanBytes(bytes));
    println!(
        "time: about {} with {jobs} cell(s) side by side, from the times just measured",
        HumanDuration(Duration::from_secs_f64(seconds / jobs as f64))
    );
    println!("{}: no problem found", arguments.experiment.display());
    Ok(())
}

struct Cost {
    step_s: f64,
    round_s: f64,
    checkpoint_bytes: u64,
}

/// Times a few steps of a throw-away model, and one prediction.
fn cost(config: &ExperimentConfig, model: &str, data: &TaskData) -> Outcome<Cost> {
    let failed = |error: slicewise_experiment::SegmenterError| Failure::Run(anyhow!("{error}"));
    let mut segmenter = TchModel::new(config, model, data.classes.len(), 0)?;
    let annotated: Vec<Vec<bool>> = data
        .cases
        .iter()
        .map(|case| vec![true; case.labels.voxels.dim().0])
        .collect();
    let cases: Vec<TrainingCase> = data
        .cases
        .iter()
        .zip(&annotated)
        .map(|(case, annotated)| TrainingCase::of(case, annotated))
        .collect();
    segmenter
        .train(&cases, 0..1, 1, 0, &mut |_, _| ControlFlow::Continue(()))
        .map_err(failed)?;
    let started = Instant::now();
    segmenter
        .train(&cases, 0..TIMED_STEPS, TIMED_STEPS, 0, &mut |_, _| {
            ControlFlow::Continue(())
        })
        .map_err(failed)?;
    let step_s = started.elapsed().as_secs_f64() / TIMED_STEPS as f64;
    let started = Instant::now();
    segmenter.predict(cases[0].image).map_err(failed)?;
    let parameters = segmenter.parameters();
    Ok(Cost {
        step_s,
        round_s: started.elapsed().as_secs_f64() * cases.len() as f64,
        // The weights, those of the last step and the momentum.
        checkpoint_bytes: 3 * parameters * size_of::<f32>() as u64,
    })
}
