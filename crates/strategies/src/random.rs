//! Random query: the first strategy that the paper compares with (Zhang et al. 2019, section 3).

use crate::{CaseView, QueryStrategy, StrategyError};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Chooses every unannotated slice with equal probability: scores are uniform in `[0, 1)`.
pub struct Random;

impl QueryStrategy for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn summary(&self) -> &'static str {
        "slices at random, all equally likely"
    }

    fn source(&self) -> &'static str {
        "Zhang et al. 2019, section 3"
    }

    fn scores(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(view.annotated.iter().map(|_| rng.random()).collect())
    }
}
