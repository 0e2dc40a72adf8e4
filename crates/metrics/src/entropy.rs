//! Uncertainty of a segmentation, slice by slice: the sum of its voxels' entropy (the uncertainty
//! query of Zhang et al. 2019, section 3).
//!
//! This is a sum and not a mean, so it grows with the tissue on a slice and follows accuracy
//! poorly. That is the paper's argument for P.

use ndarray::{Array4, Axis};

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

/// Returns p ln 1/p, which is 0 at p = 0. It is NaN for a NaN or negative p, so that the caller
/// sees it.
fn information(p: f32) -> f64 {
    let p = f64::from(p);
    if p == 0.0 { 0.0 } else { p * p.recip().ln() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_probabilities_are_not_swallowed() {
        assert!(information(f32::NAN).is_nan());
        assert!(information(-0.1).is_nan());
    }
}
