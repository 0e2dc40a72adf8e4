//! The volume that an annotator would deliver: the slices that were drawn, as drawn, and a
//! prediction for all others.

use crate::MetricsError;
use ndarray::{Array3, Axis};

/// Returns `predicted` with the annotated slices of `drawn` in place of its own. Both are label maps
/// `[D, H, W]`; `annotated` is `[D]`.
///
/// # Errors
/// [`MetricsError::Shapes`] if the maps differ in shape, [`MetricsError::Slices`] if `annotated` has
/// another length than the volume.
pub fn delivered(
    predicted: &Array3<u8>,
    drawn: &Array3<u8>,
    annotated: &[bool],
) -> Result<Array3<u8>, MetricsError> {
    if predicted.shape() != drawn.shape() {
        return Err(MetricsError::Shapes {
            left: predicted.shape().to_vec(),
            right: drawn.shape().to_vec(),
        });
    }
    check_annotated(annotated, drawn)?;
    let mut delivered = predicted.clone();
    for (z, _) in annotated.iter().enumerate().filter(|&(_, &drawn)| drawn) {
        let slice = drawn.index_axis(Axis(0), z);
        delivered.index_axis_mut(Axis(0), z).assign(&slice);
    }
    Ok(delivered)
}

/// Checks that each slice of a volume `[D, H, W]` is said to be annotated or not.
pub(crate) fn check_annotated(annotated: &[bool], labels: &Array3<u8>) -> Result<(), MetricsError> {
    let slices = labels.len_of(Axis(0));
    if annotated.len() == slices {
        return Ok(());
    }
    Err(MetricsError::Slices {
        what: "\"annotated\" is given",
        got: annotated.len(),
        slices,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn drawn_slices_replace_those_that_were_predicted() {
        let predicted = array![[[1, 1]], [[2, 2]], [[3, 3]]];
        let drawn = array![[[4, 0]], [[5, 0]], [[6, 0]]];
        let got = delivered(&predicted, &drawn, &[true, false, true]).unwrap();
        assert_eq!(got, array![[[4, 0]], [[2, 2]], [[6, 0]]]);
    }

    #[test]
    fn impossible_input_is_refused() {
        let map = Array3::zeros((3, 1, 2));
        let error = delivered(&map, &Array3::zeros((3, 2, 1)), &[true; 3]);
        assert!(matches!(error, Err(MetricsError::Shapes { .. })));
        let error = delivered(&map, &map, &[true; 2]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"annotated\" is given for 2 slices, expected one for each of 3"
        );
    }
}
