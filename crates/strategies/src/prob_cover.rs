//! ProbCover: slices that cover as many others as possible, where a slice covers all within a radius δ
//! in features. Source: Yehuda et al. 2022, "Active learning through a covering lens".
//!
//! δ is the largest radius at which 95 % of the balls are pure: all slices in them belong to the
//! cluster of the ball's centre. Deviations: the source has the classes' number of clusters; a slice has no
//! class, so ours are as many as there will be annotated slices. Of slices that cover equally many, which
//! are most of them where a ball holds hardly more than its centre, the source draws one or takes the first
//! of its index; ours takes the farthest from the annotated ones, because the first would be the lowest in
//! the body. The source's features are self-supervised and of unit length; ours are neither.

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
    let near: Vec<Vec<usize>> = (0..points.len())
        .map(|a| {
            let all = 0..points.len();
            all.filter(|&b| a == b || points.distance(a, b) < radius)
                .collect()
        })
        .collect();
    let mut covered = vec![false; points.len()];
    for point in (0..points.len()).filter(|&point| points.annotated[point]) {
        near[point].iter().for_each(|&other| covered[other] = true);
    }
    let mut to_annotated = points.to_annotated();
    let mut picks = Picks::new(pool);
    loop {
        let open = points.open(&picks);
        let gain =
            |point: usize| near[point].iter().filter(|&&other| !covered[other]).count() as f64;
        let wanted = |point: usize| (gain(point), to_annotated[point]);
        let Some(next) = first_largest(&open, wanted) else {
            return picks.done();
        };
        points.take(&mut picks, next, gain(next));
        near[next].iter().for_each(|&other| covered[other] = true);
        points.approach(&mut to_annotated, next);
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
    fn the_choices_are_those_of_the_authors_code_up_to_ties() {
        let case = AuthorsCase::read();
        let pool = case.pool();
        let points = Points::of(&pool);
        let choices = cover(&pool, &points, case.delta);
        let ours: Vec<usize> = choices.iter().map(|choice| choice.slice).collect();
        let theirs = &case.prob_cover;
        let same = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
        assert!(same >= 5, "{ours:?}");
        // Theirs takes the first of those that cover equally many, ours the farthest.
        let within = |a: usize, b: usize| a == b || points.distance(a, b) < case.delta;
        let gain = |point: usize| {
            let mut done = (0..points.len())
                .filter(|&p| points.annotated[p])
                .collect::<Vec<_>>();
            done.extend(&ours[..same]);
            let new = (0..points.len()).filter(|&other| within(point, other));
            new.filter(|&other| !done.iter().any(|&d| within(d, other)))
                .count()
        };
        assert_eq!(gain(ours[same]), gain(theirs[same]));
        assert_eq!(gain(ours[same]) as f64, choices[same].score);
    }

    #[test]
    fn where_each_ball_holds_its_centre_alone_the_choices_are_spread() {
        // Slices at equal distances, which no radius below them joins: not the lowest, one after another.
        let mut sample = Sample::of(Array3::zeros((17, 1, 1))).annotated(&[0]);
        sample.prediction.features = Some(Array4::from_shape_fn((1, 17, 1, 1), |(_, z, _, _)| {
            z as f32
        }));
        let mut slices = sample.slices(&ProbCover, 4).unwrap();
        slices.sort_unstable();
        assert_eq!(slices.len(), 4);
        assert!(
            slices.windows(2).all(|pair| pair[1] - pair[0] >= 2),
            "{slices:?}"
        );
        assert!(slices[3] >= 12, "{slices:?}");
    }
}
