//! Executes a sweep's runs side by side, each in a process of its own ([`crate::worker`]).
//!
//! A run can start once the first round that it continues from is done. Of those that can, one of
//! the earliest seed and task starts first, and within these the one with the longest chain of
//! steps. So one seed of one task becomes complete after another ([`crate::early`]); where no run of
//! one can start, one of the next does. A run that fails is reported. Only the runs that continue from it fail
//! with it.

use crate::config::ExperimentConfig;
use crate::early::EarlyReports;
use crate::estimate::{Estimate, Voxels};
use crate::failures::{self, Failed};
use crate::progress::Progress;
use crate::worker::Event;
use anyhow::{Context, anyhow};
use slicewise_data::Task;
use slicewise_experiment::{ResultsFolder, Run};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;

/// What the sweep's main loop receives, from the threads that read its workers' output and from the
/// terminal.
enum Message {
    Event(Run, Event),
    /// A worker ended; `Err` holds one line that says why it failed.
    Ended(Run, Result<(), String>),
    /// A report was written or could not be; the text is a line about it.
    Reported(String),
    /// The user pressed Ctrl-C, or the system asked the program to terminate.
    Stop,
}

/// How a sweep's runs ended.
pub(crate) struct Ended {
    /// The runs that failed.
    pub(crate) failed: Vec<Failed>,
    /// Number of runs that were not begun or not ended, because the sweep was stopped or too many had
    /// failed.
    pub(crate) given_up: usize,
    /// Whether the sweep was told to stop before all runs were done.
    pub(crate) stopped: bool,
}

/// Whether reports are written while runs are at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reports {
    /// After each complete block.
    Early,
    /// Never: other processes do other runs of the folder.
    None,
}

/// What to run, and how.
pub(crate) struct Sweep<'a> {
    pub(crate) config: &'a ExperimentConfig,
    pub(crate) folder: &'a ResultsFolder,
    /// The folder of preprocessed volumes.
    pub(crate) cache: &'a Path,
    /// Runs that are not complete, each with its number of rounds on disk.
    pub(crate) open: Vec<(Run, usize)>,
    /// The most runs at work at the same time.
    pub(crate) jobs: usize,
    pub(crate) voxels: BTreeMap<Task, Voxels>,
    pub(crate) reports: Reports,
}

