//! The paper's stop rule: query no more once the mean P of Part A changes by less than σ from one
//! round to the next. When would it have stopped, and what would that have cost?
//!
//! Sweeps usually go on after the rule fires, so the rounds behind it tell what it would have
//! missed. In the tidy table `by_seed` is `SEED:RATIO` of each seed, `SEED/FOLD:RATIO` of each fold, `never` where the rule does not
//! fire; `stopped` and `never` count runs. `ratio*` is where they stop; `dice*` Part B Dice there,
//! `last_*` at `last_ratio`, `full_*` with full annotation; `p_r*` and `uncertainty_r*` the rank
//! correlations of P and of −uncertainty with R at the stop, over `p_n` and `uncertainty_n` slices.

use crate::agreement::{Correlation, Scope, Signal, Slices, correlation};
use crate::arm::shown;
use crate::format::{around, decimals};
use crate::observations::{Observations, Run, run_of};
use crate::prelude::*;
use crate::rounds::reached;
use crate::section::{Content, Format, Made, Sweep, Table};

/// One strategy of the primary model; what is said of the stop is of the runs that stop, each at its
/// own ratio, on Part B.
struct Stop<'a> {
    task: Task,
    arm: &'a Arm,
    /// Ratio of the first round at which the rule fires, of each run; `None` if it never does.
    by_run: BTreeMap<Run, Option<f64>>,
    /// Mean, lowest and highest ratio of the runs that stop; `None` if no run does.
    ratios: Option<[f64; 3]>,
    /// Mean Dice at the stop: over cases, then mean and interval over seeds; `None` if no run stops at
    /// a round that was evaluated.
    dice: Option<Interval>,
    /// How P ranks the slices there as R does, and how −uncertainty does, over all slices.
    signals: [Option<Correlation>; 2],
    /// The strategy's last ratio and Part B Dice there, over all seeds that reach it.
    last: Option<(f64, Interval)>,
    /// Part B Dice of full annotation with as many steps as at the last ratio.
    full: Option<Interval>,
}

impl Stop<'_> {
    /// Where it stops: `25 % (20 % to 30 %)`; the mean alone where all stop at one ratio.
    fn place(&self) -> Option<String> {
        let [mean, lowest, highest] = self.ratios?.map(percent);
        Some(if lowest == highest { mean } else { format!("{mean} ({lowest} to {highest})") })
    }

    /// Runs in which the rule fires.
    fn stops(&self) -> usize {
        self.by_run.values().flatten().count()
    }

    /// `1:0.25 2:never`, of folds `1/1:0.25 1/2:never`.
    fn words(&self) -> String {
        let runs = self.by_run.iter().map(|((fold, seed), ratio)| {
            let run = if *fold == 0 { seed.to_string() } else { format!("{seed}/{fold}") };
            // To a hundredth of a percent.
            let ratio = ratio.map(|ratio| ((ratio * 1e4).round() / 1e4).to_string());
            format!("{run}:{}", ratio.as_deref().unwrap_or("never"))
        });
        runs.collect_vec().join(" ")
    }
}

const HOW: &str = "The first round at which the paper's stop rule fires: mean P of Part A \
    less than σ from that of the round before. Each seed stops at its own round; Dice and rank \
    correlations are of that round, on Part B, mean and 95 % Student-t interval over the seeds \
    that stop (none below three). The correlations with R are Spearman's over all slices of a seed, \
    their intervals for random seeds and cases; n counts distinct slices. A round between reports, which was not evaluated, has \
    neither. Dice at the last ratio and with full annotation of as many steps is over all seeds that have it.";

