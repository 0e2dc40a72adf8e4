//! ClaSP PE: class-stratified and scheduled power predictive entropy. Source: arXiv 2601.13677, whose
//! authors find it alone above improved random baselines on most of 24 settings of 3D patches.
//!
//! Two thirds of the budget are split over the foreground classes; each in turn takes the slice with the
//! most uncertainty about it, u_c = Σ H(p)·p_c over the slice's voxels. The rest goes by u = Σ H(p).
//! Gumbel noise of scale 1/β is added to the logarithm of both, and β rises from 1 in the first round
//! to 100 in the last, so that early rounds explore. Deviations: a query is a slice and not a patch;
//! with a budget for each volume, whose share may be smaller than the number of classes, volumes
//! begin with another class each; two thirds are rounded, where the authors' code (nnActive) cuts 0.66
//! of the budget down, which of one slice would leave none; and its β is below 100 at the last query.
//! A project does not know its last round, so its β is 100 from the second round on.

use crate::noise::perturbed;
use crate::pool::Picks;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use ndarray::{Array2, Axis, Zip, s};
use rand_chacha::ChaCha8Rng;

/// Share of the budget that is split over the classes, as in the source.
const STRATIFIED: f64 = 2.0 / 3.0;
/// β of the last round, as in the source; that of the first is 1.
const LAST_BETA: f64 = 100.0;

/// The score is ln u_c + noise for slices that a class took, ln u + noise for the others.
pub struct Clasp;

/// Returns β of a round, from 1 to [`LAST_BETA`] in equal factors.
fn beta([round, rounds]: [usize; 2]) -> f64 {
    let through = (round - 1) as f64 / (rounds.max(2) - 1) as f64;
    LAST_BETA.powf(through)
}

/// Returns u_c of each slice and class, background too, `[D, C]`.
fn uncertainties(view: &CaseView) -> Array2<f64> {
    let probabilities = &view.prediction.probabilities;
    let (classes, depth, ..) = probabilities.dim();
    let mut sums = Array2::zeros((depth, classes));
    for (z, mut row) in sums.outer_iter_mut().enumerate() {
        let slice = probabilities.index_axis(Axis(1), z);
        Zip::from(slice.lanes(Axis(0))).for_each(|voxel| {
            let information = |p: f64| if p == 0.0 { 0.0 } else { -p * p.ln() };
            let entropy: f64 = voxel.iter().map(|&p| information(f64::from(p))).sum();
            for (sum, &p) in row.iter_mut().zip(voxel) {
                *sum += entropy * f64::from(p);
            }
        });
    }
    sums
}

impl QueryStrategy for Clasp {
    fn name(&self) -> &'static str {
        "clasp"
    }

    fn summary(&self) -> &'static str {
        "entropy by class, with noise that fades over the rounds"
    }

    fn source(&self) -> &'static str {
        "ClaSP PE, arXiv 2601.13677"
    }

    fn scores(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let beta = beta(view.round);
        let sums = uncertainties(view).sum_axis(Axis(1));
        Ok(sums.iter().map(|&sum| perturbed(sum, beta, rng)).collect())
    }

    /// ln u_c + noise of each slice and foreground class, `[D, C − 1]`.
    fn vectors(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Array2<f64>, StrategyError> {
        let beta = beta(view.round);
        let sums = uncertainties(view);
        Ok(sums
            .slice(s![.., 1..])
            .mapv(|sum| perturbed(sum, beta, rng)))
    }

    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        let by_class = (pool.total() as f64 * STRATIFIED).round() as usize;
        let Some(first) = pool.cases.first() else {
            return Ok(Vec::new());
        };
        let classes = first.vectors.ncols().max(1);
        let offset = first.place + first.round[0];
        let mut picks = Picks::new(pool);
        for turn in 0..pool.total() {
            let class = (offset + turn) % classes;
            picks.take_best(|_, case| match turn < by_class {
                true => pool.cases[case].vectors.column(class).to_vec(),
                false => pool.cases[case].scores.clone(),
            });
        }
        Ok(picks.done())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::array;

    #[test]
    fn the_noise_fades_in_equal_factors() {
        let betas = [1, 2, 3].map(|round| beta([round, 3]));
        for (got, expected) in betas.iter().zip([1.0, 10.0, 100.0]) {
            assert!((got - expected).abs() < 1e-9, "{betas:?}");
        }
        assert_eq!(beta([1, 1]), 1.0);
    }

    #[test]
    fn uncertainty_is_dealt_to_the_classes_and_each_gets_its_turn() {
        // Three classes. Slice 0 has four voxels between classes 0 and 1, slice 1 one between 1 and 2.
        let mut sample = Sample::of(array![[[2, 0, 0, 0]], [[2, 0, 0, 0]], [[0, 0, 0, 0]]]);
        let p = &mut sample.prediction.probabilities;
        for x in 0..4 {
            for (class, value) in [0.5, 0.5, 0.0].into_iter().enumerate() {
                p[[class, 0, 0, x]] = value;
            }
        }
        for (class, value) in [0.0, 0.5, 0.5].into_iter().enumerate() {
            p[[class, 1, 0, 0]] = value;
        }
        let bit = std::f64::consts::LN_2;
        let sums = uncertainties(&sample.view(false));
        let expected = array![[2.0, 2.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 0.0]] * bit;
        assert!((&sums - &expected).iter().all(|d| d.abs() < 1e-6), "{sums}");
        // In the last round there is hardly any noise. One slice: 2/3 of it rounds to one turn.
        sample.round = [5, 5];
        let first = |place: usize| {
            let mut sample = sample.clone();
            sample.place = place;
            sample.slices(&Clasp, 1).unwrap()[0]
        };
        // Class 1 + (place + round) mod 2: background has no turn.
        assert_eq!([first(1), first(2), first(0)], [0, 1, 1]);
    }
}
