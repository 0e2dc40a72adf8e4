//! Records to points of curves: mean Dice over cases, then mean and interval over seeds.
//!
//! Only the sweep's primary model (the manifest's first) has curves. The records of the first
//! round belong to every strategy, since all fork from it; they stay one point under the name
//! [`FIRST`], and [`Curves::of_strategy`] begins each curve with it.

use crate::minimum_cost::{self, MinimumCost};
use crate::order::{is_strategy, ratio_key, strategy_key};
use slicewise_data::{Part, Task};
use slicewise_experiment::record::{FIRST, FULL};
use slicewise_experiment::{CaseRecord, Results, RoundRecord};
use slicewise_metrics::{Interval, mean_interval};
use std::collections::{BTreeMap, BTreeSet};

/// One strategy at one annotation ratio, scored on one part.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) task: Task,
    pub(crate) part: Part,
    /// A strategy, [`FIRST`] or [`FULL`].
    pub(crate) strategy: String,
    /// Annotated share of each Part A volume's axial slices, in `(0, 1]`.
    pub(crate) ratio: f64,
    /// Of each seed the mean over cases of the mean Dice over foreground classes.
    pub(crate) by_seed: BTreeMap<u64, f64>,
    /// Mean and 95 % Student-t interval over seeds.
    pub(crate) dice: Interval,
    /// Cases scored in one seed.
    pub(crate) cases: usize,
    /// What the annotator had to do, mean over seeds.
    pub(crate) cost: Cost,
}

/// What was annotated, in two currencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    /// Annotated axial slices of Part A.
    pub(crate) slices: f64,
    /// … as a share of all of them, in `[0, 1]`.
    pub(crate) slice_share: f64,
    /// Foreground voxels on those slices: what had to be drawn.
    pub(crate) voxels: f64,
    /// … as a share of all foreground voxels of Part A, in `[0, 1]`.
    pub(crate) voxel_share: f64,
}

/// All points, sorted by task, part, strategy and ratio.
#[derive(Debug, Clone)]
pub(crate) struct Curves {
    pub(crate) points: Vec<Point>,
    /// Of each task and strategy, where full annotation exists.
    pub(crate) costs: Vec<MinimumCost>,
}

impl Curves {
    /// The points of the primary model.
    pub(crate) fn of(results: &Results) -> Self {
        let mut points = Vec::new();
        for records in over_seeds(results) {
            points.extend([Part::A, Part::B].map(|part| point(&records, part)));
        }
        let mut points: Vec<Point> = points.into_iter().flatten().collect();
        // Stable: within a task and part the order of the groups stays.
        points.sort_by_key(|point| (point.task, point.part));
        let mut curves = Self {
            points,
            costs: Vec::new(),
        };
        curves.costs = minimum_cost::minimum_costs(results, &curves);
        curves
    }

    /// Whether there is more than full annotation.
    pub(crate) fn has_rounds(&self) -> bool {
        self.points.iter().any(|point| point.strategy != FULL)
    }

