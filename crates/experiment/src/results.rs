//! A results folder: which file is where, and reading it back.
//!
//! ```text
//! config.yaml      the resolved config, written before the first step
//! manifest.json    provenance
//! sweep.lock       while a sweep is at work: which process
//! records/<task>/<model>/<strategy>-seed<k>.jsonl       one line a round
//! annotations/<task>/<model>/<strategy>-seed<k>.csv     the annotated slices: case,slice,round
//! timings/<task>/<model>/<strategy>-seed<k>.jsonl       seconds, kept apart from the records
//! checkpoints/<task>/<model>/<strategy>-seed<k>-round<r>.safetensors; while a round is trained
//!                  <strategy>-seed<k>-round<r>-step<s>.safetensors and -round<r>.json
//! pictures/<task>/{image,labels}.nii.gz, and below it <model>/<strategy>-seed<k>-round<r>-*.nii.gz
//! tables/ figures/ report.html                          made from the above by `report`
//! ```

use crate::error::ExperimentError;
use crate::ledger;
use crate::manifest::Manifest;
use crate::plan::Cell;
use crate::record::RoundRecord;
use rayon::prelude::*;
use slicewise_data::Task;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Paths inside one results folder.
#[derive(Debug, Clone)]
pub struct ResultsFolder {
    root: PathBuf,
}

impl ResultsFolder {
    /// The folder at `root`, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `config.yaml`.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.yaml")
    }

    /// `manifest.json`.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest.json")
    }

    /// The records of one cell.
    pub fn records(&self, cell: &Cell) -> PathBuf {
        self.of_cell("records", cell, ".jsonl")
    }

    /// The annotated slices of one cell.
    pub fn annotation(&self, cell: &Cell) -> PathBuf {
        self.of_cell("annotations", cell, ".csv")
    }

    /// The seconds of one cell.
    pub fn timings(&self, cell: &Cell) -> PathBuf {
        self.of_cell("timings", cell, ".jsonl")
    }

    /// What one cell's process wrote to its standard error.
    pub fn log(&self, cell: &Cell) -> PathBuf {
        self.of_cell("logs", cell, ".log")
    }

    /// The weights of one cell after `round`.
    pub fn checkpoint(&self, cell: &Cell, round: usize) -> PathBuf {
        self.of_cell("checkpoints", cell, &format!("-round{round}.safetensors"))
    }

    /// `image` or `labels` of the case kept for the figures of `task`.
    pub fn picture_of_case(&self, task: Task, what: &str) -> PathBuf {
        let folder = self.root.join("pictures").join(task.name());
        folder.join(format!("{what}.nii.gz"))
    }

    /// `sr1` or `attention` of that case after `round` of one cell.
    pub fn picture(&self, cell: &Cell, round: usize, what: &str) -> PathBuf {
        self.of_cell("pictures", cell, &format!("-round{round}-{what}.nii.gz"))
    }

    /// The weights of one cell after `step` steps of `round`, which is not over.
    pub fn step_checkpoint(&self, cell: &Cell, round: usize, step: usize) -> PathBuf {
        let ending = format!("-round{round}-step{step}.safetensors");
        self.of_cell("checkpoints", cell, &ending)
    }

    /// How far the training of `round` is.
    pub fn training(&self, cell: &Cell, round: usize) -> PathBuf {
        self.of_cell("checkpoints", cell, &format!("-round{round}.json"))
    }

    fn of_cell(&self, kind: &str, cell: &Cell, ending: &str) -> PathBuf {
        self.root
            .join(kind)
            .join(cell.task.name())
            .join(&cell.model)
            .join(format!("{}-seed{}{ending}", cell.strategy, cell.seed))
    }
}

/// All that a results folder says.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// Provenance.
    pub manifest: Manifest,
    /// Text of `config.yaml`.
    pub config: String,
    /// Every whole record, sorted by task, model, strategy, seed and round.
    pub records: Vec<RoundRecord>,
}

impl Results {
    /// Reads the folder at `root`. A torn last line of a ledger (a run killed while writing)
    /// is left out.
    ///
    /// # Errors
    /// A missing or malformed file, or records of another schema.
    pub fn read(root: &Path) -> Result<Self, ExperimentError> {
        let folder = ResultsFolder::new(root);
        let path = folder.config();
        let config = fs::read_to_string(&path).map_err(ExperimentError::io(path))?;
        let manifest = Manifest::read(&folder.manifest())?;
        let mut records = Vec::new();
        let top = root.join("records");
        if top.is_dir() {
            // Side by side: reading takes longer than all that a report makes of it.
            let ledgers: Vec<_> = files_below(&top)?
                .par_iter()
                .map(|path| ledger::read(path))
                .collect();
            for ledger in ledgers {
                records.extend(ledger?.records);
            }
        }
        records.sort_by_cached_key(|r: &RoundRecord| {
            (r.task, r.model.clone(), r.strategy.clone(), r.seed, r.round)
        });
        Ok(Self {
            manifest,
            config,
            records,
        })
    }
}

/// Makes the folder that `path` is to lie in.
pub(crate) fn make_parent(path: &Path) -> Result<(), ExperimentError> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).map_err(ExperimentError::io(folder)),
        None => Ok(()),
    }
}

/// Writes `bytes` to `path`, whole or not at all, and waits until they are on disk.
///
/// # Errors
/// The file cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), ExperimentError> {
    let partial = path.with_extension("partial");
    let write = || {
        let mut file = fs::File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        // The folder of a bare name is called "" there, which cannot be opened.
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| {
        // What a full disk cut short would only keep it full.
        let _ = fs::remove_file(&partial);
        ExperimentError::io(path)(error)
    })
}

/// The `.jsonl` files below `folder`, sorted.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, ExperimentError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(ExperimentError::io(folder))? {
        let path = entry.map_err(ExperimentError::io(folder))?.path();
        if path.is_dir() {
            found.extend(files_below(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "jsonl") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
