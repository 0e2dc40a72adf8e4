//! The plan of a sweep: which runs there are, and how many steps each round trains.
//!
//! A [`Cell`] is one run: one task, model, strategy and seed. Besides the strategies there are
//! [`FIRST`], the shared first round, and [`FULL`], full annotation. All strategies of a task,
//! model and seed continue from the same trained [`FIRST`].

use crate::record::{FIRST, FULL};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use slicewise_core::nearest;
use slicewise_data::{Task, TaskDefinition};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What to run in one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskPlan {
    /// What the task's labels are: required for a task of your own, and an error for the paper's
    /// two, which are known. `brain-extraction` segments the mask, and P and R compare it by Dice;
    /// `tissue-segmentation` segments all classes, compared by accuracy. Both have axial slices, and
    /// a case may lack a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<TaskDefinition>,
    /// The first round annotates every n-th slice; n is 2 or more. The paper takes every 16th
    /// or every 32nd. Required.
    pub first_every: usize,
    /// How many steps to train. Required.
    pub steps: StepPlan,
    /// The stop rule: when further annotation no longer pays. Default: the paper's rule, which is
    /// recorded but ends no run.
    #[serde(default)]
    pub stop: StopRule,
    /// Whether to train on full annotation too, as the upper reference. Default: true, because the
    /// tables compare strategies with it.
    #[serde(default = "yes")]
    pub full: bool,
    /// For each strategy, one of those that `slicewise list strategies` prints, the annotation
    /// ratios that its rounds reach: at least one, rising, above the ratio of the first round
    /// (1 / `first_every`) and at most 1. Default: no strategy.
    #[serde(default)]
    pub strategies: BTreeMap<StrategyName, Vec<Ratio>>,
}

fn yes() -> bool {
    true
}

/// The paper's stop rule (section 2.2): the mean P over all slices of Part A changed by less than σ
/// since the previous round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StopRule {
    /// Threshold σ in units of P, a number from 0. Default: 0.005, the paper's.
    pub sigma: f64,
    /// Whether a run ends at the first round in which the rule holds. Default: false. The run then
    /// continues, so that the tables can show what stopping there would have cost.
    pub ends_run: bool,
}

impl Default for StopRule {
    fn default() -> Self {
        Self {
            sigma: 0.005,
            ends_run: false,
        }
    }
}

/// Numbers of training steps. A step trains on one batch.
///
/// The paper trains 500 steps for each updated training set, so a strategy that is queried in
/// smaller rounds trains longer to reach the same ratio. `per_ratio` makes the steps proportional
/// to the slices that a round adds. At equal ratio every strategy has then trained equally long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepPlan {
    /// Steps of the shared first round, 1 or more. Required.
    pub first: usize,
    /// Steps of the training on full annotation, 1 or more (0 only with `full: false`). Required.
    pub full: usize,
    /// Steps of every round after the first, however many slices it adds. They are added to
    /// those of `per_ratio`; together they must give every round a step. Default: 0, so that one
    /// of the two settings is enough.
    #[serde(default)]
    pub round: usize,
    /// Steps of a round after the first, for each unit of annotation ratio that it adds: a round
    /// that adds 5 % of the slices trains `0.05 × per_ratio` steps. Default: 0, as for `round`.
    #[serde(default)]
    pub per_ratio: usize,
    /// Steps between two checkpoints within a round, 1 or more. A run that is killed repeats at
    /// most that many steps. Default: 50, which loses little and writes seldom. It changes no result.
    #[serde(default = "checkpoint_every")]
    pub checkpoint_every: usize,
}

fn checkpoint_every() -> usize {
    50
}

/// Name of a registered strategy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct StrategyName(pub String);

impl<'de> Deserialize<'de> for StrategyName {
    /// The name is checked here, so that the YAML reader can report the line.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        slicewise_strategies::find(&name).map_err(D::Error::custom)?;
        Ok(Self(name))
    }
}

impl JsonSchema for StrategyName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "StrategyName".into()
    }

    /// One of the registered names, so that an editor completes them.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let strategies = slicewise_strategies::STRATEGIES.iter();
        let names = strategies.map(|strategy| strategy.name());
        json_schema!({"type": "string", "enum": names.collect::<Vec<_>>()})
    }
}

/// Annotated share of a volume's slices, in `(0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Ratio(pub f64);

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ratio = f64::deserialize(deserializer)?;
        if ratio > 0.0 && ratio <= 1.0 {
            Ok(Self(ratio))
        } else {
            Err(D::Error::custom(format!(
                "expected a ratio in (0, 1] (a share of a volume's slices), got {ratio}"
            )))
        }
    }
}

impl JsonSchema for Ratio {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Ratio".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
    }
}

impl TaskPlan {
    /// Returns what the labels of `task`, whose plan this is, are: the paper's definition, or the
    /// plan's own.
    ///
    /// # Errors
    /// A task of the paper with a definition, or any other without one, in words.
    pub fn definition(&self, task: Task) -> Result<TaskDefinition, String> {
        match (task.preset(), &self.definition) {
            (Some(preset), None) => Ok(preset),
            (None, Some(own)) => Ok(own.clone()),
            (Some(preset), Some(_)) => Err(format!(
                "expected no definition, because {task} is the paper's task \
                 ({preset}); choose another name for a task of your own"
            )),
            (None, None) => {
                let presets = Task::OF_PAPER.map(Task::name);
                let hint = match nearest(task.name(), presets) {
                    Some(preset) => format!("did you mean `{preset}`?"),
                    None => format!("the paper's tasks are {}", presets.join(" and ")),
                };
                Err(format!(
                    "expected a definition, because this is no task of the paper \
                     ({hint}); for a task of your own add definition: \
                     {{labels: mask, all or [CLASS, ...], agreement: dice or accuracy}}"
                ))
            }
        }
    }

