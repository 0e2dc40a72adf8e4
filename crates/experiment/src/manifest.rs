//! `manifest.json`: the provenance of a results folder. It is written before the first training
//! step.

use crate::error::ExperimentError;
use crate::plan::Cell;
use crate::record::SCHEMA;
use serde::{Deserialize, Serialize};
use slicewise_data::Task;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Provenance of one sweep. Unlike the records, it may name the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the schema, [`crate::record::SCHEMA`].
    pub schema: u32,
    /// The experiment's name, as in its YAML.
    pub name: String,
    /// The question it asks, one sentence from its YAML.
    pub question: String,
    /// The command that made the folder.
    pub command: String,
    /// slicewise's version.
    pub version: String,
    /// Git commit of the program, with `-dirty` if the tree had changes; `unknown` outside git.
    pub commit: String,
    /// SHA-256 of `config.yaml`, in hexadecimal.
    pub config_sha256: String,
    /// libtorch's version.
    pub libtorch: String,
    /// Version of tch, the Rust binding of libtorch. Folders from before it was noted have an empty
    /// text here, and an empty value in other fields that were added later.
    #[serde(default)]
    pub tch: String,
    /// The compiler, as `rustc --version` names it.
    #[serde(default)]
    pub rustc: String,
    /// The processor's model.
    #[serde(default)]
    pub cpu: String,
    /// CPU cores that the system offered. Each run uses `threads` of them.
    #[serde(default)]
    pub cores: usize,
    /// CPU threads of each run. Sums depend on them.
    #[serde(default)]
    pub threads: usize,
    /// The widest vector instructions that our loops and oneDNN could use, such as `AVX-512`.
    #[serde(default)]
    pub instructions: String,
    /// The device: `cpu` or, for a GPU, `cuda:N`.
    pub device: String,
    /// The precision of each model: `float32` or `bfloat16`.
    #[serde(default)]
    pub precision: BTreeMap<String, String>,
    /// Models of the sweep. The tables of strategies show the first.
    pub models: Vec<String>,
    /// Number of trainable weights of each model in each task.
    #[serde(default)]
    pub parameters: BTreeMap<String, BTreeMap<Task, u64>>,
    /// The data of each task.
    pub data: Vec<DataManifest>,
    /// Seeds of the sweep.
    pub seeds: Vec<u64>,
    /// Every run planned, so that a report can say which ones have no records.
    #[serde(default)]
    pub cells: Vec<Cell>,
}

/// The data of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataManifest {
    /// The task.
    pub task: Task,
    /// Class names, background first.
    pub classes: Vec<String>,
    /// Case ids of Part A.
    pub part_a: Vec<String>,
    /// Case ids of Part B.
    pub part_b: Vec<String>,
    /// SHA-256 of all preprocessed voxels, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// The file cannot be read, is malformed, or is of another schema.
    pub fn read(path: &Path) -> Result<Self, ExperimentError> {
        let malformed = |line, problem| ExperimentError::Malformed {
            path: path.to_owned(),
            line,
            problem,
        };
        let text = fs::read_to_string(path).map_err(ExperimentError::io(path))?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|error| malformed(Some(error.line()), error.to_string()))?;
        if manifest.schema != SCHEMA {
            let problem = format!("expected schema {SCHEMA}, got {}", manifest.schema);
            return Err(malformed(None, problem));
        }
        Ok(manifest)
    }
}
