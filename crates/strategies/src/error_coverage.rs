//! Error coverage: coverage of expected error in place of foreground. Ours; see `coverage.rs`. The
//! expected error of a slice is the sum of its voxels' entropy, so that every network can be asked.

use super::coverage::by_gain;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::slice_entropy;

/// As [`Coverage`](super::coverage::Coverage), with a slice's sum of entropy in place of its area.
pub struct ErrorCoverage;

impl QueryStrategy for ErrorCoverage {
    fn name(&self) -> &'static str {
        "error-coverage"
    }

    fn summary(&self) -> &'static str {
        "as coverage, of entropy in place of foreground"
    }

    fn source(&self) -> &'static str {
        "ours"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(slice_entropy(&view.prediction.probabilities))
    }

    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        Ok(by_gain(pool))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    #[test]
    fn the_middle_of_uncertain_slices_comes_first() {
        // Slices 2 to 4 of seven are undecided, 3.5 mm apart: slice 3 covers all, by 1/2 + 1 + 1/2.
        let mut sample = Sample::of(Array3::zeros((7, 1, 1)));
        sample.spacing_mm = [3.5, 1.0, 1.0];
        for z in 2..5 {
            for class in 0..2 {
                sample.prediction.probabilities[[class, z, 0, 0]] = 0.5;
            }
        }
        let choices = sample.ask(&ErrorCoverage, 1, 0).unwrap();
        assert_eq!(choices[0].slice, 3);
        assert!((choices[0].score - 2.0 * std::f64::consts::LN_2).abs() < 1e-12);
    }
}
