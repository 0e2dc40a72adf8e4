//! Asks Slurm what is queued, and submits, through its own commands.

use super::plan::{Place, Queued};
use anyhow::{Context, anyhow, bail};
use std::io::ErrorKind;
use std::process::Command;

/// The largest array that Slurm takes unless its administrator says otherwise.
const DEFAULT_ARRAY: usize = 1001;

/// Fails where Slurm's commands are not installed.
pub(super) fn find() -> anyhow::Result<()> {
    match Command::new("sbatch").arg("--version").output() {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "--slurm: expected Slurm's sbatch on PATH, found none; submit from a host of the cluster \
             that has it, or leave --slurm out to run the sweep on this machine"
        ),
        _ => Ok(()),
    }
}

/// Returns what is queued or at work under `name`.
pub(super) fn queued(name: &str) -> anyhow::Result<Vec<Queued>> {
    let arguments = ["--array", "--noheader", "--format=%F %K %k", "--name", name];
    parse_queue(&ask("squeue", &arguments)?).with_context(|| format!("squeue: jobs named {name}"))
}

/// Reads lines of array, task and comment ([`comment`]).
fn parse_queue(text: &str) -> anyhow::Result<Vec<Queued>> {
    let parse = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [job, task, "slicewise", offset, fork] = words[..] else {
            return None;
        };
        Some(Queued {
            job: job.parse().ok()?,
            task: task.parse().ok()?,
            place: Place {
                offset: offset.parse().ok()?,
                fork: fork.parse().ok()?,
            },
        })
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let parsed = lines.map(|line| {
        parse(line).ok_or_else(|| {
            anyhow!(
                "expected an array, a task and the comment that slicewise gave it, got {:?}; wait for \
                 these jobs to end, or cancel them",
                line.trim()
            )
        })
    });
    parsed.collect()
}

/// The comment of an array, from which [`queued`] knows what its tasks do.
pub(super) fn comment(place: Place) -> String {
    format!("slicewise {} {}", place.offset, place.fork)
}

/// Returns the ids of the jobs with that name, each array once.
pub(super) fn jobs(name: &str) -> anyhow::Result<Vec<u32>> {
    let text = ask("squeue", &["--noheader", "--format=%F", "--name", name])?;
    let ids = text.split_whitespace().map(str::parse);
    let mut ids: Vec<u32> = ids.collect::<Result<_, _>>().context("squeue")?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Returns the number that a task of an array must stay below.
pub(super) fn longest_array() -> anyhow::Result<usize> {
    let longest = parse_longest(&ask("scontrol", &["show", "config"])?);
    if longest == 0 {
        bail!("scontrol show config: this cluster has no job arrays (MaxArraySize = 0)");
    }
    Ok(longest)
}

fn parse_longest(config: &str) -> usize {
    let lines = config.lines().filter_map(|line| line.split_once('='));
    let mut found = lines.filter(|(key, _)| key.trim() == "MaxArraySize");
    let found = found
        .next()
        .and_then(|(_, value)| value.trim().parse().ok());
    found.unwrap_or(DEFAULT_ARRAY)
}

/// Submits a script with `arguments` and returns the job's id.
pub(super) fn submit(arguments: &[String]) -> anyhow::Result<u32> {
    let mut all = vec!["--parsable"];
    all.extend(arguments.iter().map(String::as_str));
    let said = ask("sbatch", &all)?;
    // The name of the cluster may follow.
    let id = said.trim().split(';').next().unwrap_or_default();
    id.parse().with_context(|| {
        format!(
            "sbatch: expected the number of a job, got {:?}",
            said.trim()
        )
    })
}

/// Takes a job out of the queue.
pub(super) fn cancel(job: u32) -> anyhow::Result<()> {
    ask("scancel", &[&job.to_string()]).map(drop)
}

/// Runs one of Slurm's commands and returns what it printed.
fn ask(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = said
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let said = said.join("; ");
        match said.starts_with(program) {
            true => bail!("{said}"),
            false => bail!("{program}: {said} ({})", output.status),
        }
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_says_which_runs_are_in_it() {
        let text = "14 2 slicewise 0 0\n 15 0 slicewise 1000 3\n\n";
        let of = |job, task, offset, fork| Queued {
            job,
            task,
            place: Place { offset, fork },
        };
        let expected = [of(14, 2, 0, 0), of(15, 0, 1000, 3)];
        assert_eq!(parse_queue(text).unwrap(), expected);
        assert_eq!(comment(expected[1].place), "slicewise 1000 3");
        for line in ["14 N/A (null)", "14 2 (null)", "14 2", "x 2 slicewise 0 0"] {
            let message = parse_queue(line).unwrap_err().to_string();
            assert!(
                message.contains(&format!("got {line:?}; wait for")),
                "{message}"
            );
        }
    }

    #[test]
    fn the_longest_array_is_slurms() {
        let config = "MaxArraySize            = 10001\nMaxJobCount             = 20000\n";
        assert_eq!(parse_longest(config), 10001);
        assert_eq!(
            parse_longest("Configuration data as of 2026\n"),
            DEFAULT_ARRAY
        );
    }
}
