//! `manifest.json`: where a results folder comes from. Written before the first step.

use crate::error::ExperimentError;
use crate::plan::Cell;
use crate::record::SCHEMA;
use crate::schema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
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
    /// SHA-256 of the program itself, hex; empty in older folders, as is `kernels`.
    #[serde(default)]
    pub program_sha256: String,
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
    /// Whose loops computed the finest layers of each model: our own, or libtorch's.
    #[serde(default)]
    pub kernels: BTreeMap<String, String>,
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
    /// The file cannot be read, is malformed, or is of a schema that is not known. An older one is
    /// read as if it were of today's.
    pub fn read(path: &Path) -> Result<Self, ExperimentError> {
        let malformed = |line, problem| ExperimentError::Malformed {
            path: path.to_owned(),
            line,
            problem,
        };
        let text = fs::read_to_string(path).map_err(ExperimentError::io(path))?;
        if let Some(problem) = schema::stated(text.as_bytes()).and_then(schema::unknown) {
            return Err(malformed(None, problem));
        }
        let mut manifest: Self = serde_json::from_str(&text)
            .map_err(|error| malformed(Some(error.line()), error.to_string()))?;
        manifest.schema = SCHEMA;
        Ok(manifest)
    }
}

/// SHA-256 of `bytes`, hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first version wrote it: without all that was noted later.
    const OF_SCHEMA_1: &str = r#"{
        "schema": 1, "name": "small", "question": "Does it hold?", "command": "slicewise sweep small.yaml",
        "version": "0.1.0", "commit": "4830f1c00000", "config_sha256": "00", "libtorch": "2.11.0",
        "device": "cpu", "models": ["unet"], "data": [], "seeds": [1]
    }"#;

    #[test]
    fn manifests_of_older_programs_are_read_and_those_of_newer_ones_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("manifest.json");
        let read = |schema: u32| {
            let text = OF_SCHEMA_1.replacen(": 1,", &format!(": {schema},"), 1);
            fs::write(&path, text).unwrap();
            Manifest::read(&path)
        };
        for schema in 1..=SCHEMA {
            let manifest = read(schema).unwrap();
            assert_eq!((manifest.schema, manifest.cores), (SCHEMA, 0));
            assert_eq!(manifest.program_sha256, "");
            assert!(manifest.kernels.is_empty() && manifest.cells.is_empty());
        }
        let message = read(SCHEMA + 1).unwrap_err().to_string();
        let expected = format!(
            "manifest.json: expected schema 1 to {SCHEMA}, got {}",
            SCHEMA + 1
        );
        assert!(message.ends_with(&expected), "{message}");
    }
}
