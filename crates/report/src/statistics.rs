//! A learning curve in three numbers: AUBC, final Dice and FG-Eff, the field's own measures.
//!
//! Each is computed on Part B within a seed, then averaged over seeds. A strategy's curve begins
//! with the shared first round. Trapezoids cut the corners of a bent curve, so a strategy with
//! more rounds would gain AUBC by that alone: it is taken over the ratios that all strategies of
//! the task have.

use crate::curve::{Curves, cases_of, mean, primary};
use crate::order::{is_strategy, percent, ratio_key, strategy_key};
use slicewise_data::{Part, Task};
use slicewise_experiment::Results;
use slicewise_experiment::record::FIRST;
use slicewise_metrics::{CurveEnds, Interval, aubc, fg_eff, mean_interval};
use std::collections::{BTreeMap, BTreeSet};

/// What is measured of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Area under the budget curve: a mean Dice along the annotation ratio.
    Aubc,
    /// Mean Dice after the strategy's last round.
    Final,
    /// Rate at which Dice nears full annotation per share of the foreground drawn.
    FgEff,
}

impl Measure {
    /// All, in the order of tables.
    pub(crate) const ALL: [Self; 3] = [Self::Aubc, Self::Final, Self::FgEff];

    /// The word in tidy tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aubc => "aubc",
            Self::Final => "final",
            Self::FgEff => "fg-eff",
        }
    }

    /// The heading of its column.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Aubc => "AUBC",
            Self::Final => "final",
            Self::FgEff => "FG-Eff",
        }
    }

    /// Decimals worth printing: three of a Dice, one of a rate.
    pub(crate) fn decimals(self) -> usize {
        if self == Self::FgEff { 1 } else { 3 }
    }
}

/// One measure of one strategy.
#[derive(Debug, Clone)]
pub(crate) struct Statistic {
    pub(crate) task: Task,
    pub(crate) strategy: String,
    pub(crate) measure: Measure,
    /// Mean and 95 % Student-t interval over the seeds that have it.
    pub(crate) value: Interval,
    /// Annotation ratios that it was computed from, ascending.
    pub(crate) ratios: Vec<f64>,
}

/// One round of one seed, on Part B.
#[derive(Debug, Clone, Copy)]
struct Round {
    ratio: f64,
    /// Share of Part A's foreground voxels that had to be drawn.
    drawn: f64,
    /// Mean Dice over cases.
    dice: f64,
}

/// Rounds by ratio.
type SeedCurve = BTreeMap<u64, Round>;
/// A strategy's curves by seed.
type StrategyCurves = BTreeMap<u64, SeedCurve>;

/// Of every task and strategy, in the order of tables. A measure that no seed has is left out:
/// FG-Eff without full annotation, AUBC with fewer than two shared ratios.
pub(crate) fn statistics(results: &Results, curves: &Curves) -> Vec<Statistic> {
    let mut all = Vec::new();
    for task in curves.tasks() {
        let strategies = curves_of(results, task);
        let shared = shared_ratios(&strategies);
        let ceiling = curves.full(task, Part::B).map(|full| full.dice.mean);
        for ((_, strategy), seeds) in &strategies {
            for measure in Measure::ALL {
                let (values, ratios) = match measure {
                    Measure::Aubc => areas(seeds, &shared),
                    Measure::Final => finals(seeds),
                    Measure::FgEff => efficiencies(seeds, &strategies, ceiling),
                };
                if !values.is_empty() {
                    all.push(Statistic {
                        task,
                        strategy: strategy.clone(),
                        measure,
                        value: mean_interval(&values),
                        ratios: ratios.iter().map(|&key| key as f64 / 1e6).collect(),
                    });
                }
            }
        }
    }
    all
}

/// How the numbers were computed, in a sentence.
pub(crate) fn how(statistics: &[Statistic]) -> String {
    let shared: BTreeMap<Task, String> = statistics
        .iter()
        .filter(|statistic| statistic.measure == Measure::Aubc)
        .map(|statistic| {
            let ratios: Vec<String> = statistic.ratios.iter().copied().map(percent).collect();
            (statistic.task, ratios.join(", "))
        })
        .collect();
    let shared: Vec<String> = shared
        .iter()
        .map(|(task, ratios)| format!("Task {}: {ratios}", task.number()))
        .collect();
    let shared = if shared.is_empty() {
        String::new()
    } else {
        format!(" ({})", shared.join("; "))
    };
    format!(
        "Of each seed's Part B Dice, then mean ± half the 95 % Student-t interval over seeds: \
         AUBC is the area by trapezoids over the ratios that all strategies have{shared}, divided \
         by their range; final the Dice after the last round; FG-Eff the least-squares rate b of \
         Dice = c − a·exp(−b (x − x₀)), where x is the share of Part A's foreground drawn, c full \
         annotation and c − a the first round at x₀ (a seed already at c has no finite b and is \
         left out)."
    )
}

