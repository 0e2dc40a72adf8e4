//! Two rounds on the same cases in the same runs: their difference, how sure it is, and whether it
//! could be chance.

use crate::observations::Observations;
use crate::prelude::*;
use slicewise_metrics::{CrossedT, holm};

/// Says what interval and p of [`Paired`] are.
pub(crate) const CROSSED: &str = "Behind ± stands half the 95 % interval, and p is two-sided, of a t \
    test in which whole seeds and whole cases are random: other seeds and other cases would give \
    another mean. Below three seeds the value stands alone.";

/// How the Part B Dice of two rounds differs where both have one.
#[derive(Debug, Clone, Copy)]
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

impl From<CrossedT> for Paired {
    fn from(test: CrossedT) -> Self {
        let (difference, p, runs, cases) = (test.interval, test.p, test.runs, test.cases);
        Self { difference, p, p_holm: p, runs, cases }
    }
}

/// Two rounds and how the first differs from the second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared<'a> {
    pub(crate) ours: &'a Round<'a>,
    pub(crate) theirs: &'a Round<'a>,
    pub(crate) paired: Paired,
}

/// Compares pairs of rounds, and corrects the p-values of neighbours whose first round is of the same
/// `family` together. Pairs without a common case and run are left out.
pub(crate) fn compare<'a, F: PartialEq>(
    observations: &Observations,
    pairs: &[[&'a Round<'a>; 2]],
    family: impl Fn(&Round) -> F,
) -> Result<Vec<Compared<'a>>> {
    let compared = pairs.iter().zip(observations.differences(pairs)?);
    let compared = compared.filter_map(|(&[ours, theirs], test)| {
        Some(Compared { ours, theirs, paired: test?.into() })
    });
    let mut compared: Vec<Compared> = compared.collect();
    for family in compared.chunk_by_mut(|a, b| family(a.ours) == family(b.ours)) {
        correct(family.iter_mut().map(|compared| &mut compared.paired));
    }
    Ok(compared)
}

/// Corrects the p-values of one family by Holm.
pub(crate) fn correct<'p>(family: impl IntoIterator<Item = &'p mut Paired>) {
    let tested = family.into_iter().filter_map(|paired| Some((paired.p?, &mut paired.p_holm)));
    let (p, slots): (Vec<f64>, Vec<&mut Option<f64>>) = tested.unzip();
    // p-values of a test are never outside [0, 1], the one thing refused.
    let corrected = holm(&p).unwrap_or(p);
    for (slot, p_holm) in slots.into_iter().zip(corrected) {
        *slot = Some(p_holm);
    }
}
