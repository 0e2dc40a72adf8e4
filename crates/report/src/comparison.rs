//! Is one strategy better than another? Every pair of strategies at every ratio that both have,
//! paired over case and seed on Part B.
//!
//! All strategies of a seed share split, first slices and first weights, so the difference on one
//! case within one seed is what a strategy is worth there. Models are compared in the same way,
//! each with the primary one at full annotation.

use crate::curve::primary;
use crate::order::{is_strategy, ratio_key, strategy_key};
use crate::paired::{BOOTSTRAP, Paired, Scores, paired, scores_of};
use crate::table::COMPARED_RATIO;
use slicewise_data::Task;
use slicewise_experiment::Results;
use slicewise_experiment::record::FULL;
use slicewise_metrics::holm;
use std::collections::BTreeMap;

/// `strategy` against `rival` at one ratio.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    pub(crate) task: Task,
    pub(crate) ratio: f64,
    /// The later of the two in the order of tables.
    pub(crate) strategy: String,
    pub(crate) rival: String,
    /// Dice of `strategy` minus that of `rival`.
    pub(crate) paired: Paired,
    /// The paired p corrected by Holm over all pairs of strategies of the task at the ratio.
    pub(crate) p_holm: f64,
}

/// A model against the primary one, both with full annotation.
#[derive(Debug, Clone)]
pub(crate) struct ModelComparison {
    pub(crate) task: Task,
    pub(crate) model: String,
    /// Dice of `model` minus that of the primary model.
    pub(crate) paired: Paired,
    /// The paired p corrected by Holm over the models of the task.
    pub(crate) p_holm: f64,
}

/// How the numbers were computed, in a sentence.
pub(crate) fn how() -> String {
    format!(
        "Mean Dice of the first strategy minus the second's on the same Part B case and seed, ± \
         half the 95 % Student-t interval over seeds. {BOOTSTRAP} p is Wilcoxon's two-sided \
         signed-rank test over the n pairs of case and seed, corrected by Holm over all pairs of \
         strategies of a task at a ratio. Pairs that share a seed or a case are not independent, \
         which makes p too small: where it and an interval disagree, believe the interval."
    )
}

/// Sorted by task, ratio, rival and strategy.
pub(crate) fn comparisons(results: &Results) -> Vec<Comparison> {
    let mut groups: BTreeMap<(Task, u64), BTreeMap<(usize, String), Scores>> = BTreeMap::new();
    for record in primary(results).filter(|record| is_strategy(&record.strategy)) {
        let group = groups
            .entry((record.task, ratio_key(record.ratio)))
            .or_default();
        let scores = group.entry(strategy_key(&record.strategy)).or_default();
        scores.extend(scores_of(record));
    }
    let mut all = Vec::new();
    for ((task, ratio), strategies) in &groups {
        let strategies: Vec<_> = strategies.iter().collect();
        let mut pairs = Vec::new();
        for (place, ((_, rival), theirs)) in strategies.iter().enumerate() {
            for ((_, strategy), ours) in &strategies[place + 1..] {
                if let Some(paired) = paired(ours, theirs) {
                    pairs.push(((strategy, rival), paired));
                }
            }
        }
        let pairs = corrected(pairs).into_iter();
        all.extend(pairs.map(|((strategy, rival), paired, p_holm)| Comparison {
            task: *task,
            ratio: *ratio as f64 / 1e6,
            strategy: strategy.clone(),
            rival: rival.clone(),
            paired,
            p_holm,
        }));
    }
    all
}

/// Full annotation of every other model against the primary one's, by task in the manifest's
/// order of models.
pub(crate) fn model_comparisons(results: &Results) -> Vec<ModelComparison> {
    let manifest = &results.manifest;
    let Some((primary, others)) = manifest.models.split_first() else {
        return Vec::new();
    };
    let scores = |task: Task, model: &str| -> Scores {
        let records = results.records.iter();
        records
            .filter(|r| r.task == task && r.model == model && r.strategy == FULL)
            .flat_map(scores_of)
            .collect()
    };
    let mut all = Vec::new();
    for task in manifest.data.iter().map(|data| data.task) {
        let theirs = scores(task, primary);
        let pairs = others
            .iter()
            .filter_map(|model| Some((model, paired(&scores(task, model), &theirs)?)));
        let pairs = corrected(pairs.collect()).into_iter();
        all.extend(pairs.map(|(model, paired, p_holm)| ModelComparison {
            task,
            model: model.clone(),
            paired,
            p_holm,
        }));
    }
    all
}

/// Adds Holm's correction over the family.
fn corrected<T>(family: Vec<(T, Paired)>) -> Vec<(T, Paired, f64)> {
    let p: Vec<f64> = family.iter().map(|(_, paired)| paired.p).collect();
    // p-values of a test are never outside [0, 1], the one thing refused.
    let adjusted = holm(&p).unwrap_or(p);
    let pairs = family.into_iter().zip(adjusted);
    pairs.map(|((of, paired), p)| (of, paired, p)).collect()
}

/// Those a page has room for: of each task the paper's 50 %, else the largest ratio.
pub(crate) fn shown(comparisons: &[Comparison]) -> Vec<&Comparison> {
    let mut ratios: BTreeMap<Task, u64> = BTreeMap::new();
    let wanted = ratio_key(COMPARED_RATIO);
    for comparison in comparisons {
        let ratio = ratio_key(comparison.ratio);
        let best = ratios.entry(comparison.task).or_insert(ratio);
        if *best != wanted && (ratio == wanted || ratio > *best) {
            *best = ratio;
        }
    }
    comparisons
        .iter()
        .filter(|comparison| ratios[&comparison.task] == ratio_key(comparison.ratio))
        .collect()
}
