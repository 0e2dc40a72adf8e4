//! Margin: the slices on which the two most probable classes are closest. Source: Scheffer et al.
//! 2001, after Settles 2009, "Active learning literature survey", section 3.1, at slice level.

use crate::confidence::{highest_two, mean_doubt};
use crate::{CaseView, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// Scores a slice by the mean of 1 − (p₁ − p₂) over the voxels that SR1 calls foreground, where p₁
/// and p₂ are a voxel's highest two probabilities.
pub struct Margin;

impl QueryStrategy for Margin {
    fn name(&self) -> &'static str {
        "margin"
    }

    fn summary(&self) -> &'static str {
        "closest two classes of predicted foreground first"
    }

    fn source(&self) -> &'static str {
        "Scheffer et al. 2001"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        mean_doubt(view, self.name(), |p| {
            let [first, second] = highest_two(p);
            1.0 - (first - second)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::array;

    #[test]
    fn the_two_most_probable_classes_count() {
        let mut sample = Sample::of(array![[[2, 1]], [[0, 0]]]);
        // Voxel 0: 0.125, 0.375, 0.5, so 1 − 0.125. Voxel 1 is sure: 1 − 1.
        for (class, p) in [0.125, 0.375, 0.5].into_iter().enumerate() {
            sample.prediction.probabilities[[class, 0, 0, 0]] = p;
        }
        assert_eq!(sample.scores(&Margin).unwrap(), [0.875 / 2.0, 0.0]);
    }
}
