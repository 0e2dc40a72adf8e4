//! A learning curve in three numbers, the field's own: AUBC, final Dice and FG-Eff.
//!
//! `measure` is `aubc`, `final` or `fg-eff`; the last three columns say which rounds it was computed
//! from. Each is computed on Part B within a seed, then averaged over seeds. A strategy's curve
//! begins with the shared first round. Trapezoids cut the corners of a bent curve, so a strategy
//! with more rounds would gain AUBC by that alone: it is taken over the ratios that all strategies
//! of the task have.

use crate::format::{around, percents};
use crate::prelude::*;
use crate::rounds::drawn;
use crate::section::{Column, Content, Format, Grid, Made, Sweep, Table, pivot};
use slicewise_metrics::{CurveEnds, aubc, fg_eff, mean_interval};

/// What is measured of a curve: name in tidy tables, heading, and the decimals worth printing.
const MEASURES: [(&str, &str, usize); 3] = [
    // Area under the budget curve: a mean Dice along the annotation ratio.
    ("aubc", "AUBC", 3),
    // Mean Dice after the strategy's last round.
    ("final", "final", 3),
    // Rate at which Dice nears full annotation per share of the foreground drawn.
    ("fg-eff", "FG-Eff", 1),
];

/// One measure of one strategy.
struct Statistic {
    task: Task,
    arm: Arm,
    /// A name in [`MEASURES`].
    measure: &'static str,
    /// Mean and 95 % Student-t interval over the seeds that have it.
    value: Interval,
    /// Annotation ratios that it was computed from, ascending.
    ratios: Vec<f64>,
}

/// One round of one seed, on Part B.
struct SeedRound {
    ratio: f64,
    /// Share of Part A's foreground voxels that had to be drawn.
    drawn: f64,
    /// Mean Dice over cases.
    dice: f64,
}

/// The rounds of one seed by ratio.
type SeedCurve = BTreeMap<u64, SeedRound>;

/// The curves of one strategy.
struct StrategyCurves {
    arm: Arm,
    seeds: BTreeMap<u64, SeedCurve>,
    /// The ratios of all of them.
    ratios: BTreeSet<u64>,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let (mut rows, mut sentences) = (Vec::new(), Vec::new());
    for task in sweep.tasks() {
        let curves = curves_of(sweep, task);
        rows.extend(statistics(sweep, task, &curves));
        sentences.extend(left_out(&curves).map(|words| (task, words)));
    }
    let end = |ratio: Option<&f64>| ratio.copied().unwrap_or(f64::NAN);
    let frame = Table::of(&rows, "")
        .tidy("task", |r| r.task)
        .tidy("strategy", |r| &r.arm)
        .tidy("measure", |r| r.measure)
        .interval(|r| r.value)
        .tidy("seeds", |r| r.value.n)
        .tidy("ratio_low", |r| end(r.ratios.first()))
        .tidy("ratio_high", |r| end(r.ratios.last()))
        .tidy("rounds", |r| r.ratios.len())
        .frame("statistics")?;
    let content = Content::table(frame, vec![grid(sweep, &rows)]);
    Ok(Some(Content { sentences, ..content }))
}

/// Gives each strategy a row, and each task and measure a column.
fn grid(sweep: &Sweep, rows: &[Statistic]) -> Grid {
    let columns = sweep.tasks().into_iter().cartesian_product(MEASURES).collect_vec();
    let places = columns.iter().map(|(task, (measure, ..))| (*task, *measure)).collect_vec();
    let lines = pivot(rows, &places, |row| (&row.arm, (row.task, row.measure)));
    let areas = rows.iter().filter(|row| row.measure == "aubc");
    let shared: BTreeMap<Task, String> =
        areas.map(|row| (row.task, percents(row.ratios.iter().copied()))).collect();
    let shared = shared.iter().map(|(task, ratios)| format!("{}: {ratios}", task.label()));
    let shared = around(" (", &shared.collect_vec().join("; "), ")");
    let how = format!(
        "Of each seed's Part B Dice, then mean ± half the 95 % Student-t interval over seeds (none \
         below three; other cases would move it too): \
         AUBC is the area by trapezoids over the ratios that all strategies have{shared}, divided \
         by their range; final the Dice after the last round; FG-Eff the least-squares rate b of \
         Dice = c − a·exp(−b (x − x₀)), where x is the share of Part A's foreground drawn, c full \
         annotation and c − a the first round at x₀ (a seed already at c has no finite b and is \
         left out). It is computed only where full annotation and all points of a curve had the same \
         number of training steps."
    );
    let mut table = Table::of(&lines, how).shown("strategy", Format::Words, |r| r.0);
    for (at, (task, (_, title, decimals))) in columns.into_iter().enumerate() {
        let title = format!("{} {title}", task_short(task));
        let column = Column::new(title, Format::Decimals(decimals)).under(task_title(task));
        table = table.shown_as(column, |r| r.1[at].map(|row| row.value));
    }
    table.grid()
}

