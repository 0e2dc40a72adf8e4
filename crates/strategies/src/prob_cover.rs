//! ProbCover: slices that cover as many others as possible, where a slice covers all within a radius δ
//! in features. Source: Yehuda et al. 2022, "Active learning through a covering lens".
//!
//! δ is the largest radius at which 95 % of the balls are pure: all slices in them belong to the
//! cluster of the ball's centre. The source has the classes' number of clusters; a slice has no class,
//! so ours are as many as there will be annotated slices. Where all is covered the slice farthest from
//! the annotated ones comes next.

use crate::features::{Points, first_largest, pooled};
use crate::pool::Picks;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

/// Share of the balls that are to be pure, as in the source.
const PURITY: f64 = 0.95;

/// Takes the slice that covers most uncovered ones, again and again. The score is their number.
pub struct ProbCover;

/// Returns the largest radius at which the share [`PURITY`] of the balls is pure.
fn radius(points: &Points, clusters: &[usize]) -> f64 {
    // A ball is pure below the distance to the nearest point of another cluster.
    let mut limits: Vec<f64> = (0..points.len())
        .map(|point| {
            let others = (0..points.len()).filter(|&other| clusters[other] != clusters[point]);
            let distances = others.map(|other| points.distance(point, other));
            distances.fold(f64::INFINITY, f64::min)
        })
        .collect();
    limits.sort_by(f64::total_cmp);
    let impure = (limits.len() as f64 * (1.0 - PURITY)).floor() as usize;
    limits.get(impure).copied().unwrap_or(0.0)
}

impl QueryStrategy for ProbCover {
    fn name(&self) -> &'static str {
        "prob-cover"
    }

    fn summary(&self) -> &'static str {
        "slices that cover most others within a radius in features"
    }

    fn source(&self) -> &'static str {
        "Yehuda et al. 2022"
    }

    fn needs_features(&self) -> bool {
        true
    }

    /// All alike, because what a slice covers depends on the others.
    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(vec![0.0; view.depth()])
    }

    fn vectors(&self, view: &CaseView, _: &mut ChaCha8Rng) -> Result<Array2<f64>, StrategyError> {
        pooled(view, self.name())
    }

    fn choose(&self, pool: &Pool, rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        let points = Points::of(pool);
        let annotated = points.annotated.iter().filter(|&&done| done).count();
        let clusters = points.clusters(annotated + pool.total(), rng);
        Ok(cover(pool, &points, radius(&points, &clusters)))
    }
}

/// Chooses greedily what covers most within a radius.
fn cover(pool: &Pool, points: &Points, radius: f64) -> Vec<Choice> {
    let mut done: Vec<usize> = (0..points.len()).filter(|&p| points.annotated[p]).collect();
    let near: Vec<Vec<usize>> = (0..points.len())
        .map(|a| {
            let all = 0..points.len();
            all.filter(|&b| a == b || points.distance(a, b) < radius)
                .collect()
        })
        .collect();
    let mut covered = vec![false; points.len()];
    for &point in &done {
        near[point].iter().for_each(|&other| covered[other] = true);
    }
    let mut picks = Picks::new(pool);
    loop {
        let open = points.open(&picks);
        let gain =
            |point: usize| near[point].iter().filter(|&&other| !covered[other]).count() as f64;
        let Some(most) = first_largest(&open, gain) else {
            return picks.done();
        };
        let next = if gain(most) > 0.0 {
            most
        } else {
            let distance = |point: usize| {
                let distances = done.iter().map(|&other| points.distance(point, other));
                distances.fold(f64::INFINITY, f64::min)
            };
            first_largest(&open, distance).unwrap_or(most)
        };
        points.take(&mut picks, next, gain(next));
        near[next].iter().for_each(|&other| covered[other] = true);
        done.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use crate::authors::AuthorsCase;
    use ndarray::{Array3, Array4};

    #[test]
    fn the_slice_that_covers_most_comes_first() {
        // Three heaps on a line: one of three slices, one of two, one that is annotated.
        let at = [0.0_f32, 0.1, 0.2, 5.0, 5.1, 10.0];
        let mut sample = Sample::of(Array3::zeros((6, 1, 1))).annotated(&[5]);
        sample.prediction.features =
            Some(Array4::from_shape_fn((1, 6, 1, 1), |(_, z, _, _)| at[z]));
        let choices = sample.ask(&ProbCover, 2, 0).unwrap();
        let order: Vec<_> = choices.iter().map(|c| (c.slice, c.score)).collect();
        assert_eq!(order, [(0, 3.0), (3, 2.0)]);
        // With all covered, the farthest from slices 5, 0 and 3 follows: slice 2, at 0.2.
        let slices = sample.slices(&ProbCover, 3).unwrap();
        assert_eq!(slices.len(), 3);
    }

    #[test]
    fn the_choices_are_those_of_the_authors_code() {
        let case = AuthorsCase::read();
        let pool = case.pool();
        let choices = cover(&pool, &Points::of(&pool), case.delta);
        // As long as there is something to cover; theirs takes the first slice then, again and again.
        let covering = choices.iter().take_while(|choice| choice.score > 0.0);
        let chosen: Vec<usize> = covering.map(|choice| choice.slice).collect();
        assert!(chosen.len() >= 6, "{choices:?}");
        assert_eq!(chosen, case.prob_cover[..chosen.len()]);
    }
}
