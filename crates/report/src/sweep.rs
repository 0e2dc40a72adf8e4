//! All that several sections of a report need of a sweep, computed once: its rounds, the points of
//! its curves, how P agrees with R, and the minimum labelling costs.
//!
//! Only the primary model, the manifest's first, has curves. The first round belongs to every
//! strategy, since all fork from it; it stays one point, and [`Sweep::curve`] begins with it.

use crate::agreement::{Agreement, agreements};
use crate::arm::Arm;
use crate::format::{list, percent};
use crate::minimum_cost::{MinimumCost, cost_margin, minimum_costs};
use crate::paired::{Scores, scores};
use crate::paper::COMPARED_RATIO;
use crate::rounds::{Point, Round, ratio_key, rounds};
use slicewise_data::{Agreement as Measure, Part, Task};
use slicewise_experiment::{DataManifest, Results};
use std::collections::BTreeSet;
use std::path::Path;

/// A sweep as far as it is on record.
pub(crate) struct Sweep<'a> {
    pub(crate) results: &'a Results,
    /// The folder with the volumes that were kept for figures; `None` leaves those figures out.
    pub(crate) root: Option<&'a Path>,
    /// All rounds, sorted by task, model, arm, ratio and steps.
    pub(crate) rounds: Vec<Round<'a>>,
    /// The primary model's points, sorted by task, part, arm, ratio and steps.
    pub(crate) points: Vec<Point>,
    pub(crate) agreements: Vec<Agreement>,
    /// The minimum cost of each task and strategy, where full annotation with as many steps exists.
    pub(crate) costs: Vec<MinimumCost>,
}

impl<'a> Sweep<'a> {
    /// Computes what sections share.
    pub(crate) fn new(results: &'a Results, root: Option<&'a Path>) -> Self {
        let rounds = rounds(results);
        let primary: Vec<&Round> = rounds.iter().filter(|round| round.primary).collect();
        let points =
            primary.iter().flat_map(|round| [Part::A, Part::B].map(|part| round.point(part)));
        let mut points: Vec<Point> = points.flatten().collect();
        // Stable: within a task and part the order of the rounds stays.
        points.sort_by_key(|point| (point.task, point.part));
        let margin = |task| cost_margin(agreement_of(results, task));
        let agreements = agreements(&primary);
        let mut sweep = Self { results, root, rounds, points, agreements, costs: Vec::new() };
        sweep.costs = minimum_costs(&sweep, &margin);
        sweep
    }

