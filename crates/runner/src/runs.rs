//! `slicewise runs` and `slicewise run`: an experiment as a list of runs, each of which a process can do
//! by its index. Schedulers of clusters ask for no more.

use crate::begin::{Begun, Scope, begin};
use crate::command::{RunArguments, RunsArguments};
use crate::config::ExperimentConfig;
use crate::failure::{Failure, Outcome};
use crate::failures::{self, Failed};
use crate::notice::notice;
use crate::schedule::{self, Reports};
use anyhow::{Context, anyhow};
use serde::Serialize;
use slicewise_experiment::holder::{self, Holding};
use slicewise_experiment::{ResultsFolder, Round, Run, rounds};
use std::collections::BTreeMap;

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// All its rounds are on disk.
    Done,
    /// A process does it.
    AtWork {
        #[serde(flatten)]
        holding: Option<Holding>,
        /// Seconds of 1970 when that process last said so.
        renewed: i64,
    },
    /// It failed, and nobody has tried again.
    Failed { why: String, attempts: usize },
    /// Nobody does it, or whoever did is gone.
    Waiting,
}

impl State {
    /// One word for it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::AtWork { .. } => "at work",
            Self::Failed { .. } => "failed",
            Self::Waiting => "waiting",
        }
    }
}

/// A run of an experiment with its place in the list.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IndexedRun {
    /// Its index, from 0. First rounds and full annotation come before runs that continue from a first
    /// round, and within these one seed after another.
    pub(crate) index: usize,
    #[serde(flatten)]
    pub(crate) run: Run,
    /// Index of the first round that it continues from; `null` if it waits for no other.
    pub(crate) after: Option<usize>,
    pub(crate) state: State,
    /// Rounds on disk, and all.
    pub(crate) rounds: (usize, usize),
    /// Training steps of the rounds on disk, and of all.
    pub(crate) steps: (usize, usize),
}

/// A run's place in the list of an experiment's runs, before any file is read.
#[derive(Debug, Clone)]
struct Listed {
    index: usize,
    run: Run,
    /// Index of the first round that it continues from.
    after: Option<usize>,
}

/// Lists the runs of an experiment in the order of their indexes.
fn listed(config: &ExperimentConfig) -> Vec<Listed> {
    let mut runs = config.runs();
    let seed = |run: &Run| config.seeds.iter().position(|&seed| seed == run.seed);
    runs.sort_by_key(|run| (run.forks_from().is_some(), seed(run)));
    let places = runs.iter().cloned().zip(0..);
    let places: BTreeMap<Run, usize> = places.collect();
    let listed = runs.into_iter().enumerate().map(|(index, run)| {
        let first = run.forks_from();
        let after = first.and_then(|first| places.get(&first).copied());
        Listed { index, run, after }
    });
    listed.collect()
}

/// Lists the runs of an experiment, with what `folder` says of each.
pub(crate) fn indexed(
    config: &ExperimentConfig,
    folder: &ResultsFolder,
) -> anyhow::Result<Vec<IndexedRun>> {
    look_at(config, folder, listed(config))
}

/// Reads what `folder` says of these runs, and no other run's files.
fn look_at(
    config: &ExperimentConfig,
    folder: &ResultsFolder,
    listed: Vec<Listed>,
) -> anyhow::Result<Vec<IndexedRun>> {
    let runs: Vec<Run> = listed.iter().map(|listed| listed.run.clone()).collect();
    let on_disk = rounds::read(folder, &runs)?;
    let looked = listed.into_iter().zip(on_disk).map(|(listed, done)| {
        let Listed { index, run, after } = listed;
        let plan = &config.tasks[&run.task];
        let planned = plan.rounds(&run.strategy);
        let whole = done.on_disk >= planned.len() || (plan.stop.ends_run && done.converged);
        let steps = |rounds: &[Round]| rounds.iter().map(Round::total).sum::<usize>();
        let all = steps(&planned);
        IndexedRun {
            index,
            after,
            state: if whole {
                State::Done
            } else {
                state(folder, &run)
            },
            rounds: (done.on_disk, planned.len()),
            steps: (
                if whole {
                    all
                } else {
                    steps(&planned[..done.on_disk])
                },
                all,
            ),
            run,
        }
    });
    Ok(looked.collect())
}

