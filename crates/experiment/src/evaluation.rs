//! Scores a prediction of one case against its ground truth. No other place of the round loop
//! compares predictions with ground truth.

use crate::record::{CaseRecord, OwnGridRecord};
use slicewise_core::Prediction;
use slicewise_data::{Case, GridError, Part, on_grid};
use slicewise_metrics::{
    Agreement, MetricsError, Overlap, class_hd95, foreground_entropy, foreground_voxels, mean_dice,
    slice_entropy,
};

/// Why a prediction cannot be scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// Prediction and ground truth do not fit together.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The prediction cannot be mapped to the scan's own grid.
    #[error(transparent)]
    Grid(#[from] GridError),
}

/// Scores of single slices are kept to this many decimals. Further ones say nothing about a slice, and
/// half of a record would consist of them.
const DECIMALS: i32 = 6;

fn rounded(score: f64) -> f64 {
    let scale = 10_f64.powi(DECIMALS);
    (score * scale).round() / scale
}

fn all_rounded(scores: Vec<f64>) -> Vec<f64> {
    scores.into_iter().map(rounded).collect()
}

/// Puts its name before the value of each foreground class. `classes` start with background.
fn named(classes: &[String], values: Vec<Option<f64>>) -> Vec<(String, Option<f64>)> {
    classes.iter().skip(1).cloned().zip(values).collect()
}

/// Scores `prediction` of `case` against the case's ground truth.
///
/// P and R compare slices by `agreement`. `classes` are the class names, background first. `annotated` is `[D]`, or empty for Part B.
///
/// # Errors
/// The prediction's shape differs from the case's, or a label is beyond `classes`.
pub fn evaluate(
    case: &Case,
    agreement: Agreement,
    classes: &[String],
    prediction: &Prediction,
    annotated: &[bool],
) -> Result<CaseRecord, ScoreError> {
    let truth = &case.labels.voxels;
    let sr1 = &prediction.sr1;
    let with_truth = Overlap::of(sr1, truth)?;
    let values = with_truth.class_dice(classes.len())?;
    // A case without any class in prediction and truth gets 0.
    let mean = |values: &[Option<f64>]| mean_dice(values).unwrap_or(0.0);
    let (p, sr2_mean_dice) = match &prediction.sr2 {
        Some(sr2) => (
            Some(all_rounded(Overlap::of(sr1, sr2)?.agreement(agreement))),
            Some(mean(&Overlap::of(sr2, truth)?.class_dice(classes.len())?)),
        ),
        None => (None, None),
    };
    let free: Vec<bool> = annotated.iter().map(|annotated| !annotated).collect();
    let unannotated_dice = match free.contains(&true) {
        true => named(
            classes,
            with_truth.of_slices(&free)?.class_dice(classes.len())?,
        ),
        false => Vec::new(),
    };
    let spacing_mm = case.labels.geometry.spacing_mm();
    let true_voxels = foreground_voxels(truth);
    Ok(CaseRecord {
        case: case.id.clone(),
        part: case.part,
        mean_dice: mean(&values),
        sr2_mean_dice,
        dice: named(classes, values),
        unannotated_dice,
        hd95_mm: named(classes, class_hd95(sr1, truth, spacing_mm, classes.len())?),
        own_grid: on_own_grid(case, classes, prediction)?,
        p,
        r: all_rounded(with_truth.agreement(agreement)),
        uncertainty: all_rounded(slice_entropy(&prediction.probabilities)),
        foreground_entropy: foreground_entropy(&prediction.probabilities, sr1)?
            .into_iter()
            .map(|entropy| entropy.map(rounded))
            .collect(),
        foreground: true_voxels.iter().map(|&voxels| voxels > 0).collect(),
        true_voxels,
        predicted_voxels: foreground_voxels(sr1),
        annotated: annotated.to_vec(),
    })
}

/// Scores the prediction on the scan's own grid; `None` if the case is on that grid, and in Part A,
/// which nobody delivers and where it would take as long again.
fn on_own_grid(
    case: &Case,
    classes: &[String],
    prediction: &Prediction,
) -> Result<Option<OwnGridRecord>, ScoreError> {
    let Some(own) = case.own.as_ref().filter(|_| case.part == Part::B) else {
        return Ok(None);
    };
    let from = &case.labels.geometry;
    let shape = own.voxels.dim().into();
    let predicted = on_grid(&prediction.probabilities, from, &own.geometry, shape)?;
    let dice = Overlap::of(&predicted, &own.voxels)?.class_dice(classes.len())?;
    let spacing_mm = own.geometry.spacing_mm();
    let hd95_mm = class_hd95(&predicted, &own.voxels, spacing_mm, classes.len())?;
    Ok(Some(OwnGridRecord {
        dice: named(classes, dice),
        hd95_mm: named(classes, hd95_mm),
    }))
}
