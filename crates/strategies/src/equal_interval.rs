//! Equal-interval query: the second strategy that the paper compares with (Zhang et al. 2019,
//! section 3). It spreads slices evenly over the volume and does not use the model.
//!
//! The paper gives the ratios 6.25, 12.5, 25 and 50 %: every 16th, 8th, 4th and 2nd slice. To
//! answer any budget, each further slice is placed where it is farthest from the annotated ones.
//! Starting with every 16th slice this gives exactly the paper's grids. At ratios between them some
//! gaps are halved and others not yet; the lower ones are halved first.
//!
//! **Ends.** A slice above the last annotated one has an annotated neighbour on one side only. If
//! its distance were measured to that one, the volume's last slice would be the farthest of all,
//! and the budget would go to the nearly empty ends. The places just outside the volume (−1 and D)
//! therefore count as annotated: a gap at an end is halved like any other gap of its length.

use crate::pool::distances;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// Chooses the slice farthest from all annotated slices, one after the other. The score is the
/// distance in slices at the time of the choice.
pub struct EqualInterval;

impl QueryStrategy for EqualInterval {
    fn name(&self) -> &'static str {
        "equal-interval"
    }

    fn summary(&self) -> &'static str {
        "slices evenly spread, halving the widest gap"
    }

    fn source(&self) -> &'static str {
        "Zhang et al. 2019, section 3"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(distances(view.annotated))
    }

    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        Ok(pool.one_by_one(|picks, case| distances(picks.annotated(case))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    fn select(annotated: &[bool], budget: usize) -> Vec<Choice> {
        let mut sample = Sample::of(Array3::zeros((annotated.len(), 1, 1)));
        sample.annotated = annotated.to_vec();
        sample.ask(&EqualInterval, budget, 0).unwrap()
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
        // With nothing annotated the middle comes first, then the quarters, but not the ends.
        assert_eq!(slices(&[false; 15], 3), [7, 3, 11]);
        // The gaps are 4 below, 3 between and 7 above. The widest is halved first.
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
