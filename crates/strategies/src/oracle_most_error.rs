//! Oracle: the slices with most erroneous area. It bounds what a query for large errors can give if it
//! does not look at how near the slices are to each other.

use crate::area::differing_mm2;
use crate::{CaseView, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// Scores a slice by the area in mm² where SR1 differs from the true labels.
pub struct OracleMostError;

impl QueryStrategy for OracleMostError {
    fn name(&self) -> &'static str {
        "oracle-most-error"
    }

    fn summary(&self) -> &'static str {
        "oracle: largest truly wrong area first"
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
}

/// Returns the area in mm² of each slice where SR1 differs from the true labels, `[D]`.
pub(crate) fn error_mm2(view: &CaseView, strategy: &str) -> Result<Vec<f64>, StrategyError> {
    Ok(differing_mm2(view, view.truth(strategy)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::array;

    #[test]
    fn wrong_classes_count_and_voxels_have_their_size() {
        let mut sample = Sample::of(array![[[0, 1, 2]], [[0, 0, 0]]]);
        sample.truth = array![[[0, 2, 1]], [[0, 0, 0]]];
        sample.spacing_mm = [9.0, 2.0, 1.5];
        assert_eq!(sample.scores(&OracleMostError).unwrap(), [6.0, 0.0]);
    }
}
