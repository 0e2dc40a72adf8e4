//! Runs that failed: how a sweep treats them, what is kept of each, and how they are summed up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slicewise_experiment::{ResultsFolder, Run};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How a sweep treats runs that fail. This changes no record, so it may change while a sweep goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FailureConfig {
    /// How often a run that failed is tried again, from its last checkpoint, before it counts as
    /// failed. Default: 0.
    pub(crate) retries: usize,
    /// How many runs may fail before the sweep starts no more. Runs at work then save and end. Default:
    /// none, so that every run is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_failures: Option<usize>,
}

impl FailureConfig {
    /// Whether it is the default, which `config.yaml` does not name.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failed {
    /// The run.
    pub(crate) run: Run,
    /// Why, in one line.
    pub(crate) why: String,
    /// How often it was tried.
    pub(crate) attempts: usize,
}

/// Notes beside the run's log that it failed, for `slicewise status`.
pub(crate) fn note(folder: &ResultsFolder, failed: &Failed) {
    if let Ok(text) = serde_json::to_string(failed) {
        // It is only for whoever looks. A disk that is full has failed the run already.
        let _ = fs::write(folder.failure(&failed.run), text + "\n");
    }
}

/// Forgets that a run failed, because it begins again.
pub(crate) fn forget(folder: &ResultsFolder, run: &Run) {
    let _ = fs::remove_file(folder.failure(run));
}

/// Reads why a run failed; `None` if it did not.
pub(crate) fn read(path: &Path) -> Option<Failed> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// Sums up failures: a line for each cause with its runs, the most frequent first. A cause is what
/// the line says before it names the log, whichever strategy it names.
pub(crate) fn by_cause(failed: &[Failed]) -> Vec<String> {
    const NAMED: usize = 5;
    let mut causes: BTreeMap<String, Vec<&Failed>> = BTreeMap::new();
    for failed in failed {
        let own = format!("strategy {}:", failed.run.strategy);
        let cause = cause_and_log(&failed.why).0.replace(&own, "its strategy:");
        causes.entry(cause).or_default().push(failed);
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, runs)| Reverse(runs.len()));
    let line = |(cause, mut runs): (String, Vec<&Failed>)| {
        runs.sort_by_key(|failed| &failed.run);
        if let [one] = runs.as_slice() {
            return format!("{}: {}{}", one.run, one.why, attempts(one));
        }
        let named = runs.iter().take(NAMED).map(|failed| failed.run.to_string());
        let named: Vec<String> = named.collect();
        let more = match runs.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let log = cause_and_log(&runs[0].why).1;
        let log = log.map_or_else(String::new, |log| format!(" (such as {log})"));
        format!(
            "{} runs: {cause}{log}: {}{more}",
            runs.len(),
            named.join("; ")
        )
    };
    causes.into_iter().map(line).collect()
}

/// Splits a line that ends in `(LOG)`.
fn cause_and_log(why: &str) -> (&str, Option<&str>) {
    let split = why.rsplit_once(" (").and_then(|(cause, log)| {
        let log = log.strip_suffix(')').filter(|log| log.ends_with(".log"))?;
        Some((cause, log))
    });
    split.map_or((why, None), |(cause, log)| (cause, Some(log)))
}

fn attempts(failed: &Failed) -> String {
    match failed.attempts {
        0 | 1 => String::new(),
        attempts => format!(", {attempts} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slicewise_data::Task;

    fn failed(seed: u64, why: &str, attempts: usize) -> Failed {
        let run = Run {
            task: Task::BRAIN_EXTRACTION,
            model: "unet".to_owned(),
            strategy: "random".to_owned(),
            seed,
            fold: None,
        };
        let why = why.to_owned();
        Failed { run, why, attempts }
    }

    #[test]
    fn failures_are_summed_up_by_cause() {
        let mut all = vec![failed(9, "disk is full (a/9.log)", 3)];
        all.extend((1..=7).map(|seed| failed(seed, &format!("no memory (a/{seed}.log)"), 1)));
        let name = |seed| failed(seed, "", 1).run.to_string();
        let five: Vec<String> = (1..=5).map(name).collect();
        assert_eq!(
            by_cause(&all),
            [
                format!(
                    "7 runs: no memory (such as a/1.log): {}; and 2 more",
                    five.join("; ")
                ),
                format!("{}: disk is full (a/9.log), 3 times", name(9)),
            ]
        );
    }

    #[test]
    fn a_failure_is_kept_until_the_run_begins_again() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::new(scratch.path());
        let failed = failed(1, "disk is full", 2);
        let path = folder.failure(&failed.run);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert_eq!(read(&path), None);
        note(&folder, &failed);
        assert_eq!(read(&path).as_ref(), Some(&failed));
        forget(&folder, &failed.run);
        assert_eq!(read(&path), None);
    }
}