/// Executes a sweep's runs. When told to stop, it starts no more, and lets those at work
/// save what they have.
pub(crate) fn run(sweep: &Sweep) -> anyhow::Result<Ended> {
    let Sweep {
        config,
        folder,
        cache,
        jobs,
        ..
    } = *sweep;
    let estimate = Estimate::new(config, &sweep.open, &sweep.voxels, jobs);
    let mut open: Vec<Run> = sweep.open.iter().map(|(run, _)| run.clone()).collect();
    sort(config, &mut open);
    let mut early = EarlyReports::new(folder, &config.runs(), &open);
    let mut progress = Progress::new(config, &open, jobs, estimate);
    // Networks for which a worker was told to time a prediction.
    let mut timed = BTreeSet::new();
    let mut failed = Vec::new();
    let mut attempts: BTreeMap<Run, usize> = BTreeMap::new();
    // Whether the user stopped the sweep; it also stops when too many runs have failed.
    let mut by_user = false;
    // A worker ends when its standard input closes, so each worker's is kept open while it should
    // run.
    let mut running: BTreeMap<Run, Option<ChildStdin>> = BTreeMap::new();
    let mut stopped = false;
    let (sender, receiver) = mpsc::channel();
    let terminal = sender.clone();
    ctrlc::set_handler(move || {
        // Sending fails only when the sweep is over.
        let _ = terminal.send(Message::Stop);
    })
    .context("listening to Ctrl-C")?;
    while (!open.is_empty() && !stopped) || !running.is_empty() {
        while running.len() < jobs && !stopped {
            let ready = open.iter().position(|run| {
                run.forks_from()
                    .is_none_or(|first| !open.contains(&first) && !running.contains_key(&first))
            });
            let Some(index) = ready else { break };
            let run = open.remove(index);
            progress.started(&run);
            failures::forget(folder, &run);
            let tried = attempts.entry(run.clone()).or_insert(0);
            *tried += 1;
            let time = timed.insert((run.task, run.model.clone()));
            match start(config, folder, cache, &run, time) {
                Ok(mut worker) => {
                    running.insert(run.clone(), worker.stdin.take());
                    listen(worker, folder, &run, sender.clone());
                }
                Err(error) => {
                    running.insert(run.clone(), None);
                    sender.send(Message::Ended(run, Err(format!("{error:#}"))))?;
                }
            }
        }
        match receiver.recv().context("no worker left")? {
            Message::Stop => {
                if !stopped {
                    progress.line("stopping: runs finish their step and save");
                }
                stopped = true;
                by_user = true;
                running.values_mut().for_each(|input| *input = None);
            }
            Message::Event(run, event) => progress.event(&run, &event),
            Message::Ended(run, Ok(())) => {
                running.remove(&run);
                progress.ended(&run);
                early.ended(&run, true);
            }
            Message::Reported(line) => progress.line(&line),
            Message::Ended(run, Err(_)) if stopped => {
                running.remove(&run);
                open.push(run);
            }
            Message::Ended(run, Err(why)) if attempts[&run] <= config.sweep.retries => {
                running.remove(&run);
                progress.again(&run, &why, attempts[&run], config.sweep.retries);
                open.push(run);
                sort(config, &mut open);
            }
            Message::Ended(run, Err(why)) => {
                running.remove(&run);
                progress.failed(&run, &why);
                early.ended(&run, false);
                let first = run.clone();
                let attempts = attempts[&run];
                let why = Failed { run, why, attempts };
                failures::note(folder, &why);
                failed.push(why);
                open.retain(|other| {
                    let lost = other.forks_from().as_ref() == Some(&first);
                    if lost {
                        let why = "its first round failed".to_owned();
                        progress.failed(other, &why);
                        early.ended(other, false);
                        let run = other.clone();
                        let attempts = 0;
                        failed.push(Failed { run, why, attempts });
                    }
                    !lost
                });
                let begun = failed.iter().filter(|failed| failed.attempts > 0);
                if config
                    .sweep
                    .max_failures
                    .is_some_and(|most| begun.clone().count() > most)
                {
                    progress.line("too many runs failed (sweep.max_failures): starting no more");
                    stopped = true;
                    running.values_mut().for_each(|input| *input = None);
                }
            }
        }
        if !stopped && sweep.reports == Reports::Early {
            let sender = sender.clone();
            early.write(move |line| {
                // If nobody receives it, the sweep is about to write its final report.
                let _ = sender.send(Message::Reported(line));
            });
        }
    }
    early.finish();
    progress.finish();
    Ok(Ended {
        failed,
        given_up: open.len(),
        stopped: by_user,
    })
}

/// Sorts runs in the order in which they should start: by seed, as the experiment lists them, then
/// by task, and within these by the longest chain of steps.
fn sort(config: &ExperimentConfig, open: &mut [Run]) {
    let all = open.to_vec();
    open.sort_by_key(|run| {
        let seed = config.seeds.iter().position(|&seed| seed == run.seed);
        (seed, run.task, Reverse(chain_steps(config, run, &all)))
    });
}

/// Returns the steps of `run` plus those of the longest run in `open` that continues from it.
fn chain_steps(config: &ExperimentConfig, run: &Run, open: &[Run]) -> usize {
    let forks = open
        .iter()
        .filter(|other| other.forks_from().as_ref() == Some(run));
    config.steps(run) + forks.map(|fork| config.steps(fork)).max().unwrap_or(0)
}

