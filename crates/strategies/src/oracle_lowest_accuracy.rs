//! Oracle: the slices of lowest true R, which the attention-guided query tries to find by P (Zhang et
//! al. 2019, section 2.2). It shows what that query would give if P were a perfect predictor of R.

use crate::{CaseView, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// Scores a slice by 1 − R, where R is the agreement of SR1 with the true labels.
pub struct OracleLowestAccuracy;

impl QueryStrategy for OracleLowestAccuracy {
    fn name(&self) -> &'static str {
        "oracle-lowest-accuracy"
    }

    fn summary(&self) -> &'static str {
        "oracle: lowest true R first, what attention-guided aims at"
    }

    fn source(&self) -> &'static str {
        "ours, a bound for Zhang et al. 2019"
    }

    fn is_oracle(&self) -> bool {
        true
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let r = view.agreement_with(view.truth(self.name())?, self.name())?;
        Ok(r.into_iter().map(|r| 1.0 - r).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::array;
    use rand::SeedableRng;

    #[test]
    fn the_slice_that_is_worst_in_truth_comes_first() {
        let mut sample = Sample::of(array![[[1, 1]], [[1, 0]], [[0, 0]]]);
        sample.truth = array![[[1, 1]], [[0, 1]], [[0, 1]]];
        let scores = sample.scores(&OracleLowestAccuracy).unwrap();
        assert_eq!(scores, [0.0, 1.0, 1.0]);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let refused = OracleLowestAccuracy.scores(&sample.view(false), &mut rng);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "strategy oracle-lowest-accuracy needs the true labels, which only an oracle gets; \
             case case has none"
        );
    }
}
