//! Stratified: equally spaced as to the gaps, uncertain as to the slice within a gap. Ours.

use crate::pool::gaps;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::slice_entropy;

/// Takes the widest gap between annotated slices, and of its middle half the slice with the largest
/// sum of entropy. The score is the width of the gap in slices, plus the slice's share of the
/// largest entropy in the volume (below 1).
pub struct Stratified;

/// Returns the scores of a volume's slices, `[D]`.
fn scores(annotated: &[bool], entropy: &[f64]) -> Vec<f64> {
    let most = entropy.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let gaps = gaps(annotated).into_iter().zip(entropy);
    let score = |([below, above], entropy): ([f64; 2], &f64)| {
        let width = below + above;
        // A gap of two has one slice, which is its middle.
        let middle = below.min(above) >= (width / 4.0).max(1.0);
        if middle {
            width + 0.999 * entropy / most
        } else {
            0.0
        }
    };
    gaps.map(score).collect()
}

impl QueryStrategy for Stratified {
    fn name(&self) -> &'static str {
        "stratified"
    }

    fn summary(&self) -> &'static str {
        "in the widest gap, the most uncertain slice of its middle half"
    }

    fn source(&self) -> &'static str {
        "ours"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(slice_entropy(&view.prediction.probabilities))
    }

    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        Ok(pool.one_by_one(|picks, case| scores(picks.annotated(case), &pool.cases[case].scores)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    #[test]
    fn the_most_uncertain_of_the_middle_half_of_the_widest_gap() {
        // Gaps of 8 (slices 1 to 7) and 4 (9 to 11). Undecided voxels by slice:
        let doubt = [0, 4, 0, 3, 0, 0, 1, 0, 0, 0, 4, 0, 0];
        let mut sample = Sample::of(Array3::zeros((13, 1, 4))).annotated(&[0, 8, 12]);
        for (z, count) in doubt.into_iter().enumerate() {
            for x in 0..count {
                for class in 0..2 {
                    sample.prediction.probabilities[[class, z, 0, x]] = 0.5;
                }
            }
        }
        let choices = sample.ask(&Stratified, 2, 0).unwrap();
        // The middle half of the first gap is 2 to 6: slice 3, although 1 is more uncertain. Then
        // the widest gap is 3 to 8, whose middle half is 5 and 6: slice 6.
        let slices: Vec<usize> = choices.iter().map(|choice| choice.slice).collect();
        assert_eq!(slices, [3, 6]);
        assert!((choices[0].score - (8.0 + 0.999 * 0.75)).abs() < 1e-12);
    }
}
