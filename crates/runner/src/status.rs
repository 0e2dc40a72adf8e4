//! `slicewise status DIR`: how far the sweep of a results folder is, from its files alone. So it tells the
//! same of a sweep on this machine, of one on a cluster, and of one that nobody goes on with.

use crate::config::ExperimentConfig;
use crate::failure::{Failure, Outcome};
use crate::failures::{self, Failed};
use crate::project::{self, arguments::StatusArguments};
use crate::runs::{IndexedRun, State, indexed};
use anyhow::anyhow;
use indicatif::HumanDuration;
use serde::Serialize;
use slicewise_experiment::holder::{self, Holding};
use slicewise_experiment::{ResultsFolder, Run};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

/// Time between two looks of `--watch`.
const LOOK: Duration = Duration::from_secs(2);

/// How far a sweep is.
#[derive(Debug, Serialize)]
struct Status {
    name: String,
    folder: String,
    runs: usize,
    done: usize,
    waiting: usize,
    at_work: Vec<AtWork>,
    failed: Vec<Failed>,
    /// Training steps that are done, and those of all runs that have not failed.
    steps: (usize, usize),
    /// Steps a second of all runs at work together; `null` before any has done some.
    steps_per_s: Option<f64>,
    /// Seconds left at this pace; `null` while it is not known.
    left_s: Option<f64>,
}

/// A run that a process does.
#[derive(Debug, Serialize)]
struct AtWork {
    index: usize,
    #[serde(flatten)]
    run: Run,
    /// Which process, where; `null` if its file does not say.
    #[serde(flatten)]
    holder: Option<Holding>,
    /// Training steps done, and all.
    done_steps: usize,
    all_steps: usize,
    steps_per_s: Option<f64>,
    /// Seconds since it last said that it is at work.
    silent_s: i64,
}

/// Says how far a sweep is, or, where no folder is given, the project of the working directory.
pub(crate) fn run(arguments: &StatusArguments) -> Outcome {
    let Some(folder) = &arguments.folder else {
        return project::status(arguments);
    };
    loop {
        let status = status(folder)?;
        let text = match arguments.json {
            true => serde_json::to_string_pretty(&status)? + "\n",
            false => lines(&status),
        };
        // Clears what `--watch` printed before.
        let clear = if arguments.watch { "\x1b[H\x1b[2J" } else { "" };
        let mut out = std::io::stdout().lock();
        out.write_all(format!("{clear}{text}").as_bytes())?;
        out.flush()?;
        drop(out);
        if !arguments.watch || status.at_work.is_empty() && status.waiting == 0 {
            return Ok(());
        }
        thread::sleep(LOOK);
    }
}

fn status(root: &Path) -> Outcome<Status> {
    let folder = ResultsFolder::new(root);
    if !folder.config().exists() {
        return Err(Failure::input(anyhow!(
            "{}: expected a results folder, with the config.yaml that a sweep writes first, got none; \
             the status of a project is `slicewise status` in its folder",
            root.display()
        )));
    }
    let config = ExperimentConfig::read(&folder.config())?;
    let runs = indexed(&config, &folder).map_err(Failure::Input)?;
    Ok(status_of(config.name, root, runs, SystemTime::now()))
}

fn status_of(name: String, root: &Path, runs: Vec<IndexedRun>, now: SystemTime) -> Status {
    let now = holder::seconds(now);
    let mut status = Status {
        name,
        folder: root.display().to_string(),
        runs: runs.len(),
        done: 0,
        waiting: 0,
        at_work: Vec::new(),
        failed: Vec::new(),
        steps: (0, 0),
        steps_per_s: None,
        left_s: None,
    };
    for run in runs {
        let IndexedRun {
            index,
            state,
            steps,
            run,
            ..
        } = run;
        let mut done = steps.0;
        match state {
            State::Done => status.done += 1,
            State::Waiting => status.waiting += 1,
            State::Failed { why, attempts } => {
                status.failed.push(Failed { run, why, attempts });
                continue;
            }
            State::AtWork { holding, renewed } => {
                let pace = holding.as_ref().and_then(|held| {
                    let (begun, done) = held.steps?;
                    let seconds = renewed - held.since;
                    (done > begun && seconds > 0).then(|| (done - begun) as f64 / seconds as f64)
                });
                let noted = holding.as_ref().and_then(|held| held.steps);
                done = noted.map_or(done, |(_, noted)| noted.max(done));
                status.at_work.push(AtWork {
                    index,
                    run,
                    holder: holding,
                    done_steps: done,
                    all_steps: steps.1,
                    steps_per_s: pace,
                    silent_s: (now - renewed).max(0),
                });
            }
        }
        status.steps.0 += done;
        status.steps.1 += steps.1;
    }
    let paces = status.at_work.iter().filter_map(|run| run.steps_per_s);
    let pace: f64 = paces.sum();
    if pace > 0.0 {
        status.steps_per_s = Some(pace);
        status.left_s = Some((status.steps.1 - status.steps.0) as f64 / pace);
    }
    status
}

fn lines(status: &Status) -> String {
    let mut text = format!(
        "{} in {}: {} of {} runs done, {} at work, {} waiting, {} failed\n",
        status.name,
        status.folder,
        status.done,
        status.runs,
        status.at_work.len(),
        status.waiting,
        status.failed.len()
    );
    let (done, all) = status.steps;
    let left = match (status.left_s, status.at_work.is_empty()) {
        (Some(seconds), _) => {
            let left = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            format!(
                "; about {} left at {:.1} steps a second",
                HumanDuration(left),
                status.steps_per_s.unwrap_or_default()
            )
        }
        (None, true) if done < all => "; nobody is at work".to_owned(),
        (None, true) => String::new(),
        (None, false) => "; how long is not known yet".to_owned(),
    };
    text += &format!("steps    {done} of {all}{left}\n");
    let mut hosts: BTreeMap<&str, usize> = BTreeMap::new();
    for run in &status.at_work {
        let host = run
            .holder
            .as_ref()
            .map_or("?", |held| held.place.host.as_str());
        *hosts.entry(host).or_default() += 1;
    }
    const SHOWN: usize = 20;
    for run in status.at_work.iter().take(SHOWN) {
        text += &line(run);
    }
    if status.at_work.len() > SHOWN {
        let hosts: Vec<String> = hosts
            .iter()
            .map(|(host, count)| format!("{count} on {host}"))
            .collect();
        let more = status.at_work.len() - SHOWN;
        text += &format!("         and {more} more; in all {}\n", hosts.join(", "));
    }
    for line in failures::by_cause(&status.failed) {
        text += &format!("failed   {line}\n");
    }
    text
}

fn line(run: &AtWork) -> String {
    let pace = run
        .steps_per_s
        .map_or_else(String::new, |pace| format!(", {pace:.2} steps/s"));
    let held = run.holder.as_ref();
    let held = held.map_or_else(|| "somewhere".to_owned(), Holding::to_string);
    // A holder is renewed every 10 seconds.
    let silent = match run.silent_s {
        0..=30 => String::new(),
        seconds => format!(", not heard of for {seconds} s"),
    };
    format!(
        "at work  {}: {} of {} steps{pace}, {held}{silent}\n",
        run.run, run.done_steps, run.all_steps
    )
}

#[cfg(test)]
mod tests;
