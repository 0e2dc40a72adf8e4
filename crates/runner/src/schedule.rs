//! Runs cells side by side, each in a process of its own ([`crate::worker`]).
//!
//! A cell starts once its first round is done; among those that can, the one with the longest
//! chain of steps behind it goes first. A cell that dies is reported and takes only those that
//! fork from it along.

use crate::config::ExperimentConfig;
use crate::progress::Progress;
use crate::worker::Event;
use anyhow::{Context, anyhow};
use slicewise_experiment::{Cell, ResultsFolder};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;

/// What the thread that listens to one worker passes on.
enum Heard {
    Event(Event),
    /// `Err` holds one line that says why.
    Ended(Result<(), String>),
}

/// Runs `open`, at most `jobs` at once. Returns a line for each cell that failed.
pub(crate) fn run(
    config: &ExperimentConfig,
    folder: &ResultsFolder,
    cache: &Path,
    mut open: Vec<Cell>,
    jobs: usize,
) -> anyhow::Result<Vec<String>> {
    let all = open.clone();
    open.sort_by_key(|cell| std::cmp::Reverse(chain_steps(config, cell, &all)));
    let mut progress = Progress::new(config, &open, jobs);
    let mut failed = Vec::new();
    let mut running = BTreeSet::new();
    let (sender, receiver) = mpsc::channel();
    while !open.is_empty() || !running.is_empty() {
        while running.len() < jobs {
            let ready = open.iter().position(|cell| {
                cell.forks_from()
                    .is_none_or(|first| !open.contains(&first) && !running.contains(&first))
            });
            let Some(index) = ready else { break };
            let cell = open.remove(index);
            listen(
                start(config, folder, cache, &cell)?,
                folder,
                &cell,
                sender.clone(),
            );
            progress.started(&cell);
            running.insert(cell);
        }
        let (cell, heard): (Cell, Heard) = receiver.recv().context("no worker left")?;
        match heard {
            Heard::Event(event) => progress.event(&cell, &event),
            Heard::Ended(Ok(())) => {
                running.remove(&cell);
                progress.ended(&cell);
            }
            Heard::Ended(Err(why)) => {
                running.remove(&cell);
                progress.failed(&cell, &why);
                failed.push(format!("{cell}: {why}"));
                open.retain(|other| {
                    let lost = other.forks_from().as_ref() == Some(&cell);
                    if lost {
                        progress.failed(other, "its first round failed");
                        failed.push(format!("{other}: its first round failed"));
                    }
                    !lost
                });
            }
        }
    }
    progress.finish();
    Ok(failed)
}

/// Steps of `cell` and of the longest of those in `open` that fork from it.
fn chain_steps(config: &ExperimentConfig, cell: &Cell, open: &[Cell]) -> usize {
    let forks = open
        .iter()
        .filter(|other| other.forks_from().as_ref() == Some(cell));
    steps(config, cell) + forks.map(|fork| steps(config, fork)).max().unwrap_or(0)
}

/// Training steps of a whole cell.
pub(crate) fn steps(config: &ExperimentConfig, cell: &Cell) -> usize {
    config.tasks[&cell.task]
        .rounds(&cell.strategy)
        .iter()
        .map(|round| round.steps)
        .sum()
}

fn start(
    config: &ExperimentConfig,
    folder: &ResultsFolder,
    cache: &Path,
    cell: &Cell,
) -> anyhow::Result<Child> {
    let log = folder.log(cell);
    if let Some(parent) = log.parent() {
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    let log = File::create(&log).with_context(|| log.display().to_string())?;
    let program = std::env::current_exe().context("the running program")?;
    Command::new(program)
        .arg("cell")
        .arg(folder.root())
        .args([
            "--task",
            cell.task.name(),
            "--model",
            &cell.model,
            "--strategy",
            &cell.strategy,
        ])
        .args(["--seed", &cell.seed.to_string()])
        .arg("--cache")
        .arg(cache)
        .env("OMP_NUM_THREADS", config.threads.to_string())
        .env("RAYON_NUM_THREADS", config.threads.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("starting a worker")
}

/// A thread that passes on what the worker says until it ends.
fn listen(mut child: Child, folder: &ResultsFolder, cell: &Cell, sender: Sender<(Cell, Heard)>) {
    let log = folder.log(cell);
    let cell = cell.clone();
    thread::spawn(move || {
        let said = child.stdout.take();
        for line in said
            .into_iter()
            .flat_map(|said| BufReader::new(said).lines())
            .map_while(Result::ok)
        {
            if let Ok(event) = serde_json::from_str(&line) {
                // A sweep that stopped listening is about to end, and its workers with it.
                let _ = sender.send((cell.clone(), Heard::Event(event)));
            }
        }
        let ended = match child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(last_line(&log).unwrap_or_else(|| format!("{status}"))
                + &format!(" ({})", log.display())),
            Err(error) => Err(anyhow!(error).to_string()),
        };
        let _ = sender.send((cell, Heard::Ended(ended)));
    });
}

fn last_line(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(line.trim_start_matches("slicewise: ").to_owned())
}
