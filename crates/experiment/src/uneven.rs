//! Where strategies that stand side by side did not annotate as many slices.

use crate::record::{FIRST, FULL, RoundRecord};
use crate::versions::mixed;
use std::collections::BTreeMap;

/// Strategies may differ by so much of the larger number, which rounding can do.
const EVEN: f64 = 0.01;

/// What some strategies annotated where the same share of the slices was asked for.
#[derive(Debug, Clone, Default)]
pub struct Shares {
    least: Option<(f64, String)>,
    most: Option<(f64, String)>,
}

impl Shares {
    /// Adds the share of a strategy.
    pub fn add(&mut self, share: f64, strategy: &str) {
        let this = || Some((share, strategy.to_owned()));
        if self.least.as_ref().is_none_or(|(least, _)| share < *least) {
            self.least = this();
        }
        if self.most.as_ref().is_none_or(|(most, _)| share > *most) {
            self.most = this();
        }
    }

    /// Says which strategy has the fewest and which the most slices; `None` where all have as many.
    pub fn uneven(&self) -> Option<String> {
        let ((least, fewest), (most, highest)) = (self.least.as_ref()?, self.most.as_ref()?);
        (most - least > EVEN * most).then(|| {
            format!(
                "{fewest} has {:.1} % of the slices, {highest} {:.1} %",
                100.0 * least,
                100.0 * most
            )
        })
    }
}

/// Says, line by line, where rows are not of one thing: of one version of a program, or of as many slices
/// for each strategy.
pub fn unlike(records: &[RoundRecord]) -> Vec<String> {
    mixed(records).into_iter().chain(uneven(records)).collect()
}

/// Says, a line for each task, model and ratio, where strategies of one run annotated different numbers of
/// slices, so that to compare them at that ratio is not fair. A budget for each volume can have more
/// than one for all, if some volumes began with more than their share.
fn uneven(records: &[RoundRecord]) -> Vec<String> {
    let mut runs: BTreeMap<_, Shares> = BTreeMap::new();
    let strategies = records
        .iter()
        .filter(|record| record.strategy != FIRST && record.strategy != FULL);
    for record in strategies {
        // Ratios in (0, 1] sort as their bits do.
        let ratio = record.ratio.to_bits();
        let run = (record.seed, record.fold);
        let key = (record.task, record.model.as_str(), ratio, run);
        let share = record.annotated_slices as f64 / record.total_slices.max(1) as f64;
        runs.entry(key).or_default().add(share, &record.strategy);
    }
    // One run says enough of a ratio.
    let mut lines = BTreeMap::new();
    for ((task, model, ratio, _), shares) in runs {
        if let Some(said) = shares.uneven() {
            lines.entry((task, model, ratio)).or_insert(said);
        }
    }
    let lines = lines.into_iter().map(|((task, model, ratio), said)| {
        let percent = 100.0 * f64::from_bits(ratio);
        format!(
            "{}, model {model}: as many slices of each strategy at {percent:.1} %: {said}",
            task.label()
        )
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::Shares;

    #[test]
    fn shares_that_differ_are_named() {
        let mut shares = Shares::default();
        for (share, strategy) in [(0.25, "coverage-pool"), (0.2501, "random")] {
            shares.add(share, strategy);
        }
        assert_eq!(shares.uneven(), None);
        shares.add(1.0 / 3.0, "coverage");
        let expected = "coverage-pool has 25.0 % of the slices, coverage 33.3 %";
        assert_eq!(shares.uneven().as_deref(), Some(expected));
    }
}
