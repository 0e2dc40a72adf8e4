//! Oracle: the slices with most erroneous area. It bounds what a query for large errors can give if it
//! does not look at how near the slices are to each other.

use crate::{CaseView, QueryStrategy, StrategyError};
use ndarray::Axis;
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

    fn is_oracle(&self) -> bool {
        true
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        error_mm2(view, self.name())
    }
}

/// Returns the area in mm² of each slice where SR1 differs from the true labels, `[D]`.
pub(crate) fn error_mm2(
    view: &CaseView,
    strategy: &'static str,
) -> Result<Vec<f64>, StrategyError> {
    let truth = view.truth(strategy)?.axis_iter(Axis(0));
    let [_, y_mm, x_mm] = view.spacing_mm;
    let slices = view.prediction.sr1.axis_iter(Axis(0)).zip(truth);
    let wrong = slices.map(|(sr1, truth)| sr1.iter().zip(truth).filter(|(a, b)| a != b).count());
    Ok(wrong.map(|wrong| wrong as f64 * y_mm * x_mm).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prediction;
    use ndarray::{Array4, array};
    use rand::SeedableRng;
    use slicewise_metrics::Agreement;

    #[test]
    fn wrong_classes_count_and_voxels_have_their_size() {
        let prediction = Prediction {
            probabilities: Array4::zeros((3, 2, 1, 3)),
            sr1: array![[[0, 1, 2]], [[0, 0, 0]]],
            sr2: None,
            attention: None,
        };
        let truth = array![[[0, 2, 1]], [[0, 0, 0]]];
        let view = CaseView {
            case: "case",
            spacing_mm: [9.0, 2.0, 1.5],
            agreement: Agreement::Accuracy,
            prediction: &prediction,
            annotated: &[false; 2],
            truth: Some(&truth),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        assert_eq!(OracleMostError.scores(&view, &mut rng).unwrap(), [6.0, 0.0]);
    }
}
