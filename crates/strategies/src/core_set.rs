//! Core-set: each further slice is the one least like all annotated slices, by the features of the
//! network. Source: Sener and Savarese 2018, "Active learning for convolutional neural networks: a
//! core-set approach", its greedy form. Features: mean and standard deviation over the slice of the
//! decoder's last features.

use crate::features::{Points, first_largest, pooled, squared};
use crate::pool::Picks;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

/// Takes the slice farthest from its nearest annotated slice, in features, again and again. The score
/// is that distance when it was chosen. Without an annotated slice in the pool the first choice is the
/// slice farthest from the mean.
pub struct CoreSet;

impl QueryStrategy for CoreSet {
    fn name(&self) -> &'static str {
        "core-set"
    }

    fn summary(&self) -> &'static str {
        "slices least like the annotated ones in features, farthest first"
    }

    fn source(&self) -> &'static str {
        "Sener and Savarese 2018"
    }

    fn needs_features(&self) -> bool {
        true
    }

    /// All alike, because a slice is far from others and not by itself.
    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(vec![0.0; view.depth()])
    }

    fn vectors(&self, view: &CaseView, _: &mut ChaCha8Rng) -> Result<Array2<f64>, StrategyError> {
        pooled(view, self.name())
    }

    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        let points = Points::of(pool);
        let mean = points.mean();
        let mut nearest = points.to_annotated();
        let mut picks = Picks::new(pool);
        loop {
            let open = points.open(&picks);
            // Without an annotated slice all are infinitely far from one.
            let distance = |point: usize| match nearest[point] {
                f64::INFINITY => squared(points.vectors[point], mean.view()).sqrt(),
                distance => distance,
            };
            let Some(next) = first_largest(&open, distance) else {
                return Ok(picks.done());
            };
            points.take(&mut picks, next, distance(next));
            points.approach(&mut nearest, next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use crate::authors::AuthorsCase;
    use ndarray::{Array3, Array4};

    #[test]
    fn farthest_first_from_the_annotated_slice() {
        // One feature, the same on a whole slice: a point on a line for each slice.
        let at = [0.0_f32, 1.0, 9.0, 10.0, 4.0];
        let mut sample = Sample::of(Array3::zeros((5, 1, 1))).annotated(&[0]);
        sample.prediction.features =
            Some(Array4::from_shape_fn((1, 5, 1, 1), |(_, z, _, _)| at[z]));
        let choices = sample.ask(&CoreSet, 4, 0).unwrap();
        let order: Vec<_> = choices.iter().map(|c| (c.slice, c.score)).collect();
        assert_eq!(order, [(3, 10.0), (4, 4.0), (1, 1.0), (2, 1.0)]);
        // With nothing annotated the first is the farthest from the mean, 4.8.
        sample.annotated = vec![false; 5];
        assert_eq!(sample.slices(&CoreSet, 1).unwrap(), [3]);
    }

    #[test]
    fn the_choices_are_those_of_badges_authors_code() {
        let case = AuthorsCase::read();
        let choices = CoreSet
            .choose(&case.pool(), &mut rand::SeedableRng::seed_from_u64(0))
            .unwrap();
        let chosen: Vec<usize> = choices.iter().map(|choice| choice.slice).collect();
        assert_eq!(chosen, case.core_set);
    }
}
