//! All that several sections of a report need of a sweep, computed once: its rounds, the points of
//! its curves, how P agrees with R, and the minimum labelling costs.
//!
//! Only the primary model, the manifest's first, has curves. The first round belongs to every
//! strategy, since all fork from it; it stays one point, and [`Sweep::curve`] begins with it.

use crate::agreement::{Agreement, agreements};
use crate::arm::EVEN;
use crate::observations::{Compared, Observations, Paired, Scores, compare};
use crate::paper::COMPARED_RATIO;
use crate::prelude::*;
use crate::rounds::Cost;
use crate::standing::standings;
use serde_yaml::Value;
use slicewise_data::{Agreement as Measure, Spacing, TaskDefinition};
use slicewise_experiment::{DataManifest, Results};
use slicewise_metrics::covered_share;
use std::path::Path;

/// Foreground this near to an annotated slice, in mm, counts as covered: about four slices of a newborn.
pub(crate) const REACH_MM: f64 = 7.0;

/// Level of every test.
pub(crate) const ALPHA: f64 = 0.05;

/// A sweep as far as it is on record.
pub(crate) struct Sweep<'a> {
    pub(crate) results: &'a Results,
    /// The resolved configuration; null if it is none.
    pub(crate) config: Value,
    /// The folder with the volumes that were kept for figures; `None` leaves those figures out.
    pub(crate) root: Option<&'a Path>,
    /// All rounds, sorted by task, model, arm, ratio and steps.
    pub(crate) rounds: &'a [Round<'a>],
    /// All cases of all rounds.
    pub(crate) observations: Observations<'a>,
    /// Mean Dice of all rounds.
    pub(crate) dice: Scores,
    /// The primary model's points, sorted by task, part, arm, ratio and steps.
    pub(crate) points: Vec<Point<'a>>,
    pub(crate) agreements: Vec<Agreement>,
    /// Every point but full annotation minus that with as many steps, where it exists, in their order.
    pub(crate) from_full: Vec<Compared<'a>>,
    /// The minimum cost of each task and strategy, where full annotation with as many steps exists.
    pub(crate) costs: Vec<MinimumCost<'a>>,
    /// Pairs of strategies at one ratio, sorted by task, ratio, rival and strategy; the rival comes
    /// first in tables.
    pub(crate) comparisons: Vec<Compared<'a>>,
    /// How strategies stand beside each other: all tasks together where there are several, then each.
    pub(crate) standings: Vec<Standing>,
}

/// The rule of the star: the mean difference is within the margin.
pub(crate) const BY_MEAN: &str = "mean";

/// Where one strategy has reached full annotation: the smallest ratio that satisfies a rule, which the
/// paper's Fig. 5 stars.
///
/// The paper does not say by which rule. Ours: Part B Dice is compared with full annotation's on
/// the same case and seed, and the mean difference may not fall more than [a margin](Sweep::margin) below 0.
/// A stricter rule stands beside it: the lower end of the difference's interval may not. Full
/// annotation is the round with exactly as many training steps as the point. A strategy with a point
/// that has none such has no minimum cost: a lower ratio might have reached it.
pub(crate) struct MinimumCost<'a> {
    pub(crate) task: Task,
    pub(crate) arm: Arm,
    /// [`BY_MEAN`], or `interval`: even the lower end of the interval is within the margin.
    pub(crate) rule: &'static str,
    /// The round there, and full annotation with as many steps; `None` if no ratio satisfies it.
    pub(crate) reached: Option<Compared<'a>>,
}

/// One strategy in one task, or in all together.
#[derive(Debug)]
pub(crate) struct Standing {
    /// `None` for all tasks.
    pub(crate) task: Option<Task>,
    pub(crate) arm: Arm,
    /// Mean rank, 1 the best, with its 95 % interval; `None` for oracles, and where strategies have no
    /// ratio in common.
    pub(crate) rank: Option<Interval>,
    /// Dice minus that of the [reference](Sweep::reference); `None` for the reference itself. Holm's
    /// correction is over the task's strategies without oracles, which have none.
    pub(crate) paired: Option<Paired>,
    /// Tests against other strategies, a ratio each, that found it better, nothing, and worse.
    pub(crate) tests: [usize; 3],
}

/// All cases of all rounds, to be compared by `value`.
pub(crate) fn observed<'a>(
    rounds: &'a [Round<'a>],
    value: fn(&CaseRecord) -> Option<f64>,
) -> Result<Observations<'a>> {
    let records = rounds.iter().map(|round| &round.records[..]).collect_vec();
    Observations::of(&records, value)
}

