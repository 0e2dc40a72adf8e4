//! A results folder: which file is where.
//!
//! ```text
//! config.yaml      the resolved config, written before the first step
//! manifest.json    provenance
//! sweep.lock       while a sweep is at work: which process
//! records/<task>/<model>/<strategy>-seed<k>.jsonl       one line a round
//! records/<task>/<model>/<strategy>-seed<k>.holder      while the run is at work: which process ([`crate::holder`])
//! records.jsonl.zst                                     all of these in one file, once packed
//! annotations/<task>/<model>/<strategy>-seed<k>.csv     the annotated slices: case,slice,round,scan_slice,offset_mm
//! timings/<task>/<model>/<strategy>-seed<k>.jsonl       seconds, kept apart from the records
//! losses/<task>/<model>/<strategy>-seed<k>.jsonl        mean loss of each piece of training
//! checkpoints/<task>/<model>/<strategy>-seed<k>-round<r>.safetensors, and -round<r>-evaluated.safetensors
//!                  if the round is evaluated with more steps; while it is trained
//!                  <strategy>-seed<k>-round<r>-step<s>.safetensors and -round<r>.json
//! pictures/<task>/{image,labels}.nii.gz, and below it <model>/<strategy>-seed<k>-round<r>-*.nii.gz
//! A run of a fold has <strategy>-fold<f>-seed<k> in place of <strategy>-seed<k>.
//! tables/ figures/ report.html                          made from the above by `report`
//! ```

use crate::error::ExperimentError;
use crate::plan::Run;
use serde::Serialize;
use slicewise_core::Task;
use std::fs;
use std::path::{Path, PathBuf};

/// Knows the paths of all files in one results folder.
#[derive(Debug, Clone)]
pub struct ResultsFolder {
    root: PathBuf,
}

impl ResultsFolder {
    /// Names the folder at `root`, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Path of the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Path of `config.yaml`.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.yaml")
    }

    /// Path of the records of all runs in one file, which [`crate::packed`] writes.
    pub fn packed_records(&self) -> PathBuf {
        self.root.join("records.jsonl.zst")
    }

    /// Path of `manifest.json`.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest.json")
    }

    /// Path of a run's records, its ledger.
    pub fn records(&self, run: &Run) -> PathBuf {
        self.path_of("records", run, ".jsonl")
    }

    /// Path of the file that says which process does a run; there is none if none does.
    pub fn holder(&self, run: &Run) -> PathBuf {
        self.path_of("records", run, ".holder")
    }

    /// Path of the list of a run's annotated slices.
    pub fn annotation(&self, run: &Run) -> PathBuf {
        self.path_of("annotations", run, ".csv")
    }

    /// Path of a run's durations.
    pub fn timings(&self, run: &Run) -> PathBuf {
        self.path_of("timings", run, ".jsonl")
    }

    /// Path of a run's training losses.
    pub fn losses(&self, run: &Run) -> PathBuf {
        self.path_of("losses", run, ".jsonl")
    }

    /// Path of what the run's process wrote to standard error.
    pub fn log(&self, run: &Run) -> PathBuf {
        self.path_of("logs", run, ".log")
    }

    /// Path of the file that says why a run failed; there is none once it begins again.
    pub fn failure(&self, run: &Run) -> PathBuf {
        self.path_of("logs", run, ".failed")
    }

    /// Path of the weights that a run evaluates `round` with, if they had more steps than those that
    /// the next round continues from.
    pub fn evaluated_checkpoint(&self, run: &Run, round: usize) -> PathBuf {
        let ending = format!("-round{round}-evaluated.safetensors");
        self.path_of("checkpoints", run, &ending)
    }

    /// Path of a run's weights after `round`, which the next round continues from.
    pub fn checkpoint(&self, run: &Run, round: usize) -> PathBuf {
        self.path_of("checkpoints", run, &format!("-round{round}.safetensors"))
    }

    /// Path of a volume of the case kept for the figures of `task`; `what` is `image` or `labels`.
    pub fn picture_of_case(&self, task: Task, what: &str) -> PathBuf {
        let folder = self.root.join("pictures").join(task.name());
        folder.join(format!("{what}.nii.gz"))
    }

    /// Path of a volume of that case after `round` of a run; `what` is `sr1` or `attention`.
    pub fn picture(&self, run: &Run, round: usize, what: &str) -> PathBuf {
        self.path_of("pictures", run, &format!("-round{round}-{what}.nii.gz"))
    }

    /// Path of a run's weights after `step` steps of `round`, which has not ended.
    pub fn step_checkpoint(&self, run: &Run, round: usize, step: usize) -> PathBuf {
        let ending = format!("-round{round}-step{step}.safetensors");
        self.path_of("checkpoints", run, &ending)
    }

    /// Path of the file that says how far the training of `round` is.
    pub fn training(&self, run: &Run, round: usize) -> PathBuf {
        self.path_of("checkpoints", run, &format!("-round{round}.json"))
    }

    /// Path of the file of slices that `round` is trained on.
    pub fn chosen(&self, run: &Run, round: usize) -> PathBuf {
        self.path_of("checkpoints", run, &format!("-round{round}-chosen.json"))
    }

    fn path_of(&self, kind: &str, run: &Run, ending: &str) -> PathBuf {
        self.root
            .join(kind)
            .join(run.task.name())
            .join(&run.model)
            .join(format!("{}{ending}", run.stem()))
    }
}

/// Makes the folder that contains `path`.
pub(crate) fn make_parent(path: &Path) -> Result<(), ExperimentError> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).map_err(ExperimentError::io(folder)),
        None => Ok(()),
    }
}

/// [`slicewise_core::write_whole`] with this crate's error.
///
/// # Errors
/// The file cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), ExperimentError> {
    slicewise_core::write_whole(path, bytes).map_err(ExperimentError::io(path))
}

/// Returns `value` as JSON in one line; an error names `path`, for which it is.
pub(crate) fn json(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, ExperimentError> {
    serde_json::to_vec(value)
        .map_err(|error| ExperimentError::io(path)(std::io::Error::other(error)))
}

/// Lists the ledgers of the results folder at `root`, sorted.
pub(crate) fn ledgers(root: &Path) -> Result<Vec<PathBuf>, ExperimentError> {
    let folder = root.join("records");
    let mut found = Vec::new();
    if folder.is_dir() {
        collect_ledgers(&folder, &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn collect_ledgers(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), ExperimentError> {
    for entry in fs::read_dir(folder).map_err(ExperimentError::io(folder))? {
        let path = entry.map_err(ExperimentError::io(folder))?.path();
        if path.is_dir() {
            collect_ledgers(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "jsonl") {
            found.push(path);
        }
    }
    Ok(())
}
