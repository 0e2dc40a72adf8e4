//! What a query strategy is: it sees predictions of one case, never ground truth.

use rand_chacha::ChaCha8Rng;
use slicewise_core::Prediction;
use slicewise_metrics::{Agreement, MetricsError, slice_agreement};
use std::cmp::Ordering;

/// All that a strategy may know about one case.
#[derive(Debug, Clone, Copy)]
pub struct CaseView<'a> {
    /// Name of the case.
    pub case: &'a str,
    /// Voxel size `[z, y, x]` in mm.
    pub spacing_mm: [f64; 3],
    /// How the task compares SR1 with SR2: P-DSC in Task 1, P-accuracy in Task 2.
    pub agreement: Agreement,
    /// The current model's prediction.
    pub prediction: &'a Prediction,
    /// `[D]`: which axial slices are annotated already.
    pub annotated: &'a [bool],
}

impl CaseView<'_> {
    /// P of each axial slice, `[D]`: the agreement of SR1 with SR2 (paper, section 2.2).
    ///
    /// # Errors
    /// The model has no attention map, or SR1 and SR2 differ in shape. `strategy` names who
    /// asks.
    pub fn p(&self, strategy: &'static str) -> Result<Vec<f64>, StrategyError> {
        let sr2 = self.prediction.sr2.as_ref();
        let sr2 = sr2.ok_or_else(|| StrategyError::NeedsAttention {
            strategy,
            case: self.case.to_owned(),
        })?;
        slice_agreement(&self.prediction.sr1, sr2, self.agreement).map_err(|source| {
            StrategyError::Metrics {
                strategy,
                case: self.case.to_owned(),
                source,
            }
        })
    }
}

/// One slice to annotate and the score that chose it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Axial index, from 0 (inferior).
    pub slice: usize,
    /// The strategy's score; its meaning is the strategy's own, higher is queried earlier.
    pub score: f64,
}

/// Why a query could not be answered.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum StrategyError {
    /// The strategy compares SR1 with SR2 and the model has no attention map.
    #[error("strategy {strategy} needs a model with an attention map; case {case} has none")]
    NeedsAttention {
        /// The strategy's name.
        strategy: &'static str,
        /// The case's id.
        case: String,
    },
    /// A score that cannot be ordered or recorded.
    #[error("strategy {strategy}: the score of case {case}, slice {slice} is NaN or infinite")]
    NotFinite {
        /// The strategy's name.
        strategy: &'static str,
        /// The case's id.
        case: String,
        /// Axial index.
        slice: usize,
    },
    /// A strategy returned a wrong number of scores.
    #[error("strategy {strategy}: expected {expected} scores for case {case}, got {got}")]
    WrongLength {
        /// The strategy's name.
        strategy: &'static str,
        /// The case's id.
        case: String,
        /// Slices in the case.
        expected: usize,
        /// Scores returned.
        got: usize,
    },
    /// A measure of the prediction could not be computed.
    #[error("strategy {strategy}, case {case}: {source}")]
    Metrics {
        /// The strategy's name.
        strategy: &'static str,
        /// The case's id.
        case: String,
        /// What was wrong.
        source: MetricsError,
    },
}

/// A rule that chooses which axial slices of a case are annotated next.
///
/// Budgets are per volume, as in the paper, so a strategy sees one case at a time. Most need
/// only [`scores`](Self::scores); one that places slices jointly overrides
/// [`select`](Self::select).
pub trait QueryStrategy: Sync {
    /// The name in YAML, tables and file: kebab-case.
    fn name(&self) -> &'static str;

    /// One line for `slicewise list strategies`.
    fn summary(&self) -> &'static str;

    /// Whether the strategy reads SR2.
    fn needs_attention(&self) -> bool {
        false
    }

    /// One score a slice, `[D]`; the highest are annotated first. Those of annotated slices
    /// are ignored. `rng` is seeded from the run's seed, the round and the case.
    ///
    /// # Errors
    /// SR2 is needed and absent, or the prediction's arrays do not fit each other.
    fn scores(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError>;

    /// The slices to annotate: exactly `min(budget, unannotated)`, none annotated before, no
    /// duplicates. By default the highest scores, ties by lower index.
    ///
    /// # Errors
    /// Those of [`scores`](Self::scores), a wrong number of scores, or one that is not finite.
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

/// The `budget` unannotated slices of highest score, in that order, ties by lower index.
///
/// # Errors
/// A wrong number of scores, or a NaN or an infinity among those of unannotated slices: the first
/// has no order, the second has no place in a JSON record.
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
    // Slices are in order and the sort is stable, so ties stay by lower index. No NaN is left:
    // partial_cmp orders all, and unlike total_cmp it holds 0.0 and -0.0 for equal.
    choices.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal));
    choices.truncate(budget);
    Ok(choices)
}

/// As [`highest`], but one slice at a time: `scores` is asked anew with each choice counted as
/// annotated. For strategies that place slices jointly.
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

/// Distance of each slice, in slices, to the nearest annotated one or end of the volume: `[D]`.
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
