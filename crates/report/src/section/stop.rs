//! The paper's stop rule: query no more once the mean P of Part A changes by less than σ from one
//! round to the next. When would it have stopped, and what would that have cost?
//!
//! Sweeps usually go on after the rule fires, so the rounds behind it tell what it would have
//! missed. In the tidy table `by_seed` is `SEED:RATIO` of each seed, `SEED/FOLD:RATIO` of each fold, `never` where the rule does not
//! fire; `stopped` and `never` count runs. `ratio*` is where they stop; `dice*` Part B Dice there,
//! `last_*` at `last_ratio`, `full_*` with full annotation; `p_r*` and `uncertainty_r*` the rank
//! correlations of P and of −uncertainty with R at the stop, over `p_n` and `uncertainty_n` slices.

use crate::agreement::{Correlation, Scope, Signal, Slices, correlation};
use crate::arm::{Arm, shown};
use crate::error::ReportError;
use crate::format::{decimals, percent};
use crate::frame::Columns;
use crate::grid::{Format, Grid};
use crate::observations::{Observations, Run, run_of};
use crate::rounds::reached;
use crate::section::{Content, Made};
use crate::sweep::Sweep;
use slicewise_data::{Part, Task};
use slicewise_experiment::RoundRecord;
use slicewise_metrics::Interval;
use std::collections::BTreeMap;

/// One strategy of the primary model.
struct Stop {
    task: Task,
    arm: Arm,
    /// Ratio of the first round at which the rule fires, of each run; `None` if it never does.
    by_run: BTreeMap<Run, Option<f64>>,
    /// State at the stop; `None` if no run stops.
    stopped: Option<Stopped>,
    /// The strategy's last ratio and Part B Dice there, over all seeds that reach it.
    last: Option<(f64, Interval)>,
    /// Part B Dice of full annotation with as many steps as at the last ratio.
    full: Option<Interval>,
}

/// Where the seeds that stop do so, each at its own ratio; all on Part B.
struct Stopped {
    /// Mean, lowest and highest ratio.
    ratios: [f64; 3],
    /// Mean Dice: over cases, then mean and interval over seeds; `None` if no run stops at a round
    /// that was evaluated.
    dice: Option<Interval>,
    /// How P ranks the slices as R does, and how −uncertainty does, over all slices.
    signals: [Option<Correlation>; 2],
}

impl Stopped {
    /// The ratio in words: `25 % (20 % to 30 %)`; the mean alone where all stop at one ratio.
    fn place(&self) -> String {
        let [mean, lowest, highest] = self.ratios.map(percent);
        if lowest == highest { mean } else { format!("{mean} ({lowest} to {highest})") }
    }
}

impl Stop {
    /// Runs in which the rule fires.
    fn stops(&self) -> usize {
        self.by_run.values().flatten().count()
    }

    /// `1:0.25 2:never`, of folds `1/1:0.25 1/2:never`.
    fn words(&self) -> String {
        let runs = self.by_run.iter().map(|((fold, seed), ratio)| {
            let run = if *fold == 0 { seed.to_string() } else { format!("{seed}/{fold}") };
            match ratio {
                // To a hundredth of a percent.
                Some(ratio) => format!("{run}:{}", (ratio * 1e4).round() / 1e4),
                None => format!("{run}:never"),
            }
        });
        runs.collect::<Vec<_>>().join(" ")
    }

    /// What was trained once, and may stop.
    fn run_word(&self) -> &'static str {
        if self.by_run.keys().any(|(fold, _)| *fold > 0) { "run" } else { "seed" }
    }

    fn signal(&self, signal: Signal) -> Option<Correlation> {
        self.stopped.as_ref()?.signals[usize::from(signal == Signal::Uncertainty)]
    }
}

/// Says how the numbers were computed.
const HOW: &str = "The first round at which the paper's stop rule fires: mean P of Part A \
    less than σ from that of the round before. Each seed stops at its own round; Dice and rank \
    correlations are of that round, on Part B, mean and 95 % Student-t interval over the seeds \
    that stop (none below three). The correlations with R are Spearman's over all slices of a seed, \
    their intervals for random seeds and cases; n counts distinct slices. A round between reports, which was not evaluated, has \
    neither. Dice at the last ratio and with full annotation of as many steps is over all seeds that have it.";

