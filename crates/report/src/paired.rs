//! Two sets of scores on the same cases in the same seeds: their difference, how sure it is, and
//! whether it could be chance.

use crate::curve::{cases_of, mean};
use slicewise_data::Part;
use slicewise_experiment::RoundRecord;
use slicewise_experiment::seed::generator;
use slicewise_metrics::{Interval, crossed_bootstrap, mean_interval, wilcoxon};
use std::collections::{BTreeMap, BTreeSet};

/// Resamples of every bootstrap interval in a report.
pub(crate) const RESAMPLES: usize = 2000;

/// What the bootstrap interval of [`Paired`] is, in a sentence.
pub(crate) const BOOTSTRAP: &str = "The bootstrap interval is the middle 95 % of the means of 2000 \
    resamples, each of as many seeds and as many cases as there are, both drawn with replacement \
    (fixed seed).";
const _: () = assert!(RESAMPLES == 2000, "the sentence says 2000");

/// Mean Dice on Part B by seed and case, or a difference of two.
pub(crate) type Scores<'a> = BTreeMap<(u64, &'a str), f64>;

/// How two sets of scores differ where both have one.
#[derive(Debug, Clone)]
pub(crate) struct Paired {
    /// Mean over cases, then mean and 95 % Student-t interval over seeds.
    pub(crate) difference: Interval,
    /// The 95 % bootstrap interval over cases and seeds together; without ends where a single
    /// case of a single seed leaves nothing to resample.
    pub(crate) boot: Interval,
    /// Wilcoxon's two-sided signed-rank test over the pairs.
    pub(crate) p: f64,
    /// Pairs of case and seed.
    pub(crate) n: usize,
}

/// The scores of one record.
pub(crate) fn scores_of(record: &RoundRecord) -> impl Iterator<Item = ((u64, &str), f64)> {
    cases_of(record, Part::B)
        .filter(|case| case.mean_dice.is_finite())
        .map(|case| ((record.seed, case.case.as_str()), case.mean_dice))
}

/// `ours` minus `theirs` where both have a score.
pub(crate) fn differences<'a>(ours: &Scores<'a>, theirs: &Scores) -> Scores<'a> {
    let pairs = ours.iter();
    pairs
        .filter_map(|(key, dice)| Some((*key, dice - theirs.get(key)?)))
        .collect()
}

/// Statistics of [`differences`]; `None` without a pair.
pub(crate) fn paired(ours: &Scores, theirs: &Scores) -> Option<Paired> {
    let pairs = differences(ours, theirs);
    let cases: BTreeSet<&str> = pairs.keys().map(|(_, case)| *case).collect();
    let seeds: BTreeSet<u64> = pairs.keys().map(|(seed, _)| *seed).collect();
    // A row a seed, a column a case.
    let of_seed = |seed: u64| cases.iter().map(move |case| (seed, *case));
    let table: Vec<Vec<Option<f64>>> = seeds
        .iter()
        .map(|&seed| of_seed(seed).map(|key| pairs.get(&key).copied()).collect())
        .collect();
    let test = wilcoxon(&pairs.values().copied().collect::<Vec<_>>()).ok()?;
    let means = table
        .iter()
        .filter_map(|row| mean(row.iter().filter_map(|value| *value)));
    let difference = mean_interval(&means.collect::<Vec<_>>());
    let nothing_to_resample = Interval {
        low: None,
        high: None,
        ..difference
    };
    let mut rng = generator(0, &["comparison"]);
    Some(Paired {
        difference,
        boot: crossed_bootstrap(&table, 0.95, RESAMPLES, &mut rng).unwrap_or(nothing_to_resample),
        p: test.p,
        n: pairs.len(),
    })
}