impl<'a> Sweep<'a> {
    /// Computes what sections share, from [`rounds`](crate::rounds::rounds) of the results.
    pub(crate) fn new(
        results: &'a Results,
        rounds: &'a [Round<'a>],
        root: Option<&'a Path>,
    ) -> Result<Self> {
        let observations = observed(rounds, |case| case.mean_dice)?;
        let mut sweep = Self {
            results,
            config: serde_yaml::from_str(&results.config).unwrap_or_default(),
            root,
            rounds,
            dice: observations.scores(|case| case.mean_dice),
            observations,
            points: Vec::new(),
            agreements: agreements(rounds),
            from_full: Vec::new(),
            costs: Vec::new(),
            comparisons: Vec::new(),
            standings: Vec::new(),
        };
        let parts = |round| [Part::A, Part::B].map(|part| sweep.point(round, part));
        // Stable: within a task and part the order of the rounds stays.
        let points = sweep.primary().flat_map(parts).flatten();
        sweep.points = points.sorted_by_key(|point| (point.task, point.part)).collect();
        sweep.comparisons = sweep.compared_strategies()?;
        sweep.from_full = sweep.compared_with_full()?;
        sweep.costs = sweep.minimum_costs();
        sweep.standings = standings(&sweep);
        Ok(sweep)
    }

    /// Scores a round on one part; `None` if it was not evaluated, or no case has a score.
    pub(crate) fn point(&self, round: &'a Round<'a>, part: Part) -> Option<Point<'a>> {
        let dice = self.dice.get(&(round.place, part)).filter(|_| round.evaluated)?;
        Some(Point { round, part, dice: *dice })
    }

    /// Compares every pair of strategies at every ratio that both have.
    fn compared_strategies(&self) -> Result<Vec<Compared<'a>>> {
        let strategies = self.primary().filter(|round| round.arm.is_strategy());
        // Stable: within a ratio the order of the arms stays.
        let rounds = strategies.sorted_by_key(|round| round.state()).collect_vec();
        let states = rounds.chunk_by(|a, b| a.state() == b.state());
        let pairs = states.flat_map(|arms| arms.iter().tuple_combinations());
        let pairs = pairs.map(|(&rival, &arm)| [arm, rival]).collect_vec();
        compare(&self.observations, &pairs, |round| round.state())
    }

    fn compared_with_full(&self) -> Result<Vec<Compared<'a>>> {
        let points = self.points.iter().filter(|of| of.part == Part::B && of.arm != Arm::Full);
        let equal = |point: &Point<'a>| {
            Some([point.round, self.full(point.task, Part::B, point.steps)?.round])
        };
        compare(&self.observations, &points.filter_map(equal).collect_vec(), |round| round.task)
    }

    /// Finds the minimum cost of every task, strategy and rule, in the order of tables.
    fn minimum_costs(&self) -> Vec<MinimumCost<'a>> {
        let mut costs = Vec::new();
        for (task, arm) in self.tasks().into_iter().cartesian_product(self.strategies()) {
            let curve = self.curve(task, Part::B, &arm);
            let of = |place| self.from_full.iter().find(|of| of.ours.place == place).copied();
            let rounds =
                curve.iter().map(|point| of(point.round.place)).collect::<Option<Vec<_>>>();
            let rounds = rounds.unwrap_or_default();
            let first = |rule, end: fn(Interval) -> Option<f64>| {
                let near = |value: f64| value >= -self.margin(task);
                let reached = rounds.iter().find(|at| end(at.paired.difference).is_some_and(near));
                MinimumCost { task, arm: arm.clone(), rule, reached: reached.copied() }
            };
            if !rounds.is_empty() {
                costs.push(first(BY_MEAN, |difference| Some(difference.mean)));
                costs.push(first("interval", |difference| difference.low));
            }
        }
        costs
    }

    /// Gives the share of Part A's foreground voxels within [`REACH_MM`] of an annotated slice of the
    /// same case, in `[0, 1]`: mean over cases and runs. `None` where records do not know the voxels of
    /// a slice, or the configuration not the distance between slices.
    pub(crate) fn covered(&self, round: &Round) -> Option<f64> {
        // One number for all axes, or three.
        let spacing = &self.config["data"]["spacing_mm"];
        let [x, y, z] = [0, 1, 2].map(|axis| spacing.get(axis).unwrap_or(spacing).as_f64());
        let spacing = Spacing::ByAxis([x?, y?, z?]);
        let data = self.data(round.task)?;
        let cases = round.records.iter().flat_map(|record| cases_of(record, Part::A));
        mean(cases.filter_map(|case| {
            let [between_mm, ..] = spacing.sliced_along(data.slice_axis(&case.case));
            covered_share(&case.true_voxels, &case.annotated, between_mm, REACH_MM).ok()?
        }))
    }

    /// Gives the minutes of drawing by the experiment's model of effort; `None` where the records do
    /// not know the outlines.
    pub(crate) fn minutes(&self, cost: &Cost) -> Option<f64> {
        Some(self.results.manifest.effort.minutes(cost.slices, cost.contour_mm?))
    }

    /// Finds the data of a task; a manifest that lacks a task of the records has been cut.
    pub(crate) fn data(&self, task: Task) -> Option<&'a DataManifest> {
        self.results.manifest.data.iter().find(|data| data.task == task)
    }

    /// Rounds of the primary model.
    pub(crate) fn primary(&self) -> impl Iterator<Item = &'a Round<'a>> {
        self.rounds.iter().filter(|round| round.primary)
    }

    /// Tells whether there is more than full annotation.
    pub(crate) fn has_rounds(&self) -> bool {
        self.points.iter().any(|point| point.arm != Arm::Full)
    }

    /// Lists the tasks that have points.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        self.points.iter().map(|point| point.task).dedup().collect()
    }

    /// What a task's labels are: as the paper says, or as the manifest does of a task of one's own.
    pub(crate) fn definition(&self, task: Task) -> Option<TaskDefinition> {
        task.preset().or_else(|| self.data(task)?.definition.clone())
    }

    /// Tells how P and R compare slices in a task.
    pub(crate) fn measure(&self, task: Task) -> Measure {
        self.definition(task).map_or(Measure::Accuracy, |definition| definition.agreement)
    }

    /// How far below full annotation's Dice still counts as having reached it. The margins are ours,
    /// a little above what two seeds of full annotation differ by in the paper's tasks. Of another
    /// task that is not known before it has run, so it takes that of the paper's task with the same
    /// measure.
    pub(crate) fn margin(&self, task: Task) -> f64 {
        match self.measure(task) {
            Measure::Dice => 0.005,
            Measure::Accuracy => 0.01,
        }
    }

    /// Finds the ratio of a task at which strategies are shown side by side where there is room for
    /// one: that reached where the paper's 50 % were asked for, if two or more were, else the largest
    /// that the most have. Oracles do not count.
    pub(crate) fn compared_ratio(&self, task: Task) -> Option<f64> {
        let points = self.panel(task, Part::B).filter(|point| point.arm.is_ordinary());
        let ratios = points.into_group_map_by(|point| ratio_key(point.ratio));
        let wanted = |(ratio, points): &(u64, Vec<&Point>)| {
            let is_papers = ratio_key(points[0].asked) == ratio_key(COMPARED_RATIO);
            (points.len() > 1 && is_papers, points.len(), *ratio)
        };
        Some(ratios.into_iter().max_by_key(wanted)?.1[0].ratio)
    }

    /// Lists the strategies that have points, in the order of tables.
    pub(crate) fn strategies(&self) -> Vec<Arm> {
        let arms = self.points.iter().map(|point| &point.arm).filter(|arm| arm.is_strategy());
        arms.sorted().dedup().cloned().collect()
    }

    /// Names the strategy that the others are compared with: the endpoint's, or equal-interval, or the
    /// first that is no oracle.
    pub(crate) fn reference(&self) -> Option<Arm> {
        let named = self.results.manifest.endpoint.iter().map(|endpoint| endpoint.against.as_str());
        let arms = self.strategies();
        let known = named.chain([EVEN]).map(Arm::of).find(|arm| arms.contains(arm));
        known.or_else(|| arms.into_iter().find(|arm| !arm.is_oracle()))
    }

    /// Gives all points of a task and part.
    pub(crate) fn panel(&self, task: Task, part: Part) -> impl Iterator<Item = &Point<'a>> {
        self.points.iter().filter(move |point| point.task == task && point.part == part)
    }

    /// Finds the point that this ratio was asked for.
    pub(crate) fn at(&self, task: Task, part: Part, arm: &Arm, asked: f64) -> Option<&Point<'a>> {
        let mut points = self.panel(task, part);
        points.find(|point| point.arm == *arm && ratio_key(point.asked) == ratio_key(asked))
    }

    /// Gives the points of full annotation by rising steps.
    pub(crate) fn fulls(&self, task: Task, part: Part) -> Vec<&Point<'a>> {
        self.panel(task, part).filter(|point| point.arm == Arm::Full).collect()
    }

    /// Finds full annotation with exactly so many steps. Nothing else is compared with a point, or
    /// the difference would be that of training.
    pub(crate) fn full(&self, task: Task, part: Part, steps: u64) -> Option<&Point<'a>> {
        self.panel(task, part).find(|point| point.arm == Arm::Full && point.steps == steps)
    }

    /// Says which points have no full annotation with equal steps beside them; `None` if there are
    /// none, or no full annotation.
    pub(crate) fn unequal_steps(&self, task: Task) -> Option<String> {
        let fulls = self.fulls(task, Part::B);
        let longest = fulls.last()?.steps;
        let points = self.panel(task, Part::B).filter(|point| point.arm != Arm::Full);
        let alone = points.filter(|point| fulls.iter().all(|full| full.steps != point.steps));
        let alone = alone.map(|point| (ratio_key(point.ratio), point.steps)).sorted().dedup();
        let alone = alone.collect_vec();
        let longer = alone.iter().all(|(_, steps)| *steps < longest);
        let words =
            |(ratio, steps): &(u64, u64)| format!("{steps} at {}", percent(*ratio as f64 / 1e6));
        let rounds = match &alone[..] {
            [] => return None,
            [first, _, _, .., last] => format!("{} up to {}", words(first), words(last)),
            few => list(few.iter().map(words)),
        };
        let how = if longer { "longer" } else { "for other numbers of steps" };
        Some(format!("full annotation was trained {how}: {longest} steps against {rounds}"))
    }

    /// Gives the curve of a strategy by rising ratio, begun by the shared first round; empty if the
    /// strategy itself has no point yet.
    pub(crate) fn curve(&self, task: Task, part: Part, arm: &Arm) -> Vec<&Point<'a>> {
        let of = |arm: &Arm| self.panel(task, part).filter(|point| point.arm == *arm).collect_vec();
        let own = of(arm);
        if own.is_empty() { own } else { [of(&Arm::First), own].concat() }
    }

    /// Finds the star of Fig. 5, a round on Part B: the minimum cost [`BY_MEAN`]. `None` if no ratio is
    /// near enough, or without full annotation.
    pub(crate) fn star(&self, task: Task, arm: &Arm) -> Option<&'a Round<'a>> {
        let mut costs = self.costs.iter().filter(|cost| cost.rule == BY_MEAN);
        let cost = costs.find(|cost| cost.task == task && cost.arm == *arm)?;
        Some(cost.reached?.ours)
    }

    /// Compares two rounds on the same Part B cases in the same runs; `None` if they share none.
    pub(crate) fn paired(&self, pair: [&'a Round<'a>; 2]) -> Result<Option<Paired>> {
        let compared = compare(&self.observations, &[pair], |_| ())?;
        Ok(compared.first().map(|compared| compared.paired))
    }

    /// Says what was trained once: `seed`, or with folds `run`, a fold of a seed.
    pub(crate) fn run_word(&self) -> &'static str {
        let folds = self.results.records.iter().any(|record| record.fold.is_some());
        if folds { "run" } else { "seed" }
    }

    /// Writes how many cases a task has in which parts.
    pub(crate) fn cases(data: &DataManifest) -> String {
        let (a, b) = (data.part_a.len(), data.part_b.len());
        let folded: usize = data.folds.iter().map(Vec::len).sum();
        match data.folds.len() {
            0 => format!("{a} cases in Part A, {b} in Part B"),
            folds => format!("{folded} cases in {folds} folds, each unseen once"),
        }
    }

    /// Writes the cases of every task.
    pub(crate) fn cases_by_task(&self) -> String {
        let data = self.results.manifest.data.iter();
        data.map(|data| format!("{}: {}", data.task.label(), Self::cases(data))).join(" · ")
    }

    /// The seeds of which some run is there, in the experiment's order.
    pub(crate) fn seeds(&self) -> Vec<u64> {
        let is_there = |seed: &&u64| self.results.records.iter().any(|of| of.seed == **seed);
        self.results.manifest.seeds.iter().filter(is_there).copied().collect()
    }
}
