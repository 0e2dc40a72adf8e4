//! Records to rounds, and what a point of a curve is: a round's Dice on one part, and its cost.
//!
//! With folds a round has a record for each fold of a seed. A round that was not evaluated, which
//! only leads to the next query, has no point.

use crate::arm::Arm;
use slicewise_data::{Part, Task};
use slicewise_experiment::Results;
use slicewise_experiment::{CaseRecord, RoundRecord};
use slicewise_metrics::Interval;
use std::collections::BTreeMap;
use std::ops::Deref;

/// One round of an arm in all its runs.
#[derive(Debug, Clone)]
pub(crate) struct Round<'a> {
    /// Its place among all rounds, which names it.
    pub(crate) place: usize,
    pub(crate) task: Task,
    pub(crate) model: &'a str,
    /// Whether the model is the sweep's first, whose strategies are shown.
    pub(crate) primary: bool,
    pub(crate) arm: Arm,
    /// The annotated share of Part A's slices that the experiment asked for, in `(0, 1]`.
    pub(crate) asked: f64,
    /// The share that was reached, in `(0, 1]`: volumes have whole slices, so a few thick ones can
    /// miss by much. It is taken over all records of the task that were asked for the same, so that
    /// strategies stand at one ratio.
    pub(crate) ratio: f64,
    /// Training steps behind it; the most, should runs differ.
    pub(crate) steps: u64,
    /// Whether it was evaluated.
    pub(crate) evaluated: bool,
    /// Whether no round of the same model and arm at this ratio had more steps. Full annotation may
    /// have several at ratio 1, to be read off at the steps of each point.
    pub(crate) longest: bool,
    /// The records, one a run: a seed, or a fold of a seed.
    pub(crate) records: Vec<&'a RoundRecord>,
}

/// A ratio as a key: millionths, so that 0.15 from different sums is one ratio.
pub(crate) fn ratio_key(ratio: f64) -> u64 {
    (ratio * 1e6).round() as u64
}

/// Groups the records by task, model in the manifest's order, arm and ratio, sorted so; those of full
/// annotation also by number, which is by rising steps.
pub(crate) fn rounds(results: &Results) -> Vec<Round<'_>> {
    let models = &results.manifest.models;
    let reached = all_reached(results);
    let mut groups: BTreeMap<_, Vec<&RoundRecord>> = BTreeMap::new();
    for record in &results.records {
        let model = models.iter().position(|model| *model == record.model);
        let model = (model.unwrap_or(models.len()), record.model.as_str());
        let arm = Arm::of(&record.strategy);
        // Its rounds, all at ratio 1, differ in steps alone.
        let number = if arm == Arm::Full { record.round } else { 0 };
        let key = (record.task, model, arm, ratio_key(record.ratio), number);
        groups.entry(key).or_default().push(record);
    }
    let groups = groups.into_iter().enumerate();
    let groups = groups.map(|(place, ((task, (index, model), arm, ..), records))| Round {
        place,
        task,
        model,
        primary: index == 0,
        arm,
        asked: records[0].ratio,
        ratio: reached[&(task, ratio_key(records[0].ratio))],
        steps: records.iter().map(|record| record.steps).max().unwrap_or(0),
        evaluated: records.iter().any(|record| record.evaluated),
        longest: true,
        records,
    });
    let mut rounds: Vec<Round> = groups.collect();
    let curve = |of: &Round| (of.task, of.model.to_owned(), of.arm.clone(), ratio_key(of.asked));
    for place in 1..rounds.len() {
        rounds[place - 1].longest = curve(&rounds[place - 1]) != curve(&rounds[place]);
    }
    rounds
}

