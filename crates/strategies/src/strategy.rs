//! The interface of a query strategy. A strategy sees predictions of one case. Ground truth is seen by
//! oracles alone, which exist to bound what a query can give and cannot be used on new data.

use ndarray::Array3;
use rand_chacha::ChaCha8Rng;
use slicewise_core::Prediction;
use slicewise_metrics::{Agreement, MetricsError, slice_agreement};
use std::cmp::Ordering;

/// All that a strategy may know about one case.
#[derive(Debug, Clone, Copy)]
pub struct CaseView<'a> {
    /// The case's id.
    pub case: &'a str,
    /// Voxel size `[z, y, x]` in mm.
    pub spacing_mm: [f64; 3],
    /// How the task compares SR1 with SR2: P-DSC in Task 1, P-accuracy in Task 2.
    pub agreement: Agreement,
    /// The current model's prediction.
    pub prediction: &'a Prediction,
    /// Whether each slice is annotated already, `[D]`.
    pub annotated: &'a [bool],
    /// True classes `[D, H, W]`; `None` for every strategy but an oracle.
    pub truth: Option<&'a Array3<u8>>,
}

impl CaseView<'_> {
    /// Returns P of each slice, `[D]`: the agreement of SR1 with SR2 (paper, section 2.2).
    /// `strategy` is the caller's name, for error messages.
    ///
    /// # Errors
    /// The model has no attention map, or SR1 and SR2 differ in shape.
    pub fn p(&self, strategy: &'static str) -> Result<Vec<f64>, StrategyError> {
        let sr2 = self.prediction.sr2.as_ref();
        let sr2 = sr2.ok_or_else(|| StrategyError::NeedsAttention {
            strategy,
            case: self.case.to_owned(),
        })?;
        self.agreement_with(sr2, strategy)
    }

    /// Returns the agreement of SR1 with `other` `[D, H, W]` in each slice, `[D]`. `strategy` is the
    /// caller's name, for error messages.
    ///
    /// # Errors
    /// The two differ in shape.
    pub fn agreement_with(
        &self,
        other: &Array3<u8>,
        strategy: &'static str,
    ) -> Result<Vec<f64>, StrategyError> {
        slice_agreement(&self.prediction.sr1, other, self.agreement).map_err(|source| {
            StrategyError::Metrics {
                strategy,
                case: self.case.to_owned(),
                source,
            }
        })
    }

    /// Returns the true classes `[D, H, W]`, for an oracle. `strategy` is the caller's name.
    ///
    /// # Errors
    /// The case comes without ground truth.
    pub fn truth(&self, strategy: &'static str) -> Result<&Array3<u8>, StrategyError> {
        self.truth.ok_or_else(|| StrategyError::NeedsTruth {
            strategy,
            case: self.case.to_owned(),
        })
    }
}

/// A slice to annotate, with the score that chose it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Axial index from 0, the inferior end.
    pub slice: usize,
    /// The strategy's score. Its meaning depends on the strategy; higher scores are annotated
    /// earlier.
    pub score: f64,
}

/// Why a query failed.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum StrategyError {
    /// The strategy compares SR1 with SR2, but the model has no attention map.
    #[error("strategy {strategy} needs a model with an attention map; case {case} has none")]
    NeedsAttention {
        /// The strategy's name.
        strategy: &'static str,
        /// The case's id.
        case: String,
    },
    /// The strategy is an oracle, but the case has no ground truth.
    #[error(
        "strategy {strategy} is an oracle and needs the true labels; case {case} has none here"
    )]
    NeedsTruth {
        /// The strategy's name.
        strategy: &'static str,
        /// The case's id.
        case: String,
    },
    /// A score is NaN or infinite, so it cannot be ordered or recorded.
    #[error("strategy {strategy}: the score of case {case}, slice {slice} is NaN or infinite")]
    NotFinite {
        /// The strategy's name.
        strategy: &'static str,
        /// The case's id.
        case: String,
        /// Axial index.
        slice: usize,
    },
    /// A strategy returned the wrong number of scores.
    #[error("strategy {strategy}: expected {expected} scores for case {case}, got {got}")]
    WrongLength {
        /// The strategy's name.
        strategy: &'static str,
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
        strategy: &'static str,
        /// The case's id.
        case: String,
        /// Why it could not.
        source: MetricsError,
    },
}

