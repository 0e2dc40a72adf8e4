//! The ablation of the attention head: `heads`.

use super::between::{grid, plus_minus};
use super::tidy::{count, interval, real, text};
use crate::heads::{HOW, HeadMeasure, HeadRow, last_rounds};
use crate::order::{label, percent};
use polars::prelude::{DataFrame, PolarsResult};
use slicewise_experiment::Results;

/// `task,model,strategy,ratio,measure,mean,ci_low,ci_high,seeds,n`: `measure` is `spearman_all`,
/// `spearman_foreground`, `sr1_dice` or `sr2_dice`; `n` counts slices of the first two and cases
/// of the others, over all seeds.
pub(super) fn heads(rows: &[HeadRow]) -> PolarsResult<DataFrame> {
    DataFrame::new_infer_height(
        [
            vec![
                count("task", rows.iter().map(|r| u32::from(r.task.number()))),
                text("model", rows.iter().map(|r| r.model.as_str())),
                text("strategy", rows.iter().map(|r| r.strategy.as_str())),
                real("ratio", rows.iter().map(|r| r.ratio)),
                text("measure", rows.iter().map(|r| r.measure.name())),
            ],
            interval(rows.iter().map(|r| r.value)),
            vec![
                count("seeds", rows.iter().map(|r| r.value.n as u32)),
                count("n", rows.iter().map(|r| r.n as u32)),
            ],
        ]
        .concat(),
    )
}

/// Markdown of the last round of each strategy and of full annotation.
pub(super) fn markdown(rows: &[HeadRow], results: &Results) -> String {
    let [all, foreground, sr1, sr2] = HeadMeasure::ALL.map(HeadMeasure::title);
    let header = [
        "model",
        "trained by",
        "task",
        "slices",
        all,
        "n",
        foreground,
        "n",
        sr1,
        sr2,
        "seeds",
    ];
    let body = last_rounds(rows).into_iter().map(|round| {
        let [all, foreground, sr1, sr2] = round.cells;
        let value =
            |row: Option<&HeadRow>| row.map_or_else(String::new, |r| plus_minus(r.value, 3));
        let n = |row: Option<&HeadRow>| row.map_or_else(String::new, |r| r.n.to_string());
        let seeds = round.cells.iter().flatten().map(|row| row.value.n).max();
        vec![
            round.model.to_owned(),
            label(round.strategy).to_owned(),
            round.task.number().to_string(),
            percent(round.ratio),
            value(all),
            n(all),
            value(foreground),
            n(foreground),
            value(sr1),
            value(sr2),
            seeds.map_or_else(String::new, |n| n.to_string()),
        ]
    });
    let header = header.map(str::to_owned).to_vec();
    grid(HOW, results, header, body, 2)
}
