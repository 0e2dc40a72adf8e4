//! Stochastic batches: slices are shuffled and dealt into batches, and the batch with the highest mean
//! entropy is asked for. Source: Gaillochet et al. 2023, "Active learning for medical image
//! segmentation with stochastic batches" (arXiv 2301.07670), with the sum of voxel-wise entropy as
//! the score of a slice.

use crate::pool::Picks;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::slice_entropy;

/// Cuts the shuffled open slices into batches of the budget and takes the batch of highest mean
/// entropy. What is left over is no batch, as in the source's code. Where the limits of a pool bar some of
/// a batch's slices, the next best batch follows, and what is left over comes last.
pub struct StochasticBatch;

impl QueryStrategy for StochasticBatch {
    fn name(&self) -> &'static str {
        "stochastic-batch"
    }

    fn summary(&self) -> &'static str {
        "the random batch of highest mean entropy"
    }

    fn source(&self) -> &'static str {
        "Gaillochet et al. 2023, arXiv 2301.07670"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(slice_entropy(&view.prediction.probabilities))
    }

    fn choose(&self, pool: &Pool, rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        let mut open: Vec<(usize, usize)> = pool.open_slices().collect();
        open.shuffle(rng);
        let score = |&(case, slice): &(usize, usize)| pool.cases[case].scores[slice];
        let whole = open.chunks_exact(pool.total().max(1));
        let rest = whole.remainder();
        let mut batches: Vec<_> = whole.collect();
        let mean =
            |batch: &[(usize, usize)]| batch.iter().map(score).sum::<f64>() / batch.len() as f64;
        batches.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
        batches.push(rest);
        let mut picks = Picks::new(pool);
        // A lower limit can bar a slice now and admit it later, hence twice.
        for &(case, slice) in batches.iter().chain(&batches).copied().flatten() {
            if picks.may(case, slice) {
                picks.take(case, slice, pool.cases[case].scores[slice]);
            }
        }
        Ok(picks.done())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    #[test]
    fn the_best_of_the_batches_and_not_the_best_slices() {
        // Four slices; one, slice 0, is undecided. Batches of two: the one with slice 0 wins, and
        // its partner is any of the others.
        let mut sample = Sample::of(Array3::zeros((4, 1, 1)));
        for class in 0..2 {
            sample.prediction.probabilities[[class, 0, 0, 0]] = 0.5;
        }
        let mut partners = [0_u32; 4];
        for seed in 0..300 {
            let choices = sample.ask(&StochasticBatch, 2, seed).unwrap();
            assert_eq!(choices[0].slice, 0);
            partners[choices[1].slice] += 1;
        }
        assert!(
            partners[1..].iter().all(|&count| count > 60),
            "{partners:?}"
        );
    }

    #[test]
    fn what_is_left_over_is_no_batch() {
        // Five slices in batches of two. Slice 0 alone is undecided: where it is the one left over, it is
        // not asked for, in one shuffle of five.
        let mut sample = Sample::of(Array3::zeros((5, 1, 1)));
        for class in 0..2 {
            sample.prediction.probabilities[[class, 0, 0, 0]] = 0.5;
        }
        let without = (0..500)
            .filter(|&seed| {
                let choices = sample.ask(&StochasticBatch, 2, seed).unwrap();
                choices.iter().all(|choice| choice.slice != 0)
            })
            .count();
        // Expected 100, with a standard deviation of 9.
        assert!(without.abs_diff(100) < 40, "{without}");
    }
}
