//! Where a strategy is as good as full annotation: `minimum-cost`.

use super::between::{ends, grid};
use super::tidy::{count, maybe, real, text};
use crate::finding::signed;
use crate::minimum_cost::{MinimumCost, Reached, cost_margin, how};
use crate::order::percent;
use polars::prelude::{Column, DataFrame, PolarsResult};
use slicewise_data::Task;
use slicewise_experiment::Results;

/// `task,strategy,rule,margin,ratio,annotated_slices,slices,annotated_foreground_voxels,voxels,
/// difference,boot_low,boot_high,seeds,cases`: `rule` is `mean` or `interval`; from `ratio` on
/// empty where no ratio satisfies it. `slices` and `voxels` are shares of Part A, the two before
/// them counts.
pub(super) fn minimum_cost(costs: &[MinimumCost]) -> PolarsResult<DataFrame> {
    let rows: Vec<_> = costs
        .iter()
        .flat_map(|cost| cost.by_rule().map(|(rule, reached)| (cost, rule, reached)))
        .collect();
    let of = |name: &str, value: fn(&Reached) -> Option<f64>| {
        maybe(name, rows.iter().map(|(_, _, reached)| value((*reached)?)))
    };
    let counts = |name: &str, value: fn(&Reached) -> usize| {
        let values = rows.iter().map(|(_, _, r)| Some(value((*r)?) as u32));
        Column::new(name.into(), values.collect::<Vec<_>>())
    };
    DataFrame::new_infer_height(vec![
        count(
            "task",
            rows.iter().map(|(c, ..)| u32::from(c.task.number())),
        ),
        text("strategy", rows.iter().map(|(c, ..)| c.strategy.as_str())),
        text("rule", rows.iter().map(|(_, rule, _)| *rule)),
        real("margin", rows.iter().map(|(c, ..)| cost_margin(c.task))),
        of("ratio", |r| Some(r.point.ratio)),
        of("annotated_slices", |r| Some(r.point.cost.slices)),
        of("slices", |r| Some(r.point.cost.slice_share)),
        of("annotated_foreground_voxels", |r| Some(r.point.cost.voxels)),
        of("voxels", |r| Some(r.point.cost.voxel_share)),
        of("difference", |r| Some(r.difference.mean)),
        of("boot_low", |r| r.difference.low),
        of("boot_high", |r| r.difference.high),
        counts("seeds", |r| r.seeds),
        counts("cases", |r| r.difference.n),
    ])
}

/// Ratio, difference with its interval, slices and voxels; `none` where no ratio is enough.
pub(crate) fn cells(reached: Option<&Reached>) -> [String; 4] {
    let Some(Reached {
        point, difference, ..
    }) = reached
    else {
        return ["none", "", "", ""].map(str::to_owned);
    };
    let interval = match ends(*difference) {
        ends if ends.is_empty() => ends,
        ends => format!(" ({ends})"),
    };
    [
        percent(point.ratio),
        format!("{}{interval}", signed(difference.mean)),
        format!("{:.0}", point.cost.slices),
        format!(
            "{:.0} ({:.0}\u{a0}%)",
            point.cost.voxels,
            100.0 * point.cost.voxel_share
        ),
    ]
}

/// Markdown, with a line that says how the numbers were computed.
pub(super) fn markdown(costs: &[MinimumCost], tasks: &[Task], results: &Results) -> String {
    let header = [
        "strategy",
        "rule",
        "task",
        "slices",
        "minus full",
        "annotated slices",
        "drawn voxels",
    ];
    let body = costs.iter().flat_map(|cost| {
        cost.by_rule().map(|(rule, reached)| {
            let place = [
                cost.strategy.clone(),
                rule.to_owned(),
                cost.task.number().to_string(),
            ];
            [place.as_slice(), cells(reached).as_slice()].concat()
        })
    });
    let header = header.map(str::to_owned).to_vec();
    grid(&how(tasks), results, header, body, 2)
}
