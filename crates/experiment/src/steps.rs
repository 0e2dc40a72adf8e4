//! How many steps each round trains.
//!
//! Points that are compared must have been trained equally long, or the curves show training and not
//! annotation. With a `budget` every evaluated point has exactly that many steps behind it, whatever
//! its ratio and strategy, and full annotation has as many. The rounds of a run are one chain of
//! trainings: the first round, then one after each query. The chain spends the budget step by step,
//! so a point early in the chain has steps left. They are trained on the point's own slices, the
//! point is evaluated and the strategy queried with these weights, and the next round continues from
//! the weights before them.
//!
//! **Deviation from the paper** (Zhang et al. 2019, section 3): it trains 500 steps for each updated
//! training set, so a strategy that is queried in smaller rounds is trained longer. That plan is
//! `steps: {first: 500, round: 500}` without a budget. Full annotation is then evaluated at every
//! number of steps that some point has behind it, in one run.

use crate::record::FIRST;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most steps of any kind, far beyond what trains in a lifetime; sums of them do not overflow.
const MOST_STEPS: usize = 1_000_000_000;

/// Numbers of training steps. A step trains on one batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepPlan {
    /// Steps behind every evaluated point, 1 or more: what a round has not had when it is evaluated
    /// is trained on its slices, and the next round continues from before. Default: each point is
    /// evaluated with the steps that its rounds give it, so points at higher ratios have more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<usize>,
    /// Steps of the shared first round, 1 or more. Default: half the budget; required without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<usize>,
    /// Steps of every round after the first, 1 or more, however many slices it adds. Default: what
    /// `first` leaves of the budget, in equal parts; required without a budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<usize>,
    /// A former key, the steps of full annotation: read and not used, since full annotation is now
    /// evaluated at the steps of every point. Whoever sets it is told.
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    pub full: Option<usize>,
    /// Steps between two checkpoints within a round, 1 or more. A run that is killed repeats at
    /// most that many steps. Default: 50, which loses little and writes seldom. It changes no result.
    #[serde(default = "checkpoint_every")]
    pub checkpoint_every: usize,
}

fn checkpoint_every() -> usize {
    50
}

/// One round of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round {
    /// Number of the round; 0 is the first.
    pub number: usize,
    /// Annotated share of each volume's slices during this round's training, in `(0, 1]`.
    pub ratio: f64,
    /// Training steps that the next round continues from.
    pub steps: usize,
    /// Further steps before the round is evaluated and the strategy queried.
    pub evaluation_steps: usize,
    /// Whether the round is evaluated: both parts are scored. Otherwise only Part A is, because
    /// the query needs its predictions.
    pub evaluated: bool,
}

impl Round {
    /// Returns the number of steps that the round trains in all.
    pub fn total(&self) -> usize {
        self.steps + self.evaluation_steps
    }
}

impl StepPlan {
    /// Returns the steps of the first round that the other rounds continue from.
    pub(crate) fn first(&self) -> usize {
        let half = self.budget.map(|budget| budget.div_ceil(2));
        self.first.or(half).unwrap_or(0)
    }

    /// Returns the first round, at its annotation ratio.
    pub(crate) fn first_round(&self, ratio: f64) -> Round {
        let steps = self.first();
        Round {
            number: 0,
            ratio,
            steps,
            evaluation_steps: self.left(steps),
            evaluated: true,
        }
    }

    /// Returns the rounds of full annotation, one for each number of steps in `stops`; with a budget
    /// and no stops, one of the budget.
    pub(crate) fn full_rounds(&self, mut stops: BTreeSet<usize>) -> Vec<Round> {
        stops.extend(self.budget);
        let mut before = 0;
        let rounds = stops.into_iter().enumerate().map(|(number, stop)| {
            let steps = stop - before;
            before = stop;
            Round {
                number,
                ratio: 1.0,
                steps,
                evaluation_steps: 0,
                evaluated: true,
            }
        });
        rounds.collect()
    }

    /// Returns the rounds after the queries of a strategy: the ratio that each query reaches, and
    /// whether it is evaluated.
    pub(crate) fn rounds(&self, queries: &[(f64, bool)]) -> Vec<Round> {
        let first = self.first();
        let mut before = first;
        let rounds = queries
            .iter()
            .zip(1..)
            .map(|(&(ratio, evaluated), number)| {
                let after = match (self.round, self.budget) {
                    (Some(round), _) => first + number * round,
                    (None, Some(budget)) => {
                        first + budget.saturating_sub(first) * number / queries.len()
                    }
                    (None, None) => first,
                };
                let steps = after - before;
                before = after;
                Round {
                    number,
                    ratio,
                    steps,
                    evaluation_steps: if evaluated { self.left(after) } else { 0 },
                    evaluated,
                }
            });
        rounds.collect()
    }

    /// Returns the steps that `spent` leaves of the budget.
    fn left(&self, spent: usize) -> usize {
        self.budget.map_or(0, |budget| budget.saturating_sub(spent))
    }

    /// Returns what is wrong with these numbers for strategies that have `rounds`, if anything: the key,
    /// and what was expected and given.
    pub(crate) fn problem(
        &self,
        strategies: &[&str],
        rounds: impl Fn(&str) -> Vec<Round>,
    ) -> Option<(&'static str, String)> {
        let given = [
            ("budget", self.budget),
            ("first", self.first),
            ("round", self.round),
            ("checkpoint_every", Some(self.checkpoint_every)),
        ];
        let given = given
            .into_iter()
            .filter_map(|(key, steps)| Some((key, steps?)));
        for (key, steps) in given {
            if !(1..=MOST_STEPS).contains(&steps) {
                return Some((key, format!("expected 1 to {MOST_STEPS}, got {steps}")));
            }
        }
        let Some(budget) = self.budget else {
            let missing = match (self.first, self.round) {
                _ if strategies.is_empty() => "budget",
                (None, _) => "first",
                (_, None) => "round",
                (Some(_), Some(_)) => return None,
            };
            return Some((
                missing,
                "expected a number of steps, or a budget for every evaluated point, got none"
                    .to_owned(),
            ));
        };
        for &name in [FIRST].iter().chain(strategies) {
            let chain = rounds(name);
            let before = if name == FIRST { 0 } else { self.first() };
            let spent = before + chain.iter().map(|round| round.steps).sum::<usize>();
            if spent > budget {
                let problem = format!(
                    "expected at least the {spent} steps that the rounds of {name} train, got {budget}"
                );
                return Some(("budget", problem));
            }
            if let Some(round) = chain.iter().find(|round| round.steps == 0) {
                let problem = format!(
                    "expected enough steps for every round, got none for ratio {} of {name}",
                    round.ratio
                );
                return Some(("budget", problem));
            }
        }
        None
    }
}
