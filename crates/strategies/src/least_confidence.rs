//! Least confidence: the slices on which the model's own answer is least probable. Source: Settles
//! 2009, "Active learning literature survey", section 3.1, at slice level.

use crate::confidence::{highest_two, mean_doubt};
use crate::{CaseView, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// Scores a slice by the mean of 1 − max p over the voxels that SR1 calls foreground.
pub struct LeastConfidence;

impl QueryStrategy for LeastConfidence {
    fn name(&self) -> &'static str {
        "least-confidence"
    }

    fn summary(&self) -> &'static str {
        "least probable segmentation of predicted foreground first"
    }

    fn source(&self) -> &'static str {
        "Settles 2009, section 3.1"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        mean_doubt(view, self.name(), |p| 1.0 - highest_two(p)[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::array;

    #[test]
    fn the_mean_is_over_predicted_foreground() {
        let mut sample = Sample::of(array![[[2, 1, 0]], [[0, 0, 0]]]);
        // Voxel 0: 0.5, 0.25, 0.25. Voxel 1 is sure. Voxel 2 is background and does not count.
        for (x, p) in [(0, [0.25, 0.25, 0.5]), (2, [0.4, 0.3, 0.3])] {
            for (class, p) in p.into_iter().enumerate() {
                sample.prediction.probabilities[[class, 0, 0, x]] = p;
            }
        }
        assert_eq!(sample.scores(&LeastConfidence).unwrap(), [0.25, 0.0]);
    }
}
