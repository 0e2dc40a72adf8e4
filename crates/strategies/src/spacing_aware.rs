//! Spacing-aware query: a variant of the attention-guided one, not in the paper.
//!
//! Attention-guided query spends its early rounds on the nearly empty slices at both ends of the
//! head, where P is lowest and little can be learned, and on neighbouring slices that teach the
//! same. This variant multiplies 1 − P by the predicted foreground, so that it scores the *area*
//! expected to be wrong. It also lowers the score of slices near an annotated one, whose labels are
//! nearly the same.

use crate::strategy::distances;
use crate::{CaseView, Choice, QueryStrategy, StrategyError, one_by_one};
use ndarray::Axis;
use rand_chacha::ChaCha8Rng;

/// Distance in mm below which a nearby annotated slice lowers a score, in proportion to the
/// distance. It is four slices of the newborns' 1.7 mm, as in the prototype.
const REACH_MM: f64 = 7.0;

/// Scores a slice by (1 − P) × area of SR1's foreground in mm² × min(1, d / 7 mm), where d is the
/// distance to the nearest annotated slice or end of the volume. The highest score is chosen again
/// and again; each chosen slice counts as annotated for the next choice.
pub struct SpacingAware;

/// Returns (1 − P) × foreground area in mm² of each slice, `[D]`.
fn expected_error_mm2(view: &CaseView, strategy: &'static str) -> Result<Vec<f64>, StrategyError> {
    let [_, y, x] = view.spacing_mm;
    let slices = view.prediction.sr1.axis_iter(Axis(0));
    let area = slices.map(|slice| slice.iter().filter(|&&class| class != 0).count() as f64 * y * x);
    let p = view.p(strategy)?;
    Ok(p.into_iter()
        .zip(area)
        .map(|(p, area)| (1.0 - p) * area)
        .collect())
}

/// Returns the `error` of each slice, lowered near annotated slices, `[D]`.
pub(crate) fn discounted(view: &CaseView, error: &[f64]) -> Vec<f64> {
    let distances = distances(view.annotated);
    let pairs = error.iter().zip(distances);
    pairs
        .map(|(error, slices)| error * (slices * view.spacing_mm[0] / REACH_MM).min(1.0))
        .collect()
}

impl QueryStrategy for SpacingAware {
    fn name(&self) -> &'static str {
        "spacing-aware"
    }

    fn summary(&self) -> &'static str {
        "most foreground in disagreement, away from annotated slices (not in the paper)"
    }

    fn needs_attention(&self) -> bool {
        true
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(discounted(view, &expected_error_mm2(view, self.name())?))
    }

    fn select(
        &self,
        view: &CaseView,
        budget: usize,
        _rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Choice>, StrategyError> {
        let error = expected_error_mm2(view, self.name())?;
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
    fn large_errors_far_from_annotated_slices_come_first() {
        // There are nine slices of four voxels. SR1 is all foreground, except that slice 4 has one
        // voxel. SR2 misses all of slices 1, 2, 3, 4, 6 and 7.
        let mut sr1 = Array3::<u8>::ones((9, 1, 4));
        for x in 1..4 {
            sr1[[4, 0, x]] = 0;
        }
        let sr2 =
            Array3::from_shape_fn((9, 1, 4), |(z, _, _)| u8::from(z == 0 || z == 5 || z == 8));
        let prediction = Prediction {
            probabilities: Array4::zeros((2, 9, 1, 4)),
            sr1,
            sr2: Some(sr2),
            attention: None,
        };
        let mut annotated = [false; 9];
        annotated[0] = true;
        let view = CaseView {
            case: "case",
            spacing_mm: [3.5, 1.0, 2.0],
            agreement: Agreement::Dice,
            prediction: &prediction,
            annotated: &annotated,
            truth: None,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let scores = SpacingAware.scores(&view, &mut rng).unwrap();
        // A slice has 4 voxels × 2 mm², slice 4 only one. Slice 1 counts half: it is 3.5 of 7 mm
        // from the annotated slice 0.
        assert_eq!(scores[1..5], [4.0, 8.0, 8.0, 2.0]);
        assert_eq!(scores[5], 0.0, "no disagreement");
        let choices = SpacingAware.select(&view, 4, &mut rng).unwrap();
        let order: Vec<usize> = choices.iter().map(|choice| choice.slice).collect();
        // Of equal scores, 2 precedes 3 by index. Then 3 is next to 2 and counts half; 6 does not.
        assert_eq!(order, [2, 6, 1, 3]);
    }
}