fn state(folder: &ResultsFolder, run: &Run) -> State {
    if let Some(found) = holder::live(&folder.holder(run)) {
        let renewed = holder::seconds(found.renewed);
        let holding = found.holding;
        return State::AtWork { holding, renewed };
    }
    match failures::read(&folder.failure(run)) {
        Some(Failed { why, attempts, .. }) => State::Failed { why, attempts },
        None => State::Waiting,
    }
}

/// Prints the list.
pub(crate) fn list(arguments: &RunsArguments) -> Outcome {
    let config = ExperimentConfig::read(&arguments.experiment)?;
    let folder = ResultsFolder::new(config.folder(arguments.out.as_deref()));
    let mut runs = indexed(&config, &folder).map_err(Failure::Input)?;
    runs.retain(|run| {
        !(arguments.first && run.after.is_some()
            || arguments.forks && run.after.is_none()
            || arguments.open && run.state == State::Done)
    });
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&runs)?);
        return Ok(());
    }
    if arguments.indexes {
        runs.iter().for_each(|run| println!("{}", run.index));
        return Ok(());
    }
    for run in runs {
        let after = run
            .after
            .map_or_else(String::new, |first| format!(", after {first}"));
        let IndexedRun {
            index, state, run, ..
        } = run;
        println!("{index:>5}  {:<8} {run}{after}", state.word());
    }
    Ok(())
}

/// Does one run, unless it is done.
pub(crate) fn run(arguments: &RunArguments) -> Outcome {
    let named = ExperimentConfig::read(&arguments.what.experiment)?;
    let folder = ResultsFolder::new(named.folder(arguments.what.out.as_deref()));
    let runs = listed(&named);
    let named_run = runs.get(arguments.index);
    let wanted = match arguments.fork.checked_sub(1) {
        None => named_run,
        Some(fork) => {
            let from = |run: &&Listed| run.after == Some(arguments.index);
            runs.iter().filter(from).nth(fork)
        }
    };
    let wanted = wanted.with_context(|| {
        let last = runs.len() - 1;
        let experiment = arguments.what.experiment.display();
        let seen = format!("`slicewise runs {experiment}` lists the runs");
        match named_run {
            None => format!(
                "--index: expected 0 to {last}, got {}; {seen}",
                arguments.index
            ),
            Some(_) => format!(
                "--fork: run {} has no {} runs that continue from it; {seen}",
                arguments.index, arguments.fork
            ),
        }
    });
    let wanted = wanted.map_err(Failure::Input)?;
    let index = wanted.index;
    // Its own files and those of its first round: on a cluster thousands of these start.
    let of_both = wanted.after.map(|first| runs[first].clone());
    let of_both = of_both.into_iter().chain([wanted.clone()]).collect();
    let looked = look_at(&named, &folder, of_both).map_err(Failure::Input)?;
    if let [first, wanted] = looked.as_slice()
        && first.state != State::Done
        && wanted.state != State::Done
    {
        return Err(Failure::Run(anyhow!(
            "run {index} ({}) continues from run {}, which is {}; do that one first",
            wanted.run,
            first.index,
            first.state.word()
        )));
    }
    let begun = begin(&arguments.what, named, Scope::Run(&wanted.run))?;
    let Begun {
        config,
        folder,
        open,
        voxels,
        lock,
    } = begun;
    // Others may prepare nothing more, and do their runs.
    drop(lock);
    if open.is_empty() {
        notice(format_args!("run {index} ({}) is done", wanted.run));
        return Ok(());
    }
    let ended = schedule::run(&schedule::Sweep {
        config: &config,
        folder: &folder,
        cache: &arguments.what.cache,
        open,
        jobs: 1,
        voxels,
        reports: Reports::None,
    })?;
    if ended.stopped {
        return Err(Failure::Run(anyhow!(
            "stopped; the same command goes on from here"
        )));
    }
    match ended.failed.first() {
        None => Ok(()),
        Some(failed) => Err(Failure::Run(anyhow!("{}: {}", failed.run, failed.why))),
    }
}
