//! Records to rounds, and rounds to points of curves: mean Dice over cases, then mean and interval
//! over seeds.

use crate::arm::Arm;
use slicewise_data::{Part, Task};
use slicewise_experiment::{CaseRecord, Results, RoundRecord};
use slicewise_metrics::{Interval, mean_interval};
use std::collections::BTreeMap;

/// One round of an arm in all its seeds.
#[derive(Debug, Clone)]
pub(crate) struct Round<'a> {
    pub(crate) task: Task,
    pub(crate) model: &'a str,
    /// Whether the model is the sweep's first, whose strategies are shown.
    pub(crate) primary: bool,
    pub(crate) arm: Arm,
    /// Annotated share of each Part A volume's slices, in `(0, 1]`.
    pub(crate) ratio: f64,
    /// The records, one a seed.
    pub(crate) records: Vec<&'a RoundRecord>,
}

/// A ratio as a key: millionths, so that 0.15 from different sums is one ratio.
pub(crate) fn ratio_key(ratio: f64) -> u64 {
    (ratio * 1e6).round() as u64
}

/// Groups the records by task, model in the manifest's order, arm and ratio, sorted so.
pub(crate) fn rounds(results: &Results) -> Vec<Round<'_>> {
    let models = &results.manifest.models;
    let mut groups: BTreeMap<_, Vec<&RoundRecord>> = BTreeMap::new();
    for record in &results.records {
        let model = models.iter().position(|model| *model == record.model);
        let place = (model.unwrap_or(models.len()), record.model.as_str());
        let key = (record.task, place, Arm::of(&record.strategy), ratio_key(record.ratio));
        groups.entry(key).or_default().push(record);
    }
    let groups = groups.into_iter().map(|((task, (place, model), arm, _), records)| Round {
        task,
        model,
        primary: place == 0,
        arm,
        ratio: records[0].ratio,
        records,
    });
    groups.collect()
}

/// A score of cases.
#[derive(Debug, Clone)]
pub(crate) struct Score {
    /// Mean over cases, then mean and 95 % Student-t interval over seeds.
    pub(crate) value: Interval,
    /// Cases scored in one seed.
    pub(crate) cases: usize,
    /// Cases scored in all seeds together.
    pub(crate) all_cases: usize,
}

/// The score that `of_case` gives on one part, from records of one round, one a seed; `None` if no
/// case has one.
pub(crate) fn score(
    records: &[&RoundRecord],
    part: Part,
    of_case: impl Fn(&CaseRecord) -> Option<f64>,
) -> Option<Score> {
    // Folds of a seed together: each case is in one of them.
    let mut scores: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for record in records {
        let of_record = cases_of(record, part).filter_map(&of_case);
        scores.entry(record.seed).or_default().extend(of_record.filter(|score| score.is_finite()));
    }
    let counts = scores.values().map(Vec::len);
    let means = scores.values().filter_map(|scores| mean(scores.iter().copied()));
    let values: Vec<f64> = means.collect();
    (!values.is_empty()).then(|| Score {
        value: mean_interval(&values),
        cases: counts.clone().max().unwrap_or(0),
        all_cases: counts.sum(),
    })
}

/// Scores records by mean Dice over foreground classes.
pub(crate) fn dice(records: &[&RoundRecord], part: Part) -> Option<Score> {
    score(records, part, |case| Some(case.mean_dice))
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

/// One arm at one annotation ratio, scored on one part.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) task: Task,
    pub(crate) part: Part,
    pub(crate) arm: Arm,
    pub(crate) ratio: f64,
    pub(crate) dice: Score,
    pub(crate) cost: Cost,
}

/// What the annotator had to do, in two currencies, mean over seeds.
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
}

impl Round<'_> {
    /// The point of a curve; `None` if no case of the part has a score.
    pub(crate) fn point(&self, part: Part) -> Option<Point> {
        let dice = dice(&self.records, part)?;
        let (task, arm, ratio) = (self.task, self.arm.clone(), self.ratio);
        Some(Point { task, part, arm, ratio, dice, cost: self.cost() })
    }

    fn cost(&self) -> Cost {
        let over_seeds = |value: fn(&RoundRecord) -> f64| {
            self.records.iter().map(|record| value(record)).sum::<f64>() / self.records.len() as f64
        };
        Cost {
            slices: over_seeds(|r| r.annotated_slices as f64),
            slice_share: over_seeds(|r| share(r.annotated_slices, r.total_slices)),
            voxels: over_seeds(|r| r.annotated_foreground_voxels as f64),
            voxel_share: over_seeds(drawn),
        }
    }
}

/// The share of Part A's foreground voxels that had to be drawn, in `[0, 1]`.
pub(crate) fn drawn(record: &RoundRecord) -> f64 {
    share(record.annotated_foreground_voxels, record.total_foreground_voxels)
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
