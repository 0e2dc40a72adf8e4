//! Tables of statistics between strategies: `statistics` and `comparison`.

use super::tidy::{count, interval, maybe, real, text};
use crate::comparison::{self, Comparison};
use crate::finding::signed;
use crate::order::{percent, strategy_key};
use crate::statistics::{self, Measure, Statistic};
use polars::prelude::{DataFrame, PolarsResult};
use slicewise_data::Task;
use slicewise_experiment::Results;
use slicewise_metrics::Interval;
use std::collections::BTreeMap;

/// `task,strategy,measure,mean,ci_low,ci_high,seeds,ratio_low,ratio_high,rounds`: `measure` is
/// `aubc`, `final` or `fg-eff`; the last three say which rounds it was computed from.
pub(super) fn statistics(rows: &[Statistic]) -> PolarsResult<DataFrame> {
    let end = |end: fn(&[f64]) -> Option<&f64>| {
        rows.iter()
            .map(move |r| end(&r.ratios).copied().unwrap_or(f64::NAN))
    };
    DataFrame::new_infer_height(
        [
            vec![
                count("task", rows.iter().map(|r| u32::from(r.task.number()))),
                text("strategy", rows.iter().map(|r| r.strategy.as_str())),
                text("measure", rows.iter().map(|r| r.measure.name())),
            ],
            interval(rows.iter().map(|r| r.value)),
            vec![
                count("seeds", rows.iter().map(|r| r.value.n as u32)),
                real("ratio_low", end(|ratios| ratios.first())),
                real("ratio_high", end(|ratios| ratios.last())),
                count("rounds", rows.iter().map(|r| r.ratios.len() as u32)),
            ],
        ]
        .concat(),
    )
}

/// `task,ratio,strategy,rival,mean,ci_low,ci_high,boot_low,boot_high,p,p_holm,seeds,n`: `mean` is
/// the Dice of `strategy` minus that of `rival`, `boot_*` the bootstrap interval over cases and
/// seeds, `n` the pairs of case and seed.
pub(super) fn comparison(rows: &[Comparison]) -> PolarsResult<DataFrame> {
    DataFrame::new_infer_height(
        [
            vec![
                count("task", rows.iter().map(|r| u32::from(r.task.number()))),
                real("ratio", rows.iter().map(|r| r.ratio)),
                text("strategy", rows.iter().map(|r| r.strategy.as_str())),
                text("rival", rows.iter().map(|r| r.rival.as_str())),
            ],
            interval(rows.iter().map(|r| r.paired.difference)),
            vec![
                maybe("boot_low", rows.iter().map(|r| r.paired.boot.low)),
                maybe("boot_high", rows.iter().map(|r| r.paired.boot.high)),
                real("p", rows.iter().map(|r| r.paired.p)),
                real("p_holm", rows.iter().map(|r| r.p_holm)),
                count("seeds", rows.iter().map(|r| r.paired.difference.n as u32)),
                count("n", rows.iter().map(|r| r.paired.n as u32)),
            ],
        ]
        .concat(),
    )
}

/// A row a strategy, a column a measure and task.
pub(crate) fn by_strategy(rows: &[Statistic]) -> BTreeMap<(usize, String), Vec<&Statistic>> {
    let mut strategies: BTreeMap<_, Vec<&Statistic>> = BTreeMap::new();
    for row in rows {
        strategies
            .entry(strategy_key(&row.strategy))
            .or_default()
            .push(row);
    }
    strategies
}

/// The value of a task's measure among the rows of one strategy.
pub(crate) fn value_of(rows: &[&Statistic], task: Task, measure: Measure) -> Option<Interval> {
    rows.iter()
        .find(|row| row.task == task && row.measure == measure)
        .map(|row| row.value)
}

/// Markdown, with a line that says how the numbers were computed.
pub(super) fn statistics_markdown(rows: &[Statistic], tasks: &[Task], results: &Results) -> String {
    let columns: Vec<(Task, Measure)> = tasks
        .iter()
        .flat_map(|&task| Measure::ALL.map(|measure| (task, measure)))
        .collect();
    let header = std::iter::once("strategy".to_owned()).chain(
        columns
            .iter()
            .map(|(task, measure)| format!("T{} {}", task.number(), measure.title())),
    );
    let body = by_strategy(rows).into_iter().map(|((_, strategy), rows)| {
        let cells = columns.iter().map(|&(task, measure)| {
            value_of(&rows, task, measure)
                .map_or_else(String::new, |value| plus_minus(value, measure.decimals()))
        });
        std::iter::once(strategy.clone()).chain(cells).collect()
    });
    grid(&statistics::how(rows), results, header.collect(), body, 1)
}

/// Markdown, with a line that says how the numbers were computed.
pub(super) fn comparison_markdown(rows: &[Comparison], results: &Results) -> String {
    let header = [
        "strategy",
        "minus",
        "task",
        "slices",
        "difference",
        "bootstrap interval",
        "p",
        "p, Holm",
        "n",
    ];
    let body = rows.iter().map(|row| {
        vec![
            row.strategy.clone(),
            row.rival.clone(),
            row.task.number().to_string(),
            percent(row.ratio),
            difference(row.paired.difference),
            ends(row.paired.boot),
            p_value(row.paired.p),
            p_value(row.p_holm),
            row.paired.n.to_string(),
        ]
    });
    grid(
        &comparison::how(),
        results,
        header.map(str::to_owned).to_vec(),
        body,
        2,
    )
}

/// `0.031`; what would round to nothing is `<0.001`.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 {
        "<0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

/// `+0.012 ± 0.004`; the mean alone without an interval.
pub(crate) fn difference(value: Interval) -> String {
    match super::half_width(value) {
        Some(half) => format!("{} ± {half:.3}", signed(value.mean)),
        None => signed(value.mean),
    }
}

/// `−0.010 to +0.004`; nothing without an interval.
pub(crate) fn ends(value: Interval) -> String {
    match (value.low, value.high) {
        (Some(low), Some(high)) => format!("{} to {}", signed(low), signed(high)),
        _ => String::new(),
    }
}

/// `8.1 ± 0.4`; the mean alone without an interval.
pub(super) fn plus_minus(value: Interval, decimals: usize) -> String {
    let mean = format!("{:.decimals$}", value.mean).replace('-', "−");
    match super::half_width(value) {
        Some(half) => format!("{mean} ± {half:.decimals$}"),
        None => mean,
    }
}

/// What the numbers are and whence, then a table whose first `texts` columns are text.
pub(super) fn grid(
    how: &str,
    results: &Results,
    header: Vec<String>,
    body: impl Iterator<Item = Vec<String>>,
    texts: usize,
) -> String {
    let manifest = &results.manifest;
    let numbers = header.len() - texts;
    let mut text = format!(
        "{how} Sweep `{}`, {} seed(s), commit {}.\n\n| {} |\n|{}{}\n",
        manifest.name,
        manifest.seeds.len(),
        manifest.commit,
        header.join(" | "),
        "---|".repeat(texts),
        "---:|".repeat(numbers)
    );
    for row in body {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}
