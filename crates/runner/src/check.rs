//! `slicewise check`: reports all that can be known before the first training step, and all
//! problems at once.

use crate::cases;
use crate::command::CheckArguments;
use crate::config::ExperimentConfig;
use crate::failure::{Failure, Outcome};
use crate::resolve::{Resolved, resolve};
use crate::resources;
use crate::segmenter;
use anyhow::{Context, anyhow};
use indicatif::{HumanBytes, HumanDuration};
use serde::Serialize;
use slicewise_data::{CaseFacts, Part, Problem, SliceAxis, Task, TaskData};
use slicewise_experiment::{ResultsFolder, TrainingCase};
use slicewise_model::{ModelConfig, Pooling};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Number of steps timed for the estimate. One more step, not timed, warms libtorch up.
const TIMED_STEPS: usize = 3;

/// Estimated size of tables, figures and page, in bytes; a generous guess.
const REPORT_BYTES: u64 = 16 << 20;

/// Estimated size of one slice's P, R, entropies, areas and flags as text, in bytes.
const RECORD_BYTES_PER_SLICE: usize = 140;

/// What a check found: the object that `--json` prints.
#[derive(Debug, Default, Serialize)]
struct Findings {
    experiment: PathBuf,
    tasks: Vec<TaskFindings>,
    /// What is worth a look and stops nothing.
    warnings: Vec<String>,
    problems: Vec<Problem>,
    /// What the sweep would take; absent where there are problems.
    cost: Option<SweepCost>,
}

#[derive(Debug, Serialize)]
struct TaskFindings {
    task: Task,
    /// Class names, background first.
    classes: Vec<String>,
    cases: Vec<CaseFacts>,
}

#[derive(Debug, Serialize)]
struct SweepCost {
    device: String,
    runs: usize,
    training_steps: usize,
    jobs: usize,
    /// Seconds, all runs one after the other.
    seconds: f64,
    disk_bytes: u64,
    /// Bytes of one run.
    memory_bytes: u64,
}

/// Prints what the experiment would do, or every problem of its data; fails on any problem.
pub(crate) fn run(arguments: &CheckArguments) -> Outcome {
    let mut found = Findings {
        experiment: arguments.experiment.clone(),
        ..Findings::default()
    };
    let outcome = look(arguments, &mut found);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else if !found.problems.is_empty() {
        println!("| file | problem | what to do |\n|---|---|---|");
        for problem in &found.problems {
            let (file, text) = (problem.file.display(), &problem.problem);
            println!("| {file} | {text} | {} |", problem.remedy);
        }
    }
    outcome?;
    if !found.problems.is_empty() {
        return Err(Failure::input(anyhow!(
            "{}: {} problem(s), listed above",
            arguments.experiment.display(),
            found.problems.len()
        )));
    }
    if !arguments.json {
        println!("{}: no problem found", arguments.experiment.display());
    }
    Ok(())
}