fn start(
    config: &ExperimentConfig,
    folder: &ResultsFolder,
    cache: &Path,
    run: &Run,
    time: bool,
) -> anyhow::Result<Child> {
    let log = folder.log(run);
    if let Some(parent) = log.parent() {
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    let log = File::create(&log).with_context(|| log.display().to_string())?;
    let program = std::env::current_exe().context("the running program")?;
    Command::new(program)
        .arg("worker")
        .arg(folder.root())
        .args([
            "--task",
            run.task.name(),
            "--model",
            &run.model,
            "--strategy",
            &run.strategy,
        ])
        .args(["--seed", &run.seed.to_string()])
        .args(
            run.fold
                .iter()
                .flat_map(|fold| ["--fold".to_owned(), fold.to_string()]),
        )
        .args(time.then_some("--time"))
        .arg("--cache")
        .arg(cache)
        .envs(slicewise_model::process_settings(config.threads))
        .stdin(Stdio::piped())
        // Ctrl-C must reach the sweep alone, which then tells its workers.
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("starting a worker")
}

/// Starts a thread that passes on a worker's events until the worker ends.
fn listen(mut child: Child, folder: &ResultsFolder, run: &Run, sender: Sender<Message>) {
    let log = folder.log(run);
    let run = run.clone();
    thread::spawn(move || {
        let output = child.stdout.take();
        for line in output
            .into_iter()
            .flat_map(|output| BufReader::new(output).lines())
            .map_while(Result::ok)
        {
            if let Ok(event) = serde_json::from_str(&line) {
                // If nobody receives it, the sweep is about to end, and its workers with it.
                let _ = sender.send(Message::Event(run.clone(), event));
            }
        }
        let ended = match child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(reason(status, &log)),
            Err(error) => Err(anyhow!(error).to_string()),
        };
        let _ = sender.send(Message::Ended(run, ended));
    });
}

/// Says in one line why a worker ended: the last line of its log, or the signal that killed it.
fn reason(status: ExitStatus, log: &Path) -> String {
    let last = last_line(log);
    let why = match (status.signal(), last) {
        (Some(9), _) => "killed by signal 9 (SIGKILL), which is what the kernel does when memory \
            runs out; a smaller --jobs needs less"
            .to_owned(),
        (Some(signal), None) => format!("killed by signal {signal}"),
        (Some(signal), Some(last)) => format!("{last} (killed by signal {signal})"),
        (None, None) => status.to_string(),
        (None, Some(last)) => last,
    };
    format!("{why} ({})", log.display())
}

fn last_line(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    // When an allocation fails, Rust prints a backtrace after its message.
    let text = text.split("\nstack backtrace:").next()?;
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(line.trim_start_matches("slicewise: ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_start_by_seed_then_task_and_the_longest_chain_first() {
        let text = include_str!("../../../experiments/smoke.yaml");
        let text = text.replace("seeds: [1, 2]", "seeds: [7, 3]");
        let config = ExperimentConfig::parse(&text, Path::new("smoke.yaml")).unwrap();
        let mut open = config.runs();
        sort(&config, &mut open);
        let seeds: Vec<u64> = open.iter().map(|run| run.seed).collect();
        let half = open.len() / 2;
        assert_eq!(seeds, [vec![7; half], vec![3; half]].concat());
        for block in open[..half].chunks(half / 2) {
            assert!(block.iter().all(|run| run.task == block[0].task));
            let chains: Vec<usize> = block
                .iter()
                .map(|run| chain_steps(&config, run, block))
                .collect();
            assert!(chains.is_sorted_by(|a, b| a >= b), "{chains:?}");
        }
        assert_eq!(open[0].strategy, "first");
    }

    #[test]
    fn a_worker_that_ends_badly_has_a_reason_of_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        let reason_of = |raw, text: &str| {
            fs::write(&log, text).unwrap();
            let reason = reason(ExitStatus::from_raw(raw), &log);
            reason.replace(&log.display().to_string(), "LOG")
        };
        let exit = |code: i32| code << 8;
        let words = "warning\nslicewise: disk is full\n\n";
        assert_eq!(reason_of(exit(1), words), "disk is full (LOG)");
        assert_eq!(reason_of(exit(3), ""), "exit status: 3 (LOG)");
        assert_eq!(
            reason_of(9, words),
            "killed by signal 9 (SIGKILL), which is what the kernel does when memory runs out; \
             a smaller --jobs needs less (LOG)"
        );
        assert_eq!(
            reason_of(
                6,
                "memory allocation of 64 bytes failed\nstack backtrace:\n   0: x\n"
            ),
            "memory allocation of 64 bytes failed (killed by signal 6) (LOG)"
        );
        assert_eq!(reason_of(11, ""), "killed by signal 11 (LOG)");
    }
}
