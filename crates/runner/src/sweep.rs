//! `slicewise sweep`: prepares the results folder, runs what is not complete, and writes the
//! report.

use crate::begin::{self, Begun, Scope, begin};
use crate::command::SweepArguments;
use crate::config::ExperimentConfig;
use crate::failure::{Failure, Outcome};
use crate::failures;
use crate::report::report;
use crate::schedule::{self, Reports};
use crate::slurm;
use anyhow::anyhow;
use slicewise_data::Task;
use std::collections::BTreeSet;

/// Begins or continues the experiment.
pub(crate) fn run(arguments: &SweepArguments) -> Outcome {
    let named = ExperimentConfig::read(&arguments.what.experiment)?;
    let only = named_tasks(&named, arguments).map_err(Failure::input)?;
    let jobs = arguments.jobs.is_some();
    arguments.slurm.check(jobs).map_err(Failure::Input)?;
    if arguments.slurm.slurm {
        return slurm::run(arguments, named, &only);
    }
    let begun = begin(&arguments.what, named, Scope::Tasks(&only))?;
    let jobs = arguments.jobs.map(usize::from);
    let jobs = jobs.unwrap_or_else(|| begun.config.default_jobs());
    let Begun {
        config,
        folder,
        open,
        voxels,
        lock: _lock,
    } = begun;
    let runs = config.runs().len();
    let ended = schedule::run(&schedule::Sweep {
        config: &config,
        folder: &folder,
        cache: &arguments.what.cache,
        open,
        jobs,
        voxels,
        reports: Reports::Early,
    })?;
    if ended.stopped {
        let tasks = arguments.tasks.iter();
        let tasks: String = tasks.map(|task| format!(" --task {task}")).collect();
        let out = arguments.what.out.as_ref();
        let out = out.map_or_else(String::new, |out| format!(" --out {}", out.display()));
        return Err(Failure::Run(anyhow!(
            "stopped; go on with: {}{tasks}{out}",
            begin::command("sweep", &arguments.what)
        )));
    }
    let reported = report(folder.root());
    if ended.failed.is_empty() {
        return reported;
    }
    if let Err(failure) = reported {
        eprintln!("no report: {failure}");
    }
    let given_up = match ended.given_up {
        0 => String::new(),
        left => format!(", and {left} are left undone (sweep.max_failures)"),
    };
    Err(Failure::Run(anyhow!(
        "{} of {runs} runs failed{given_up}; the same command tries them again:\n  {}",
        ended.failed.len(),
        failures::by_cause(&ended.failed).join("\n  ")
    )))
}

/// Returns the tasks whose runs are to be done: those that the command names, else all.
fn named_tasks(
    config: &ExperimentConfig,
    arguments: &SweepArguments,
) -> anyhow::Result<BTreeSet<Task>> {
    let all = || config.tasks.keys();
    let find = |name: &String| {
        let found = all().find(|task| task.name() == name).copied();
        found.ok_or_else(|| {
            let names: Vec<&str> = all().map(|task| task.name()).collect();
            anyhow!(
                "--task: expected a task of {} ({}), got {name:?}",
                arguments.what.experiment.display(),
                names.join(", ")
            )
        })
    };
    match arguments.tasks.is_empty() {
        true => Ok(all().copied().collect()),
        false => arguments.tasks.iter().map(find).collect(),
    }
}
