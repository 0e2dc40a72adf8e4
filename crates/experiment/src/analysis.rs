//! What the report of a sweep is to compute, as the experiment says before it runs: the endpoint, and
//! what annotation costs.

use crate::asked::ORACLE;
use crate::choice::StrategyName;
use crate::plan::{SAME_RATIO, TaskPlan};
use crate::ratio::Ratio;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slicewise_data::Task;
use slicewise_metrics::{LEAST_RUNS, critical_t};
use std::collections::BTreeMap;

/// The comparison that decides the experiment's question: the Dice of unseen cases at these ratios, every
/// strategy minus `against`. The report gives it first, with one correction for all of a task's
/// comparisons. Oracles, which no annotator can follow, are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The strategy that the others are compared with, one that every task has. Required.
    #[schemars(with = "StrategyName")]
    pub against: String,
    /// Annotation ratios at which every task evaluates it, at least one. Required.
    pub ratios: Vec<Ratio>,
}

impl Endpoint {
    /// Returns what is wrong with the endpoint of an experiment that has these `tasks`, if anything.
    pub fn problem(&self, tasks: &BTreeMap<Task, TaskPlan>) -> Option<String> {
        if self.ratios.is_empty() {
            return Some("endpoint.ratios: expected at least one, got none".to_owned());
        }
        for (task, plan) in tasks {
            let strategies: Vec<&str> = plan.strategies.0.keys().map(|name| &*name.0).collect();
            if !strategies.contains(&&*self.against) {
                return Some(format!(
                    "endpoint.against: expected a strategy of every task, got {}; {task} has {}",
                    self.against,
                    strategies.join(", ")
                ));
            }
            let rounds = plan.rounds(&self.against).into_iter();
            let evaluated: Vec<f64> = rounds
                .filter(|round| round.evaluated)
                .map(|round| round.ratio)
                .collect();
            let same = |a: f64, b: f64| (a - b).abs() < SAME_RATIO;
            let mut wanted = self.ratios.iter();
            let missing = wanted.find(|wanted| !evaluated.iter().any(|&has| same(has, wanted.0)));
            if let Some(Ratio(missing)) = missing {
                let evaluated: Vec<String> = evaluated.iter().map(f64::to_string).collect();
                return Some(format!(
                    "endpoint.ratios: expected ratios at which every task evaluates {}, got {missing}; \
                     {task} has {}",
                    self.against,
                    evaluated.join(", ")
                ));
            }
        }
        None
    }

    /// Says how large a difference must be to be told from chance, of an experiment that has these `tasks`
    /// and so many `runs` of each strategy, if that is far more than it would be for one strategy at one
    /// ratio, or that none will be tested.
    pub fn warning(&self, tasks: &BTreeMap<Task, TaskPlan>, runs: usize) -> Option<String> {
        let usable = |plan: &TaskPlan| {
            let names = plan.strategies.0.keys();
            names.filter(|name| !name.0.starts_with(ORACLE)).count()
        };
        let rivals = tasks.values().map(usable).max()?.saturating_sub(1);
        let comparisons = rivals * self.ratios.len();
        if runs < LEAST_RUNS && comparisons > 0 {
            return Some(format!(
                "endpoint: {runs} run(s) of each strategy; below {LEAST_RUNS} no difference is tested"
            ));
        }
        let [among, alone] = [critical_t(runs, comparisons)?, critical_t(runs, 1)?];
        (among > FAR * alone).then(|| {
            format!(
                "endpoint: {comparisons} differences over {runs} runs are corrected together; one must be \
                 {among:.1} of its standard errors from 0 to count, alone {alone:.1}. Fewer strategies and \
                 more seeds tell more (docs/statistics.md)"
            )
        })
    }
}

/// How many times larger a difference must be, among all, for a warning.
const FAR: f64 = 3.0;

/// How long annotation takes. The defaults are assumptions of ours, not measurements: an annotator who
/// traces 4 mm a second draws the outline of a brain of 300 mm in 75 s. Which strategy takes longer
/// depends on how the two relate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Effort {
    /// Seconds to open a slice, look at its neighbours and check the result, a number from 0.
    /// Default: 10.
    pub seconds_per_slice: f64,
    /// Seconds to trace one mm of outline, a number from 0. Default: 0.25.
    pub seconds_per_contour_mm: f64,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            seconds_per_slice: 10.0,
            seconds_per_contour_mm: 0.25,
        }
    }
}

