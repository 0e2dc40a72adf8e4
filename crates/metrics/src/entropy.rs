//! Uncertainty of a segmentation, slice by slice: the sum of its voxels' entropy (the uncertainty
//! query of Zhang et al. 2019, section 3), and its mean over predicted foreground.
//!
//! The sum grows with the tissue on a slice and follows accuracy poorly. That is the paper's argument
//! for P. The mean does not grow with it, so it is the plain rival of P.

use crate::MetricsError;
use ndarray::{Array3, Array4, Axis, Zip};

/// Returns the sum of p ln 1/p over each slice's voxels and classes, `[D]`, in nats.
/// `probabilities` are `[C, D, H, W]`. The result is NaN where a probability is NaN or negative.
pub fn slice_entropy(probabilities: &Array4<f32>) -> Vec<f64> {
    // Axis 1 of [C, D, H, W] is the slice. The sum over classes needs no order, so a slice's
    // entropy is the sum of p ln 1/p over all of its [C, H, W].
    let slices = probabilities.axis_iter(Axis(1));
    slices
        .map(|slice| slice.iter().copied().map(information).sum())
        .collect()
}

/// Returns the mean entropy in nats over the voxels of each slice that `predicted` calls foreground,
/// `[D]`; `None` where a slice has none. `probabilities` are `[C, D, H, W]`, `predicted` is a label
/// map `[D, H, W]`. A value is NaN where a probability is NaN or negative.
///
/// # Errors
/// [`MetricsError::Shapes`] if the two are not of the same volume.
pub fn foreground_entropy(
    probabilities: &Array4<f32>,
    predicted: &Array3<u8>,
) -> Result<Vec<Option<f64>>, MetricsError> {
    if probabilities.shape()[1..] != *predicted.shape() {
        return Err(MetricsError::Shapes {
            left: probabilities.shape()[1..].to_vec(),
            right: predicted.shape().to_vec(),
        });
    }
    let mean = |(z, predicted): (usize, ndarray::ArrayView2<u8>)| {
        let foreground = predicted.iter().filter(|&&class| class != 0).count();
        let mut sum = 0.0;
        for of_class in probabilities.index_axis(Axis(1), z).outer_iter() {
            Zip::from(of_class).and(predicted).for_each(|&p, &class| {
                if class != 0 {
                    sum += information(p);
                }
            });
        }
        (foreground > 0).then(|| sum / foreground as f64)
    };
    Ok(predicted.outer_iter().enumerate().map(mean).collect())
}

/// Returns p ln 1/p, which is 0 at p = 0. It is NaN for a NaN or negative p, so that the caller
/// sees it.
fn information(p: f32) -> f64 {
    let p = f64::from(p);
    if p == 0.0 { 0.0 } else { p * p.recip().ln() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn impossible_probabilities_are_not_swallowed() {
        assert!(information(f32::NAN).is_nan());
        assert!(information(-0.1).is_nan());
    }

    #[test]
    fn mean_over_predicted_foreground_by_hand() {
        let ln_2 = std::f64::consts::LN_2;
        // Pixels of certain background, certain foreground, and one as likely as the other.
        let background = [1.0, 0.0, 0.5, 1.0, 0.5, 1.0];
        let mut p = Array4::zeros((2, 2, 1, 3));
        for (index, &p0) in background.iter().enumerate() {
            p[[0, index / 3, 0, index % 3]] = p0;
            p[[1, index / 3, 0, index % 3]] = 1.0 - p0;
        }
        let predicted = array![[[0, 1, 1]], [[0, 0, 0]]];
        let mean = foreground_entropy(&p, &predicted).unwrap();
        assert_eq!(mean, [Some(0.5 * ln_2), None]);
        let narrow = foreground_entropy(&p, &Array3::zeros((2, 1, 2)));
        assert!(matches!(narrow, Err(MetricsError::Shapes { .. })));
    }
}
