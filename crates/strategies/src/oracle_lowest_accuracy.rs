//! Oracle: the slices of lowest true R, which the attention-guided query tries to find by P (Zhang et
//! al. 2019, section 2.2). It shows what that query would give if P were a perfect predictor of R.

use crate::{CaseView, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// Scores a slice by 1 − R, where R is the agreement of SR1 with the true labels.
pub struct OracleLowestAccuracy;

impl QueryStrategy for OracleLowestAccuracy {
    fn name(&self) -> &'static str {
        "oracle-lowest-accuracy"
    }

    fn summary(&self) -> &'static str {
        "oracle: lowest true R first, what attention-guided aims at"
    }

    fn is_oracle(&self) -> bool {
        true
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let r = view.agreement_with(view.truth(self.name())?, self.name())?;
        Ok(r.into_iter().map(|r| 1.0 - r).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prediction;
    use ndarray::{Array4, array};
    use rand::SeedableRng;
    use slicewise_metrics::Agreement;

    #[test]
    fn the_slice_that_is_worst_in_truth_comes_first() {
        let prediction = Prediction {
            probabilities: Array4::zeros((2, 3, 1, 2)),
            sr1: array![[[1, 1]], [[1, 0]], [[0, 0]]],
            sr2: None,
            attention: None,
        };
        let truth = array![[[1, 1]], [[0, 1]], [[0, 1]]];
        let mut view = CaseView {
            case: "case",
            spacing_mm: [1.0; 3],
            agreement: Agreement::Dice,
            prediction: &prediction,
            annotated: &[false; 3],
            truth: Some(&truth),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let scores = OracleLowestAccuracy.scores(&view, &mut rng).unwrap();
        assert_eq!(scores, [0.0, 1.0, 1.0]);
        view.truth = None;
        let error = OracleLowestAccuracy.scores(&view, &mut rng).unwrap_err();
        assert_eq!(
            error.to_string(),
            "strategy oracle-lowest-accuracy is an oracle and needs the true labels; case case has none here"
        );
    }
}
