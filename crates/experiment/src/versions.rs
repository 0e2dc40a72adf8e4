//! Which versions of a user's programs made the runs that are on record: those that chose slices, and
//! those that were trained.

use crate::record::{RoundRecord, run_name};
use slicewise_data::Task;
use std::collections::{BTreeMap, BTreeSet};

/// The runs of one program, by the version that made them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions<'r> {
    /// The task of the runs.
    pub task: Task,
    /// The model, by its name in the config.
    pub model: &'r str,
    /// The strategy that the program is; `None` if it is the model.
    pub strategy: Option<&'r str>,
    /// Names of runs by the SHA-256 of the program's command and files. A run that a mended program
    /// went on with has several.
    pub runs: BTreeMap<&'r str, BTreeSet<String>>,
}

/// Lists the models and strategies that are programs, with their versions.
pub fn versions(records: &[RoundRecord]) -> Vec<Versions<'_>> {
    let mut found: BTreeMap<_, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    for record in records {
        let programs = [
            (None, &record.model_program_sha256),
            (Some(record.strategy.as_str()), &record.program_sha256),
        ];
        for (strategy, sha256) in programs {
            if let Some(sha256) = sha256 {
                let of = (record.task, record.model.as_str(), strategy);
                let runs = found.entry(of).or_default().entry(sha256).or_default();
                runs.insert(run_name(record.seed, record.fold));
            }
        }
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

/// Says, a line for each program, where several versions of it made the runs on record, so that its rows
/// are of none of them alone. Versions are called by the first characters of their SHA-256.
pub(crate) fn mixed(records: &[RoundRecord]) -> Vec<String> {
    let several = |versions: &Versions| versions.runs.len() > 1;
    let line = |of: Versions| {
        let runs = of.runs.iter().map(|(sha256, runs)| {
            let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
            format!("{} ({})", &sha256[..sha256.len().min(8)], runs.join("; "))
        });
        let runs: Vec<String> = runs.collect();
        let (program, did) = match of.strategy {
            Some(strategy) => (format!(", {strategy}"), "slices were chosen"),
            None => (String::new(), "it was trained"),
        };
        format!(
            "{}, model {}{program}: runs of one version of its program alone; {did} by {}",
            of.task.label(),
            of.model,
            runs.join(" and by ")
        )
    };
    let all = versions(records).into_iter();
    all.filter(several).map(line).collect()
}