/// Finds it all, and prints it on the way unless it is to be JSON.
fn look(arguments: &CheckArguments, found: &mut Findings) -> Outcome {
    macro_rules! say {
        ($($words:tt)*) => {
            if !arguments.json {
                println!($($words)*);
            }
        };
    }
    let named = ExperimentConfig::read(&arguments.experiment)?;
    let out = named.folder(arguments.out.as_deref());
    let folder = ResultsFolder::new(&out);
    let Resolved {
        config,
        precision,
        kept,
    } = resolve(named, arguments.device.as_deref(), &folder)?;
    let mut notes = Vec::new();
    for &task in config.tasks.keys() {
        let definition = config.definition(task)?;
        let checked = slicewise_data::examine(task, &definition, &config.data);
        for problem in checked.problems {
            if !found.problems.contains(&problem) {
                found.problems.push(problem);
            }
        }
        for note in checked.notes {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        let (classes, cases) = (checked.classes, checked.cases);
        if let Some(text) = cases::stored(&config, task, &cases, &classes, arguments.all)? {
            say!("{text}\n");
        }
        found.tasks.push(TaskFindings {
            task,
            classes,
            cases,
        });
    }
    for (setting, problem) in config.missing_programs(&config.runs()) {
        found.problems.push(Problem {
            file: setting.into(),
            problem,
            remedy: "Paths are seen from where slicewise is started.".to_owned(),
        });
    }
    notes.extend(config.endpoint_warning());
    for note in notes {
        say!("note: {note}");
        found.warnings.push(note);
    }
    if !found.problems.is_empty() {
        return Ok(());
    }

    say!("device     {}", config.device);
    say!("precision  {precision}");
    for line in kept {
        say!("note: {line}");
    }
    slicewise_model::set_threads(config.threads);
    let runs = config.runs();
    let jobs = arguments
        .jobs
        .map_or_else(|| config.default_jobs(), usize::from);
    let (mut seconds, mut bytes, mut memory) = (0.0, REPORT_BYTES, 0);
    let mut checkpoints = Vec::new();
    for &task in config.tasks.keys() {
        let definition = config.definition(task)?;
        let data = slicewise_data::load_task(task, &definition, &config.data, &arguments.cache)
            .map_err(Failure::input)?;
        let count = |part| data.cases.iter().filter(|case| case.part == part).count();
        say!(
            "{}: {} cases in Part A, {}{} in Part B{}, {} classes",
            task.name(),
            count(Part::A),
            match data.held_out.len() {
                0 => String::new(),
                held => format!("{held} held out, "),
            },
            count(Part::B),
            match config.data.folds {
                Some(folds) => format!(" (fold 1 of {folds})"),
                None => String::new(),
            },
            data.classes.len()
        );
        if task.preset().is_none() {
            say!("  {definition}");
            say!("  classes: {}", data.classes.join(", "));
        }
        if definition.slice_axis == SliceAxis::Thickest {
            say!("  {}", cases::planes(&data.cases));
        }
        let missed = cases::missed_shares(&config, &folder, &data, &runs);
        for warning in missed {
            say!("  warning: {warning}");
            found.warnings.push(format!("{}: {warning}", task.name()));
        }
        if let Some(scale) = &data.intensities {
            say!("  {}", cases::intensities(scale));
        }
        let slices: usize = data
            .cases
            .iter()
            .map(|case| case.labels.voxels.dim().0)
            .sum();
        let voxels = data.cases.iter().map(|case| case.labels.voxels.len()).max();
        for model in config.models.keys() {
            let network = segmenter::settle(&config, model, &data)
                .with_context(|| arguments.experiment.display().to_string())
                .map_err(Failure::Input)?;
            if let Pooling::Strides(strides) = &network.pooling {
                say!("  {}", cases::pooling(model, strides, &data));
            }
            let cost = cost(&config, &network, &data)?;
            memory = memory.max(cost.memory_bytes);
            for run in runs
                .iter()
                .filter(|run| run.task == task && &run.model == model)
            {
                let rounds = config.tasks[&task].rounds(&run.strategy).len();
                let steps = config.steps(run) + config.member_steps(run)?;
                seconds += steps as f64 * cost.step_s + rounds as f64 * cost.round_s;
                bytes += (rounds * slices * RECORD_BYTES_PER_SLICE) as u64;
                // With a budget a round has two: what the next goes on from, and what was evaluated.
                let weights = config.tasks[&task].steps.budget.map_or(1, |_| 2);
                checkpoints.push(weights * cost.checkpoint_bytes);
                if config.pictured(run) {
                    bytes += (rounds * 2 * voxels.unwrap_or(0)) as u64;
                }
            }
            say!(
                "  {model}: {:.3} s a step, {:.1} s to segment all cases",
                cost.step_s,
                cost.round_s
            );
        }
    }
    let training_steps = runs.iter().map(|run| config.steps(run)).sum::<usize>();
    let of_members = runs.iter().map(|run| config.member_steps(run));
    let of_members = of_members.sum::<anyhow::Result<usize>>()?;
    say!(
        "{} runs, {training_steps} training steps{}",
        runs.len(),
        match of_members {
            0 => String::new(),
            steps => format!(", and {steps} of the committee's members"),
        }
    );
    bytes += checkpoint_bytes(checkpoints, jobs);
    let free = resources::free_disk(&out)?;
    say!(
        "disk: about {} of checkpoints, records and report; {} free",
        HumanBytes(bytes),
        HumanBytes(free)
    );
    found.problems.extend(disk_problem(&out, bytes, free));
    let available = resources::available_memory()?;
    say!(
        "memory: about {} for {jobs} run(s) side by side, as measured; {} available",
        HumanBytes(memory * jobs as u64),
        HumanBytes(available)
    );
    if config.device != "cpu" {
        say!("memory of the GPU: not estimated");
    }
    let fit = available / memory.max(1);
    if (1..jobs as u64).contains(&fit) {
        let warning = format!("memory is short; --jobs {fit} fits");
        say!("warning: {warning}");
        found.warnings.push(warning);
    }
    found.problems.extend(memory_problem(memory, available));
    // CPU runs work at the same time. Runs on one GPU take turns, so the sum is an upper limit.
    let (at_once, most) = match config.device.as_str() {
        "cpu" => (jobs, ""),
        _ => (1, "at most "),
    };
    say!(
        "time: {most}about {} with {jobs} run(s) side by side, from the times just measured",
        HumanDuration(Duration::from_secs_f64(seconds / at_once as f64))
    );
    found.cost = Some(SweepCost {
        device: config.device,
        runs: runs.len(),
        training_steps,
        jobs,
        seconds,
        disk_bytes: bytes,
        memory_bytes: memory,
    });
    Ok(())
}

/// Returns the bytes of checkpoints that exist at once, at most. Each run keeps one of the size
/// given. Each of the `jobs` working runs keeps three more: two within the round, and one half
/// written.
fn checkpoint_bytes(mut runs: Vec<u64>, jobs: usize) -> u64 {
    runs.sort_unstable_by(|a, b| b.cmp(a));
    let at_work: u64 = runs.iter().take(jobs).sum();
    runs.iter().sum::<u64>() + 3 * at_work
}

/// Returns a problem if the disk lacks room for what the sweep would write.
fn disk_problem(out: &Path, bytes: u64, free: u64) -> Option<Problem> {
    (bytes > free).then(|| Problem {
        file: out.to_owned(),
        problem: format!(
            "expected about {} of free disk, got {}",
            HumanBytes(bytes),
            HumanBytes(free)
        ),
        remedy: "Make room, or choose another --out.".to_owned(),
    })
}

/// Returns a problem if not even one run of `peak` bytes fits in memory.
fn memory_problem(peak: u64, available: u64) -> Option<Problem> {
    (peak > available).then(|| Problem {
        file: "memory".into(),
        problem: format!(
            "expected about {} for one run, got {}",
            HumanBytes(peak),
            HumanBytes(available)
        ),
        remedy: "End what else runs, or lower training.crop, training.batch or base_width."
            .to_owned(),
    })
}

struct Cost {
    step_s: f64,
    round_s: f64,
    checkpoint_bytes: u64,
    /// Peak memory of training and predicting, in bytes, with program and data.
    memory_bytes: u64,
}

/// Times a few steps and one prediction of a temporary model, and measures its memory.
fn cost(config: &ExperimentConfig, model: &ModelConfig, data: &TaskData) -> Outcome<Cost> {
    resources::forget_peak();
    let mut segmenter = segmenter::build(config, model, data.classes.len(), 0)?;
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
    let mut train = |steps: usize| {
        let go_on = &mut |_, _| ControlFlow::Continue(());
        let trained = segmenter.train(&cases, 0..steps, steps, 0, go_on);
        trained.map_err(anyhow::Error::from_boxed)
    };
    train(1)?;
    let started = Instant::now();
    train(TIMED_STEPS)?;
    let step_s = started.elapsed().as_secs_f64() / TIMED_STEPS as f64;
    let started = Instant::now();
    let predicted = segmenter.predict(cases[0].image);
    predicted.map_err(anyhow::Error::from_boxed)?;
    let parameters = segmenter.parameters().unwrap_or_default();
    Ok(Cost {
        step_s,
        round_s: started.elapsed().as_secs_f64() * cases.len() as f64,
        // A checkpoint holds the weights, those of the last step, and two values of the optimiser
        // for each weight.
        checkpoint_bytes: 4 * parameters * size_of::<f32>() as u64,
        memory_bytes: resources::peak_memory()?,
    })
}

#[cfg(test)]
mod tests {
    use super::checkpoint_bytes;

    #[test]
    fn runs_at_work_have_three_more_checkpoints_each_and_no_others_do() {
        assert_eq!(checkpoint_bytes(vec![10, 30, 20], 1), 60 + 3 * 30);
        assert_eq!(checkpoint_bytes(vec![10, 30, 20], 2), 60 + 3 * 50);
        assert_eq!(checkpoint_bytes(vec![10, 30, 20], 64), 4 * 60);
        assert_eq!(checkpoint_bytes(vec![], 4), 0);
    }
}
