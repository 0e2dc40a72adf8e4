//! Staggered interval: equal-interval that cuts each gap beside its middle, at another place in each
//! volume, so that all volumes together cover every height of the anatomy. Ours; it costs nothing, but
//! the slices of one volume lie less evenly than those of equal-interval.

use crate::pool::gaps;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// Chooses, in the widest gap between annotated slices, the slice at this volume's place of the gap.
/// That is the middle for [`EqualInterval`](super::equal_interval::EqualInterval); here it lies between
/// a quarter and three quarters of the gap, and the volumes' places are spread evenly over that range.
pub struct StaggeredInterval;

/// Returns the volume's place in a gap, from 1/4 to 3/4. Multiples of the golden ratio modulo 1 are
/// spread evenly, however many there are.
fn place_in_gap(place: usize) -> f64 {
    0.25 + 0.5 * (0.5 + place as f64 * 0.618_033_988_749_895).fract()
}

/// Returns, for each slice, how far the nearest annotated one is, as a multiple of half the gap in
/// which the slice would lie at its place, `[D]`.
fn scores(annotated: &[bool], place: usize) -> Vec<f64> {
    let share = place_in_gap(place);
    let score = |[below, above]: [f64; 2]| (below / share).min(above / (1.0 - share)) / 2.0;
    gaps(annotated).into_iter().map(score).collect()
}

impl QueryStrategy for StaggeredInterval {
    fn name(&self) -> &'static str {
        "staggered-interval"
    }

    fn summary(&self) -> &'static str {
        "as equal-interval, at another place of the gap in each volume"
    }

    fn source(&self) -> &'static str {
        "ours"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(scores(view.annotated, view.place))
    }

    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        Ok(pool.one_by_one(|picks, case| scores(picks.annotated(case), pool.cases[case].place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    #[test]
    fn volumes_ask_for_different_heights_of_the_same_gap() {
        let slice = |place: usize| {
            let mut sample = Sample::of(Array3::zeros((33, 1, 1))).annotated(&[0, 32]);
            sample.place = place;
            sample.slices(&StaggeredInterval, 1).unwrap()[0]
        };
        // 0.5; 0.25 + 0.5 · 0.118 = 0.309; 0.618 of 32 slices, rounded to where the score is highest.
        assert_eq!([slice(0), slice(1), slice(2)], [16, 10, 20]);
        let mut heights: Vec<usize> = (0..16).map(slice).collect();
        heights.sort_unstable();
        heights.dedup();
        assert!(heights.len() >= 12 && heights[0] >= 8 && *heights.last().unwrap() <= 24);
    }
}
