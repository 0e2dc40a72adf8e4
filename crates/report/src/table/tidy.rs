//! Tidy frames: one row an observation, one column a variable.

use crate::curve::{Curves, cases_of, mean, primary};
use crate::order::{is_strategy, ratio_key, strategy_key};
use polars::prelude::{Column, DataFrame, PolarsResult};
use slicewise_data::{Part, Task};
use slicewise_experiment::record::FULL;
use slicewise_experiment::{Results, RoundRecord};
use slicewise_metrics::{Interval, mean_interval};
use std::collections::BTreeMap;

/// The ratio at which the paper compares all strategies; per-tissue rows are taken there.
pub(crate) const COMPARED_RATIO: f64 = 0.5;

/// `task,part,strategy,ratio,mean,ci_low,ci_high,seeds,cases`: Dice of every point.
///
/// `ratio` is a fraction, 1 for `full`; the shared first round is strategy `first`. The
/// interval is empty with one seed.
pub(super) fn table_2(curves: &Curves) -> PolarsResult<DataFrame> {
    let points = &curves.points;
    DataFrame::new_infer_height(
        [
            vec![
                count("task", points.iter().map(|p| u32::from(p.task.number()))),
                text("part", points.iter().map(|p| part_name(p.part))),
                text("strategy", points.iter().map(|p| p.strategy.as_str())),
                real("ratio", points.iter().map(|p| p.ratio)),
            ],
            interval(points.iter().map(|p| p.dice)),
            vec![
                count("seeds", points.iter().map(|p| p.dice.n as u32)),
                count("cases", points.iter().map(|p| p.cases as u32)),
            ],
        ]
        .concat(),
    )
}

/// `task,strategy,ratio,slices,annotated_slices,voxels,annotated_foreground_voxels`: what an
/// annotator had to do. `slices` and `voxels` are shares in `[0, 1]` of Part A's slices and
/// foreground voxels, the others counts; all are means over seeds.
pub(super) fn cost(curves: &Curves) -> PolarsResult<DataFrame> {
    // A point's cost is that of its training: Part A and Part B share it.
    let points: Vec<_> = curves.points.iter().filter(|p| p.part == Part::B).collect();
    DataFrame::new_infer_height(vec![
        count("task", points.iter().map(|p| u32::from(p.task.number()))),
        text("strategy", points.iter().map(|p| p.strategy.as_str())),
        real("ratio", points.iter().map(|p| p.ratio)),
        real("slices", points.iter().map(|p| p.cost.slice_share)),
        real("annotated_slices", points.iter().map(|p| p.cost.slices)),
        real("voxels", points.iter().map(|p| p.cost.voxel_share)),
        real(
            "annotated_foreground_voxels",
            points.iter().map(|p| p.cost.voxels),
        ),
    ])
}

/// `task,class,strategy,ratio,mean,ci_low,ci_high,seeds,cases`: Dice of each foreground class.
pub(super) fn tissues(results: &Results) -> PolarsResult<DataFrame> {
    let rows = tissue_rows(results);
    DataFrame::new_infer_height(
        [
            vec![
                count("task", rows.iter().map(|r| u32::from(r.task.number()))),
                text("class", rows.iter().map(|r| r.class.as_str())),
                text("strategy", rows.iter().map(|r| r.strategy.as_str())),
                real("ratio", rows.iter().map(|r| r.ratio)),
            ],
            interval(rows.iter().map(|r| r.dice)),
            vec![
                count("seeds", rows.iter().map(|r| r.dice.n as u32)),
                count("cases", rows.iter().map(|r| r.cases as u32)),
            ],
        ]
        .concat(),
    )
}

/// Dice of one foreground class on Part B.
#[derive(Debug, Clone)]
pub(crate) struct TissueRow {
    pub(crate) task: Task,
    pub(crate) class: String,
    pub(crate) strategy: String,
    pub(crate) ratio: f64,
    /// Mean over cases that have the class, then over seeds.
    pub(crate) dice: Interval,
    /// Cases that have the class, in one seed.
    pub(crate) cases: usize,
}

/// Every class with full annotation and at [`COMPARED_RATIO`], in the manifest's class order.
pub(crate) fn tissue_rows(results: &Results) -> Vec<TissueRow> {
    let mut groups: BTreeMap<_, Vec<&RoundRecord>> = BTreeMap::new();
    for record in primary(results) {
        let compared =
            is_strategy(&record.strategy) && ratio_key(record.ratio) == ratio_key(COMPARED_RATIO);
        if record.strategy == FULL || compared {
            let key = (record.task, strategy_key(&record.strategy));
            groups.entry(key).or_default().push(record);
        }
    }
    let mut rows = Vec::new();
    for data in &results.manifest.data {
        for class in data.classes.iter().skip(1) {
            let of_task = groups.iter().filter(|((task, _), _)| *task == data.task);
            rows.extend(of_task.filter_map(|(_, records)| tissue_row(class, records)));
        }
    }
    rows
}

fn tissue_row(class: &str, records: &[&RoundRecord]) -> Option<TissueRow> {
    let dice_of = |record: &RoundRecord| -> Vec<f64> {
        cases_of(record, Part::B)
            .flat_map(|case| &case.dice)
            .filter(|(name, _)| name == class)
            .filter_map(|(_, dice)| *dice)
            .collect()
    };
    let by_seed: BTreeMap<u64, Vec<f64>> = records
        .iter()
        .map(|record| (record.seed, dice_of(record)))
        .collect();
    let means: Vec<f64> = by_seed
        .values()
        .filter_map(|dice| mean(dice.iter().copied()))
        .collect();
    let first = records.first().filter(|_| !means.is_empty())?;
    Some(TissueRow {
        task: first.task,
        class: class.to_owned(),
        strategy: first.strategy.clone(),
        ratio: first.ratio,
        dice: mean_interval(&means),
        cases: by_seed.values().map(Vec::len).max().unwrap_or(0),
    })
}

/// `A` or `B`.
pub(super) fn part_name(part: Part) -> &'static str {
    match part {
        Part::A => "A",
        Part::B => "B",
    }
}

pub(super) fn text<'a>(name: &str, values: impl Iterator<Item = &'a str>) -> Column {
    Column::new(name.into(), values.collect::<Vec<_>>())
}

pub(super) fn real(name: &str, values: impl Iterator<Item = f64>) -> Column {
    Column::new(name.into(), values.collect::<Vec<_>>())
}

/// A column of which some values are missing.
pub(super) fn maybe(name: &str, values: impl Iterator<Item = Option<f64>>) -> Column {
    Column::new(name.into(), values.collect::<Vec<_>>())
}

pub(super) fn count(name: &str, values: impl Iterator<Item = u32>) -> Column {
    Column::new(name.into(), values.collect::<Vec<_>>())
}

/// `mean`, `ci_low`, `ci_high`; the ends are missing with one seed.
pub(super) fn interval(values: impl Iterator<Item = Interval> + Clone) -> Vec<Column> {
    vec![
        real("mean", values.clone().map(|interval| interval.mean)),
        maybe("ci_low", values.clone().map(|interval| interval.low)),
        maybe("ci_high", values.map(|interval| interval.high)),
    ]
}
