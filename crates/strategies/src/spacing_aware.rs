//! Spacing-aware query: a variant of the attention-guided one, not in the paper.
//!
//! Attention-guided query spends its early rounds on the nearly empty slices at both ends of the
//! head, where P is lowest and little can be learned, and on neighbouring slices that teach the
//! same. This variant multiplies 1 − P by the predicted foreground, so that it scores the *area*
//! expected to be wrong. It also lowers the score of slices near an annotated one, whose labels are
//! nearly the same.

use crate::area::foreground_mm2;
use crate::pool::{Picks, distances, or_farthest};
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// Distance in mm below which a nearby annotated slice lowers a score, in proportion to the
/// distance. It is four slices of the newborns' 1.7 mm, as in the prototype.
pub(crate) const REACH_MM: f64 = 7.0;

/// Scores a slice by (1 − P) × area of SR1's foreground in mm² × min(1, d / 7 mm), where d is the
/// distance to the nearest annotated slice or end of the volume. The highest score is chosen again
/// and again; each chosen slice counts as annotated for the next choice.
pub struct SpacingAware;

/// Returns the scores of a case in the pool, lowered near annotated slices and picks; where they are 0,
/// slices far from these come first, `[D]`.
pub(crate) fn discounted(pool: &Pool, picks: &Picks, case: usize) -> Vec<f64> {
    let described = pool.cases[case];
    let pairs = described
        .scores
        .iter()
        .zip(distances(picks.annotated(case)));
    pairs
        .map(|(score, slices)| {
            let discount = (slices * described.spacing_mm[0] / REACH_MM).min(1.0);
            or_farthest(score * discount, slices)
        })
        .collect()
}

impl QueryStrategy for SpacingAware {
    fn name(&self) -> &'static str {
        "spacing-aware"
    }

    fn summary(&self) -> &'static str {
        "most foreground in disagreement, away from annotated slices"
    }

    fn source(&self) -> &'static str {
        "ours"
    }

    fn needs_attention(&self) -> bool {
        true
    }

    /// (1 − P) × foreground area, without regard to distances.
    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let p = view.p(self.name())?.into_iter();
        Ok(p.zip(foreground_mm2(view))
            .map(|(p, area)| (1.0 - p) * area)
            .collect())
    }

    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        Ok(pool.one_by_one(|picks, case| discounted(pool, picks, case)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    #[test]
    fn large_errors_far_from_annotated_slices_come_first() {
        // There are nine slices of four voxels. SR1 is all foreground, except that slice 4 has one
        // voxel. SR2 misses all of slices 1, 2, 3, 4, 6 and 7.
        let mut sr1 = Array3::<u8>::ones((9, 1, 4));
        for x in 1..4 {
            sr1[[4, 0, x]] = 0;
        }
        let sr2 =
            Array3::from_shape_fn((9, 1, 4), |(z, _, _)| u8::from(z == 0 || z == 5 || z == 8));
        let mut sample = Sample::of(sr1).annotated(&[0]);
        sample.prediction.sr2 = Some(sr2);
        sample.spacing_mm = [3.5, 1.0, 2.0];
        let choices = sample.ask(&SpacingAware, 4, 0).unwrap();
        // A slice has 4 voxels × 2 mm², slice 4 only one. Slice 1 counts half: it is 3.5 of 7 mm
        // from the annotated slice 0. Of equal scores, 2 precedes 3 by index. Then 3 is next to 2 and
        // counts half; 6 does not.
        let order: Vec<_> = choices.iter().map(|c| (c.slice, c.score)).collect();
        assert_eq!(order, [(2, 8.0), (6, 8.0), (1, 4.0), (3, 4.0)]);
        let scores = sample.scores(&SpacingAware).unwrap();
        assert_eq!(scores[5], 0.0, "no disagreement");
    }
}
