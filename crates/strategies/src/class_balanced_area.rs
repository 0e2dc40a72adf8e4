//! Class-balanced area: slices that show much of the classes of which little is annotated. Ours.

use crate::area::class_voxels;
use crate::pool::{distances, or_farthest};
use crate::{CaseView, Choice, Picks, Pool, QueryStrategy, StrategyError};
use ndarray::{Array1, Array2, ArrayView1};
use rand_chacha::ChaCha8Rng;

/// Scores a slice by Σ_c w_c · area_c(slice) / area_c(all slices), where areas are predicted and
/// w_c = 1 / (1 + annotated voxels of c). Each chosen slice counts as annotated for the next choice.
/// The largest weight is scaled to 1, so that scores can be read.
pub struct ClassBalancedArea;

impl QueryStrategy for ClassBalancedArea {
    fn name(&self) -> &'static str {
        "class-balanced-area"
    }

    fn summary(&self) -> &'static str {
        "largest predicted area of the classes least annotated so far"
    }

    fn source(&self) -> &'static str {
        "ours"
    }

    fn scores(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let voxels = self.vectors(view, rng)?;
        Ok(voxels.outer_iter().map(|slice| slice.sum()).collect())
    }

    /// Voxels of each foreground class, `[D, C − 1]`: drawn ones on annotated slices, predicted ones
    /// elsewhere.
    fn vectors(&self, view: &CaseView, _: &mut ChaCha8Rng) -> Result<Array2<f64>, StrategyError> {
        let labels = view.labels.over(view.prediction.sr1.clone());
        Ok(class_voxels(&labels, view.prediction.probabilities.dim().0))
    }

    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        let classes = pool.cases.first().map_or(0, |case| case.vectors.ncols());
        let (mut all, mut drawn) = (Array1::<f64>::zeros(classes), Array1::<f64>::zeros(classes));
        for case in &pool.cases {
            for (voxels, &done) in case.vectors.outer_iter().zip(&case.annotated) {
                all += &voxels;
                if done {
                    drawn += &voxels;
                }
            }
        }
        let mut picks = Picks::new(pool);
        loop {
            let weights = drawn.mapv(|voxels| 1.0 / (1.0 + voxels));
            let most = weights.iter().copied().fold(0.0, f64::max);
            let score = |voxels: ArrayView1<f64>| -> f64 {
                let classes = voxels.iter().zip(&weights).zip(&all);
                // A class that is nowhere has no share.
                classes
                    .map(|((v, w), all)| w / most * v / all.max(1.0))
                    .sum()
            };
            let scores = |picks: &Picks, case: usize| -> Vec<f64> {
                let areas = pool.cases[case].vectors.outer_iter().map(score);
                let both = areas.zip(distances(picks.annotated(case)));
                both.map(|(area, slices)| or_farthest(area, slices))
                    .collect()
            };
            let Some((case, slice)) = picks.take_best(scores) else {
                return Ok(picks.done());
            };
            drawn += &pool.cases[case].vectors.row(slice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::array;

    #[test]
    fn a_class_of_which_nothing_is_annotated_comes_first() {
        // Slice 0 is annotated and shows three voxels of class 1, whatever the model says of it.
        let sr1 = array![[[0, 0, 0]], [[1, 1, 1]], [[1, 2, 0]], [[0, 0, 2]]];
        let mut sample = Sample::of(sr1).annotated(&[0]);
        sample.truth.index_axis_mut(ndarray::Axis(0), 0).fill(1);
        let choices = sample.ask(&ClassBalancedArea, 3, 0).unwrap();
        // Class 1 has weight 1/4 and 7 voxels in all, class 2 weight 1 and 2 voxels.
        // Slice 2: 1/4 · 1/7 + 1/2. Then class 1 has drawn 4 (weight 1/5) and class 2 one (1/2):
        // slice 1 has 3/7 · 2/5, slice 3 has 1/2.
        let expected = [(2, 0.25 / 7.0 + 0.5), (3, 0.5)];
        for (choice, (slice, score)) in choices.iter().zip(expected) {
            assert_eq!(choice.slice, slice, "{choices:?}");
            assert!((choice.score - score).abs() < 1e-12, "{choices:?}");
        }
    }
}
