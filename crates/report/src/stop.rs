//! The paper's stop rule: query no more once the mean P of Part A changes by less than σ from one
//! round to the next. When would it have stopped, and what would that have cost?
//!
//! Sweeps go on after the rule fires, so the rounds behind it tell what it would have missed.

use crate::agreement::{PrAgreement, Signal, Slices, pooled};
use crate::curve::{Curves, point, primary};
use crate::order::{is_strategy, percent, strategy_key};
use slicewise_data::{Part, Task};
use slicewise_experiment::{Results, RoundRecord};
use slicewise_metrics::Interval;
use std::collections::BTreeMap;

/// One strategy of the primary model.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    pub(crate) task: Task,
    pub(crate) strategy: String,
    /// Ratio of the first round at which the rule fires, of each seed; `None` if it never does.
    pub(crate) by_seed: BTreeMap<u64, Option<f64>>,
    /// State at the stop; `None` if no seed stops.
    pub(crate) stopped: Option<Stopped>,
    /// The strategy's last ratio and Part B Dice there, over all seeds that reach it.
    pub(crate) last: Option<(f64, Interval)>,
    /// Part B Dice of full annotation.
    pub(crate) full: Option<Interval>,
}

/// Where the seeds that stop do so, each at its own ratio; all on Part B.
#[derive(Debug, Clone)]
pub(crate) struct Stopped {
    /// Mean, lowest and highest ratio.
    pub(crate) mean: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    /// Mean Dice: over cases, then mean and interval over seeds.
    pub(crate) dice: Interval,
    /// How P ranks the slices as R does, and how −uncertainty does, over all slices.
    pub(crate) p: Option<PrAgreement>,
    pub(crate) uncertainty: Option<PrAgreement>,
}

impl Stopped {
    /// `25 % (20 % to 30 %)`; the mean alone where all seeds stop at one ratio.
    pub(crate) fn place(&self) -> String {
        let [mean, lowest, highest] = [self.mean, self.lowest, self.highest].map(percent);
        if lowest == highest {
            mean
        } else {
            format!("{mean} ({lowest} to {highest})")
        }
    }
}

impl Stop {
    /// Seeds in which the rule never fires.
    pub(crate) fn never(&self) -> usize {
        self.by_seed.values().filter(|stop| stop.is_none()).count()
    }

    /// Seeds in which it does.
    pub(crate) fn stops(&self) -> usize {
        self.by_seed.len() - self.never()
    }
}

/// How the numbers were computed, in a sentence.
pub(crate) const HOW: &str = "The first round at which the paper's stop rule fires: mean P of Part A \
    less than σ from that of the round before. Each seed stops at its own round; Dice and rank \
    correlations are of that round, on Part B, mean and 95 % Student-t interval over the seeds \
    that stop. The correlations with R are Spearman's over all slices of a seed; n counts slices \
    over those seeds. Dice at the last ratio and with full annotation is over all seeds that have it.";

/// Of every task and strategy whose records tell whether the rule fires, in the order of tables.
pub(crate) fn stops(results: &Results, curves: &Curves) -> Vec<Stop> {
    let mut groups: BTreeMap<_, Vec<&RoundRecord>> = BTreeMap::new();
    let judged = primary(results)
        .filter(|record| is_strategy(&record.strategy) && record.converged.is_some());
    for record in judged {
        let key = (record.task, strategy_key(&record.strategy));
        groups.entry(key).or_default().push(record);
    }
    let mut all = Vec::new();
    for ((task, (_, strategy)), records) in groups {
        let mut first: BTreeMap<u64, Option<&RoundRecord>> = BTreeMap::new();
        for record in records {
            let stop = first.entry(record.seed).or_default();
            let earlier = stop.is_none_or(|stop| record.round < stop.round);
            if record.converged == Some(true) && earlier {
                *stop = Some(record);
            }
        }
        let at_stop: Vec<&RoundRecord> = first.values().flatten().copied().collect();
        let curve = curves.of_strategy(task, Part::B, &strategy);
        all.push(Stop {
            task,
            by_seed: first
                .iter()
                .map(|(seed, stop)| (*seed, stop.map(|record| record.ratio)))
                .collect(),
            stopped: stopped(&at_stop),
            last: curve.last().map(|point| (point.ratio, point.dice)),
            full: curves.full(task, Part::B).map(|full| full.dice),
            strategy,
        });
    }
    all
}

/// The state of `records`, one a seed.
fn stopped(records: &[&RoundRecord]) -> Option<Stopped> {
    let dice = point(records, Part::B)?.dice;
    let ratios = || records.iter().map(|record| record.ratio);
    Some(Stopped {
        mean: ratios().sum::<f64>() / records.len() as f64,
        lowest: ratios().fold(f64::INFINITY, f64::min),
        highest: ratios().fold(0.0, f64::max),
        dice,
        p: pooled(records, Signal::P, Slices::All),
        uncertainty: pooled(records, Signal::Uncertainty, Slices::All),
    })
}

/// What the rule does, in a sentence.
pub(crate) fn sentence(stop: &Stop) -> String {
    let (strategy, task, seeds) = (&stop.strategy, stop.task.number(), stop.by_seed.len());
    let Some(at) = &stop.stopped else {
        return format!("Task {task}: the rule fires for {strategy} in none of {seeds} seed(s).");
    };
    let three = |value: Interval| format!("{:.3}", value.mean);
    let mut rest = Vec::new();
    rest.extend(
        stop.last
            .map(|(ratio, dice)| format!("{} at {}", three(dice), percent(ratio))),
    );
    rest.extend(
        stop.full
            .map(|full| format!("{} with full annotation", three(full))),
    );
    let signals = [(&at.p, "P"), (&at.uncertainty, "−uncertainty")];
    let signals = signals.map(|(signal, name)| {
        let signal = signal.as_ref()?;
        let coefficient = format!("{:.2}", signal.spearman.mean).replace('-', "−");
        Some(format!("{name} with {coefficient} (n = {})", signal.n))
    });
    let signals: Vec<String> = signals.into_iter().flatten().collect();
    let there = if signals.is_empty() {
        String::new()
    } else {
        format!(" There R is ranked by {}.", signals.join(", by "))
    };
    format!(
        "Task {task}: the rule stops {strategy} in {} of {seeds} seed(s), on average at {} of the \
         slices, with a Part B Dice of {}, against {}.{there}",
        stop.stops(),
        at.place(),
        three(at.dice),
        rest.join(" and "),
    )
}
