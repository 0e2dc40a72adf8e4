//! What a sweep writes down: one JSON line a round, one file a cell. See `docs/records.md`.
//!
//! Records hold no clock time and no host name, so the same config and seed give the same
//! bytes; seconds go to `timings/`.

use serde::{Deserialize, Serialize};
use slicewise_data::{Part, Task};

/// Version of this schema; readers refuse others.
pub const SCHEMA: u32 = 2;

/// The pseudo-strategy of the shared first round (every n-th slice, not queried).
pub const FIRST: &str = "first";

/// The pseudo-strategy of full annotation.
pub const FULL: &str = "full";

/// State after one round of one cell: trained, predicted, evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Task of the paper.
    pub task: Task,
    /// Model's name in the config.
    pub model: String,
    /// A strategy's name, [`FIRST`] or [`FULL`].
    pub strategy: String,
    /// Seed of the run.
    pub seed: u64,
    /// 0 for the first round, then 1, 2, …
    pub round: usize,
    /// The ratio asked for: annotated share of each Part A volume's axial slices, in `(0, 1]`.
    pub ratio: f64,
    /// Annotated axial slices over all Part A volumes.
    pub annotated_slices: u64,
    /// All axial slices of Part A.
    pub total_slices: u64,
    /// Foreground voxels on annotated slices: what an annotator had to draw.
    pub annotated_foreground_voxels: u64,
    /// All foreground voxels of Part A.
    pub total_foreground_voxels: u64,
    /// Training steps so far, over all rounds.
    pub steps: u64,
    /// Mean training loss over the last quarter of this round's steps.
    pub loss: f64,
    /// Mean P over all slices of Part A, absent without attention: what the paper's stop rule
    /// watches.
    pub mean_p: Option<f64>,
    /// Whether the stop rule fires: `mean_p` is less than σ from that of the round before.
    /// Absent without attention and where no round came before.
    pub converged: Option<bool>,
    /// Slices added *before* this round's training, a case each; empty in `first` and `full`.
    pub queries: Vec<QueryRecord>,
    /// Scores of every case.
    pub cases: Vec<CaseRecord>,
}

/// What a strategy chose in one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryRecord {
    /// Case id.
    pub case: String,
    /// Axial indices in the order chosen.
    pub slices: Vec<usize>,
    /// The strategy's score of each.
    pub scores: Vec<f64>,
}

/// Evaluation of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseRecord {
    /// Case id.
    pub case: String,
    /// Part A or B.
    pub part: Part,
    /// Names of the foreground classes and the Dice of each; `None` where a class is absent
    /// from prediction and truth alike.
    pub dice: Vec<(String, Option<f64>)>,
    /// Mean of the defined Dice values.
    pub mean_dice: f64,
    /// The same mean for SR2, the argmax of the attention map; absent without attention.
    pub sr2_mean_dice: Option<f64>,
    /// Per axial slice: SR1 against SR2; absent without attention.
    pub p: Option<Vec<f64>>,
    /// Per axial slice: SR1 against ground truth.
    pub r: Vec<f64>,
    /// Per axial slice: sum of the voxels' entropy in nats, the uncertainty query's score.
    pub uncertainty: Vec<f64>,
    /// Per axial slice: whether the ground truth has foreground.
    pub foreground: Vec<bool>,
    /// Per axial slice: whether annotated (Part A; empty in Part B).
    pub annotated: Vec<bool>,
}
