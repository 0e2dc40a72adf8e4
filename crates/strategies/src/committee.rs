//! Query by committee: the slices that the members of a committee draw most differently. Source: Seung
//! et al. 1992, "Query by committee", at slice level with Dice of the whole foreground as the measure of
//! agreement: members that only call a voxel by different foreground classes agree.

use crate::{CaseView, QueryStrategy, StrategyError};
use ndarray::{Array2, Array4, Axis};
use rand_chacha::ChaCha8Rng;

/// Scores a slice by the mean area in mm² that the members call foreground, times 1 − the mean Dice
/// of two members' foreground. Two empty foregrounds agree.
pub struct Committee;

/// Returns whether a member calls each voxel of a slice foreground, `[H, W]`.
fn foreground(member: &Array4<f32>, slice: usize) -> Array2<bool> {
    let classes = member.index_axis(Axis(1), slice);
    classes.map_axis(Axis(0), |p| {
        let mut best = 0;
        for class in 1..p.len() {
            if p[class] > p[best] {
                best = class;
            }
        }
        best != 0
    })
}

impl QueryStrategy for Committee {
    fn name(&self) -> &'static str {
        "committee"
    }

    fn summary(&self) -> &'static str {
        "largest area of foreground on which committee members differ first"
    }

    fn source(&self) -> &'static str {
        "Seung et al. 1992"
    }

    fn needs_committee(&self) -> bool {
        true
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let members = view.members(self.name())?;
        let score = |slice: usize| {
            let masks: Vec<_> = members.iter().map(|m| foreground(m, slice)).collect();
            let area = |mask: &Array2<bool>| mask.iter().filter(|&&inside| inside).count() as f64;
            let (mut agreement, mut pairs) = (0.0, 0.0);
            for (index, a) in masks.iter().enumerate() {
                for b in &masks[..index] {
                    let both = a.iter().zip(b).filter(|(a, b)| **a && **b).count() as f64;
                    let sum = area(a) + area(b);
                    agreement += if sum == 0.0 { 1.0 } else { 2.0 * both / sum };
                    pairs += 1.0;
                }
            }
            let mean = masks.iter().map(area).sum::<f64>() / masks.len() as f64;
            mean * view.pixel_mm2() * (1.0 - agreement / pairs)
        };
        Ok((0..members[0].dim().1).map(score).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    #[test]
    fn area_times_disagreement() {
        let mut sample = Sample::of(Array3::zeros((3, 1, 4)));
        sample.spacing_mm = [5.0, 2.0, 1.0];
        // Foreground voxels of three members, by slice. Slice 0: all alike. Slice 1: 2, 2 and none in
        // common, so Dice 1, 0, 0. Slice 2: empty.
        let member = |first: std::ops::Range<usize>, second: std::ops::Range<usize>| {
            Array4::from_shape_fn((2, 3, 1, 4), |(class, z, _, x)| {
                let inside = match z {
                    0 => first.contains(&x),
                    1 => second.contains(&x),
                    _ => false,
                };
                f32::from(u8::from(inside == (class == 1)))
            })
        };
        sample.prediction.members =
            vec![member(0..3, 0..2), member(0..3, 0..2), member(0..3, 2..4)];
        let scores = sample.scores(&Committee).unwrap();
        // Slice 1: 2 voxels × 2 mm² × (1 − 1/3).
        for (got, expected) in scores.iter().zip([0.0, 8.0 / 3.0, 0.0]) {
            assert!((got - expected).abs() < 1e-12, "{scores:?}");
        }
    }
}