/// Computes the statistics of every strategy of a task, in the order of tables. A measure that no seed has
/// is left out: FG-Eff without full annotation, AUBC with fewer than two shared ratios.
fn statistics(sweep: &Sweep, task: Task, curves: &[StrategyCurves]) -> Vec<Statistic> {
    let shared = curves.iter().map(|of| of.ratios.clone()).reduce(|a, b| &a & &b);
    let shared = shared.unwrap_or_default();
    let mut rows = Vec::new();
    for strategy in curves {
        let last = strategy.ratios.last().copied().into_iter().collect();
        let finals = strategy.whole().filter_map(|(_, curve)| Some(curve.values().last()?.dice));
        let ceiling = ceiling(sweep, task, &strategy.arm);
        let rate = |(seed, curve)| efficiency(curves, seed, curve, ceiling?);
        let found = [
            (strategy.seeds.values().filter_map(|of| area(of, &shared)).collect(), shared.clone()),
            (finals.collect_vec(), last),
            (strategy.whole().filter_map(rate).collect(), strategy.ratios.clone()),
        ];
        for ((measure, ..), (values, ratios)) in MEASURES.into_iter().zip(found) {
            if !values.is_empty() {
                let ratios = ratios.into_iter().map(|key| key as f64 / 1e6).collect();
                let (arm, value) = (strategy.arm.clone(), mean_interval(&values));
                rows.push(Statistic { task, arm, measure, value, ratios });
            }
        }
    }
    rows
}

/// The Dice that a strategy's curve nears: full annotation's with as many steps, if all its points have
/// the same number and there is such a one.
fn ceiling(sweep: &Sweep, task: Task, arm: &Arm) -> Option<f64> {
    let curve = sweep.curve(task, Part::B, arm);
    let full = sweep.full(task, Part::B, curve.first()?.steps)?;
    curve.iter().all(|point| point.steps == full.steps).then_some(full.dice.value.mean)
}

/// Names the seeds that end before their strategy's last ratio, if any does.
fn left_out(curves: &[StrategyCurves]) -> Option<String> {
    let early = curves.iter().map(|strategy| {
        let whole = strategy.whole().map(|(seed, _)| seed).collect_vec();
        let early = list(strategy.seeds.keys().filter(|seed| !whole.contains(seed)));
        let last = strategy.ratios.last().map(|last| percent(*last as f64 / 1e6));
        let behind = format!(" of {} (before {})", strategy.arm, last.unwrap_or_default());
        around("seed(s) ", &early, &behind)
    });
    let early = early.filter(|words| !words.is_empty()).collect_vec().join("; ");
    let words = format!(
        "Some seeds end before the last ratio of their strategy and count in neither its final \
         Dice nor its FG-Eff, nor in its AUBC if they lack one of the shared ratios: {early}."
    );
    (!early.is_empty()).then_some(words)
}

/// Collects each strategy's curves, begun by the first round of the same seed.
fn curves_of(sweep: &Sweep, task: Task) -> Vec<StrategyCurves> {
    let scores = sweep.observations.by_seed(|case| case.mean_dice);
    let scores = scores.iter().filter(|score| score.part == Part::B);
    let dice: BTreeMap<(usize, u64), f64> =
        scores.map(|score| ((score.round, score.seed), score.mean)).collect();
    let seed_round = |round: &Round, seed: u64| {
        let records = round.records.iter().filter(|record| record.seed == seed);
        let drawn = mean(records.map(|record| drawn(record)))?;
        let dice = *dice.get(&(round.place, seed))?;
        Some((ratio_key(round.ratio), SeedRound { ratio: round.ratio, drawn, dice }))
    };
    let curves = sweep.strategies().into_iter().map(|arm| {
        let curve = sweep.curve(task, Part::B, &arm);
        let own = curve.iter().filter(|point| point.arm == arm);
        let seeds = own.flat_map(|point| {
            let seeds = point.records.iter().map(|record| record.seed);
            seeds.filter(|seed| dice.contains_key(&(point.place, *seed)))
        });
        let own = |seed| (seed, curve.iter().filter_map(|point| seed_round(point, seed)).collect());
        let seeds: BTreeMap<u64, SeedCurve> = seeds.map(own).collect();
        let ratios = seeds.values().flat_map(BTreeMap::keys).copied().collect();
        StrategyCurves { arm, seeds, ratios }
    });
    curves.filter(|strategy| !strategy.seeds.is_empty()).collect()
}

impl StrategyCurves {
    /// Finds the curves that reach the last ratio of the strategy, by seed.
    fn whole(&self) -> impl Iterator<Item = (&u64, &SeedCurve)> {
        self.seeds.iter().filter(|(_, curve)| curve.keys().last() == self.ratios.last())
    }
}

/// Computes AUBC of a seed that has all shared ratios.
fn area(curve: &SeedCurve, shared: &BTreeSet<u64>) -> Option<f64> {
    let rounds = shared.iter().map(|ratio| Some((curve.get(ratio)?.ratio, curve.get(ratio)?.dice)));
    let (ratios, dice): (Vec<f64>, Vec<f64>) = rounds.collect::<Option<_>>()?;
    // Refused with fewer than two ratios only: keys ascend, and Dice is finite.
    aubc(&ratios, &dice).ok()
}

/// Computes FG-Eff of a seed whose curve has a finite rate; x₀ and the Dice there are those of the
/// seed, over all strategies.
fn efficiency(
    curves: &[StrategyCurves],
    seed: &u64,
    curve: &SeedCurve,
    ceiling: f64,
) -> Option<f64> {
    let of_seed = curves.iter().filter_map(|strategy| strategy.seeds.get(seed));
    let all = of_seed.flat_map(BTreeMap::values).collect_vec();
    let x0 = all.iter().map(|round| round.drawn).min_by(f64::total_cmp)?;
    let at_x0 = all.iter().filter(|round| round.drawn == x0);
    let ends = CurveEnds { x0, start: mean(at_x0.map(|round| round.dice))?, ceiling };
    let (drawn, dice): (Vec<f64>, Vec<f64>) =
        curve.values().map(|round| (round.drawn, round.dice)).unzip();
    fg_eff(&drawn, &dice, ends).ok()
}