/// Each strategy's curves, begun by the first round of the same seed.
fn curves_of(results: &Results, task: Task) -> BTreeMap<(usize, String), StrategyCurves> {
    let rounds = |wanted: fn(&str) -> bool| {
        primary(results)
            .filter(move |record| record.task == task && wanted(&record.strategy))
            .filter_map(|record| {
                let total = record.total_foreground_voxels;
                let round = Round {
                    ratio: record.ratio,
                    drawn: record.annotated_foreground_voxels as f64 / total.max(1) as f64,
                    dice: mean(cases_of(record, Part::B).map(|case| case.mean_dice))?,
                };
                Some((record, round))
            })
    };
    let mut strategies: BTreeMap<_, StrategyCurves> = BTreeMap::new();
    for (record, round) in rounds(is_strategy) {
        let seeds = strategies
            .entry(strategy_key(&record.strategy))
            .or_default();
        let curve = seeds.entry(record.seed).or_default();
        curve.insert(ratio_key(round.ratio), round);
    }
    for (record, round) in rounds(|name| name == FIRST) {
        for seeds in strategies.values_mut() {
            if let Some(curve) = seeds.get_mut(&record.seed) {
                curve.insert(ratio_key(round.ratio), round);
            }
        }
    }
    strategies
}

/// Ratios that every strategy has in some seed.
fn shared_ratios(strategies: &BTreeMap<(usize, String), StrategyCurves>) -> BTreeSet<u64> {
    strategies
        .values()
        .map(ratios_of)
        .reduce(|a, b| &a & &b)
        .unwrap_or_default()
}

fn ratios_of(seeds: &StrategyCurves) -> BTreeSet<u64> {
    seeds.values().flat_map(BTreeMap::keys).copied().collect()
}

/// AUBC of the seeds that have all shared ratios.
fn areas(seeds: &StrategyCurves, shared: &BTreeSet<u64>) -> (Vec<f64>, BTreeSet<u64>) {
    let values = seeds.values().filter_map(|curve| {
        let rounds = shared.iter().map(|ratio| curve.get(ratio));
        let rounds: Vec<&Round> = rounds.collect::<Option<_>>()?;
        let ratios: Vec<f64> = rounds.iter().map(|round| round.ratio).collect();
        let dice: Vec<f64> = rounds.iter().map(|round| round.dice).collect();
        // Refused with fewer than two ratios only: keys ascend, and Dice is finite.
        aubc(&ratios, &dice).ok()
    });
    (values.collect(), shared.clone())
}

/// Curves that reach the last ratio of the strategy, and that ratio.
fn whole(seeds: &StrategyCurves) -> (Vec<(u64, &SeedCurve)>, Option<u64>) {
    let last = ratios_of(seeds).last().copied();
    let reached = |curve: &SeedCurve| curve.keys().next_back().copied() == last;
    let curves = seeds.iter().filter(|(_, curve)| reached(curve));
    (curves.map(|(seed, curve)| (*seed, curve)).collect(), last)
}

fn finals(seeds: &StrategyCurves) -> (Vec<f64>, BTreeSet<u64>) {
    let (curves, last) = whole(seeds);
    let values = curves
        .iter()
        .filter_map(|(_, curve)| Some(curve.values().next_back()?.dice));
    (values.collect(), last.into_iter().collect())
}

/// FG-Eff of the seeds whose curve has a finite rate; x₀ and the Dice there are those of the
/// seed, over all strategies.
fn efficiencies(
    seeds: &StrategyCurves,
    strategies: &BTreeMap<(usize, String), StrategyCurves>,
    ceiling: Option<f64>,
) -> (Vec<f64>, BTreeSet<u64>) {
    let values = whole(seeds).0.into_iter().filter_map(|(seed, curve)| {
        let of_seed = strategies.values().filter_map(|seeds| seeds.get(&seed));
        let all: Vec<&Round> = of_seed.flat_map(BTreeMap::values).collect();
        let x0 = all.iter().map(|round| round.drawn).min_by(f64::total_cmp)?;
        let at_x0 = all.iter().filter(|round| round.drawn == x0);
        let ends = CurveEnds {
            x0,
            start: mean(at_x0.map(|round| round.dice))?,
            ceiling: ceiling?,
        };
        let drawn: Vec<f64> = curve.values().map(|round| round.drawn).collect();
        let dice: Vec<f64> = curve.values().map(|round| round.dice).collect();
        fg_eff(&drawn, &dice, ends).ok()
    });
    (values.collect(), ratios_of(seeds))
}
