//! BALD: the slices about which the members of a committee are each sure and yet disagree. Source:
//! Houlsby et al. 2011, "Bayesian active learning for classification and preference learning", with
//! dropout passes as in Gal et al. 2017. A slice has the sum of its voxels, as nnActive sums a patch.

use crate::{CaseView, QueryStrategy, StrategyError};
use ndarray::Array4;
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::slice_entropy;

/// Scores a slice by the sum over its voxels of H(mean of the members) − mean of H(member), in nats:
/// the mutual information of a voxel's class and the member.
pub struct Bald;

/// Returns the mutual information of class and member, summed over each slice, `[D]`. `strategy` is the
/// caller's name.
pub(crate) fn information(view: &CaseView, strategy: &str) -> Result<Vec<f64>, StrategyError> {
    let members = view.members(strategy)?;
    let share = 1.0 / members.len() as f32;
    let mut mean: Array4<f32> = Array4::zeros(members[0].raw_dim());
    let mut entropy = vec![0.0; view.depth()];
    for member in members {
        mean.scaled_add(share, member);
        for (sum, of_member) in entropy.iter_mut().zip(slice_entropy(member)) {
            *sum += of_member * f64::from(share);
        }
    }
    // The difference is never negative, but for rounding.
    let together = slice_entropy(&mean).into_iter().zip(entropy);
    Ok(together
        .map(|(whole, parts)| clamp(whole - parts))
        .collect())
}

/// Raises a value below 0 to it, and keeps NaN.
fn clamp(value: f64) -> f64 {
    if value < 0.0 { 0.0 } else { value }
}

impl QueryStrategy for Bald {
    fn name(&self) -> &'static str {
        "bald"
    }

    fn summary(&self) -> &'static str {
        "most mutual information of class and committee member first"
    }

    fn source(&self) -> &'static str {
        "Houlsby et al. 2011"
    }

    fn needs_committee(&self) -> bool {
        true
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        information(view, self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    #[test]
    fn members_that_are_sure_of_different_classes_score_most() {
        let mut sample = Sample::of(Array3::zeros((3, 1, 1)));
        // By slice: both sure of the same, both undecided, each sure of another class.
        let member = |p: [f32; 3]| {
            Array4::from_shape_fn(
                (2, 3, 1, 1),
                |(class, z, _, _)| {
                    if class == 0 { p[z] } else { 1.0 - p[z] }
                },
            )
        };
        sample.prediction.members = vec![member([1.0, 0.5, 1.0]), member([1.0, 0.5, 0.0])];
        let scores = sample.scores(&Bald).unwrap();
        for (got, expected) in scores.iter().zip([0.0, 0.0, std::f64::consts::LN_2]) {
            assert!((got - expected).abs() < 1e-6, "{scores:?}");
        }
    }
}
