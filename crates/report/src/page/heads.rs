//! The page's ablation of the attention head.

use super::sections::rounded;
use crate::finding::task_title;
use crate::heads::{HOW, HeadMeasure, HeadRound, head_rows, last_rounds};
use crate::order::{label, percent};
use maud::{Markup, html};
use slicewise_experiment::Results;

/// A table a task with a row a model and last round; nothing with fewer than two models that have
/// attention.
pub(super) fn heads(results: &Results) -> Markup {
    let rows = head_rows(results);
    let rounds = last_rounds(&rows);
    let of_task = |a: &HeadRound, b: &HeadRound| a.task == b.task;
    html! {
        @if !rounds.is_empty() {
            section {
                h2 { "Attention heads" }
                @for rounds in rounds.chunk_by(of_task) {
                    h3 { (task_title(rounds[0].task)) }
                    (table(rounds))
                }
                p.note { (HOW) " Every round is in tables/heads.csv." }
            }
        }
    }
}

/// The rounds of one task.
fn table(rounds: &[HeadRound]) -> Markup {
    let begins = |index: usize| index == 0 || rounds[index - 1].model != rounds[index].model;
    let text = |n: Option<usize>| n.map_or_else(String::new, |n| n.to_string());
    html! {
        div.scroll { table {
            thead { tr {
                th { "model" } th.text { "trained by" }
                @for measure in HeadMeasure::ALL {
                    th.wrap { (measure.title()) } @if measure.ranks_slices() { th { "n" } }
                }
                th { "seeds" }
            } }
            tbody { @for (index, round) in rounds.iter().enumerate() {
                tr.begins[begins(index)] {
                    td { @if begins(index) { (round.model) } }
                    td.text { (label(round.strategy)) ", " (percent(round.ratio)) }
                    @for (measure, cell) in HeadMeasure::ALL.into_iter().zip(round.cells) {
                        td { (rounded(cell.map(|row| row.value), 3)) }
                        @if measure.ranks_slices() { td { (text(cell.map(|row| row.n))) } }
                    }
                    td { (text(round.cells.iter().flatten().map(|row| row.value.n).max())) }
                }
            } }
        } }
    }
}
