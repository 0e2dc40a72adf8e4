//! The page's stop rule.

use crate::curve::Curves;
use crate::order::PROPOSED;
use crate::stop::{HOW, sentence, stops};
use crate::table::{STOP_HEADER, stop_cells};
use maud::{Markup, html};
use slicewise_experiment::Results;

/// A sentence a task for the proposed strategy (for every one, if that is not among them), then a
/// row a task and strategy; nothing where no record tells whether the rule fires.
pub(super) fn stop(results: &Results, curves: &Curves) -> Markup {
    let rows = stops(results, curves);
    let proposed = rows.iter().any(|row| row.strategy == PROPOSED);
    let told = rows
        .iter()
        .filter(|row| !proposed || row.strategy == PROPOSED);
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "The stop rule" }
                ul { @for row in told { li { (sentence(row)) } } }
                div.scroll { table {
                    thead { tr {
                        th { "task" } th.text { "strategy" }
                        @for heading in STOP_HEADER { th.wrap { (heading) } }
                    } }
                    tbody { @for (index, row) in rows.iter().enumerate() {
                        tr.begins[index > 0 && rows[index - 1].task != row.task] {
                            td { "Task " (row.task.number()) }
                            td.text { (row.strategy) }
                            @for cell in stop_cells(row) { td { (cell) } }
                        }
                    } }
                } }
                p.note { (HOW) }
            }
        }
    }
}
