//! Equal-interval query: the paper's second rival (Zhang et al. 2019, section 3), slices spread
//! evenly over the volume whatever the model says.
//!
//! The paper names the ratios 6.25, 12.5, 25 and 50 %: every 16th, 8th, 4th and 2nd slice. To
//! answer any budget, each further slice goes where it is farthest from the annotated ones; from
//! every 16th slice this gives exactly those grids. At ratios between them some gaps are halved
//! and others not yet, the lower ones first.
//!
//! **Ends.** A slice above the last annotated one has a neighbour on one side only; measured to
//! that one, the volume's last slice would be the farthest of all and the budget would go to its
//! nearly empty ends. The places just outside the volume (−1 and D) therefore count as annotated:
//! a gap at an end is halved like any other of its length.

use crate::strategy::distances;
use crate::{CaseView, Choice, QueryStrategy, StrategyError, one_by_one};
use rand_chacha::ChaCha8Rng;

/// The slice farthest from all annotated slices, again and again. A score is the distance in
/// slices at the time of choosing.
pub struct EqualInterval;

impl QueryStrategy for EqualInterval {
    fn name(&self) -> &'static str {
        "equal-interval"
    }

    fn summary(&self) -> &'static str {
        "slices evenly spread, halving the widest gap"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(distances(view.annotated))
    }

    fn select(
        &self,
        view: &CaseView,
        budget: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Choice>, StrategyError> {
        one_by_one(self.name(), view, budget, |now| self.scores(now, rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prediction;
    use ndarray::{Array3, Array4};
    use rand::SeedableRng;
    use slicewise_metrics::Agreement;

    fn select(annotated: &[bool], budget: usize) -> Vec<Choice> {
        let depth = annotated.len();
        let prediction = Prediction {
            probabilities: Array4::zeros((1, depth, 1, 1)),
            sr1: Array3::zeros((depth, 1, 1)),
            sr2: None,
            attention: None,
        };
        let view = CaseView {
            case: "case",
            spacing_mm: [1.0; 3],
            agreement: Agreement::Dice,
            prediction: &prediction,
            annotated,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        EqualInterval.select(&view, budget, &mut rng).unwrap()
    }

    fn every(step: usize, depth: usize) -> Vec<bool> {
        (0..depth).map(|slice| slice % step == 0).collect()
    }

    #[test]
    fn every_16th_becomes_every_8th_4th_and_2nd() {
        let mut annotated = every(16, 64);
        for step in [8, 4, 2, 1] {
            let budget = 64 / step - annotated.iter().filter(|&&done| done).count();
            for choice in select(&annotated, budget) {
                annotated[choice.slice] = true;
            }
            assert_eq!(annotated, every(step, 64), "every {step}th");
        }
    }

    #[test]
    fn the_ends_are_gaps_like_any_other() {
        let slices = |annotated: &[bool], budget| -> Vec<usize> {
            let choices = select(annotated, budget);
            choices.iter().map(|choice| choice.slice).collect()
        };
        // Nothing annotated: the middle, then the quarters; never slice 0 or 15 at once.
        assert_eq!(slices(&[false; 15], 3), [7, 3, 11]);
        // Gaps of 4 below, 3 between and 7 above: the widest is halved first.
        let mut annotated = vec![false; 16];
        (annotated[4], annotated[8]) = (true, true);
        assert_eq!(slices(&annotated, 4), [12, 1, 6, 10]);
    }

    #[test]
    fn scores_are_distances_when_chosen() {
        let scores: Vec<f64> = select(&every(8, 16), 4)
            .iter()
            .map(|choice| choice.score)
            .collect();
        assert_eq!(scores, [4.0, 4.0, 2.0, 2.0]);
    }
}
