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
    // With --array, squeue 22.05 leaves out the last task of an array such as 0-8:2.
    let arguments = ["--noheader", "--format=%F %K %k", "--name", name];
    parse_queue(&ask("squeue", &arguments)?).with_context(|| format!("squeue: jobs named {name}"))
}

/// Reads lines of array, tasks and comment ([`comment`]).
fn parse_queue(text: &str) -> anyhow::Result<Vec<Queued>> {
    let parse = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [job, tasks, "slicewise", offset, fork] = words[..] else {
            return None;
        };
        let job = job.parse().ok()?;
        let place = Place {
            offset: offset.parse().ok()?,
            fork: fork.parse().ok()?,
        };
        let queued = move |task| Queued { job, task, place };
        Some(parse_tasks(tasks)?.into_iter().map(queued))
    };
    let mut queued = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        queued.extend(parse(line).ok_or_else(|| {
            anyhow!(
                "expected an array, its tasks and the comment that slicewise gave it, got {line:?}; wait \
                 for these jobs to end, or cancel them"
            )
        })?);
    }
    Ok(queued)
}

/// Reads the numbers of an array's tasks, such as `3`, `0-3,7` or `0-8:2%4`, where 4 is how many may be
/// at work at once.
fn parse_tasks(text: &str) -> Option<Vec<usize>> {
    let mut tasks = Vec::new();
    for part in text.split('%').next()?.split(',') {
        let (range, step) = part.split_once(':').unwrap_or((part, "1"));
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        let step = step.parse().ok().filter(|&step| step > 0)?;
        tasks.extend((from..=to).step_by(step));
    }
    Some(tasks)
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
        // Lists of tasks are not cut short.
        .env("SLURM_BITSTR_LEN", "0")
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
        let text = "14 2-4:2 slicewise 0 0\n 15 0 slicewise 1000 3\n\n";
        let of = |job, task, offset, fork| Queued {
            job,
            task,
            place: Place { offset, fork },
        };
        let expected = [of(14, 2, 0, 0), of(14, 4, 0, 0), of(15, 0, 1000, 3)];
        assert_eq!(parse_queue(text).unwrap(), expected);
        assert_eq!(comment(expected[2].place), "slicewise 1000 3");
        assert_eq!(parse_tasks("0-3,7,9%2"), Some(vec![0, 1, 2, 3, 7, 9]));
        for line in [
            "14 0,2,... slicewise 0 0",
            "14 N/A (null)",
            "14 2 (null)",
            "14 2",
            "x 2 slicewise 0 0",
        ] {
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