pub(crate) fn make(sweep: &Sweep) -> Made {
    let rows = stops(sweep)?;
    let signal = |row: &Stop, at: usize| Some(row.signals[at]?.value);
    let n = |row: &Stop, at: usize| Some(row.signals[at]?.n);
    let (words, dice) = (Format::Words, Format::Decimals(3));
    let table = Table::of(&rows, HOW)
        .tidy("task", |r| r.task)
        .column(("strategy", "strategy"), words, |r| r.arm)
        .shown("task", words, |r| r.task)
        .column(("by_seed", "by seed"), words, Stop::words)
        .shown("full annotation", dice, |r| r.full)
        .tidy("stopped", Stop::stops)
        .tidy("never", |r| r.by_run.len() - r.stops())
        .shown("stops at", words, |r| r.place().unwrap_or_else(|| "never".to_owned()))
        .shown("runs that stop", words, |r| format!("{} of {}", r.stops(), r.by_run.len()))
        .tidy("ratio", |r| Some(r.ratios?[0]))
        .tidy("ratio_lowest", |r| Some(r.ratios?[1]))
        .tidy("ratio_highest", |r| Some(r.ratios?[2]))
        .spread("dice", |r| r.dice)
        .shown("Dice at the stop", dice, |r| r.dice)
        .column(("last_ratio", "last ratio"), Format::Ratio, |r| Some(r.last?.0))
        .spread("last", |r| Some(r.last?.1))
        .shown("Dice at it", dice, |r| Some(r.last?.1))
        .spread("full", |r| r.full)
        .spread("p_r", |r| signal(r, 0))
        .shown("P with R at the stop", dice, |r| signal(r, 0))
        .shown("−uncertainty with R", dice, |r| signal(r, 1))
        .column(("p_n", "n"), Format::Decimals(0), |r| n(r, 0))
        .spread("uncertainty_r", |r| signal(r, 1))
        .tidy("uncertainty_n", |r| n(r, 1));
    let content = Content::of("stop", table)?;
    let shown = shown(rows.iter().map(|row| row.arm));
    let told = rows.iter().filter(|row| shown(row.arm)).map(|row| (row.task, sentence(sweep, row)));
    Ok(Some(Content { sentences: told.collect(), ..content }))
}

/// Lists every task and strategy whose records tell whether the rule fires, in the order of tables.
fn stops<'a>(sweep: &Sweep<'a>) -> Result<Vec<Stop<'a>>> {
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
    let at_stop = groups.values().map(|runs| runs.values().flatten().copied().collect_vec());
    let at_stop = at_stop.collect_vec();
    let at_stop = at_stop.iter().map(Vec::as_slice).collect_vec();
    let dice = Observations::of(&at_stop, |case| case.mean_dice)?.scores(|case| case.mean_dice);
    let stops = groups.into_iter().zip(&at_stop).enumerate();
    let stops = stops.map(|(place, (((task, arm), runs), records))| {
        let curve = sweep.curve(task, Part::B, arm);
        let last = curve.last();
        let full = last.and_then(|last| sweep.full(task, Part::B, last.steps));
        let ratios = || records.iter().map(|record| reached(record));
        let ends = [ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max)];
        let ranked = (Part::B, Scope::Pooled, Slices::All);
        Stop {
            task,
            arm,
            by_run: runs.into_iter().map(|(run, stop)| (run, stop.map(reached))).collect(),
            ratios: mean(ratios()).map(|mean| [mean, ends[0], ends[1]]),
            dice: dice.get(&(place, Part::B)).map(|score| score.value),
            signals: Signal::OF_QUERIES.map(|signal| Some(correlation(records, signal, ranked)?.0)),
            last: last.map(|point| (point.ratio, point.dice.value)),
            full: full.map(|full| full.dice.value),
        }
    });
    Ok(stops.collect())
}

/// Says what the rule does.
fn sentence(sweep: &Sweep, stop: &Stop) -> String {
    let (strategy, task) = (stop.arm.label(), stop.task.label());
    let (run, runs) = (sweep.run_word(), stop.by_run.len());
    let Some(place) = stop.place() else {
        return format!("{task}: the rule fires for {strategy} in none of {runs} {run}(s).");
    };
    let three = |value: Interval| decimals(value.mean, 3);
    let last = stop.last.map(|(ratio, dice)| format!("{} at {}", three(dice), percent(ratio)));
    let full = stop.full.map(|full| format!("{} with full annotation", three(full)));
    let rest = last.into_iter().chain(full).join(" and ");
    let dice = match stop.dice {
        Some(dice) => format!(", with a Part B Dice of {}, against {rest}", three(dice)),
        None => ", between two reports".to_owned(),
    };
    let signals = Signal::OF_QUERIES.into_iter().zip(stop.signals).filter_map(|(signal, found)| {
        let Correlation { value, n } = found?;
        Some(format!("{} with {} (n = {n})", signal.label(), decimals(value.mean, 2)))
    });
    let there = around(" There R is ranked by ", &signals.collect_vec().join(", by "), ".");
    format!(
        "{task}: the rule stops {strategy} in {} of {runs} {run}(s), on average at {place} of the \
         slices{dice}.{there}",
        stop.stops()
    )
}
