//! The page's section on P, uncertainty and R.

use super::sections::value;
use crate::agreement::{PrAgreement, Scope, Signal};
use crate::order::{PROPOSED, is_strategy, label, percent};
use crate::paper;
use crate::table::{AgreementRow, agreement_rows};
use maud::{Markup, html};
use slicewise_data::Task;

/// Spearman's correlation of P and of uncertainty with R, for the models of the paper's strategy
/// (of all strategies, if that is not among them); `tables/agreement` has every one.
pub(super) fn agreement(agreements: &[PrAgreement]) -> Markup {
    let proposed = agreements.iter().any(|entry| entry.strategy == PROPOSED);
    let shown = |strategy: &str| !proposed || !is_strategy(strategy) || strategy == PROPOSED;
    let mut rows = agreement_rows(agreements);
    rows.retain(|row| shown(row.strategy));
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "How well P ranks slices as R does, and uncertainty beside it" }
                div.scroll { table {
                    thead {
                        tr {
                            th colspan="4" {}
                            th.group colspan="3" { "all slices" }
                            th.group colspan="3" { "foreground slices" }
                        }
                        tr {
                            th { "task" } th.text { "annotated by" } th { "slices" } th.text { "ranked" }
                            @for _ in 0..2 {
                                @for signal in Signal::ALL { th { (signal.label()) } }
                                th { "n" }
                            }
                        }
                    }
                    tbody { @for row in &rows {
                        tr.begins[row.scope == Scope::Pooled] {
                            td { "Task " (row.task.number()) }
                            td.text { (label(row.strategy)) }
                            td { (percent(row.ratio)) }
                            td.text { (row.scope.name()) }
                            @for signals in &row.columns {
                                @for entry in signals { td { (value(entry.map(|entry| entry.spearman))) } }
                                td { (AgreementRow::n(signals)) }
                            }
                        }
                    } }
                } }
                p.note {
                    "Spearman's correlation with R (the coefficient of the regression through the "
                    "ranks) of P, and of the summed entropy of a slice with its sign flipped, over "
                    "Part B; then mean ± half the interval over seeds. \"pooled\" ranks the slices "
                    "of all cases of a seed together, \"within-case\" those of each case, and takes "
                    "the mean over cases; n counts slices over all seeds. Slices that are empty in "
                    "both maps score 1 in P and R alike, which raises the coefficient over all "
                    "slices. The paper shows one sample a task: "
                    (paper::rank_coefficient(Task::BrainExtraction)) " in Task 1, "
                    (paper::rank_coefficient(Task::TissueSegmentation)) " in Task 2. "
                    "Models trained by the other strategies are in tables/agreement.csv."
                }
            }
        }
    }
}
