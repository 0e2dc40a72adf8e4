//! Is one strategy better than another? Every pair of strategies at every ratio that both have,
//! paired over case and seed on Part B.
//!
//! All strategies of a seed share split, first slices and first weights, so the difference on one
//! case within one seed is what a strategy is worth there.

use crate::curve::{cases_of, mean, primary};
use crate::order::{is_strategy, ratio_key, strategy_key};
use crate::table::COMPARED_RATIO;
use slicewise_data::{Part, Task};
use slicewise_experiment::Results;
use slicewise_metrics::{Interval, holm, mean_interval, wilcoxon};
use std::collections::BTreeMap;

/// `strategy` against `rival` at one ratio.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    pub(crate) task: Task,
    pub(crate) ratio: f64,
    /// The later of the two in the order of tables.
    pub(crate) strategy: String,
    pub(crate) rival: String,
    /// Dice of `strategy` minus that of `rival`: mean over cases, then mean and 95 % Student-t
    /// interval over seeds.
    pub(crate) difference: Interval,
    /// Wilcoxon's two-sided signed-rank test over the pairs.
    pub(crate) p: f64,
    /// … corrected by Holm over all pairs of strategies of the task at the ratio.
    pub(crate) p_holm: f64,
    /// Pairs of case and seed.
    pub(crate) n: usize,
}

/// How the numbers were computed, in a sentence.
pub(crate) const HOW: &str = "Mean Dice of the first strategy minus the second's on the same Part B \
    case and seed, ± half the 95 % Student-t interval over seeds; p is Wilcoxon's two-sided \
    signed-rank test over the n pairs of case and seed, corrected by Holm over all pairs of \
    strategies of a task at a ratio. Pairs that share a seed or a case are not independent, which \
    makes p too small: where it and the interval disagree, believe the interval.";

/// Dice by seed and case.
type Scores<'a> = BTreeMap<(u64, &'a str), f64>;

/// Sorted by task, ratio, rival and strategy.
pub(crate) fn comparisons(results: &Results) -> Vec<Comparison> {
    let mut groups: BTreeMap<(Task, u64), BTreeMap<(usize, String), Scores>> = BTreeMap::new();
    for record in primary(results).filter(|record| is_strategy(&record.strategy)) {
        let group = groups
            .entry((record.task, ratio_key(record.ratio)))
            .or_default();
        let scores = group.entry(strategy_key(&record.strategy)).or_default();
        let cases = cases_of(record, Part::B).filter(|case| case.mean_dice.is_finite());
        scores.extend(cases.map(|case| ((record.seed, case.case.as_str()), case.mean_dice)));
    }
    let mut all = Vec::new();
    for ((task, ratio), strategies) in &groups {
        let strategies: Vec<_> = strategies.iter().collect();
        let mut pairs = Vec::new();
        for (place, ((_, rival), theirs)) in strategies.iter().enumerate() {
            for ((_, strategy), ours) in &strategies[place + 1..] {
                if let Some((difference, p, n)) = paired(ours, theirs) {
                    pairs.push(Comparison {
                        task: *task,
                        ratio: *ratio as f64 / 1e6,
                        strategy: strategy.clone(),
                        rival: rival.clone(),
                        difference,
                        p,
                        p_holm: p,
                        n,
                    });
                }
            }
        }
        let p: Vec<f64> = pairs.iter().map(|pair| pair.p).collect();
        // p-values of a test are never outside [0, 1], the one thing refused.
        for (pair, adjusted) in pairs.iter_mut().zip(holm(&p).unwrap_or(p)) {
            pair.p_holm = adjusted;
        }
        all.extend(pairs);
    }
    all
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

/// Mean difference with interval, p and number of pairs; `None` without a pair.
fn paired(ours: &Scores, theirs: &Scores) -> Option<(Interval, f64, usize)> {
    let mut by_seed: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (key, dice) in ours {
        if let Some(rival) = theirs.get(key) {
            by_seed.entry(key.0).or_default().push(dice - rival);
        }
    }
    let differences: Vec<f64> = by_seed.values().flatten().copied().collect();
    let test = wilcoxon(&differences).ok()?;
    let means = by_seed
        .values()
        .filter_map(|pairs| mean(pairs.iter().copied()));
    Some((
        mean_interval(&means.collect::<Vec<_>>()),
        test.p,
        differences.len(),
    ))
}
