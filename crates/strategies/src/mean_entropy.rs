//! Mean entropy: the uncertainty query without its preference for large slices. The paper's rival sums
//! the entropy of a slice's voxels (Zhang et al. 2019, section 3); a sum follows the area. Source:
//! Settles 2009, "Active learning literature survey", section 3.1, at slice level.

use crate::{CaseView, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::foreground_entropy;

/// Scores a slice by the mean entropy in nats of the voxels that SR1 calls foreground; 0 where there
/// are none.
pub struct MeanEntropy;

impl QueryStrategy for MeanEntropy {
    fn name(&self) -> &'static str {
        "mean-entropy"
    }

    fn summary(&self) -> &'static str {
        "highest mean entropy of predicted foreground first"
    }

    fn source(&self) -> &'static str {
        "Settles 2009, section 3.1"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let prediction = view.prediction;
        let entropy = foreground_entropy(&prediction.probabilities, &prediction.sr1)
            .map_err(|source| view.failed(self.name(), source))?;
        Ok(entropy
            .into_iter()
            .map(|mean| mean.unwrap_or(0.0))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::array;

    #[test]
    fn one_doubtful_voxel_counts_more_than_many_sure_ones() {
        let mut sample = Sample::of(array![[[1, 1]], [[1, 0]], [[0, 0]]]);
        // Slice 0 has a sure voxel and an undecided one, slice 1 only an undecided one.
        for (z, x) in [(0, 1), (1, 0), (2, 0)] {
            for class in 0..2 {
                sample.prediction.probabilities[[class, z, 0, x]] = 0.5;
            }
        }
        let scores = sample.scores(&MeanEntropy).unwrap();
        let bit = std::f64::consts::LN_2;
        for (got, expected) in scores.iter().zip([bit / 2.0, bit, 0.0]) {
            assert!((got - expected).abs() < 1e-12, "{scores:?}");
        }
    }
}
