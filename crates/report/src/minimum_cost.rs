//! How few slices are enough? The smallest ratio at which a strategy is as good as full
//! annotation, which the paper's Fig. 5 stars.
//!
//! The paper does not say by which rule. Ours: Part B Dice is compared with full annotation's on
//! the same case and seed, and the mean difference may not fall more than [`cost_margin`] below 0.
//! A stricter rule stands beside it: the lower end of the difference's interval may not. Cases
//! are what the interval resamples, after averaging a case's seeds: it says what other unseen
//! cases would change, not what other seeds would.

use crate::curve::{Curves, Point, mean, primary};
use crate::order::ratio_key;
use crate::paired::{RESAMPLES, Scores, differences, scores_of};
use slicewise_data::{Part, Task};
use slicewise_experiment::record::FULL;
use slicewise_experiment::seed::generator;
use slicewise_experiment::{Results, RoundRecord};
use slicewise_metrics::{Interval, bootstrap_interval};
use std::collections::{BTreeMap, BTreeSet};

/// The two rules, as words in tables.
pub(crate) const RULES: [&str; 2] = ["mean", "interval"];

/// Where one strategy has reached full annotation.
#[derive(Debug, Clone)]
pub(crate) struct MinimumCost {
    pub(crate) task: Task,
    pub(crate) strategy: String,
    /// The star: the mean difference is within the margin.
    pub(crate) by_mean: Option<Reached>,
    /// Even the lower end of the interval is.
    pub(crate) by_interval: Option<Reached>,
}

impl MinimumCost {
    /// What each of [`RULES`] gives.
    pub(crate) fn by_rule(&self) -> [(&'static str, Option<&Reached>); 2] {
        let [mean, interval] = RULES;
        [
            (mean, self.by_mean.as_ref()),
            (interval, self.by_interval.as_ref()),
        ]
    }
}

/// The smallest ratio that satisfies a rule.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    /// The strategy's point on Part B.
    pub(crate) point: Point,
    /// Its Dice minus full annotation's: mean, and 95 % bootstrap interval over cases.
    pub(crate) difference: Interval,
    /// Seeds that both have.
    pub(crate) seeds: usize,
}

/// How far below full annotation's Dice still counts as having reached it. The margins are ours,
/// a little above what two seeds of full annotation differ by.
pub(crate) fn cost_margin(task: Task) -> f64 {
    match task {
        Task::BrainExtraction => 0.005,
        Task::TissueSegmentation => 0.01,
    }
}

/// How the numbers were computed, in a sentence.
pub(crate) fn how(tasks: &[Task]) -> String {
    let margins: Vec<String> = tasks
        .iter()
        .map(|&task| format!("{} in Task {}", cost_margin(task), task.number()))
        .collect();
    format!(
        "The smallest ratio at which a strategy's Part B Dice is as good as full annotation's, \
         compared on the same case and seed. \"By mean\": the mean difference is at least minus the \
         margin ({}), which is the star of Fig. 5. \"By interval\": even the lower end of the \
         difference's 95 % interval is; a percentile bootstrap of {RESAMPLES} resamples over cases, \
         seeds averaged within a case (fixed seed), so it says what other unseen cases would \
         change, not what other seeds would. The margins are ours: the paper states no rule.",
        margins.join(", ")
    )
}

/// Of every task that has full annotation and every strategy, in the order of tables.
pub(crate) fn minimum_costs(results: &Results, curves: &Curves) -> Vec<MinimumCost> {
    let mut costs = Vec::new();
    for task in curves.tasks() {
        let full = scores(results, |r| r.task == task && r.strategy == FULL);
        if full.is_empty() {
            continue;
        }
        for strategy in curves.strategies() {
            let points = curves.of_strategy(task, Part::B, &strategy);
            if points.is_empty() {
                continue;
            }
            let reached: Vec<Reached> = points
                .into_iter()
                .filter_map(|point| reached(results, &full, point))
                .collect();
            let first = |value: fn(Interval) -> Option<f64>| {
                let near = |r: &&Reached| {
                    value(r.difference).is_some_and(|value| value >= -cost_margin(task))
                };
                reached.iter().find(near).cloned()
            };
            costs.push(MinimumCost {
                task,
                strategy,
                by_mean: first(|difference| Some(difference.mean)),
                by_interval: first(|difference| difference.low),
            });
        }
    }
    costs
}

/// The primary model's Part B Dice of the records asked for.
fn scores(results: &Results, wanted: impl Fn(&RoundRecord) -> bool) -> Scores<'_> {
    primary(results)
        .filter(|record| wanted(record))
        .flat_map(scores_of)
        .collect()
}

/// A point's difference from full annotation; `None` if they share no case and seed.
fn reached(results: &Results, full: &Scores, point: &Point) -> Option<Reached> {
    let ours = scores(results, |record| {
        record.task == point.task
            && record.strategy == point.strategy
            && ratio_key(record.ratio) == ratio_key(point.ratio)
    });
    let pairs = differences(&ours, full);
    let seeds: BTreeSet<u64> = pairs.keys().map(|(seed, _)| *seed).collect();
    let mut by_case: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for ((_, case), difference) in &pairs {
        by_case.entry(case).or_default().push(*difference);
    }
    let of_cases: Vec<f64> = by_case
        .values()
        .filter_map(|seeds| mean(seeds.iter().copied()))
        .collect();
    let alone = Interval {
        mean: mean(of_cases.iter().copied())?,
        low: None,
        high: None,
        n: of_cases.len(),
    };
    let mut rng = generator(0, &["minimum-cost"]);
    Some(Reached {
        point: point.clone(),
        // Refused for a single case only, which has no interval.
        difference: bootstrap_interval(&of_cases, 0.95, RESAMPLES, &mut rng).unwrap_or(alone),
        seeds: seeds.len(),
    })
}
