//! Oracle: the slices with most erroneous area, spaced apart. It is the spacing-aware query with the
//! true error in place of the expected one, and bounds what that query can give.

use super::oracle_most_error::error_mm2;
use super::spacing_aware::discounted;
use crate::{CaseView, Choice, QueryStrategy, StrategyError, one_by_one};
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

    fn is_oracle(&self) -> bool {
        true
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(discounted(view, &error_mm2(view, self.name())?))
    }

    fn select(
        &self,
        view: &CaseView,
        budget: usize,
        _rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Choice>, StrategyError> {
        let error = error_mm2(view, self.name())?;
        one_by_one(self.name(), view, budget, |now| Ok(discounted(now, &error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prediction;
    use ndarray::{Array3, Array4};
    use rand::SeedableRng;
    use slicewise_metrics::Agreement;

    #[test]
    fn a_large_error_next_to_an_annotated_slice_counts_less() {
        let prediction = Prediction {
            probabilities: Array4::zeros((2, 9, 1, 4)),
            sr1: Array3::zeros((9, 1, 4)),
            sr2: None,
            attention: None,
        };
        // Four wrong voxels on slice 1, three on slice 4.
        let truth = Array3::from_shape_fn((9, 1, 4), |(z, _, x)| match z {
            1 => 1,
            4 => u8::from(x < 3),
            _ => 0,
        });
        let mut annotated = [false; 9];
        annotated[0] = true;
        let view = CaseView {
            case: "case",
            spacing_mm: [3.5, 1.0, 1.0],
            agreement: Agreement::Dice,
            prediction: &prediction,
            annotated: &annotated,
            truth: Some(&truth),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let choices = OracleMostErrorSpaced.select(&view, 2, &mut rng).unwrap();
        let order: Vec<usize> = choices.iter().map(|choice| choice.slice).collect();
        assert_eq!(order, [4, 1]);
    }
}
