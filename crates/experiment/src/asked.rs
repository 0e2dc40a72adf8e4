//! How a strategy is asked: at which ratios, for which budget, and whether it is a program of the
//! user's own.

use crate::ratio::Ratio;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slicewise_core::process::{TIMEOUTS_IN_WORDS, TIMEOUTS_S};
use slicewise_strategies::{Program, QueryStrategy, STRATEGIES, UnknownName, find};

/// How a strategy is asked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StrategyPlan {
    /// The registered strategy that this is, if the name is one of your own. So one strategy can be
    /// compared with itself under another budget. Default: the one that the name says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// The program that this strategy is, and its arguments: `[python3, mine.py]`. See
    /// docs/strategies.md for what it is asked and what it answers. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// What the program is given beside image, labels, segmentation and probabilities: `attention`,
    /// `features`, `committee`. Default: nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// Seconds that the program has for each answer, from 0.001 to 1000000. Default: 600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<f64>,
    /// Whose budget it is: `per-volume`, so that each volume has the same share of its slices
    /// annotated, or `pool`, so that some volumes may have more than others. Default: `per-volume`, as
    /// in the paper.
    #[serde(skip_serializing_if = "is_per_volume")]
    pub budget: QueryBudget,
    /// With `budget: pool`, the fewest annotated slices of a volume, as a multiple of what it would
    /// have per volume, from 0 to 1. Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// With `budget: pool`, the most annotated slices of a volume, as a multiple of what it would have
    /// per volume, 1 or more. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<f64>,
    /// Annotation ratios of this strategy's own rounds, each of which is evaluated: rising, above the
    /// ratio of the first round and at most 1. Default: those of `report_at` and `query_every`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratios: Option<Vec<Ratio>>,
}

/// Whose budget a query has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QueryBudget {
    /// Each volume has the same share of its slices annotated, as in the paper.
    #[default]
    PerVolume,
    /// All volumes share one budget.
    Pool,
}

fn is_per_volume(budget: &QueryBudget) -> bool {
    *budget == QueryBudget::PerVolume
}

/// What a program can be given beside the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The attention map's segmentation SR2.
    Attention,
    /// The decoder's last features.
    Features,
    /// The predictions of a committee.
    Committee,
}

impl From<Option<Vec<Ratio>>> for StrategyPlan {
    fn from(ratios: Option<Vec<Ratio>>) -> Self {
        Self {
            ratios,
            ..Self::default()
        }
    }
}

/// A strategy that a run can ask.
pub enum Asked {
    /// One of the registry.
    Registered(&'static dyn QueryStrategy),
    /// A program of the user's own.
    Program(Program),
}

impl Asked {
    /// The strategy itself.
    pub fn strategy(&self) -> &dyn QueryStrategy {
        match self {
            Asked::Registered(strategy) => *strategy,
            Asked::Program(program) => program,
        }
    }

    /// SHA-256 of the program's command and files; `None` for a registered strategy.
    pub fn sha256(&self) -> Option<String> {
        match self {
            Asked::Registered(_) => None,
            Asked::Program(program) => Some(program.sha256()),
        }
    }
}

impl StrategyPlan {
    /// Returns the strategy that a plan calls `name`. A program is not started yet.
    ///
    /// # Errors
    /// No strategy has that name.
    pub fn asked(&self, name: &str) -> Result<Asked, UnknownName> {
        let Some(command) = &self.command else {
            let registered = find(self.strategy.as_deref().unwrap_or(name))?;
            return Ok(Asked::Registered(registered));
        };
        let mut program = Program::new(name, command);
        program.timeout_s = self.timeout_s.unwrap_or(program.timeout_s);
        program.attention = self.needs.contains(&Need::Attention);
        program.features = self.needs.contains(&Need::Features);
        program.committee = self.needs.contains(&Need::Committee);
        Ok(Asked::Program(program))
    }

    /// Whether `other` asks the same, but for the command's words and its time, which may be mended
    /// when a sweep goes on.
    pub fn asks_as(&self, other: &Self) -> bool {
        let mended = Self {
            command: other.command.clone(),
            timeout_s: other.timeout_s,
            ..self.clone()
        };
        mended == *other && self.command.is_some() == other.command.is_some()
    }

    /// Returns what is wrong with the settings of the strategy `name`, if anything.
    pub(crate) fn problem(&self, name: &str) -> Option<String> {
        let registered = STRATEGIES.iter().any(|strategy| strategy.name() == name);
        if self.ratios.as_ref().is_some_and(Vec::is_empty) {
            return Some(format!("expected at least one ratio for {name}, got none"));
        }
        if registered && (self.strategy.is_some() || self.command.is_some()) {
            return Some(format!(
                "expected another name than {name}, which is a strategy of slicewise"
            ));
        }
        match (&self.command, &self.strategy) {
            (Some(_), Some(_)) => {
                return Some(format!(
                    "{name}: expected a command or a strategy, got both"
                ));
            }
            (Some(command), None) if command.first().is_none_or(String::is_empty) => {
                return Some(format!("{name}.command: expected a program, got none"));
            }
            (None, _) if !self.needs.is_empty() || self.timeout_s.is_some() => {
                return Some(format!(
                    "{name}: expected a command beside needs and timeout_s, got none"
                ));
            }
            (Some(_), None) if name.starts_with(ORACLE) => {
                return Some(format!(
                    "expected another name than {name}: a program is no oracle, because it is given no \
                     ground truth"
                ));
            }
            (Some(_), None) => {}
            (None, _) => match self.asked(name) {
                // A slip is more likely than a strategy of one's own without a command.
                Err(unknown) if unknown.hint.contains("did you mean") => {
                    return Some(unknown.to_string());
                }
                Err(unknown) => {
                    return Some(format!(
                        "{unknown}; a strategy of your own has a `command` or a `strategy`"
                    ));
                }
                Ok(asked) if asked.strategy().is_oracle() != name.starts_with(ORACLE) => {
                    return Some(format!(
                        "expected a name that begins with {ORACLE} exactly if the strategy is an oracle, \
                         got {name}"
                    ));
                }
                Ok(_) => {}
            },
        }
        let ranges = [
            ("timeout_s", self.timeout_s, TIMEOUTS_S, TIMEOUTS_IN_WORDS),
            ("floor", self.floor, 0.0..=1.0, "0 to 1"),
            ("cap", self.cap, 1.0..=1e9, "1 or more"),
        ];
        for (key, value, range, expected) in ranges {
            if let Some(value) = value.filter(|value| !range.contains(value)) {
                return Some(format!("{name}.{key}: expected {expected}, got {value}"));
            }
        }
        let limits = self.floor.is_some() || self.cap.is_some();
        (limits && is_per_volume(&self.budget))
            .then(|| format!("{name}: expected budget: pool beside floor and cap, got per-volume"))
    }
}

/// What the name of every oracle, and of nothing else, begins with.
pub const ORACLE: &str = "oracle-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_of_a_program_is_said() {
        let plan = |timeout_s| StrategyPlan {
            command: Some(vec!["sh".to_owned()]),
            timeout_s: Some(timeout_s),
            ..StrategyPlan::default()
        };
        assert_eq!(plan(1e6).problem("mine"), None);
        assert_eq!(
            plan(1e9).problem("mine").as_deref(),
            Some("mine.timeout_s: expected 0.001 to 1000000, got 1000000000")
        );
    }
}
