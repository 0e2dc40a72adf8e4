//! Random slices that show something: first a class is drawn, then a slice in proportion to the
//! class's area on it. The honest twin of nnActive's foreground-random (arXiv 2511.19183), which reads
//! the ground truth and which few strategies beat: here the model's own prediction says where a class
//! is.

use crate::area::class_voxels;
use crate::features::in_proportion;
use crate::pool::Picks;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use ndarray::Array2;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Draws a class, all that are left on open slices equally likely, and then a slice in proportion to
/// the class's predicted area there. The score of a slice is its predicted foreground in voxels.
pub struct PredictedForegroundRandom;

/// Draws slices by the area of classes: [`Described::vectors`](crate::Described) are the voxels of each
/// foreground class on each slice, `[D, C − 1]`.
pub(crate) fn by_class_area(pool: &Pool, rng: &mut ChaCha8Rng) -> Vec<Choice> {
    let mut picks = Picks::new(pool);
    loop {
        let open: Vec<(usize, usize)> = pool
            .open_slices()
            .filter(|&(case, slice)| picks.may(case, slice))
            .collect();
        if open.is_empty() {
            return picks.done();
        }
        let area = |class: usize| -> Vec<f64> {
            let of = |&(case, slice): &(usize, usize)| pool.cases[case].vectors[[slice, class]];
            open.iter().map(of).collect()
        };
        let classes = pool.cases[open[0].0].vectors.ncols();
        let areas: Vec<Vec<f64>> = (0..classes).map(area).collect();
        let present: Vec<_> = areas
            .iter()
            .filter(|a| a.iter().any(|&v| v > 0.0))
            .collect();
        let drawn = if present.is_empty() {
            None
        } else {
            in_proportion(present[rng.random_range(0..present.len())], rng)
        };
        // Where nothing is left to see, any slice.
        let (case, slice) = open[drawn.unwrap_or_else(|| rng.random_range(0..open.len()))];
        picks.take(case, slice, pool.cases[case].scores[slice]);
    }
}

impl QueryStrategy for PredictedForegroundRandom {
    fn name(&self) -> &'static str {
        "predicted-foreground-random"
    }

    fn summary(&self) -> &'static str {
        "a random class, then a slice in proportion to its predicted area"
    }

    fn source(&self) -> &'static str {
        "ours, after nnActive, arXiv 2511.19183"
    }

    fn scores(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let voxels = self.vectors(view, rng)?;
        Ok(voxels.outer_iter().map(|slice| slice.sum()).collect())
    }

    fn vectors(&self, view: &CaseView, _: &mut ChaCha8Rng) -> Result<Array2<f64>, StrategyError> {
        let classes = view.prediction.probabilities.dim().0;
        Ok(class_voxels(&view.prediction.sr1, classes))
    }

    fn choose(&self, pool: &Pool, rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        Ok(by_class_area(pool, rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::array;

    #[test]
    fn a_small_class_is_drawn_as_often_as_a_large_one() {
        // Class 1 has three voxels on slice 0 and one on slice 1; class 2 one on slice 2.
        let sr1 = array![[[1, 1, 1]], [[1, 0, 0]], [[2, 0, 0]], [[0, 0, 0]]];
        let sample = Sample::of(sr1);
        let mut first = [0_u32; 4];
        for seed in 0..4000 {
            let choices = sample.ask(&PredictedForegroundRandom, 1, seed).unwrap();
            first[choices[0].slice] += 1;
        }
        // Expected 1500, 500, 2000 and 0, with standard deviations up to 32.
        for (got, expected) in first.iter().zip([1500, 500, 2000, 0]) {
            assert!(got.abs_diff(expected) < 130, "{first:?}");
        }
        // What shows nothing is drawn when nothing else is left.
        assert_eq!(
            sample.ask(&PredictedForegroundRandom, 4, 0).unwrap().len(),
            4
        );
    }
}
