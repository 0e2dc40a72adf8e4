//! Coverage: slices near which as much predicted foreground as possible lies. Ours, after the finding
//! that the share of foreground near an annotated slice explains Dice better than the number of
//! slices or voxels does (docs/results.md). The choice is greedy facility location.

use super::spacing_aware::REACH_MM;
use crate::area::foreground_mm2;
use crate::pool::{Picks, distances, or_farthest};
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

/// A slice covers others by k(d) = 1 − d / 7 mm, and nothing farther away. The score is what the
/// choice adds to Σ_z area(z) · max k over annotated slices, in mm² of predicted foreground.
pub struct Coverage;

/// Returns how well a slice covers one that lies `slices` slices away, from 0 to 1.
fn cover(slices: usize, slice_mm: f64) -> f64 {
    (1.0 - slices as f64 * slice_mm / REACH_MM).max(0.0)
}

/// Returns how well each slice is covered by annotated ones, `[D]`.
fn covered(annotated: &[bool], slice_mm: f64) -> Vec<f64> {
    let mut covered = vec![0.0_f64; annotated.len()];
    for (z, _) in annotated.iter().enumerate().filter(|(_, done)| **done) {
        for (other, covered) in covered.iter_mut().enumerate() {
            *covered = covered.max(cover(other.abs_diff(z), slice_mm));
        }
    }
    covered
}

/// Returns what each slice of a case would add, as annotated, to the weight covered, `[D]`. `weights`
/// is `[D]`.
pub(crate) fn gains(weights: &[f64], annotated: &[bool], slice_mm: f64) -> Vec<f64> {
    let covered = covered(annotated, slice_mm);
    let gain = |z: usize| {
        let others = weights.iter().zip(&covered).enumerate();
        let added = others.map(|(other, (weight, covered))| {
            weight * (cover(other.abs_diff(z), slice_mm) - covered).max(0.0)
        });
        added.sum()
    };
    (0..weights.len()).map(gain).collect()
}

/// Chooses greedily what adds most to the covered weight; a slice's weight is its score. Where no slice
/// adds anything, those far from annotated ones come first.
pub(crate) fn by_gain(pool: &Pool) -> Vec<Choice> {
    pool.one_by_one(|picks: &Picks, case| {
        let (described, annotated) = (pool.cases[case], picks.annotated(case));
        let gains = gains(&described.scores, annotated, described.spacing_mm[0]);
        let both = gains.into_iter().zip(distances(annotated));
        both.map(|(gain, slices)| or_farthest(gain, slices))
            .collect()
    })
}

impl QueryStrategy for Coverage {
    fn name(&self) -> &'static str {
        "coverage"
    }

    fn summary(&self) -> &'static str {
        "slices that bring most predicted foreground near an annotated slice"
    }

    fn source(&self) -> &'static str {
        "ours"
    }

    /// Weights: predicted foreground in mm².
    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(foreground_mm2(view))
    }

    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        Ok(by_gain(pool))
    }
}

/// Returns the share of each foreground class that lies on each slice, averaged over the classes that
/// are there at all, `[D]`. `voxels` is `[D, C − 1]`.
pub(crate) fn class_shares(voxels: &Array2<f64>) -> Vec<f64> {
    let totals = voxels.sum_axis(ndarray::Axis(0));
    let present = totals.iter().filter(|&&total| total > 0.0).count().max(1) as f64;
    let share = |slice: ndarray::ArrayView1<f64>| {
        let classes = slice.into_iter().zip(&totals);
        classes
            .map(|(voxels, total)| voxels / total.max(1.0))
            .sum::<f64>()
            / present
    };
    voxels.outer_iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    #[test]
    fn what_is_near_an_annotated_slice_adds_little() {
        // Slices of 3.5 mm: a neighbour is half covered. Areas 0, 4, 4, 4, 0, 1, 0; slice 1 is annotated.
        let areas = [0, 4, 4, 4, 0, 1, 0];
        let sr1 = Array3::from_shape_fn((7, 1, 4), |(z, _, x)| u8::from(x < areas[z]));
        let mut sample = Sample::of(sr1).annotated(&[1]);
        sample.spacing_mm = [3.5, 1.0, 1.0];
        let choices = sample.ask(&Coverage, 2, 0).unwrap();
        // Slice 2 adds 4/2 and 4/2 of slice 3; slice 3 adds 4, and nothing of slice 2, which slice 1
        // covers by half already. Both 4, so the lower. Then slice 3 adds 4/2, slice 4 half of slice 5:
        // 0.5 and nothing of 3, slice 5 adds 1.
        let order: Vec<_> = choices.iter().map(|c| (c.slice, c.score)).collect();
        assert_eq!(order, [(2, 4.0), (3, 2.0)]);
    }

    #[test]
    fn where_nothing_is_predicted_slices_lie_far_apart() {
        let sample = Sample::of(Array3::zeros((17, 1, 1))).annotated(&[8]);
        // The middles of the gaps below and above, then those of four smaller ones.
        assert_eq!(sample.slices(&Coverage, 4).unwrap(), [3, 12, 1, 5]);
    }
}
