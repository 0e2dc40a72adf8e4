//! The ablation of the attention head: which head's P follows R, and what does its attention map
//! segment? One row a measure, for sweeps with two or more models that have attention.

use crate::agreement::{Signal, Slices, pooled};
use crate::curve::{cases_of, groups_of, mean};
use crate::order::{PROPOSED, is_strategy, ratio_key, strategy_key};
use slicewise_data::{Part, Task};
use slicewise_experiment::record::{FIRST, FULL};
use slicewise_experiment::{CaseRecord, Results, RoundRecord};
use slicewise_metrics::{Interval, mean_interval};
use std::collections::BTreeMap;

/// What is measured of a head, on Part B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HeadMeasure {
    /// P–R rank correlation over all slices.
    AllSlices,
    /// … over slices with foreground.
    ForegroundSlices,
    /// Mean Dice of SR1, the segmentation.
    Sr1,
    /// Mean Dice of SR2, the attention map's.
    Sr2,
}

impl HeadMeasure {
    /// All, in the order of tables.
    pub(crate) const ALL: [Self; 4] = [
        Self::AllSlices,
        Self::ForegroundSlices,
        Self::Sr1,
        Self::Sr2,
    ];

    /// The word in tidy tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AllSlices => "spearman_all",
            Self::ForegroundSlices => "spearman_foreground",
            Self::Sr1 => "sr1_dice",
            Self::Sr2 => "sr2_dice",
        }
    }

    /// Whether it is a rank correlation over slices, rather than a mean over cases.
    pub(crate) fn ranks_slices(self) -> bool {
        matches!(self, Self::AllSlices | Self::ForegroundSlices)
    }

    /// The heading of its column, and its word in a legend.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::AllSlices => "P–R, all slices",
            Self::ForegroundSlices => "P–R, foreground slices",
            Self::Sr1 => "Dice of SR1",
            Self::Sr2 => "Dice of SR2",
        }
    }
}

/// One measure of one model at one round.
#[derive(Debug, Clone)]
pub(crate) struct HeadRow {
    pub(crate) task: Task,
    pub(crate) model: String,
    pub(crate) strategy: String,
    pub(crate) ratio: f64,
    pub(crate) measure: HeadMeasure,
    /// Mean and 95 % Student-t interval over the seeds that have it.
    pub(crate) value: Interval,
    /// Slices ranked, or cases scored, all seeds together.
    pub(crate) n: usize,
}

/// How the numbers were computed, in a sentence.
pub(crate) const HOW: &str = "Part B, mean ± half the 95 % Student-t interval over seeds. P–R: \
    Spearman's correlation of P with R over the slices of all cases of a seed, n slices over all \
    seeds. SR1 is the segmentation, SR2 that of the attention map; their Dice is the mean over \
    foreground classes, then over cases.";

/// By task, models in the manifest's order, then strategy, ratio and measure; empty with fewer
/// than two models that have attention.
pub(crate) fn head_rows(results: &Results) -> Vec<HeadRow> {
    let has_p = |record: &RoundRecord| record.cases.iter().any(|case| case.p.is_some());
    let of_model = |model: &str| -> Vec<&RoundRecord> {
        let records = results.records.iter();
        records
            .filter(|record| record.model == model && has_p(record))
            .collect()
    };
    let models = results.manifest.models.iter().map(|model| of_model(model));
    let models: Vec<_> = models.filter(|records| !records.is_empty()).collect();
    if models.len() < 2 {
        return Vec::new();
    }
    let groups: Vec<_> = models
        .into_iter()
        .map(|records| groups_of(records.into_iter()))
        .collect();
    let mut rows = Vec::new();
    for task in results.manifest.data.iter().map(|data| data.task) {
        for group in groups
            .iter()
            .flatten()
            .filter(|group| group[0].task == task)
        {
            rows.extend(
                HeadMeasure::ALL
                    .into_iter()
                    .filter_map(|measure| row(group, measure)),
            );
        }
    }
    rows
}

