//! Power BALD: a draw of slices in proportion to their BALD score. Source: Kirsch et al. 2021,
//! "Stochastic batch acquisition", section 3, with β = 1 as in nnActive.

use super::bald::information;
use crate::noise::perturbed;
use crate::{CaseView, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// Scores a slice by ln(its score by [`Bald`](super::bald::Bald)) + Gumbel noise of scale 1.
pub struct PowerBald;

impl QueryStrategy for PowerBald {
    fn name(&self) -> &'static str {
        "power-bald"
    }

    fn summary(&self) -> &'static str {
        "a draw in proportion to the information of class and committee member"
    }

    fn source(&self) -> &'static str {
        "Kirsch et al. 2021, section 3"
    }

    fn needs_committee(&self) -> bool {
        true
    }

    fn scores(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let information = information(view, self.name())?.into_iter();
        Ok(information.map(|sum| perturbed(sum, 1.0, rng)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::{Array3, Array4};

    #[test]
    fn slices_are_drawn_in_proportion_to_their_information() {
        // Members differ on one voxel of slice 0, on three of slice 1, on none of slice 2.
        let mut sample = Sample::of(Array3::zeros((3, 1, 3)));
        let member = |other: bool| {
            Array4::from_shape_fn((2, 3, 1, 3), |(class, z, _, x)| {
                let differs = z == 1 || (z == 0 && x == 0);
                f32::from(u8::from((class == 1) == (differs && other)))
            })
        };
        sample.prediction.members = vec![member(false), member(true)];
        let mut first = [0_u32; 3];
        for seed in 0..4000 {
            first[sample.ask(&PowerBald, 1, seed).unwrap()[0].slice] += 1;
        }
        assert!(
            (900..1100).contains(&first[0]) && first[2] == 0,
            "{first:?}"
        );
    }
}
