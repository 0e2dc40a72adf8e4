//! `manifest.json`: where a results folder comes from. Written before the first step.

use crate::plan::Cell;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use slicewise_data::Task;
use std::collections::BTreeMap;

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
    /// `cpu` or `cuda:0`.
    pub device: String,
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

/// SHA-256 of `bytes`, hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
