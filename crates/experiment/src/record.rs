//! The records of a sweep: one file for each run, one line of JSON for each round.
//! `docs/records.md` describes every field.
//!
//! Records hold no clock time and no host name, so the same config and seed give the same bytes.
//! Durations go to `timings/`.

use serde::{Deserialize, Serialize};
use slicewise_data::{Part, Task};

/// Version of this schema. Readers refuse other versions.
pub const SCHEMA: u32 = 3;

/// Name of the shared first round in place of a strategy's. It annotates every n-th slice and
/// queries nothing.
pub const FIRST: &str = "first";

/// Name of full annotation in place of a strategy's.
pub const FULL: &str = "full";

/// Names a run of a sweep to a reader: `seed 1`, or with folds `seed 1, fold 2`.
pub fn run_name(seed: u64, fold: Option<usize>) -> String {
    match fold {
        Some(fold) => format!("seed {seed}, fold {fold}"),
        None => format!("seed {seed}"),
    }
}

/// The state of a run after one round: what was annotated, trained and scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRecord {
    /// Version of the schema, [`SCHEMA`].
    pub schema: u32,
    /// The task.
    pub task: Task,
    /// The model's name in the config.
    pub model: String,
    /// A strategy's name, [`FIRST`] or [`FULL`].
    pub strategy: String,
    /// Seed of the run.
    pub seed: u64,
    /// Number of the fold, from 1, whose cases are Part B. Absent without folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
    /// Number of the round: 0 for the first, then 1, 2, …
    pub round: usize,
    /// The planned annotation ratio: annotated share of each Part A volume's slices, in `(0,
    /// 1]`.
    pub ratio: f64,
    /// Whether the round was evaluated. Other rounds only lead to the next query, and have the cases
    /// of Part A alone.
    pub evaluated: bool,
    /// Number of annotated slices in all Part A volumes.
    pub annotated_slices: u64,
    /// Number of slices in all Part A volumes.
    pub total_slices: u64,
    /// Foreground voxels on annotated slices, in all Part A volumes: what an annotator had to draw.
    pub annotated_foreground_voxels: u64,
    /// Foreground voxels of all Part A volumes.
    pub total_foreground_voxels: u64,
    /// Length in mm of all outlines on annotated slices, in all Part A volumes. 0 where schema 2 did
    /// not know it.
    pub annotated_contour_mm: f64,
    /// Training steps behind the weights that the cases were scored with.
    pub steps: u64,
    /// Mean training loss over the last quarter of this round's steps.
    pub loss: f64,
    /// Mean P over all slices of Part A, which the paper's stop rule watches. `None` for a model
    /// without attention.
    pub mean_p: Option<f64>,
    /// Whether the stop rule holds: `mean_p` differs by less than σ from the previous round's.
    /// `None` for a model without attention, and if there was no previous round.
    pub converged: Option<bool>,
    /// Slices that were added *before* this round's training, one entry for each case. Empty for
    /// [`FIRST`] and [`FULL`].
    pub queries: Vec<QueryRecord>,
    /// SHA-256 of the command and files of the program that chose `queries`; absent if slicewise chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program_sha256: Option<String>,
    /// SHA-256 of the command and files of the program that was trained; absent for a model of slicewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_program_sha256: Option<String>,
    /// Scores of every case, in both parts.
    pub cases: Vec<CaseRecord>,
}

/// The slices that a strategy chose in one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryRecord {
    /// Case id.
    pub case: String,
    /// Axial slice indices in the order chosen.
    pub slices: Vec<usize>,
    /// The strategy's score of each of these slices.
    pub scores: Vec<f64>,
}

/// Scores of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseRecord {
    /// Case id.
    pub case: String,
    /// Whether the case is in Part A or B.
    pub part: Part,
    /// Name and Dice of each foreground class. `None` if the class is absent from both prediction
    /// and truth, and of every class if the ground truth has no foreground: no overlap can be right
    /// there. What was predicted nevertheless is in [`CaseRecord::predicted_voxels`].
    pub dice: Vec<(String, Option<f64>)>,
    /// Name of each foreground class, and its Dice over the slices that are *not* annotated. Empty
    /// for Part B, where that is every slice, and with full annotation.
    pub unannotated_dice: Vec<(String, Option<f64>)>,
    /// Name of each foreground class, and the Dice of the volume that an annotator would deliver: the
    /// annotated slices as drawn, the prediction elsewhere. Empty for Part B, with full annotation,
    /// and in records from before this was scored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivered_dice: Vec<(String, Option<f64>)>,
    /// The same with labels interpolated between the annotated slices in place of the prediction: a
    /// baseline that learns nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interpolated_dice: Vec<(String, Option<f64>)>,
    /// Name of each foreground class, and the 95th percentile of its surface distance (HD95) in mm.
    /// `None` if prediction or truth lacks the class.
    pub hd95_mm: Vec<(String, Option<f64>)>,
    /// Scores on the scan's own voxel grid. `None` in Part A, and if the case is trained on that grid.
    pub own_grid: Option<OwnGridRecord>,
    /// Mean of the defined Dice values. `None` for a case whose ground truth has no foreground at all.
    pub mean_dice: Option<f64>,
    /// The same mean for SR2, the argmax of the attention map. `None` for a model without
    /// attention, too.
    pub sr2_mean_dice: Option<f64>,
    /// For each slice: P, the agreement of SR1 with SR2. `None` for a model without
    /// attention.
    pub p: Option<Vec<f64>>,
    /// For each slice: R, the agreement of SR1 with the ground truth.
    pub r: Vec<f64>,
    /// For each slice: sum of the voxels' entropy in nats, the score of the uncertainty
    /// query.
    pub uncertainty: Vec<f64>,
    /// For each slice: mean entropy in nats over the voxels predicted as foreground; `None` where
    /// there are none.
    pub foreground_entropy: Vec<Option<f64>>,
    /// For each slice: whether the ground truth has foreground.
    pub foreground: Vec<bool>,
    /// For each slice: number of foreground voxels in the ground truth. Empty where schema 2 did not
    /// know it, as is the next.
    pub true_voxels: Vec<u64>,
    /// For each slice: number of voxels predicted as foreground.
    pub predicted_voxels: Vec<u64>,
    /// For each slice: whether it is annotated. Empty for Part B.
    pub annotated: Vec<bool>,
}

/// Scores of one case on the scan's own voxel grid, where a prediction is used. The probabilities
/// are mapped to that grid before a class is chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnGridRecord {
    /// Name and Dice of each foreground class, as in [`CaseRecord::dice`].
    pub dice: Vec<(String, Option<f64>)>,
    /// Name and HD95 in mm of each foreground class, as in [`CaseRecord::hd95_mm`].
    pub hd95_mm: Vec<(String, Option<f64>)>,
}
