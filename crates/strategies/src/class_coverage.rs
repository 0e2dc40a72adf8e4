//! Class coverage: coverage in which each class counts alike, however small it is. Ours; see
//! `coverage.rs`.

use super::coverage::{by_gain, class_shares};
use crate::area::class_voxels;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// As [`Coverage`](super::coverage::Coverage), with the mean over classes of the share of the class's
/// predicted voxels in place of the area.
pub struct ClassCoverage;

impl QueryStrategy for ClassCoverage {
    fn name(&self) -> &'static str {
        "class-coverage"
    }

    fn summary(&self) -> &'static str {
        "as coverage, with every class of the same weight"
    }

    fn source(&self) -> &'static str {
        "ours"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let classes = view.prediction.probabilities.dim().0;
        Ok(class_shares(&class_voxels(&view.prediction.sr1, classes)))
    }

    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        Ok(by_gain(pool))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::array;

    #[test]
    fn a_small_class_weighs_as_much_as_a_large_one() {
        // Class 1 has four voxels, three of them on slice 0; class 2 has one, on slice 2.
        let sample = Sample::of(array![[[1, 1, 1]], [[1, 0, 0]], [[2, 0, 0]]]);
        assert_eq!(sample.scores(&ClassCoverage).unwrap(), [0.375, 0.125, 0.5]);
    }
}
