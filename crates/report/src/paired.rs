//! Two sets of scores on the same cases in the same seeds: their difference, how sure it is, and
//! whether it could be chance.

use crate::rounds::{Round, cases_of, mean};
use slicewise_data::Part;
use slicewise_experiment::seed::generator;
use slicewise_metrics::{Interval, crossed_bootstrap, holm, mean_interval, wilcoxon};
use std::collections::{BTreeMap, BTreeSet};

/// Resamples of every bootstrap interval in a report.
pub(crate) const RESAMPLES: usize = 2000;

/// Says what the bootstrap interval of [`Paired`] is.
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
    /// `p` corrected by Holm over the family of comparisons.
    pub(crate) p_holm: f64,
    /// Pairs of case and seed.
    pub(crate) n: usize,
}

/// The scores of some rounds.
pub(crate) fn scores<'a: 'r, 'r>(rounds: impl IntoIterator<Item = &'r Round<'a>>) -> Scores<'a> {
    let records = rounds.into_iter().flat_map(|round| round.records.iter().copied());
    let cases = records.flat_map(|record| {
        cases_of(record, Part::B).map(|case| ((record.seed, case.case.as_str()), case.mean_dice))
    });
    cases.filter(|(_, dice)| dice.is_finite()).collect()
}

/// `ours` minus `theirs` where both have a score.
pub(crate) fn differences<'a>(ours: &Scores<'a>, theirs: &Scores) -> Scores<'a> {
    let pairs = ours.iter();
    pairs.filter_map(|(key, dice)| Some((*key, dice - theirs.get(key)?))).collect()
}

/// Compares the members of a family, each a pair of scores, and corrects their p-values together.
/// Those without a common case and seed are left out.
pub(crate) fn compare<'a, 's: 'a, T>(
    family: impl IntoIterator<Item = (T, &'a Scores<'s>, &'a Scores<'s>)>,
) -> Vec<(T, Paired)> {
    let pairs = family.into_iter();
    let mut pairs: Vec<(T, Paired)> =
        pairs.filter_map(|(of, ours, theirs)| Some((of, paired(ours, theirs)?))).collect();
    let p: Vec<f64> = pairs.iter().map(|(_, paired)| paired.p).collect();
    // p-values of a test are never outside [0, 1], the one thing refused.
    for ((_, paired), p_holm) in pairs.iter_mut().zip(holm(&p).unwrap_or(p)) {
        paired.p_holm = p_holm;
    }
    pairs
}

fn paired(ours: &Scores, theirs: &Scores) -> Option<Paired> {
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
    let means = table.iter().filter_map(|row| mean(row.iter().filter_map(|value| *value)));
    let difference = mean_interval(&means.collect::<Vec<_>>());
    let nothing_to_resample = Interval { low: None, high: None, ..difference };
    let mut rng = generator(0, &["comparison"]);
    Some(Paired {
        difference,
        boot: crossed_bootstrap(&table, 0.95, RESAMPLES, &mut rng).unwrap_or(nothing_to_resample),
        p: test.p,
        p_holm: test.p,
        n: pairs.len(),
    })
}