    /// Returns the annotation ratio of the first round.
    pub fn first_ratio(&self) -> f64 {
        1.0 / self.first_every as f64
    }

    /// Returns the rounds of a strategy, of [`FIRST`] or of [`FULL`]: the ratio that each reaches
    /// and its steps.
    pub fn rounds(&self, strategy: &str) -> Vec<Round> {
        match strategy {
            FIRST => vec![Round {
                number: 0,
                ratio: self.first_ratio(),
                steps: self.steps.first,
            }],
            FULL => vec![Round {
                number: 0,
                ratio: 1.0,
                steps: self.steps.full,
            }],
            _ => {
                let mut before = self.first_ratio();
                let ratios = self.strategies.get(&StrategyName(strategy.to_owned()));
                ratios
                    .into_iter()
                    .flatten()
                    .enumerate()
                    .map(|(index, &Ratio(ratio))| {
                        let added = self.steps.per_ratio as f64 * (ratio - before);
                        before = ratio;
                        Round {
                            number: index + 1,
                            ratio,
                            steps: self.steps.round + added.round() as usize,
                        }
                    })
                    .collect()
            }
        }
    }

    /// Returns what is wrong with the plan of `task`, if anything: what was expected and what was
    /// given.
    pub fn problem(&self, task: Task) -> Option<String> {
        let at = |key: &str| format!("tasks.{}.{key}", task.name());
        if self.first_every < 2 {
            return Some(format!(
                "{}: expected 2 or more, got {}",
                at("first_every"),
                self.first_every
            ));
        }
        if self.steps.first == 0 {
            return Some(format!("{}: expected 1 or more, got 0", at("steps.first")));
        }
        if self.steps.checkpoint_every == 0 {
            return Some(format!(
                "{}: expected 1 or more, got 0",
                at("steps.checkpoint_every")
            ));
        }
        if self.full && self.steps.full == 0 {
            return Some(format!("{}: expected 1 or more, got 0", at("steps.full")));
        }
        if !(self.stop.sigma >= 0.0 && self.stop.sigma.is_finite()) {
            return Some(format!(
                "{}: expected a number from 0, got {}",
                at("stop.sigma"),
                self.stop.sigma
            ));
        }
        for (name, ratios) in &self.strategies {
            let mut before = self.first_ratio();
            for &Ratio(ratio) in ratios {
                if ratio <= before {
                    return Some(format!(
                        "{}: expected ratios that rise from above {:.4} (every {}th slice), got {ratio} after {before:.4}",
                        at(&format!("strategies.{}", name.0)),
                        self.first_ratio(),
                        self.first_every
                    ));
                }
                before = ratio;
            }
            if ratios.is_empty() {
                return Some(format!(
                    "{}: expected at least one ratio, got none",
                    at(&format!("strategies.{}", name.0))
                ));
            }
            if let Some(round) = self.rounds(&name.0).iter().find(|round| round.steps == 0) {
                return Some(format!(
                    "{}: expected steps.round or steps.per_ratio to give every round a step, got 0 for ratio {}",
                    at(&format!("strategies.{}", name.0)),
                    round.ratio
                ));
            }
        }
        None
    }
}

/// One round of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round {
    /// Number of the round; 0 is the first.
    pub number: usize,
    /// Annotated share of each volume's slices during this round's training, in `(0, 1]`.
    pub ratio: f64,
    /// Training steps of this round.
    pub steps: usize,
}

/// One run: the part of a sweep that has one task, model, strategy and seed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// The task.
    pub task: Task,
    /// The model's name in the config.
    pub model: String,
    /// A strategy's name, [`FIRST`] or [`FULL`].
    pub strategy: String,
    /// Seed of the run.
    pub seed: u64,
}

impl Cell {
    /// Returns the shared first round that this run continues from, or `None` if it starts from new
    /// weights.
    pub fn forks_from(&self) -> Option<Cell> {
        (self.strategy != FIRST && self.strategy != FULL).then(|| Cell {
            strategy: FIRST.to_owned(),
            ..self.clone()
        })
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.task.paper_number() {
            Some(number) => write!(f, "task {number}")?,
            None => write!(f, "{}", self.task)?,
        }
        write!(
            f,
            " · {} · {} · seed {}",
            self.model, self.strategy, self.seed
        )
    }
}

/// Lists all runs of a sweep. A first round comes before the runs that continue from it.
pub fn cells(plans: &BTreeMap<Task, TaskPlan>, models: &[String], seeds: &[u64]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (&task, plan) in plans {
        for model in models {
            for &seed in seeds {
                let cell = |strategy: &str| Cell {
                    task,
                    model: model.clone(),
                    strategy: strategy.to_owned(),
                    seed,
                };
                if !plan.strategies.is_empty() {
                    cells.push(cell(FIRST));
                }
                if plan.full {
                    cells.push(cell(FULL));
                }
                cells.extend(plan.strategies.keys().map(|name| cell(&name.0)));
            }
        }
    }
    cells
}