pub(crate) fn make(sweep: &Sweep) -> Made {
    let rows = stops(sweep)?;
    let signal = |row: &Stop, signal| Some(row.signal(signal)?.value);
    let n = |row: &Stop, signal| Some(row.signal(signal)?.n);
    let ratio = |row: &Stop, place: usize| Some(row.stopped.as_ref()?.ratios[place]);
    let frame = Columns::of(&rows)
        .task(|r| r.task)
        .text("strategy", |r| r.arm.name())
        .text("by_seed", Stop::words)
        .count("stopped", Stop::stops)
        .count("never", |r| r.by_run.len() - r.stops())
        .maybe("ratio", |r| ratio(r, 0))
        .maybe("ratio_lowest", |r| ratio(r, 1))
        .maybe("ratio_highest", |r| ratio(r, 2))
        .spread("dice", |r| r.stopped.as_ref()?.dice)
        .maybe("last_ratio", |r| Some(r.last?.0))
        .spread("last", |r| Some(r.last?.1))
        .spread("full", |r| r.full)
        .spread("p_r", |r| signal(r, Signal::P))
        .maybe_count("p_n", |r| n(r, Signal::P))
        .spread("uncertainty_r", |r| signal(r, Signal::Uncertainty))
        .maybe_count("uncertainty_n", |r| n(r, Signal::Uncertainty))
        .frame("stop")?;
    let place = |at: Option<&Stopped>| at.map_or_else(|| "never".to_owned(), Stopped::place);
    let (words, count, dice) = (Format::Words, Format::Decimals(0), Format::Decimals(3));
    let grid = Grid::of(&rows, HOW)
        .column("strategy", words, |r| r.arm.label())
        .column("task", words, |r| r.task.label())
        .column("by seed", words, Stop::words)
        .column("full annotation", dice, |r| r.full)
        .column("stops at", words, |r| place(r.stopped.as_ref()))
        .column("runs that stop", words, |r| format!("{} of {}", r.stops(), r.by_run.len()))
        .column("Dice at the stop", dice, |r| r.stopped.as_ref()?.dice)
        .column("last ratio", Format::Ratio, |r| Some(r.last?.0))
        .column("Dice at it", dice, |r| Some(r.last?.1))
        .column("P with R at the stop", dice, |r| signal(r, Signal::P))
        .column("−uncertainty with R", dice, |r| signal(r, Signal::Uncertainty))
        .column("n", count, |r| n(r, Signal::P));
    let shown = shown(rows.iter().map(|row| &row.arm));
    let told = rows.iter().filter(|row| shown(&row.arm));
    let sentences = told.map(|row| (row.task, sentence(row))).collect();
    Ok(Some(Content { sentences, ..Content::table(frame, vec![grid.grid()]) }))
}

/// Lists every task and strategy whose records tell whether the rule fires, in the order of tables.
fn stops(sweep: &Sweep) -> Result<Vec<Stop>, ReportError> {
    let mut groups: BTreeMap<(Task, &Arm), BTreeMap<Run, Option<&RoundRecord>>> = BTreeMap::new();
    for round in sweep.primary().filter(|round| round.arm.is_strategy()) {
        for record in round.records.iter().filter(|record| record.converged.is_some()) {
            let runs = groups.entry((round.task, &round.arm)).or_default();
            let stop = runs.entry(run_of(record)).or_default();
            let earlier = stop.is_none_or(|stop| record.round < stop.round);
            if record.converged == Some(true) && earlier {
                *stop = Some(record);
            }
        }
    }
    let at_stop: Vec<Vec<&RoundRecord>> =
        groups.values().map(|runs| runs.values().flatten().copied().collect()).collect();
    let dice = Observations::of(&at_stop)?.scores(|case| case.mean_dice);
    let stops = groups.into_iter().zip(&at_stop).enumerate().map(|(place, (group, at_stop))| {
        let ((task, arm), runs) = group;
        let ratio = |stop: Option<&RoundRecord>| stop.map(reached);
        let curve = sweep.curve(task, Part::B, arm);
        let full = curve.last().and_then(|last| sweep.full(task, Part::B, last.steps));
        Stop {
            task,
            arm: arm.clone(),
            by_run: runs.into_iter().map(|(run, stop)| (run, ratio(stop))).collect(),
            stopped: stopped(at_stop, dice.get(&(place, Part::B)).map(|score| score.value)),
            last: curve.last().map(|point| (point.ratio, point.dice.value)),
            full: full.map(|full| full.dice.value),
        }
    });
    Ok(stops.collect())
}

/// Computes the state of `records`, one a run; `None` without any.
fn stopped(records: &[&RoundRecord], dice: Option<Interval>) -> Option<Stopped> {
    let ratios = || records.iter().map(|record| reached(record));
    let pooled = |signal| correlation(records, signal, (Part::B, Scope::Pooled, Slices::All));
    (!records.is_empty()).then(|| Stopped {
        ratios: [
            ratios().sum::<f64>() / records.len() as f64,
            ratios().fold(f64::INFINITY, f64::min),
            ratios().fold(0.0, f64::max),
        ],
        dice,
        signals: Signal::OF_QUERIES.map(pooled),
    })
}

/// Says what the rule does.
fn sentence(stop: &Stop) -> String {
    let (strategy, task) = (stop.arm.label(), stop.task.label());
    let (run, runs) = (stop.run_word(), stop.by_run.len());
    let Some(at) = &stop.stopped else {
        return format!("{task}: the rule fires for {strategy} in none of {runs} {run}(s).");
    };
    let three = |value: Interval| decimals(value.mean, 3);
    let last = stop.last.map(|(ratio, dice)| format!("{} at {}", three(dice), percent(ratio)));
    let full = stop.full.map(|full| format!("{} with full annotation", three(full)));
    let rest: Vec<String> = last.into_iter().chain(full).collect();
    let dice = at.dice.map_or_else(
        || ", between two reports".to_owned(),
        |dice| format!(", with a Part B Dice of {}, against {}", three(dice), rest.join(" and ")),
    );
    let signals = Signal::OF_QUERIES.into_iter().zip(at.signals).filter_map(|(signal, found)| {
        let Correlation { value, n } = found?;
        Some(format!("{} with {} (n = {n})", signal.label(), decimals(value.mean, 2)))
    });
    let there = match signals.collect::<Vec<_>>().join(", by ") {
        none if none.is_empty() => none,
        signals => format!(" There R is ranked by {signals}."),
    };
    format!(
        "{task}: the rule stops {strategy} in {} of {runs} {run}(s), on average at {} of the \
         slices{dice}.{there}",
        stop.stops(),
        at.place(),
    )
}
