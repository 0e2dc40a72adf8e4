//! Oracle: the slices with most erroneous area, spaced apart. It is the spacing-aware query with the
//! true error in place of the expected one, and bounds what that query can give.

use super::oracle_most_error::error_mm2;
use super::spacing_aware::discounted;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// Scores a slice by the area in mm² where SR1 is wrong, lowered near annotated slices as in
/// [`SpacingAware`](super::spacing_aware::SpacingAware).
pub struct OracleMostErrorSpaced;

impl QueryStrategy for OracleMostErrorSpaced {
    fn name(&self) -> &'static str {
        "oracle-most-error-spaced"
    }

    fn summary(&self) -> &'static str {
        "oracle: largest truly wrong area first, away from annotated slices"
    }

    fn source(&self) -> &'static str {
        "ours, a bound"
    }

    fn is_oracle(&self) -> bool {
        true
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        error_mm2(view, self.name())
    }

    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        Ok(pool.one_by_one(|picks, case| discounted(pool, picks, case)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    #[test]
    fn a_large_error_next_to_an_annotated_slice_counts_less() {
        let mut sample = Sample::of(Array3::zeros((9, 1, 4))).annotated(&[0]);
        // Four wrong voxels on slice 1, three on slice 4.
        sample.truth = Array3::from_shape_fn((9, 1, 4), |(z, _, x)| match z {
            1 => 1,
            4 => u8::from(x < 3),
            _ => 0,
        });
        sample.spacing_mm = [3.5, 1.0, 1.0];
        assert_eq!(sample.slices(&OracleMostErrorSpaced, 2).unwrap(), [4, 1]);
    }
}