    /// Rounds of the primary model.
    pub(crate) fn primary(&self) -> impl Iterator<Item = &Round<'a>> {
        self.rounds.iter().filter(|round| round.primary)
    }

    /// Tells whether there is more than full annotation.
    pub(crate) fn has_rounds(&self) -> bool {
        self.points.iter().any(|point| point.arm != Arm::Full)
    }

    /// Lists the tasks that have points.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        let tasks: BTreeSet<Task> = self.points.iter().map(|point| point.task).collect();
        tasks.into_iter().collect()
    }

    /// Tells how P and R compare slices in a task.
    pub(crate) fn measure(&self, task: Task) -> Measure {
        agreement_of(self.results, task)
    }

    /// How far below full annotation's Dice still counts as having reached it.
    pub(crate) fn margin(&self, task: Task) -> f64 {
        cost_margin(self.measure(task))
    }

    /// Finds the ratio of a task at which strategies are shown side by side where there is room for
    /// one: the paper's 50 %, else the largest that a strategy has.
    pub(crate) fn compared_ratio(&self, task: Task) -> Option<f64> {
        let points = self.panel(task, Part::B).filter(|point| point.arm.is_strategy());
        let wanted = |point: &&Point| {
            (ratio_key(point.ratio) == ratio_key(COMPARED_RATIO), ratio_key(point.ratio))
        };
        Some(points.max_by_key(wanted)?.ratio)
    }

    /// Lists the strategies that have points, in the order of tables.
    pub(crate) fn strategies(&self) -> Vec<Arm> {
        let arms = self.points.iter().map(|point| &point.arm).filter(|arm| arm.is_strategy());
        arms.collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// Gives all points of a task and part.
    pub(crate) fn panel(&self, task: Task, part: Part) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(move |point| point.task == task && point.part == part)
    }

    /// Finds the point at exactly this ratio.
    pub(crate) fn at(&self, task: Task, part: Part, arm: &Arm, ratio: f64) -> Option<&Point> {
        let mut points = self.panel(task, part);
        points.find(|point| point.arm == *arm && ratio_key(point.ratio) == ratio_key(ratio))
    }

    /// Gives the points of full annotation by rising steps.
    pub(crate) fn fulls(&self, task: Task, part: Part) -> Vec<&Point> {
        self.panel(task, part).filter(|point| point.arm == Arm::Full).collect()
    }

    /// Finds full annotation with exactly so many steps. Nothing else is compared with a point, or
    /// the difference would be that of training.
    pub(crate) fn full(&self, task: Task, part: Part, steps: u64) -> Option<&Point> {
        self.panel(task, part).find(|point| point.arm == Arm::Full && point.steps == steps)
    }

    /// Says which points have no full annotation with equal steps beside them; `None` if there are
    /// none, or no full annotation.
    pub(crate) fn unequal_steps(&self, task: Task) -> Option<String> {
        let fulls = self.fulls(task, Part::B);
        let longest = fulls.last()?.steps;
        let points = self.panel(task, Part::B).filter(|point| point.arm != Arm::Full);
        let alone = points.filter(|point| fulls.iter().all(|full| full.steps != point.steps));
        let alone: BTreeSet<(u64, u64)> =
            alone.map(|point| (ratio_key(point.ratio), point.steps)).collect();
        let longer = alone.iter().all(|(_, steps)| *steps < longest);
        let words =
            |(ratio, steps): &(u64, u64)| format!("{steps} at {}", percent(*ratio as f64 / 1e6));
        let rounds = match (alone.first(), alone.last()) {
            (Some(first), Some(last)) if alone.len() > 3 => {
                format!("{} up to {}", words(first), words(last))
            }
            _ => list(alone.iter().map(words)),
        };
        (!alone.is_empty()).then(|| {
            let how = if longer { "longer" } else { "for other numbers of steps" };
            format!("full annotation was trained {how}: {longest} steps against {rounds}")
        })
    }

    /// Gives the curve of a strategy by rising ratio, begun by the shared first round; empty if the
    /// strategy itself has no point yet.
    pub(crate) fn curve(&self, task: Task, part: Part, arm: &Arm) -> Vec<&Point> {
        let of = |arm: &Arm| self.panel(task, part).filter(|point| point.arm == *arm).collect();
        let own: Vec<&Point> = of(arm);
        if own.is_empty() { own } else { [of(&Arm::First), own].concat() }
    }

    /// Finds the star of Fig. 5, a point of Part B: [`MinimumCost::by_mean`]. `None` if no ratio is
    /// near enough, or without full annotation.
    pub(crate) fn star(&self, task: Task, arm: &Arm) -> Option<&Point> {
        let cost = self.costs.iter().find(|cost| cost.task == task && cost.arm == *arm)?;
        Some(&cost.by_mean.as_ref()?.point)
    }

    /// Part B scores of a point's round, by run and case.
    pub(crate) fn scores(&self, point: &Point) -> Scores<'a> {
        let key = (point.task, &point.arm, ratio_key(point.ratio), point.steps);
        let of =
            |round: &&Round| (round.task, &round.arm, ratio_key(round.ratio), round.steps) == key;
        scores(self.primary().filter(of))
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

    /// Writes the seeds in words: `1, 2, 3`.
    pub(crate) fn seeds(&self) -> String {
        list(&self.results.manifest.seeds)
    }
}

/// Tells how P and R compare slices in a task: as the paper does, or as the manifest says of a task
/// of one's own.
fn agreement_of(results: &Results, task: Task) -> Measure {
    let own = || {
        let data = results.manifest.data.iter().find(|data| data.task == task)?;
        data.definition.clone()
    };
    // A manifest that lacks a task of the records has been cut.
    task.preset().or_else(own).map_or(Measure::Accuracy, |definition| definition.agreement)
}

/// Writes the task's title: `Task 1, brain extraction`, or the name of a task that the paper lacks.
pub(crate) fn task_title(task: Task) -> String {
    match task.paper_number() {
        Some(number) => format!("Task {number}, {}", task.words()),
        None => task.words(),
    }
}

/// Writes the task's name where there is hardly room: `T1`, or the name of a task of one's own.
pub(crate) fn task_short(task: Task) -> String {
    task.paper_number().map_or_else(|| task.words(), |number| format!("T{number}"))
}
