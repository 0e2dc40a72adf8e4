//! Scores a prediction of one case against its ground truth. No other place of the round loop
//! compares predictions with ground truth.

use crate::record::{CaseRecord, OwnGridRecord};
use ndarray::Array3;
use slicewise_core::{IGNORE, Prediction};
use slicewise_data::{Case, GridError, Part, on_grid};
use slicewise_metrics::{
    Agreement, MetricsError, Overlap, class_hd95, delivered, foreground_entropy, foreground_voxels,
    interpolated_labels, mean_dice, slice_entropy,
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
/// P and R compare slices by `agreement`. `classes` are the class names, background first.
/// `annotated` is `[D]`, or empty for Part B. A case whose ground truth has no foreground has no Dice
/// of any kind, whatever is predicted.
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
    if case.labels.voxels.iter().any(|&class| class == IGNORE) {
        let (case, prediction) = drawn_only(case, prediction);
        return evaluate(&case, agreement, classes, &prediction, annotated);
    }
    let truth = &case.labels.voxels;
    let sr1 = &prediction.sr1;
    let with_truth = Overlap::of(sr1, truth)?;
    let healthy = truth.iter().all(|&class| class == 0);
    // Where there is nothing to find, no overlap can be right: Dice would be 0 for one voxel too many
    // as for a million, and undefined for none.
    let dice_of = |overlap: &Overlap| -> Result<Vec<Option<f64>>, MetricsError> {
        let dice = overlap.class_dice(classes.len())?;
        Ok(if healthy {
            vec![None; dice.len()]
        } else {
            dice
        })
    };
    let values = dice_of(&with_truth)?;
    let (p, sr2_mean_dice) = match &prediction.sr2 {
        Some(sr2) => (
            Some(all_rounded(Overlap::of(sr1, sr2)?.agreement(agreement))),
            mean_dice(&dice_of(&Overlap::of(sr2, truth)?)?),
        ),
        None => (None, None),
    };
    let spacing_mm = case.labels.geometry.spacing_mm();
    let [_, height_mm, width_mm] = spacing_mm;
    let free: Vec<bool> = annotated.iter().map(|annotated| !annotated).collect();
    let [
        mut unannotated_dice,
        mut delivered_dice,
        mut interpolated_dice,
    ] = [const { Vec::new() }; 3];
    if free.contains(&true) {
        let dice = |overlap: &Overlap| -> Result<_, MetricsError> {
            Ok(named(classes, dice_of(overlap)?))
        };
        unannotated_dice = dice(&with_truth.of_slices(&free)?)?;
        let volume = delivered(sr1, truth, annotated)?;
        delivered_dice = dice(&Overlap::of(&volume, truth)?)?;
        let slice_mm = [height_mm, width_mm];
        let volume = interpolated_labels(truth, annotated, slice_mm, classes.len())?;
        interpolated_dice = dice(&Overlap::of(&volume, truth)?)?;
    }
    let true_voxels = foreground_voxels(truth);
    Ok(CaseRecord {
        case: case.id.clone(),
        part: case.part,
        mean_dice: mean_dice(&values),
        sr2_mean_dice,
        dice: named(classes, values),
        unannotated_dice,
        delivered_dice,
        interpolated_dice,
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

/// Returns the mean Dice over foreground classes of a segmentation of `case`, `[D, H, W]` with labels
/// below `classes`; `None` where the truth has no foreground.
///
/// # Errors
/// The segmentation's shape differs from the case's, or a label is beyond `classes`.
pub(crate) fn volume_dice(
    case: &Case,
    mut segmentation: Array3<u8>,
    classes: usize,
) -> Result<Option<f64>, ScoreError> {
    segmentation.zip_mut_with(&case.labels.voxels, |class, &drawn| {
        *class = known(*class, drawn);
    });
    let truth = case.drawn_labels();
    if truth.iter().all(|&class| class == 0) {
        return Ok(None);
    }
    let dice = Overlap::of(&segmentation, &truth)?.class_dice(classes)?;
    Ok(mean_dice(&dice))
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
    let mut predicted = on_grid(&prediction.probabilities, from, &own.geometry, shape)?;
    let mut truth = own.voxels.clone();
    predicted.zip_mut_with(&truth, |class, &drawn| *class = known(*class, drawn));
    truth.mapv_inplace(|class| known(class, class));
    let mut dice = Overlap::of(&predicted, &truth)?.class_dice(classes.len())?;
    // A lesion can be lost in resampling, so the scan's own grid is asked.
    if truth.iter().all(|&class| class == 0) {
        dice.fill(None);
    }
    let spacing_mm = own.geometry.spacing_mm();
    let hd95_mm = class_hd95(&predicted, &truth, spacing_mm, classes.len())?;
    Ok(Some(OwnGridRecord {
        dice: named(classes, dice),
        hd95_mm: named(classes, hd95_mm),
    }))
}

/// Returns a class, or background where nobody drew.
fn known(class: u8, drawn: u8) -> u8 {
    if drawn == IGNORE { 0 } else { class }
}

/// Returns case and prediction with background in both where nobody drew, so that it does not count.
fn drawn_only(case: &Case, prediction: &Prediction) -> (Case, Prediction) {
    let (mut case, mut prediction) = (case.clone(), prediction.clone());
    let labels = &mut case.labels.voxels;
    for predicted in [Some(&mut prediction.sr1), prediction.sr2.as_mut()]
        .into_iter()
        .flatten()
    {
        predicted.zip_mut_with(labels, |class, &drawn| *class = known(*class, drawn));
    }
    labels.mapv_inplace(|class| known(class, class));
    (case, prediction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array4;
    use slicewise_core::{Geometry, Volume};

    /// What nobody drew does not count, whatever is predicted there.
    #[test]
    fn voxels_that_nobody_drew_do_not_count() {
        let labels = [1, 0, 1, IGNORE, IGNORE, IGNORE];
        let score = |predicted: [u8; 6], labels: [u8; 6]| {
            let shape = (3, 1, 2);
            let geometry = Geometry::axis_aligned([1.0; 3]);
            let voxels = Array3::from_shape_vec(shape, labels.to_vec()).unwrap();
            let case = Case {
                id: "a".to_owned(),
                part: Part::A,
                image: Volume {
                    voxels: Array3::zeros(shape),
                    geometry: geometry.clone(),
                },
                labels: Volume { voxels, geometry },
                own: None,
                first_slice: 0,
            };
            let prediction = Prediction {
                probabilities: Array4::from_elem((2, 3, 1, 2), 0.5),
                sr1: Array3::from_shape_vec(shape, predicted.to_vec()).unwrap(),
                ..Prediction::default()
            };
            let classes = ["background", "one"].map(str::to_owned);
            evaluate(&case, Agreement::Dice, &classes, &prediction, &[false; 3]).unwrap()
        };
        let one = score([1, 1, 1, 0, 0, 0], labels);
        let other = score([1, 1, 1, 1, 1, 0], labels);
        assert_eq!(one, other);
        // 2 · 2 / (3 + 2).
        assert_eq!(one.mean_dice, Some(0.8));
        assert_eq!(one.true_voxels, [1, 1, 0]);
    }

    /// Five slices of two pixels, all foreground, of which the first and the third are annotated. The
    /// prediction has all pixels of the second slice, half of the others, and none of the last.
    #[test]
    fn what_an_annotator_delivers_has_the_slices_as_drawn() {
        let geometry = Geometry::axis_aligned([1.0; 3]);
        let labels = Array3::from_elem((5, 1, 2), 1);
        let mut case = Case {
            id: "a".to_owned(),
            part: Part::A,
            image: Volume {
                voxels: labels.mapv(f32::from),
                geometry: geometry.clone(),
            },
            labels: Volume {
                voxels: labels,
                geometry,
            },
            own: None,
            first_slice: 0,
        };
        let sr1 = Array3::from_shape_fn((5, 1, 2), |(z, _, x)| u8::from(z == 1 || z < 4 && x == 0));
        let prediction = Prediction {
            probabilities: Array4::from_elem((2, 5, 1, 2), 0.5),
            sr1,
            ..Prediction::default()
        };
        let classes = ["background", "one"].map(str::to_owned);
        let score = |case: &Case, annotated: &[bool]| {
            evaluate(case, Agreement::Dice, &classes, &prediction, annotated).unwrap()
        };
        let dice = |shared: f64, predicted: f64, truth: f64| {
            vec![("one".to_owned(), Some(2.0 * shared / (predicted + truth)))]
        };
        let sparse = score(&case, &[true, false, true, false, false]);
        assert_eq!(sparse.dice, dice(5.0, 5.0, 10.0));
        assert_eq!(sparse.unannotated_dice, dice(3.0, 3.0, 6.0));
        assert_eq!(sparse.delivered_dice, dice(7.0, 7.0, 10.0));
        // Interpolation fills the slice in between and leaves background beyond.
        assert_eq!(sparse.interpolated_dice, dice(6.0, 6.0, 10.0));
        let healthy = Case {
            labels: Volume {
                voxels: Array3::zeros((5, 1, 2)),
                ..case.labels.clone()
            },
            ..case.clone()
        };
        let healthy = score(&healthy, &[true, false, true, false, false]);
        let none = vec![("one".to_owned(), None)];
        let dice = [
            healthy.dice,
            healthy.unannotated_dice,
            healthy.delivered_dice,
            healthy.interpolated_dice,
        ];
        assert!(dice.iter().all(|dice| *dice == none), "{dice:?}");
        assert_eq!(healthy.mean_dice, None);
        assert_eq!(healthy.predicted_voxels, [1, 2, 1, 1, 0]);
        let whole = score(&case, &[true; 5]);
        case.part = Part::B;
        let unseen = score(&case, &[]);
        for record in [whole, unseen] {
            let of_annotation = [
                record.unannotated_dice,
                record.delivered_dice,
                record.interpolated_dice,
            ];
            assert_eq!(of_annotation, [const { Vec::new() }; 3]);
        }
    }
}
