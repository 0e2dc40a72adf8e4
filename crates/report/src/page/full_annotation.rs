//! The page's Table 1.

use super::sections::rounded;
use crate::comparison::ModelComparison;
use crate::full_annotation::{FullAnnotation, full_annotations, how};
use crate::paper;
use crate::table::{difference, ends, p_value, three};
use maud::{Markup, html};
use slicewise_experiment::Results;

/// Full annotation of every model, as the paper's Table 1, then each model against the primary.
pub(super) fn table_1(results: &Results) -> Markup {
    let rows = full_annotations(results);
    let primary = results.manifest.models.first().map_or("", String::as_str);
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "Table 1: full annotation" }
                (scores(&rows))
                @if rows.iter().any(|row| row.against.is_some()) { (against(&rows, primary)) }
                p.note { (how(primary)) }
            }
        }
    }
}

/// Whether another task begins at this row.
fn begins(rows: &[FullAnnotation], index: usize) -> bool {
    index > 0 && rows[index - 1].task != rows[index].task
}

fn scores(rows: &[FullAnnotation]) -> Markup {
    let points = |row: &FullAnnotation| row.parts.clone().into_iter().flatten();
    html! {
        div.scroll { table {
            thead { tr {
                th { "model" } th { "task" } th { "parameters" } th { "steps" }
                th { "Part A" } th { "Part B" } th { "seeds" } th { "cases" }
                th.paper { (paper::SOURCE) }
            } }
            tbody { @for (index, row) in rows.iter().enumerate() {
                tr.begins[begins(rows, index)] {
                    td { (row.model) }
                    td { "Task " (row.task.number()) }
                    td { (row.parameters.map_or_else(String::new, |n| n.to_string())) }
                    td { (row.steps) }
                    @for part in &row.parts { td { (rounded(part.as_ref().map(|point| point.dice), 3)) } }
                    td { (points(row).map(|point| point.dice.n).max().unwrap_or(0)) }
                    td { (points(row).map(|point| point.cases.to_string()).collect::<Vec<_>>().join(" + ")) }
                    td.paper { (three(paper::table_1(row.paper, row.task))) }
                }
            } }
        } }
    }
}

fn against(rows: &[FullAnnotation], primary: &str) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th { "model" } th { "task" } th { "minus " (primary) } th { "bootstrap" }
                th { "p" } th { "p, Holm" } th { "n" }
            } }
            tbody { @for (index, row) in rows.iter().enumerate() {
                @if let Some(ModelComparison { paired, p_holm, .. }) = &row.against {
                    tr.begins[begins(rows, index)] {
                        td { (row.model) }
                        td { "Task " (row.task.number()) }
                        td { (difference(paired.difference)) }
                        td { (ends(paired.boot)) }
                        td { (p_value(paired.p)) }
                        td { (p_value(*p_holm)) }
                        td { (paired.n) }
                    }
                }
            } }
        } }
    }
}
