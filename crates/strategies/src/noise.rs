//! Chance in strategies that mix a score with it.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A score of 0 has no logarithm; it counts as this.
const LEAST: f64 = 1e-12;

/// Returns ln(score) plus Gumbel noise of scale 1 / β. The slices with the highest of these values are
/// a draw without replacement, each slice in proportion to score^β (Kirsch et al. 2021, section 3).
/// A NaN score stays NaN, so that the caller sees it.
pub(crate) fn perturbed(score: f64, beta: f64, rng: &mut ChaCha8Rng) -> f64 {
    let score = if score < LEAST { LEAST } else { score };
    score.ln() + gumbel(rng) / beta
}

/// Draws from the standard Gumbel distribution.
fn gumbel(rng: &mut ChaCha8Rng) -> f64 {
    // Above 0 and below 1, so that both logarithms are finite.
    let uniform: f64 = rng.random_range(f64::EPSILON..1.0);
    -(-uniform.ln()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_first_place_is_drawn_in_proportion_to_the_score() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let draws = 20_000;
        let first =
            (0..draws).filter(|_| perturbed(3.0, 1.0, &mut rng) > perturbed(1.0, 1.0, &mut rng));
        // Expected 3/4 with a standard deviation of 0.003.
        let share = first.count() as f64 / f64::from(draws);
        assert!((share - 0.75).abs() < 0.015, "{share}");
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let first =
            (0..draws).filter(|_| perturbed(3.0, 2.0, &mut rng) > perturbed(1.0, 2.0, &mut rng));
        let share = first.count() as f64 / f64::from(draws);
        assert!(
            (share - 0.9).abs() < 0.015,
            "β = 2 squares the scores: {share}"
        );
    }

    #[test]
    fn a_score_of_zero_is_possible_and_nan_is_seen() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert!(perturbed(0.0, 1.0, &mut rng).is_finite());
        assert!(perturbed(f64::NAN, 1.0, &mut rng).is_nan());
    }
}
