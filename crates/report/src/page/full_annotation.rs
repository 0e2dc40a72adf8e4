//! The page's Table 1.

use super::sections::rounded;
use crate::full_annotation::{full_annotations, how};
use crate::paper;
use crate::table::{difference, ends, p_value, three};
use maud::{Markup, html};
use slicewise_data::Task;
use slicewise_experiment::Results;
use std::collections::BTreeSet;

/// Full annotation of every model, as the paper's Table 1.
pub(super) fn table_1(results: &Results) -> Markup {
    let rows = full_annotations(results);
    let primary = results.manifest.models.first().map_or("", String::as_str);
    let compared = rows.iter().any(|row| row.against.is_some());
    let tasks: BTreeSet<Task> = rows.iter().map(|row| row.task).collect();
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "Table 1: full annotation" }
                div.scroll { table {
                    thead { tr {
                        th { "model" } th { "task" } th { "parameters" } th { "steps" }
                        th { "Part A" } th { "Part B" } th { "seeds" } th { "cases A + B" }
                        @if compared { th { "minus " (primary) } th { "bootstrap" } th { "p, Holm" } }
                        th.paper { (paper::SOURCE) }
                    } }
                    tbody { @for task in tasks { @for (index, row) in rows.iter().filter(|row| row.task == task).enumerate() {
                        tr.begins[index == 0] {
                            td { (row.model) }
                            td { "Task " (row.task.number()) }
                            td { (row.parameters.map_or_else(String::new, |n| n.to_string())) }
                            td { (row.steps) }
                            @for part in &row.parts { td { (rounded(part.as_ref().map(|point| point.dice), 3)) } }
                            td { (row.parts.iter().flatten().map(|point| point.dice.n).max().unwrap_or(0)) }
                            td { (row.parts.each_ref().map(|part| part.as_ref().map_or(0, |point| point.cases).to_string()).join(" + ")) }
                            @if compared {
                                @if let Some(against) = &row.against {
                                    td { (difference(against.paired.difference)) }
                                    td { (ends(against.paired.boot)) }
                                    td { (p_value(against.p_holm)) }
                                } @else { td {} td {} td {} }
                            }
                            td.paper { (three(paper::table_1(row.paper, row.task))) " " (row.paper.name()) }
                        }
                    } } }
                } }
                p.note { (how(primary)) }
            }
        }
    }
}
