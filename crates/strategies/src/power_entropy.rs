//! Power entropy: a draw of slices in proportion to their entropy, so that one round's slices are not
//! all alike. Source: Kirsch et al. 2021, "Stochastic batch acquisition", section 3, with β = 1 as in
//! nnActive.

use crate::noise::perturbed;
use crate::{CaseView, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::slice_entropy;

/// Scores a slice by ln(sum of its voxels' entropy) + Gumbel noise of scale 1.
pub struct PowerEntropy;

impl QueryStrategy for PowerEntropy {
    fn name(&self) -> &'static str {
        "power-entropy"
    }

    fn summary(&self) -> &'static str {
        "a draw in proportion to the sum of voxel-wise entropy"
    }

    fn source(&self) -> &'static str {
        "Kirsch et al. 2021, section 3"
    }

    fn scores(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let entropy = slice_entropy(&view.prediction.probabilities).into_iter();
        Ok(entropy.map(|sum| perturbed(sum, 1.0, rng)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    #[test]
    fn slices_are_drawn_in_proportion_to_their_entropy() {
        // Slice 0 has one undecided voxel, slice 1 three; slice 2 has none.
        let mut sample = Sample::of(Array3::zeros((3, 1, 3)));
        for (z, x) in [(0, 0), (1, 0), (1, 1), (1, 2)] {
            for class in 0..2 {
                sample.prediction.probabilities[[class, z, 0, x]] = 0.5;
            }
        }
        let mut first = [0_u32; 3];
        for seed in 0..4000 {
            first[sample.ask(&PowerEntropy, 1, seed).unwrap()[0].slice] += 1;
        }
        // Expected 1000, 3000 and 0, with a standard deviation of 27.
        assert!(
            (900..1100).contains(&first[0]) && first[2] == 0,
            "{first:?}"
        );
    }
}
