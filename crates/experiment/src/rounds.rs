//! How many rounds of each run are on disk, without reading what they found: for whoever looks at a
//! sweep while it is at work.

use crate::error::ExperimentError;
use crate::folder::ResultsFolder;
use crate::packed;
use crate::plan::Run;
use serde::Deserialize;
use slicewise_core::Task;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The rounds of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rounds {
    /// Number of rounds whose record is whole.
    pub on_disk: usize,
    /// Whether the last of them met the stop rule.
    pub converged: bool,
}

/// What is read of a record.
#[derive(Deserialize)]
struct Line {
    task: Task,
    model: String,
    strategy: String,
    seed: u64,
    #[serde(default)]
    fold: Option<usize>,
    converged: Option<bool>,
}

/// Reads the rounds of `runs` in `folder`, in their order.
///
/// # Errors
/// A file cannot be read, or is malformed.
pub fn read(folder: &ResultsFolder, runs: &[Run]) -> Result<Vec<Rounds>, ExperimentError> {
    let Some(text) = packed::read(folder)? else {
        return runs
            .iter()
            .map(|run| of_ledger(&folder.records(run)))
            .collect();
    };
    let path = folder.packed_records();
    let mut packed: BTreeMap<Run, Rounds> = BTreeMap::new();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let line = parse(&path, line)?;
        let run = Run {
            task: line.task,
            model: line.model,
            strategy: line.strategy,
            seed: line.seed,
            fold: line.fold,
        };
        let rounds = packed.entry(run).or_default();
        rounds.on_disk += 1;
        rounds.converged = line.converged == Some(true);
    }
    let of_run = |run| packed.get(run).copied().unwrap_or_default();
    Ok(runs.iter().map(of_run).collect())
}

fn of_ledger(path: &Path) -> Result<Rounds, ExperimentError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Rounds::default()),
        Err(error) => return Err(ExperimentError::io(path)(error)),
    };
    // A line without its end is being written, or was when its process was killed.
    let whole = text
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    let mut lines = text[..whole].split_inclusive(|&byte| byte == b'\n');
    let Some(last) = lines.next_back() else {
        return Ok(Rounds::default());
    };
    Ok(Rounds {
        on_disk: lines.count() + 1,
        converged: parse(path, last)?.converged == Some(true),
    })
}

fn parse(path: &Path, line: &[u8]) -> Result<Line, ExperimentError> {
    serde_json::from_slice(line).map_err(|error| ExperimentError::Malformed {
        path: path.to_owned(),
        line: None,
        problem: error.to_string(),
    })
}
