//! The page's ablation of the attention head.

use super::sections::rounded;
use crate::heads::{HOW, HeadMeasure, head_rows, last_rounds};
use crate::order::{label, percent};
use maud::{Markup, html};
use slicewise_experiment::Results;

/// A row a task, model and last round; nothing with fewer than two models that have attention.
pub(super) fn heads(results: &Results) -> Markup {
    let rows = head_rows(results);
    let rounds = last_rounds(&rows);
    html! {
        @if !rounds.is_empty() {
            section {
                h2 { "Attention heads" }
                div.scroll { table {
                    thead { tr {
                        th { "model" } th { "task" } th.text { "trained by" } th { "slices" }
                        @for measure in HeadMeasure::ALL { th.wrap { (measure.title()) } @if measure.ranks_slices() { th { "n" } } }
                        th { "seeds" }
                    } }
                    tbody { @for (index, round) in rounds.iter().enumerate() {
                        tr.begins[index > 0 && rounds[index - 1].task != round.task] {
                            td { (round.model) }
                            td { "Task " (round.task.number()) }
                            td.text { (label(round.strategy)) }
                            td { (percent(round.ratio)) }
                            @for (measure, cell) in HeadMeasure::ALL.into_iter().zip(round.cells) {
                                td { (rounded(cell.map(|row| row.value), 3)) }
                                @if measure.ranks_slices() {
                                    td { (cell.map_or_else(String::new, |row| row.n.to_string())) }
                                }
                            }
                            td { (round.cells.iter().flatten().map(|row| row.value.n).max().unwrap_or(0)) }
                        }
                    } }
                } }
                p.note { (HOW) " Every round is in tables/heads.csv." }
            }
        }
    }
}