/// Gives the share of slices that was reached where a ratio was asked for, by task and key.
fn all_reached(results: &Results) -> BTreeMap<(Task, u64), f64> {
    let mut sums: BTreeMap<(Task, u64), (u64, u64)> = BTreeMap::new();
    for record in &results.records {
        let sum = sums.entry((record.task, ratio_key(record.ratio))).or_default();
        *sum = (sum.0 + record.annotated_slices, sum.1 + record.total_slices);
    }
    let mut reached: BTreeMap<(Task, u64), f64> = BTreeMap::new();
    for ((task, key), (annotated, total)) in sums {
        let before = reached.range((task, 0)..(task, key)).next_back().map(|(_, share)| *share);
        // Two ratios that ask for the same slices stay two points, a millionth apart.
        let apart = before.map_or(0.0, |before| (ratio_key(before) + 1) as f64 / 1e6);
        reached.insert((task, key), share(annotated, total).max(apart));
    }
    reached
}

/// Says what stands behind a [`Score`].
pub(crate) const HALF: &str = "± half the 95 % Student-t interval over seeds (none below three)";

/// A score of cases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Score {
    /// Mean over cases, then mean and 95 % Student-t interval over seeds.
    pub(crate) value: Interval,
    /// Distinct cases scored in one seed.
    pub(crate) cases: usize,
    /// The same, all seeds together.
    pub(crate) all_cases: usize,
}

/// Takes the mean of the finite values; `None` if there is none.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values = values.filter(|value| value.is_finite());
    let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}

/// Gives the cases of one part.
pub(crate) fn cases_of(record: &RoundRecord, part: Part) -> impl Iterator<Item = &CaseRecord> {
    record.cases.iter().filter(move |case| case.part == part)
}

/// The part's name: `A` or `B`.
pub(crate) fn part_name(part: Part) -> &'static str {
    match part {
        Part::A => "A",
        Part::B => "B",
    }
}

/// A round that was scored on one part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point<'a> {
    pub(crate) round: &'a Round<'a>,
    pub(crate) part: Part,
    pub(crate) dice: Score,
}

impl<'a> Deref for Point<'a> {
    type Target = Round<'a>;

    fn deref(&self) -> &Round<'a> {
        self.round
    }
}

/// What the annotator had to do, in several currencies, mean over runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    /// Annotated slices of Part A.
    pub(crate) slices: f64,
    /// Their share of all slices, in `[0, 1]`.
    pub(crate) slice_share: f64,
    /// Foreground voxels on those slices: what had to be drawn.
    pub(crate) voxels: f64,
    /// Their share of all foreground voxels of Part A, in `[0, 1]`.
    pub(crate) voxel_share: f64,
    /// Length in mm of all outlines on those slices; `None` where the records do not know it.
    pub(crate) contour_mm: Option<f64>,
}

impl Round<'_> {
    /// Its task and the key of its ratio: where strategies can be compared.
    pub(crate) fn state(&self) -> (Task, u64) {
        (self.task, ratio_key(self.ratio))
    }

    /// What the annotator had to do.
    pub(crate) fn cost(&self) -> Cost {
        Cost::of(&self.records)
    }
}

impl Cost {
    /// The mean over `records`, one a run.
    pub(crate) fn of(records: &[&RoundRecord]) -> Self {
        let over_runs = |value: fn(&RoundRecord) -> f64| {
            records.iter().map(|record| value(record)).sum::<f64>() / records.len() as f64
        };
        let contour_mm = over_runs(|r| r.annotated_contour_mm);
        Self {
            slices: over_runs(|r| r.annotated_slices as f64),
            slice_share: over_runs(reached),
            voxels: over_runs(|r| r.annotated_foreground_voxels as f64),
            voxel_share: over_runs(drawn),
            // Records of schema 2 are read with 0.
            contour_mm: (contour_mm > 0.0).then_some(contour_mm),
        }
    }
}

/// The share of Part A's slices that are annotated, in `(0, 1]`.
pub(crate) fn reached(record: &RoundRecord) -> f64 {
    share(record.annotated_slices, record.total_slices)
}

/// The share of Part A's foreground voxels that had to be drawn, in `[0, 1]`.
pub(crate) fn drawn(record: &RoundRecord) -> f64 {
    share(record.annotated_foreground_voxels, record.total_foreground_voxels)
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
