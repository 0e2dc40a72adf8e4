//! `manifest.json`: the provenance of a results folder. It is written before the first training
//! step.

use crate::analysis::{Effort, Endpoint};
use crate::error::ExperimentError;
use crate::plan::Run;
use crate::record::SCHEMA;
use crate::schema;
use serde::{Deserialize, Serialize};
use slicewise_data::{IntensityScale, SliceAxis, Task, TaskDefinition};
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
    /// SHA-256 of the program itself, in hexadecimal. Empty in older folders, like `kernels`.
    #[serde(default)]
    pub program_sha256: String,
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
    /// Whose loops computed the finest layers of each model: our own, or libtorch's.
    #[serde(default)]
    pub kernels: BTreeMap<String, String>,
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
    /// The endpoint that the experiment named; `None` if it named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// How long annotation takes, as the experiment says.
    #[serde(default)]
    pub effort: Effort,
    /// Every run planned, so that a report can say which ones have no records. The file says
    /// `cells`, as its first version did.
    #[serde(default, rename = "cells")]
    pub runs: Vec<Run>,
}

/// The data of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataManifest {
    /// The task.
    pub task: Task,
    /// What the labels of a task of your own are; `None` for the paper's two, whose definitions are
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<TaskDefinition>,
    /// The axis that a case is sliced along, for each whose slices are not axial.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slice_axes: BTreeMap<String, SliceAxis>,
    /// How intensities were scaled, the same in every case (of fold 1, with folds); `None` where each
    /// case was standardised by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intensities: Option<IntensityScale>,
    /// The strides `[D, H, W]` from level to level, finest first, of each model that spares an axis
    /// whose voxels are long. All others halve every axis, as did all networks of older folders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pooling: BTreeMap<String, Vec<[usize; 3]>>,
    /// Class names, background first.
    pub classes: Vec<String>,
    /// Case ids of Part A.
    pub part_a: Vec<String>,
    /// Case ids of Part B.
    pub part_b: Vec<String>,
    /// Case ids that are held out of Part A, of which only learning curves know (in fold 1, with folds).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_out: Vec<String>,
    /// Case ids of each fold. The first is Part B of fold 1, which `part_a` and `part_b` are of; the
    /// folds' Part B together are all cases. Empty without folds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<Vec<String>>,
    /// SHA-256 of all preprocessed voxels, in hexadecimal.
    pub sha256: String,
}

impl DataManifest {
    /// Returns the axis that a case is sliced along.
    pub fn slice_axis(&self, case: &str) -> SliceAxis {
        self.slice_axes.get(case).copied().unwrap_or_default()
    }
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
            assert!(manifest.kernels.is_empty() && manifest.runs.is_empty());
        }
        let message = read(SCHEMA + 1).unwrap_err().to_string();
        let expected = format!(
            "manifest.json: expected schema 1 to {SCHEMA}, got {}",
            SCHEMA + 1
        );
        assert!(message.ends_with(&expected), "{message}");
    }
}
