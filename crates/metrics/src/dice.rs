//! Dice overlap (equal to F1) of each foreground class over a whole volume: the score in the
//! paper's Tables 1 and 2.

use crate::{MetricsError, Overlap};
use ndarray::Array3;

/// Returns the Dice of each foreground class, `[classes - 1]` for classes `1..classes`: 2 |P ∩ T| /
/// (|P| + |T|).
///
/// `pred` and `truth` are label maps `[z, y, x]` with values in `0..classes`. The result is `None`
/// where a class is absent from both: this says nothing about the segmentation, and a 1 there would
/// raise the mean. A class that occurs in only one of the two scores 0.
///
/// # Errors
/// [`MetricsError::Shapes`] if the maps differ in shape, [`MetricsError::UnknownLabel`] if either
/// has a label beyond the classes.
pub fn class_dice(
    pred: &Array3<u8>,
    truth: &Array3<u8>,
    classes: usize,
) -> Result<Vec<Option<f64>>, MetricsError> {
    Overlap::of(pred, truth)?.class_dice(classes)
}

/// Returns the mean of the defined Dice values, or `None` if no class is in prediction or truth.
pub fn mean_dice(dice: &[Option<f64>]) -> Option<f64> {
    let defined: Vec<f64> = dice.iter().copied().flatten().collect();
    (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn each_class_by_hand() {
        let pred = array![[[0, 1, 1, 2], [2, 2, 0, 4]]];
        let truth = array![[[0, 1, 2, 2], [2, 2, 1, 0]]];
        // Class 1 has 2 and 2 voxels, 1 shared; class 2 has 3 and 4, 3 shared; 3 is absent; 4 is
        // only predicted.
        let dice = class_dice(&pred, &truth, 5).unwrap();
        assert_eq!(dice, [Some(0.5), Some(6.0 / 7.0), None, Some(0.0)]);
        let mean = mean_dice(&dice).unwrap();
        assert!((mean - (0.5 + 6.0 / 7.0) / 3.0).abs() < 1e-15);
    }

    #[test]
    fn nothing_defined_has_no_mean() {
        let empty = Array3::zeros((2, 2, 2));
        let dice = class_dice(&empty, &empty, 3).unwrap();
        assert_eq!(dice, [None, None]);
        assert_eq!(mean_dice(&dice), None);
    }

    #[test]
    fn labels_beyond_the_classes_are_refused() {
        let truth = array![[[0, 9, 9]]];
        let error = class_dice(&Array3::zeros((1, 1, 3)), &truth, 9).unwrap_err();
        assert_eq!(
            error.to_string(),
            "label 9 in 2 voxels, expected 0..9 (9 classes)"
        );
    }

    #[test]
    fn different_grids_are_refused() {
        let error = class_dice(&Array3::zeros((1, 2, 3)), &Array3::zeros((1, 2, 4)), 2);
        assert!(matches!(error, Err(MetricsError::Shapes { .. })));
    }
}
