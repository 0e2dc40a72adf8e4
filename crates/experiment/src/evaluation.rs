//! Scores a prediction of one case against its ground truth. No other place of the round loop
//! compares predictions with ground truth.

use crate::record::CaseRecord;
use slicewise_core::Prediction;
use slicewise_data::Case;
use slicewise_metrics::{
    Agreement, MetricsError, Overlap, class_hd95, foreground_entropy, foreground_voxels, mean_dice,
    slice_entropy,
};

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
) -> Result<CaseRecord, MetricsError> {
    let truth = &case.labels.voxels;
    let sr1 = &prediction.sr1;
    let with_truth = Overlap::of(sr1, truth)?;
    let named = |values: Vec<Option<f64>>| -> Vec<(String, Option<f64>)> {
        classes.iter().skip(1).cloned().zip(values).collect()
    };
    let values = with_truth.class_dice(classes.len())?;
    // A case without any class in prediction and truth gets 0.
    let mean = |values: &[Option<f64>]| mean_dice(values).unwrap_or(0.0);
    let (p, sr2_mean_dice) = match &prediction.sr2 {
        Some(sr2) => (
            Some(Overlap::of(sr1, sr2)?.agreement(agreement)),
            Some(mean(&Overlap::of(sr2, truth)?.class_dice(classes.len())?)),
        ),
        None => (None, None),
    };
    let free: Vec<bool> = annotated.iter().map(|annotated| !annotated).collect();
    let unannotated_dice = match free.contains(&true) {
        true => named(with_truth.of_slices(&free)?.class_dice(classes.len())?),
        false => Vec::new(),
    };
    let spacing_mm = case.labels.geometry.spacing_mm();
    Ok(CaseRecord {
        case: case.id.clone(),
        part: case.part,
        mean_dice: mean(&values),
        sr2_mean_dice,
        dice: named(values),
        unannotated_dice,
        hd95_mm: named(class_hd95(sr1, truth, spacing_mm, classes.len())?),
        own_grid: None,
        p,
        r: with_truth.agreement(agreement),
        uncertainty: slice_entropy(&prediction.probabilities),
        foreground_entropy: foreground_entropy(&prediction.probabilities, sr1)?,
        foreground: truth
            .outer_iter()
            .map(|slice| slice.iter().any(|&class| class != 0))
            .collect(),
        true_voxels: foreground_voxels(truth),
        predicted_voxels: foreground_voxels(sr1),
        annotated: annotated.to_vec(),
    })
}
