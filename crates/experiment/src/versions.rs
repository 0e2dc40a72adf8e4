//! Which versions of a user's program chose the slices that are on record.

use crate::record::{RoundRecord, run_name};
use slicewise_data::Task;
use std::collections::{BTreeMap, BTreeSet};

/// The runs of one strategy that is a program, by the version that chose their slices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions<'r> {
    /// The task of the runs.
    pub task: Task,
    /// The model that was queried, by its name in the config.
    pub model: &'r str,
    /// The strategy's name.
    pub strategy: &'r str,
    /// Names of runs by the SHA-256 of the program's command and files. A run that a mended program
    /// went on with has several.
    pub runs: BTreeMap<&'r str, BTreeSet<String>>,
}

/// Lists the strategies that are programs, with their versions.
pub fn versions(records: &[RoundRecord]) -> Vec<Versions<'_>> {
    let mut found: BTreeMap<_, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    for record in records {
        let Some(sha256) = &record.program_sha256 else {
            continue;
        };
        let of = (record.task, record.model.as_str(), record.strategy.as_str());
        let runs = found.entry(of).or_default().entry(sha256).or_default();
        runs.insert(run_name(record.seed, record.fold));
    }
    let listed = found
        .into_iter()
        .map(|((task, model, strategy), runs)| Versions {
            task,
            model,
            strategy,
            runs,
        });
    listed.collect()
}

/// Says, a line for each strategy, where several versions of a program chose slices, so that its rows
/// are of none of them alone. Versions are called by the first characters of their SHA-256.
pub fn mixed(records: &[RoundRecord]) -> Vec<String> {
    let several = |versions: &Versions| versions.runs.len() > 1;
    let line = |of: Versions| {
        let runs = of.runs.iter().map(|(sha256, runs)| {
            let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
            format!("{} ({})", &sha256[..sha256.len().min(8)], runs.join("; "))
        });
        let runs: Vec<String> = runs.collect();
        format!(
            "{}, model {}, {}: runs of one version of its program alone; slices were chosen by {}",
            of.task.label(),
            of.model,
            of.strategy,
            runs.join(" and by ")
        )
    };
    let all = versions(records).into_iter();
    all.filter(several).map(line).collect()
}