fn row(records: &[&RoundRecord], measure: HeadMeasure) -> Option<HeadRow> {
    let agreement = |slices| {
        let agreement = pooled(records, Signal::P, slices)?;
        Some((agreement.spearman, agreement.n))
    };
    let (value, n) = match measure {
        HeadMeasure::AllSlices => agreement(Slices::All),
        HeadMeasure::ForegroundSlices => agreement(Slices::Foreground),
        HeadMeasure::Sr1 => dice(records, |case| Some(case.mean_dice)),
        HeadMeasure::Sr2 => dice(records, |case| case.sr2_mean_dice),
    }?;
    let first = records.first()?;
    Some(HeadRow {
        task: first.task,
        model: first.model.clone(),
        strategy: first.strategy.clone(),
        ratio: first.ratio,
        measure,
        value,
        n,
    })
}

fn dice(
    records: &[&RoundRecord],
    of_case: fn(&CaseRecord) -> Option<f64>,
) -> Option<(Interval, usize)> {
    let (mut means, mut n) = (Vec::new(), 0);
    for record in records {
        let scores = || cases_of(record, Part::B).filter_map(of_case);
        means.extend(mean(scores()));
        n += scores().filter(|score| score.is_finite()).count();
    }
    (!means.is_empty()).then(|| (mean_interval(&means), n))
}

/// One round of one model, a cell a measure.
#[derive(Debug, Clone)]
pub(crate) struct HeadRound<'a> {
    pub(crate) task: Task,
    pub(crate) model: &'a str,
    pub(crate) strategy: &'a str,
    pub(crate) ratio: f64,
    /// In the order of [`HeadMeasure::ALL`].
    pub(crate) cells: [Option<&'a HeadRow>; 4],
}

impl HeadRound<'_> {
    fn state(&self) -> State {
        (strategy_key(self.strategy), ratio_key(self.ratio))
    }
}

/// Which round of which strategy, as keys.
type State = ((usize, String), u64);

/// The rounds of `rows`, whose order is kept.
fn rounds(rows: &[HeadRow]) -> Vec<HeadRound<'_>> {
    let same = |a: &HeadRow, b: &HeadRow| {
        let key = |r: &HeadRow| {
            (
                r.task,
                r.model.clone(),
                r.strategy.clone(),
                ratio_key(r.ratio),
            )
        };
        key(a) == key(b)
    };
    rows.chunk_by(same)
        .map(|round| HeadRound {
            task: round[0].task,
            model: &round[0].model,
            strategy: &round[0].strategy,
            ratio: round[0].ratio,
            cells: HeadMeasure::ALL.map(|measure| round.iter().find(|row| row.measure == measure)),
        })
        .collect()
}

/// Of each task, model and strategy the last round; full annotation too, the first round not.
pub(crate) fn last_rounds(rows: &[HeadRow]) -> Vec<HeadRound<'_>> {
    let rounds = rounds(rows);
    let is_last = |round: &&HeadRound| {
        let later = |other: &HeadRound| {
            (other.task, other.model, other.strategy) == (round.task, round.model, round.strategy)
                && other.ratio > round.ratio
        };
        round.strategy != FIRST && !rounds.iter().any(later)
    };
    rounds.iter().filter(is_last).cloned().collect()
}

/// Of one task all models at one state that they share, so that only the head differs: the
/// proposed strategy's last shared round, else full annotation, else another strategy's; empty
/// without a state that two models share.
pub(crate) fn compared_rounds(rows: &[HeadRow], task: Task) -> Vec<HeadRound<'_>> {
    let rounds: Vec<_> = rounds(rows)
        .into_iter()
        .filter(|round| round.task == task)
        .collect();
    let mut models: BTreeMap<State, usize> = BTreeMap::new();
    for round in &rounds {
        *models.entry(round.state()).or_default() += 1;
    }
    let preference = |((_, strategy), ratio): &State| match strategy.as_str() {
        PROPOSED => (3, *ratio),
        FULL => (2, *ratio),
        name if is_strategy(name) => (1, *ratio),
        _ => (0, *ratio),
    };
    let shared = models.into_iter().filter(|(_, models)| *models > 1);
    let best = shared.max_by_key(|(state, models)| (*models, preference(state)));
    match best {
        Some((state, _)) => rounds
            .into_iter()
            .filter(|round| round.state() == state)
            .collect(),
        None => Vec::new(),
    }
}