impl Effort {
    /// Returns the minutes that it takes to draw contours of `contour_mm` in all on `slices` slices.
    pub fn minutes(&self, slices: f64, contour_mm: f64) -> f64 {
        (self.seconds_per_slice * slices + self.seconds_per_contour_mm * contour_mm) / 60.0
    }

    /// Returns what is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        let seconds = [
            ("seconds_per_slice", self.seconds_per_slice),
            ("seconds_per_contour_mm", self.seconds_per_contour_mm),
        ];
        let mut wrong = seconds.iter();
        let (key, got) = wrong.find(|(_, value)| !(0.0..=1e9).contains(value))?;
        Some(format!(
            "effort.{key}: expected 0 to 1e9 seconds, got {got}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tasks() -> BTreeMap<Task, TaskPlan> {
        let plan = json!({
            "first_every": 8, "steps": {"budget": 10}, "query_every": 0.125,
            "report_at": [0.25, 0.5], "strategies": ["random", "uncertainty"]
        });
        let plan = serde_json::from_value(plan).unwrap();
        BTreeMap::from([(Task::TISSUE_SEGMENTATION, plan)])
    }

    #[test]
    fn minutes_by_hand() {
        let effort = Effort {
            seconds_per_slice: 30.0,
            seconds_per_contour_mm: 0.25,
        };
        assert_eq!(effort.minutes(4.0, 480.0), 4.0);
        assert_eq!(effort.minutes(0.0, 0.0), 0.0);
    }

    #[test]
    fn an_endpoint_is_what_every_task_evaluates() {
        let problem = |against: &str, ratios: &[f64]| {
            let ratios = ratios.iter().copied().map(Ratio).collect();
            let against = against.to_owned();
            Endpoint { against, ratios }.problem(&tasks())
        };
        assert_eq!(problem("random", &[0.25, 0.5]), None);
        for (against, ratios, expected) in [
            (
                "random",
                &[][..],
                "endpoint.ratios: expected at least one, got none",
            ),
            (
                "equal-interval",
                &[0.25],
                "endpoint.against: expected a strategy of every task, got equal-interval; \
                 tissue-segmentation has random, uncertainty",
            ),
            // Queried there, but not evaluated.
            (
                "random",
                &[0.25, 0.375],
                "endpoint.ratios: expected ratios at which every task evaluates random, got 0.375; \
                 tissue-segmentation has 0.25, 0.5",
            ),
        ] {
            assert_eq!(problem(against, ratios).as_deref(), Some(expected));
        }
    }

    #[test]
    fn many_differences_of_few_runs_are_warned_of() {
        let warning = |against: &str, strategies: &[&str], runs| {
            let plan = json!({"first_every": 8, "steps": {"budget": 10}, "report_at": [0.25, 0.5],
                "strategies": strategies});
            let plan = serde_json::from_value(plan).unwrap();
            let ratios = vec![Ratio(0.25), Ratio(0.5)];
            let against = against.to_owned();
            let tasks = BTreeMap::from([(Task::TISSUE_SEGMENTATION, plan)]);
            Endpoint { against, ratios }.warning(&tasks, runs)
        };
        let two = ["random", "uncertainty", "oracle-most-error"];
        let six = ["random", "uncertainty", "badge", "clasp", "bald", "margin"];
        assert_eq!(
            [warning("random", &two, 3), warning("random", &six, 10)],
            [None, None]
        );
        let said = warning("random", &six, 3).unwrap();
        assert!(
            said.contains("10 differences over 3 runs") && said.contains("14.1 of"),
            "{said}"
        );
        let said = warning("random", &two, 2).unwrap();
        assert!(
            said.contains("2 run(s)") && said.contains("below 3"),
            "{said}"
        );
    }

    #[test]
    fn effort_is_seconds() {
        assert_eq!(Effort::default().problem(), None);
        let effort = Effort {
            seconds_per_slice: -1.0,
            ..Effort::default()
        };
        let expected = "effort.seconds_per_slice: expected 0 to 1e9 seconds, got -1";
        assert_eq!(effort.problem().as_deref(), Some(expected));
        let read = serde_json::from_value::<Effort>(json!({"seconds_per_contour_mm": 1.0}));
        assert_eq!(read.unwrap().seconds_per_slice, 10.0);
    }
}
