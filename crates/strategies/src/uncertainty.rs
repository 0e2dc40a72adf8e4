//! Uncertainty query: the third strategy that the paper compares with (Zhang et al. 2019, section
//! 3). It sums the entropy of a slice's voxels.
//!
//! This is a sum and not a mean, so a slice with more tissue tends to score higher. The strategy
//! asks for the largest slices first, which cost an annotator the most.

use crate::{CaseView, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::slice_entropy;

/// Scores a slice by the sum of p ln 1/p over its voxels and classes, in nats. The most uncertain
/// slices come first.
pub struct Uncertainty;

impl QueryStrategy for Uncertainty {
    fn name(&self) -> &'static str {
        "uncertainty"
    }

    fn summary(&self) -> &'static str {
        "largest sum of voxel-wise entropy first"
    }

    fn source(&self) -> &'static str {
        "Zhang et al. 2019, section 3"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(slice_entropy(&view.prediction.probabilities))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::{Array3, Array4};

    #[test]
    fn entropy_is_summed_over_the_slice() {
        // Two classes and three slices of 2 voxels: all certain, half certain, undecided.
        let mut probabilities = Array4::<f32>::zeros((2, 3, 1, 2));
        for (slice, voxels) in [[0.0, 1.0], [0.0, 0.5], [0.5, 0.5]].iter().enumerate() {
            for (x, &p) in voxels.iter().enumerate() {
                probabilities[[0, slice, 0, x]] = p;
                probabilities[[1, slice, 0, x]] = 1.0 - p;
            }
        }
        let mut sample = Sample::of(Array3::zeros((3, 1, 2)));
        sample.prediction.probabilities = probabilities;
        let scores = sample.scores(&Uncertainty).unwrap();
        let bit = std::f64::consts::LN_2;
        for (got, expected) in scores.iter().zip([0.0, bit, 2.0 * bit]) {
            assert!((got - expected).abs() < 1e-12, "{scores:?}");
        }
    }
}