/// A rule that chooses which slices of a case are annotated next.
///
/// Budgets are per volume, as in the paper, so a strategy sees one case at a time. Most strategies
/// implement only [`scores`](Self::scores). One that places several slices jointly also overrides
/// [`select`](Self::select).
pub trait QueryStrategy: Sync {
    /// The strategy's name in YAML and tables, in kebab-case; its file has the same name.
    fn name(&self) -> &'static str;

    /// One line about it for `slicewise list strategies`.
    fn summary(&self) -> &'static str;

    /// Whether the strategy needs SR2, and so a model with attention.
    fn needs_attention(&self) -> bool {
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
    /// SR2 is needed and absent, or the shapes of the prediction's arrays do not match.
    fn scores(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError>;

    /// Returns the slices to annotate: exactly `min(budget, unannotated)`, without duplicates and
    /// without slices that are annotated already. By default these are the slices with the highest
    /// scores; of equal scores the lower index comes first.
    ///
    /// # Errors
    /// Those of [`scores`](Self::scores), a wrong number of scores, or a score that is not finite.
    fn select(
        &self,
        view: &CaseView,
        budget: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Choice>, StrategyError> {
        let scores = self.scores(view, rng)?;
        highest(self.name(), view, &scores, budget)
    }
}

/// Returns the `budget` unannotated slices with the highest scores, highest first. Of equal scores
/// the lower index comes first.
///
/// # Errors
/// The number of scores is wrong, or the score of an unannotated slice is NaN or infinite. A NaN
/// has no order, and an infinity has no place in a JSON record.
pub fn highest(
    strategy: &'static str,
    view: &CaseView,
    scores: &[f64],
    budget: usize,
) -> Result<Vec<Choice>, StrategyError> {
    if scores.len() != view.annotated.len() {
        return Err(StrategyError::WrongLength {
            strategy,
            case: view.case.to_owned(),
            expected: view.annotated.len(),
            got: scores.len(),
        });
    }
    let mut choices: Vec<Choice> = (0..scores.len())
        .filter(|&slice| !view.annotated[slice])
        .map(|slice| Choice {
            slice,
            score: scores[slice],
        })
        .collect();
    if let Some(bad) = choices.iter().find(|choice| !choice.score.is_finite()) {
        return Err(StrategyError::NotFinite {
            strategy,
            case: view.case.to_owned(),
            slice: bad.slice,
        });
    }
    // Slices are in order and the sort is stable, so of equal scores the lower index stays first.
    // No NaN is left, so partial_cmp orders all scores. Unlike total_cmp it treats 0.0 and -0.0 as
    // equal.
    choices.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal));
    choices.truncate(budget);
    Ok(choices)
}

/// Chooses `budget` slices like [`highest`], but one at a time: `scores` is called anew with each
/// chosen slice counted as annotated. For strategies that place slices jointly.
///
/// # Errors
/// Those of `scores` and of [`highest`].
pub fn one_by_one(
    strategy: &'static str,
    view: &CaseView,
    budget: usize,
    mut scores: impl FnMut(&CaseView) -> Result<Vec<f64>, StrategyError>,
) -> Result<Vec<Choice>, StrategyError> {
    let mut annotated = view.annotated.to_vec();
    let remaining = annotated.iter().filter(|&&done| !done).count();
    let mut choices = Vec::new();
    for _ in 0..budget.min(remaining) {
        let now = CaseView {
            annotated: &annotated,
            ..*view
        };
        for choice in highest(strategy, &now, &scores(&now)?, 1)? {
            annotated[choice.slice] = true;
            choices.push(choice);
        }
    }
    Ok(choices)
}

/// Returns the distance of each slice, in slices, to the nearest annotated one or end of the
/// volume, `[D]`.
pub(crate) fn distances(annotated: &[bool]) -> Vec<f64> {
    let sweep = |slices: &mut dyn Iterator<Item = &bool>| {
        let mut distance = 0.0;
        slices
            .map(|&done| {
                distance = if done { 0.0 } else { distance + 1.0 };
                distance
            })
            .collect::<Vec<f64>>()
    };
    let from_below = sweep(&mut annotated.iter());
    let from_above = sweep(&mut annotated.iter().rev());
    let both = from_below.into_iter().zip(from_above.into_iter().rev());
    both.map(|(below, above)| below.min(above)).collect()
}
