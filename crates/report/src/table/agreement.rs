//! How well P and uncertainty rank slices as R does: the tidy frame, and the two signals side by
//! side for a reader.

use super::paper_layout::plus_minus;
use super::tidy::{count, interval, real, text};
use crate::agreement::{PrAgreement, Scope, Signal, Slices};
use crate::order::{label, percent, ratio_key, strategy_key};
use polars::prelude::{DataFrame, PolarsResult};
use slicewise_data::Task;
use std::collections::BTreeMap;

/// `task,strategy,signal,ratio,scope,slices,mean,ci_low,ci_high,seeds,n`: Spearman's correlation
/// of the signal with R over Part B. `signal` is `p`, or `uncertainty` with its sign flipped;
/// `scope` is `pooled` over all cases of a seed or the mean `within-case`; `slices` is `all` or
/// `foreground`, and `n` counts them over all seeds.
pub(super) fn agreement(rows: &[PrAgreement]) -> PolarsResult<DataFrame> {
    DataFrame::new_infer_height(
        [
            vec![
                count("task", rows.iter().map(|r| u32::from(r.task.number()))),
                text("strategy", rows.iter().map(|r| r.strategy.as_str())),
                text("signal", rows.iter().map(|r| r.signal.name())),
                real("ratio", rows.iter().map(|r| r.ratio)),
                text("scope", rows.iter().map(|r| r.scope.name())),
                text("slices", rows.iter().map(|r| r.slices.name())),
            ],
            interval(rows.iter().map(|r| r.spearman)),
            vec![
                count("seeds", rows.iter().map(|r| r.spearman.n as u32)),
                count("n", rows.iter().map(|r| r.n as u32)),
            ],
        ]
        .concat(),
    )
}

/// One row for a reader: a task, strategy, ratio and scope.
pub(crate) struct AgreementRow<'a> {
    pub(crate) task: Task,
    pub(crate) strategy: &'a str,
    pub(crate) ratio: f64,
    pub(crate) scope: Scope,
    /// For all slices and foreground slices: P and uncertainty, where each has a coefficient.
    pub(crate) columns: [[Option<&'a PrAgreement>; 2]; 2],
}

impl AgreementRow<'_> {
    /// Slices ranked in one of [`AgreementRow::columns`].
    pub(crate) fn n(signals: &[Option<&PrAgreement>; 2]) -> String {
        let n = signals.iter().flatten().map(|entry| entry.n).max();
        n.map_or_else(String::new, |n| n.to_string())
    }
}

/// Sorted by task, strategy, ratio and scope.
pub(crate) fn agreement_rows(agreements: &[PrAgreement]) -> Vec<AgreementRow<'_>> {
    let mut rows = BTreeMap::new();
    for entry in agreements {
        let key = (
            entry.task,
            strategy_key(&entry.strategy),
            ratio_key(entry.ratio),
            entry.scope,
        );
        let row = rows.entry(key).or_insert_with(|| AgreementRow {
            task: entry.task,
            strategy: &entry.strategy,
            ratio: entry.ratio,
            scope: entry.scope,
            columns: [[None; 2]; 2],
        });
        let slices = usize::from(entry.slices == Slices::Foreground);
        let signal = usize::from(entry.signal == Signal::Uncertainty);
        row.columns[slices][signal] = Some(entry);
    }
    rows.into_values().collect()
}

/// Markdown with a row a task, strategy, ratio and scope.
pub(super) fn markdown(agreements: &[PrAgreement]) -> String {
    let [p, uncertainty] = Signal::ALL.map(Signal::label);
    let mut text = format!(
        "Spearman's correlation with R over Part B, mean ± half the 95 % Student-t interval over \
         seeds: of P, and of the uncertainty query's score with its sign flipped. \"pooled\" ranks \
         the slices of all cases of a seed together, \"within-case\" those of each case and takes \
         the mean over cases; n counts slices over all seeds.\n\n\
         | task | strategy | ratio | scope \
         | all slices: {p} | {uncertainty} | n | foreground slices: {p} | {uncertainty} | n |\n\
         |---|---|---:|---|---:|---:|---:|---:|---:|---:|\n"
    );
    for row in agreement_rows(agreements) {
        let mut cells = vec![
            row.task.number().to_string(),
            label(row.strategy).to_owned(),
            percent(row.ratio),
            row.scope.name().to_owned(),
        ];
        for signals in &row.columns {
            let values = signals.map(|entry| entry.map(|entry| plus_minus(entry.spearman)));
            cells.extend(values.map(Option::unwrap_or_default));
            cells.push(AgreementRow::n(signals));
        }
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}
