//! Two sets of scores on the same cases in the same runs: their difference, how sure it is, and
//! whether it could be chance.

use crate::rounds::{Round, cases_of};
use slicewise_data::Part;
use slicewise_experiment::RoundRecord;
use slicewise_metrics::{Interval, crossed_t, holm};
use std::collections::BTreeMap;

/// Says what interval and p of [`Paired`] are.
pub(crate) const CROSSED: &str = "Behind ± stands half the 95 % interval, and p is two-sided, of a t \
    test in which whole seeds and whole cases are random: other seeds and other cases would give \
    another mean. Below three seeds the value stands alone.";

/// What was trained once: a fold, 0 without folds, and a seed.
pub(crate) type Run = (usize, u64);

/// Mean Dice on Part B by run and case, or a difference of two.
pub(crate) type Scores<'a> = BTreeMap<(Run, &'a str), f64>;

/// How two sets of scores differ where both have one.
#[derive(Debug, Clone)]
pub(crate) struct Paired {
    /// Mean over cases, and its 95 % interval for random runs and cases; without ends below three
    /// runs. `n` counts pairs of run and case.
    pub(crate) difference: Interval,
    /// p of the same test.
    pub(crate) p: Option<f64>,
    /// `p` corrected by Holm over the family of comparisons.
    pub(crate) p_holm: Option<f64>,
    /// Runs that both have.
    pub(crate) runs: usize,
    /// Cases that both have.
    pub(crate) cases: usize,
}

/// The run of a record.
pub(crate) fn run_of(record: &RoundRecord) -> Run {
    (record.fold.unwrap_or(0), record.seed)
}

/// The scores of some rounds.
pub(crate) fn scores<'a: 'r, 'r>(rounds: impl IntoIterator<Item = &'r Round<'a>>) -> Scores<'a> {
    let records = rounds.into_iter().flat_map(|round| round.records.iter().copied());
    let cases = records.flat_map(|record| {
        let run = run_of(record);
        cases_of(record, Part::B).map(move |case| ((run, case.case.as_str()), case.mean_dice))
    });
    cases.filter(|(_, dice)| dice.is_finite()).collect()
}

/// Compares the members of a family, each a pair of scores, and corrects their p-values together.
/// Those without a common case and run are left out.
pub(crate) fn compare<'a, 's: 'a, T>(
    family: impl IntoIterator<Item = (T, &'a Scores<'s>, &'a Scores<'s>)>,
) -> Vec<(T, Paired)> {
    let pairs = family.into_iter();
    let mut pairs: Vec<(T, Paired)> =
        pairs.filter_map(|(of, ours, theirs)| Some((of, paired(ours, theirs)?))).collect();
    let p: Vec<f64> = pairs.iter().filter_map(|(_, paired)| paired.p).collect();
    // p-values of a test are never outside [0, 1], the one thing refused.
    let corrected = holm(&p).unwrap_or(p);
    let tested = pairs.iter_mut().filter(|(_, paired)| paired.p.is_some());
    for ((_, paired), p_holm) in tested.zip(corrected) {
        paired.p_holm = Some(p_holm);
    }
    pairs
}

/// Compares two sets of scores; `None` without a common case and run.
pub(crate) fn paired(ours: &Scores, theirs: &Scores) -> Option<Paired> {
    let pairs = ours.iter();
    let differences = pairs
        .filter_map(|((run, case), dice)| Some((*run, *case, dice - theirs.get(&(*run, *case))?)));
    let test = crossed_t(&differences.collect::<Vec<_>>()).ok()?;
    Some(Paired {
        difference: test.interval,
        p: test.p,
        p_holm: test.p,
        runs: test.runs,
        cases: test.cases,
    })
}
