//! The plan of a sweep: which runs there are, and how many steps each round trains.
//!
//! A [`Run`] has one task, model, strategy and seed. Besides the strategies there are
//! [`FIRST`], the shared first round, and [`FULL`], full annotation. All strategies of a task,
//! model and seed continue from the same trained [`FIRST`].

use crate::choice::{Strategies, StrategyName};
use crate::ratio::Ratio;
use crate::record::{FIRST, FULL};
use crate::seed;
use crate::start::Start;
use crate::steps::{Round, StepPlan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slicewise_core::nearest;
use slicewise_data::{Task, TaskDefinition};
use std::collections::{BTreeMap, BTreeSet};

/// Two annotation ratios that differ by less are the same.
pub(crate) const SAME_RATIO: f64 = 1e-9;

/// The smallest annotation ratio that a query may add; it bounds the number of rounds.
const LEAST_QUERY: f64 = 0.001;

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
    /// Where the first slices of each volume lie, or which volumes have any. Default: `staggered`. The paper
    /// gives no phase; at the same heights in every volume the first round reached 0.14 less Dice on
    /// newborns (`docs/results.md`).
    #[serde(default)]
    pub start: Start,
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
    /// Annotation ratios at which every strategy is evaluated: rising, above the ratio of the first
    /// round (1 / `first_every`) and at most 1. Needed for strategies without rounds of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub report_at: Vec<Ratio>,
    /// Annotation ratio that each query adds, 0.001 or more. Rounds that this puts between the ratios of
    /// `report_at` are trained and queried, but not evaluated. Default: one query for each ratio of
    /// `report_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_every: Option<Ratio>,
    /// The strategies to compare, of those that `slicewise list strategies` prints: a list of names,
    /// which are all queried as `report_at` and `query_every` say. Or, for each name, nothing, the
    /// annotation ratios of its own rounds, each of which is evaluated, or how it is asked: a strategy
    /// under another name and budget, or a program of your own. Default: no strategy.
    #[serde(default)]
    pub strategies: Strategies,
    /// Those of `strategies` that are run with the first seed alone, such as oracles, which bound what
    /// a query can give and need no interval. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_seed_only: Vec<StrategyName>,
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

    /// Returns the rounds of a strategy, of [`FIRST`] or of [`FULL`].
    pub fn rounds(&self, strategy: &str) -> Vec<Round> {
        match strategy {
            FIRST => vec![self.steps.first_round(self.first_ratio())],
            FULL => self.steps.full_rounds(self.stops()),
            name => self.steps.rounds(&self.queries(name)),
        }
    }

    /// Returns the number of steps behind the weights that a strategy is queried with, of each of its
    /// queries: those that the round before is evaluated with.
    pub fn steps_at_queries(&self, strategy: &str) -> Vec<usize> {
        let mut chain = self.chain(strategy);
        chain.pop();
        chain.into_iter().map(|(_, steps)| steps).collect()
    }

    /// Returns the numbers of steps behind the evaluated points of all strategies and of the first
    /// round. Full annotation is evaluated at each of them.
    fn stops(&self) -> BTreeSet<usize> {
        let names = self.strategies.0.keys();
        let points = names.flat_map(|name| self.chain(&name.0));
        points
            .filter(|(round, _)| round.evaluated)
            .map(|(_, steps)| steps)
            .collect()
    }

    /// Returns the first round and those of a strategy, each with the number of steps behind the weights
    /// that it is evaluated with.
    fn chain(&self, strategy: &str) -> Vec<(Round, usize)> {
        let first = self.steps.first_round(self.first_ratio());
        let mut before = 0;
        let rounds = std::iter::once(first).chain(self.rounds(strategy));
        rounds
            .map(|round| {
                let evaluated = before + round.total();
                before += round.steps;
                (round, evaluated)
            })
            .collect()
    }

    /// Returns the annotation ratio that each query of a strategy reaches, and whether the round
    /// after it is evaluated.
    fn queries(&self, strategy: &str) -> Vec<(f64, bool)> {
        let Some(plan) = self.strategies.get(strategy) else {
            return Vec::new();
        };
        if let Some(own) = &plan.ratios {
            return own.iter().map(|&Ratio(ratio)| (ratio, true)).collect();
        }
        let first = self.first_ratio();
        let grid = self.query_every.into_iter();
        let mut grid = grid
            .flat_map(|Ratio(added)| (1..).map(move |number| first + f64::from(number) * added))
            .peekable();
        let mut queries: Vec<(f64, bool)> = Vec::new();
        for &Ratio(reported) in &self.report_at {
            while let Some(ratio) = grid.next_if(|&ratio| ratio <= reported - SAME_RATIO) {
                queries.push((ratio, false));
            }
            queries.push((reported, true));
            // A grid that meets the reported ratio is not asked twice for it.
            grid.next_if(|&ratio| (ratio - reported).abs() < SAME_RATIO);
        }
        queries
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
        if let Some(Ratio(added)) = self.query_every
            && added < LEAST_QUERY
        {
            return Some(format!(
                "{}: expected {LEAST_QUERY} or more, got {added}",
                at("query_every")
            ));
        }
        let names: Vec<&str> = self
            .strategies
            .0
            .keys()
            .map(|name| name.0.as_str())
            .collect();
        let problem = self.steps.problem(&names, |name| self.rounds(name));
        if let Some((key, problem)) = problem {
            return Some(format!("{}: {problem}", at(&format!("steps.{key}"))));
        }
        if !(self.stop.sigma >= 0.0 && self.stop.sigma.is_finite()) {
            return Some(format!(
                "{}: expected a number from 0, got {}",
                at("stop.sigma"),
                self.stop.sigma
            ));
        }
        let strategies = &self.strategies.0;
        let mut once = self.first_seed_only.iter();
        if let Some(StrategyName(other)) = once.find(|name| !strategies.contains_key(name)) {
            return Some(format!(
                "{}: expected some of the task's strategies, got {other}",
                at("first_seed_only")
            ));
        }
        let mut plans = self.strategies.0.values();
        let shared = plans.any(|plan| plan.ratios.is_none());
        if shared && self.report_at.is_empty() {
            return Some(format!(
                "{}: expected the ratios at which the strategies are evaluated, got none",
                at("report_at")
            ));
        }
        let own = self.strategies.0.iter().filter_map(|(name, plan)| {
            let ratios = plan.ratios.as_ref()?;
            Some((format!("strategies.{}", name.0), ratios))
        });
        for (key, ratios) in own.chain([("report_at".to_owned(), &self.report_at)]) {
            if let Some(problem) = self.ratios_problem(ratios) {
                return Some(format!("{}: {problem}", at(&key)));
            }
        }
        None
    }

    /// Says what is wrong with the rising ratios of a list, if anything.
    fn ratios_problem(&self, ratios: &[Ratio]) -> Option<String> {
        let mut before = self.first_ratio();
        for &Ratio(ratio) in ratios {
            if ratio <= before {
                return Some(format!(
                    "expected ratios that rise from above {:.4} (every {}th slice), got {ratio} after {before:.4}",
                    self.first_ratio(),
                    self.first_every
                ));
            }
            before = ratio;
        }
        None
    }
}

