//! Oracle: random slices that truly show something, after the hardest baseline of nnActive (arXiv
//! 2511.19183), which few strategies beat; it reads where each class is, which no annotator knows
//! before drawing it. Deviations: nnActive draws a volume first and then a class of it, and mixes such
//! patches with patches drawn anywhere and at the borders of classes; ours all show foreground.

use super::predicted_foreground_random::by_class_area;
use crate::area::class_voxels;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

/// Draws a class, then a slice in proportion to the class's true area there. The score of a slice is
/// its true foreground in voxels.
pub struct OracleForegroundRandom;

impl QueryStrategy for OracleForegroundRandom {
    fn name(&self) -> &'static str {
        "oracle-foreground-random"
    }

    fn summary(&self) -> &'static str {
        "oracle: a random class, then a slice in proportion to its true area"
    }

    fn source(&self) -> &'static str {
        "nnActive, arXiv 2511.19183"
    }

    fn is_oracle(&self) -> bool {
        true
    }

    fn scores(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let voxels = self.vectors(view, rng)?;
        Ok(voxels.outer_iter().map(|slice| slice.sum()).collect())
    }

    fn vectors(&self, view: &CaseView, _: &mut ChaCha8Rng) -> Result<Array2<f64>, StrategyError> {
        let classes = view.prediction.probabilities.dim().0;
        Ok(class_voxels(view.truth(self.name())?, classes))
    }

    fn choose(&self, pool: &Pool, rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        Ok(by_class_area(pool, rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::array;

    #[test]
    fn the_truth_and_not_the_prediction_says_where_a_class_is() {
        let mut sample = Sample::of(array![[[1, 1]], [[0, 0]], [[0, 0]]]);
        sample.truth = array![[[0, 0]], [[1, 0]], [[0, 0]]];
        for seed in 0..20 {
            let choices = sample.ask(&OracleForegroundRandom, 1, seed).unwrap();
            assert_eq!((choices[0].slice, choices[0].score), (1, 1.0));
        }
    }
}
