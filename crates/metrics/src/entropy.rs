//! Uncertainty of a segmentation, slice by slice: the sum of its voxels' entropy (the uncertainty
//! query of Zhang et al. 2019, section 3).
//!
//! A sum, not a mean, so it grows with the tissue on a slice and follows accuracy poorly: the
//! paper's argument for P.

use ndarray::{Array4, Axis};

/// The sum of p ln 1/p in nats over each axial slice's voxels and classes, `[D]`, of class
/// probabilities `[C, D, H, W]`. NaN where a probability is NaN or negative.
pub fn slice_entropy(probabilities: &Array4<f32>) -> Vec<f64> {
    // Axis 1 of [C, D, H, W] is the slice. The sum over classes needs no order, so a slice's
    // entropy is the sum of p ln 1/p over all of its [C, H, W].
    let slices = probabilities.axis_iter(Axis(1));
    slices
        .map(|slice| slice.iter().copied().map(information).sum())
        .collect()
}

/// p ln 1/p, 0 at p = 0. NaN for a NaN or a negative p, which thereby reach the caller.
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