/// One run: the part of a sweep that has one task, model, strategy and seed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Run {
    /// The task.
    pub task: Task,
    /// The model's name in the config.
    pub model: String,
    /// A strategy's name, [`FIRST`] or [`FULL`].
    pub strategy: String,
    /// Seed of the run.
    pub seed: u64,
    /// Number of the fold, from 1, whose cases are Part B; `None` without folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
}

impl Run {
    /// Returns the seed that all randomness of the run comes from. Every fold has its own, so that
    /// the folds of a seed are runs of their own.
    pub fn root_seed(&self) -> u64 {
        match self.fold {
            None => self.seed,
            Some(fold) => seed::child(self.seed, &["fold", &fold.to_string()]),
        }
    }

    /// Returns what the names of the run's files begin with.
    pub(crate) fn stem(&self) -> String {
        let fold = self
            .fold
            .map_or_else(String::new, |fold| format!("-fold{fold}"));
        format!("{}{fold}-seed{}", self.strategy, self.seed)
    }

    /// Returns the shared first round that this run continues from, or `None` if it starts from new
    /// weights.
    pub fn forks_from(&self) -> Option<Run> {
        (self.strategy != FIRST && self.strategy != FULL).then(|| Run {
            strategy: FIRST.to_owned(),
            ..self.clone()
        })
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.task.paper_number() {
            Some(number) => write!(f, "task {number}")?,
            None => write!(f, "{}", self.task)?,
        }
        write!(
            f,
            " · {} · {} · seed {}",
            self.model, self.strategy, self.seed
        )?;
        match self.fold {
            Some(fold) => write!(f, " · fold {fold}"),
            None => Ok(()),
        }
    }
}

/// Lists all runs of a sweep, of each fold if there are `folds`. A first round comes before the runs
/// that continue from it.
pub fn runs(
    plans: &BTreeMap<Task, TaskPlan>,
    models: &[String],
    seeds: &[u64],
    folds: Option<usize>,
) -> Vec<Run> {
    let folds: Vec<Option<usize>> = match folds {
        None => vec![None],
        Some(count) => (1..=count).map(Some).collect(),
    };
    let mut runs = Vec::new();
    for (&task, plan) in plans {
        for model in models {
            for (&seed, &fold) in seeds
                .iter()
                .flat_map(|seed| folds.iter().map(move |fold| (seed, fold)))
            {
                let run = |strategy: &str| Run {
                    task,
                    model: model.clone(),
                    strategy: strategy.to_owned(),
                    seed,
                    fold,
                };
                if !plan.strategies.0.is_empty() {
                    runs.push(run(FIRST));
                }
                if plan.full {
                    runs.push(run(FULL));
                }
                let every_seed = |name: &&StrategyName| !plan.first_seed_only.contains(name);
                let first_seed = seeds.first() == Some(&seed);
                let strategies = plan.strategies.0.keys();
                let strategies = strategies.filter(|name| first_seed || every_seed(name));
                runs.extend(strategies.map(|name| run(&name.0)));
            }
        }
    }
    runs
}
