//! The interface of a query strategy: it looks at one case after another, and then chooses slices
//! among those that it has seen. Ground truth is seen by oracles alone, which exist to bound what a
//! query can give and cannot be used on new data.

use crate::described::Described;
use crate::pool::{Choice, Pool, Quota};
use crate::view::CaseView;
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::MetricsError;

/// Why a query failed.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum StrategyError {
    /// The strategy needs something that the model or the experiment does not give.
    #[error("strategy {strategy} needs {what}; case {case} has none")]
    Lacks {
        /// The strategy's name.
        strategy: String,
        /// The case's id.
        case: String,
        /// What it needs.
        what: &'static str,
    },
    /// A score is NaN or infinite, so it cannot be ordered or recorded.
    #[error("strategy {strategy}: the score of case {case}, slice {slice} is NaN or infinite")]
    NotFinite {
        /// The strategy's name.
        strategy: String,
        /// The case's id.
        case: String,
        /// Axial index.
        slice: usize,
    },
    /// A strategy returned the wrong number of scores.
    #[error("strategy {strategy}: expected {expected} scores for case {case}, got {got}")]
    WrongLength {
        /// The strategy's name.
        strategy: String,
        /// The case's id.
        case: String,
        /// Number of slices in the case.
        expected: usize,
        /// Number of scores returned.
        got: usize,
    },
    /// A measure of the prediction could not be computed.
    #[error("strategy {strategy}, case {case}: {source}")]
    Metrics {
        /// The strategy's name.
        strategy: String,
        /// The case's id.
        case: String,
        /// Why it could not.
        source: MetricsError,
    },
    /// A strategy that is a program of its own failed, or gave an answer that breaks the laws.
    #[error("strategy {strategy}: {problem}")]
    Program {
        /// The strategy's name.
        strategy: String,
        /// What was expected and what it did.
        problem: String,
    },
}

/// A rule that chooses which slices are annotated next.
///
/// It is shown one case at a time and keeps a [`Described`] of each. Then it chooses among these:
/// slices of one volume, or of all volumes if the budget is the pool's. Most strategies implement only
/// [`scores`](Self::scores). One that places several slices jointly also overrides
/// [`choose`](Self::choose).
pub trait QueryStrategy: Sync {
    /// The strategy's name in YAML and tables, in kebab-case; its file has the same name.
    fn name(&self) -> &str;

    /// One line about it for `slicewise list strategies`.
    fn summary(&self) -> &str;

    /// Where it comes from, in a few words: a publication, or "ours".
    fn source(&self) -> &str;

    /// Whether the strategy needs SR2, and so a model with attention.
    fn needs_attention(&self) -> bool {
        false
    }

    /// Whether the strategy needs the decoder's features.
    fn needs_features(&self) -> bool {
        false
    }

    /// Whether the strategy needs predictions of a committee.
    fn needs_committee(&self) -> bool {
        false
    }

    /// Whether the strategy reads ground truth. It then bounds what a query can give, and its name
    /// begins with `oracle-`.
    fn is_oracle(&self) -> bool {
        false
    }

    /// Returns one score for each slice, `[D]`. The slices with the highest scores are annotated
    /// first. Scores of annotated slices are ignored. `rng` is seeded from the run's seed, the
    /// round and the case.
    ///
    /// # Errors
    /// What the strategy needs is absent, or the shapes of the prediction's arrays do not match.
    fn scores(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError>;

    /// Returns what [`choose`](Self::choose) needs beside the scores: a row of numbers for each slice,
    /// `[D, F]`. By default there are none.
    ///
    /// # Errors
    /// Those of [`scores`](Self::scores).
    fn vectors(
        &self,
        view: &CaseView,
        _rng: &mut ChaCha8Rng,
    ) -> Result<Array2<f64>, StrategyError> {
        Ok(Array2::zeros((view.depth(), 0)))
    }

    /// Chooses exactly as many slices of the pool as its quota says, none twice and none that is
    /// annotated already. By default these are the slices with the highest scores; of equal scores
    /// the first case, and in it the lower index, comes first. `rng` is seeded from the run's seed and
    /// the round.
    ///
    /// # Errors
    /// A program that chooses failed.
    fn choose(&self, pool: &Pool, _rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        Ok(pool.highest())
    }

    /// Looks at a case and keeps what [`choose`](Self::choose) will need of it.
    ///
    /// # Errors
    /// Those of [`scores`](Self::scores), a wrong number of scores, or a score that is not finite: a
    /// NaN has no order, and an infinity has no place in a JSON record.
    fn describe(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Described, StrategyError> {
        let scores = self.scores(view, rng)?;
        let vectors = self.vectors(view, rng)?;
        for got in [scores.len(), vectors.nrows()] {
            if got != view.depth() {
                return Err(StrategyError::WrongLength {
                    strategy: self.name().to_owned(),
                    case: view.case.to_owned(),
                    expected: view.depth(),
                    got,
                });
            }
        }
        let unusable = |&slice: &usize| {
            let open = !view.annotated[slice];
            (open && !scores[slice].is_finite())
                || vectors.row(slice).iter().any(|value| !value.is_finite())
        };
        if let Some(slice) = (0..view.depth()).find(unusable) {
            return Err(StrategyError::NotFinite {
                strategy: self.name().to_owned(),
                case: view.case.to_owned(),
                slice,
            });
        }
        Ok(Described {
            case: view.case.to_owned(),
            place: view.place,
            round: view.round,
            spacing_mm: view.spacing_mm,
            annotated: view.annotated.to_vec(),
            scores,
            vectors,
        })
    }

    /// Chooses `budget` slices of one case: [`describe`](Self::describe), then
    /// [`choose`](Self::choose) in a pool of this case alone.
    ///
    /// # Errors
    /// Those of the two.
    fn select(
        &self,
        view: &CaseView,
        budget: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Choice>, StrategyError> {
        let case = self.describe(view, rng)?;
        self.choose(&Pool::new(vec![&case], &Quota::of(budget)), rng)
    }
}