    /// Tasks that have points.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        let tasks: BTreeSet<Task> = self.points.iter().map(|point| point.task).collect();
        tasks.into_iter().collect()
    }

    /// Strategies that have points, in the order of tables and legends.
    pub(crate) fn strategies(&self) -> Vec<String> {
        let names = self.points.iter().map(|point| &point.strategy);
        let sorted: BTreeMap<_, _> = names
            .filter(|name| is_strategy(name))
            .map(|name| (strategy_key(name), name.clone()))
            .collect();
        sorted.into_values().collect()
    }

    /// The point at exactly this ratio.
    pub(crate) fn at(&self, task: Task, part: Part, strategy: &str, ratio: f64) -> Option<&Point> {
        self.panel(task, part)
            .find(|point| point.strategy == strategy && ratio_key(point.ratio) == ratio_key(ratio))
    }

    /// Full annotation.
    pub(crate) fn full(&self, task: Task, part: Part) -> Option<&Point> {
        self.panel(task, part).find(|point| point.strategy == FULL)
    }

    /// The curve of a strategy by rising ratio, begun by the shared first round; empty if the
    /// strategy itself has no point yet.
    pub(crate) fn of_strategy(&self, task: Task, part: Part, strategy: &str) -> Vec<&Point> {
        let own: Vec<&Point> = self
            .panel(task, part)
            .filter(|point| point.strategy == strategy)
            .collect();
        if own.is_empty() {
            return own;
        }
        let first = self
            .panel(task, part)
            .filter(|point| point.strategy == FIRST);
        first.chain(own).collect()
    }

    /// All points of a task and part.
    pub(crate) fn panel(&self, task: Task, part: Part) -> impl Iterator<Item = &Point> {
        self.points
            .iter()
            .filter(move |point| point.task == task && point.part == part)
    }

    /// The star of Fig. 5, a point of Part B: [`MinimumCost::by_mean`]. `None` if no ratio is
    /// near enough, or without full annotation.
    pub(crate) fn minimum_cost(&self, task: Task, strategy: &str) -> Option<&Point> {
        let cost = self
            .costs
            .iter()
            .find(|cost| cost.task == task && cost.strategy == strategy)?;
        Some(&cost.by_mean.as_ref()?.point)
    }
}

/// Records of the sweep's primary model.
pub(crate) fn primary(results: &Results) -> impl Iterator<Item = &RoundRecord> {
    let model = results.manifest.models.first();
    results
        .records
        .iter()
        .filter(move |record| model.is_none_or(|model| *model == record.model))
}

/// The primary model's records, those of a task, strategy and ratio together, one a seed; sorted.
pub(crate) fn over_seeds(results: &Results) -> Vec<Vec<&RoundRecord>> {
    groups_of(primary(results))
}

/// As [`over_seeds`], of the `records` of any one model.
pub(crate) fn groups_of<'a>(
    records: impl Iterator<Item = &'a RoundRecord>,
) -> Vec<Vec<&'a RoundRecord>> {
    let mut groups: BTreeMap<_, Vec<&RoundRecord>> = BTreeMap::new();
    for record in records {
        let key = (
            record.task,
            strategy_key(&record.strategy),
            ratio_key(record.ratio),
        );
        groups.entry(key).or_default().push(record);
    }
    groups.into_values().collect()
}

/// The cases of one part.
pub(crate) fn cases_of(record: &RoundRecord, part: Part) -> impl Iterator<Item = &CaseRecord> {
    record.cases.iter().filter(move |case| case.part == part)
}

/// Mean of the finite values; `None` of none.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values
        .filter(|value| value.is_finite())
        .fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}

/// The point of records of one model, task, strategy and ratio, one a seed; `None` if none has a
/// score.
pub(crate) fn point(records: &[&RoundRecord], part: Part) -> Option<Point> {
    let by_seed: BTreeMap<u64, f64> = records
        .iter()
        .filter_map(|record| {
            let dice = mean(cases_of(record, part).map(|case| case.mean_dice))?;
            Some((record.seed, dice))
        })
        .collect();
    let first = records.first().filter(|_| !by_seed.is_empty())?;
    let values: Vec<f64> = by_seed.values().copied().collect();
    let cases = records
        .iter()
        .map(|record| cases_of(record, part).count())
        .max();
    Some(Point {
        task: first.task,
        part,
        strategy: first.strategy.clone(),
        ratio: first.ratio,
        dice: mean_interval(&values),
        by_seed,
        cases: cases.unwrap_or(0),
        cost: cost(records),
    })
}

fn cost(records: &[&RoundRecord]) -> Cost {
    let over_seeds = |value: fn(&RoundRecord) -> f64| {
        records.iter().map(|record| value(record)).sum::<f64>() / records.len() as f64
    };
    Cost {
        slices: over_seeds(|r| r.annotated_slices as f64),
        slice_share: over_seeds(|r| share(r.annotated_slices, r.total_slices)),
        voxels: over_seeds(|r| r.annotated_foreground_voxels as f64),
        voxel_share: over_seeds(|r| {
            share(r.annotated_foreground_voxels, r.total_foreground_voxels)
        }),
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
