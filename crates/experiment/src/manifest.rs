//! `manifest.json`: where a results folder comes from. Written before the first step.

use crate::error::ExperimentError;
use crate::plan::Cell;
use crate::record::SCHEMA;
use serde::{Deserialize, Serialize};
use slicewise_data::Task;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Provenance of one sweep. Unlike the records it may name the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`crate::record::SCHEMA`].
    pub schema: u32,
    /// The experiment's name, as in its YAML.
    pub name: String,
    /// The question it asks, one sentence from its YAML.
    pub question: String,
    /// The command that made the folder.
    pub command: String,
    /// slicewise's version.
    pub version: String,
    /// Git commit of the program, with `-dirty` when the tree had changes; `unknown` outside git.
    pub commit: String,
    /// SHA-256 of `config.yaml`, hex.
    pub config_sha256: String,
    /// libtorch's version.
    pub libtorch: String,
    /// Version of tch, its binding; empty in folders of before it was noted, as are those below.
    #[serde(default)]
    pub tch: String,
    /// The compiler, as `rustc --version` names it.
    #[serde(default)]
    pub rustc: String,
    /// The processor's model.
    #[serde(default)]
    pub cpu: String,
    /// Cores that the system offered; each run uses the config's `threads`.
    #[serde(default)]
    pub cores: usize,
    /// Threads of each run: sums depend on them.
    #[serde(default)]
    pub threads: usize,
    /// The vector instructions that our loops and oneDNN were free to use: `AVX-512`, say.
    #[serde(default)]
    pub instructions: String,
    /// `cpu` or `cuda:0`.
    pub device: String,
    /// The arithmetic of each model: `float32` or `bfloat16`.
    #[serde(default)]
    pub precision: BTreeMap<String, String>,
    /// Models of the sweep; the tables of strategies show the first.
    pub models: Vec<String>,
    /// Trainable numbers of each model in each task.
    #[serde(default)]
    pub parameters: BTreeMap<String, BTreeMap<Task, u64>>,
    /// The data of each task.
    pub data: Vec<DataManifest>,
    /// Seeds of the sweep.
    pub seeds: Vec<u64>,
    /// Every cell planned, so that a report can say which of them left nothing.
    #[serde(default)]
    pub cells: Vec<Cell>,
}

/// The data of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataManifest {
    /// Which task.
    pub task: Task,
    /// Class names, background first.
    pub classes: Vec<String>,
    /// Case ids of Part A.
    pub part_a: Vec<String>,
    /// Case ids of Part B.
    pub part_b: Vec<String>,
    /// SHA-256 over all preprocessed voxels, hex.
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
