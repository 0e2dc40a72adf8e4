//! The page's statistics between strategies.

use super::sections::rounded;
use crate::comparison::{self, Comparison, shown};
use crate::finding::{signed, task_title};
use crate::order::percent;
use crate::statistics::{self, Measure, Statistic};
use crate::table::{by_strategy, ends, half_width, p_value, three, value_of};
use maud::{Markup, html};
use slicewise_data::Task;
use std::collections::BTreeSet;

/// A row a strategy, then a row a pair of strategies at the compared ratio.
pub(super) fn between(statistics: &[Statistic], comparisons: &[Comparison]) -> Markup {
    html! {
        @if !statistics.is_empty() {
            section {
                h2 { "Statistics between strategies" }
                (measures(statistics))
                @if !comparisons.is_empty() { (pairs(comparisons)) }
            }
        }
    }
}

fn measures(statistics: &[Statistic]) -> Markup {
    let tasks: BTreeSet<Task> = statistics.iter().map(|row| row.task).collect();
    html! {
        div.scroll { table {
            thead {
                tr { th rowspan="2" { "strategy" } @for &task in &tasks { th.group colspan="3" { (task_title(task)) } } }
                tr {
                    @for _ in &tasks { @for measure in Measure::ALL { th { (measure.title()) } } }
                }
            }
            tbody { @for ((_, strategy), rows) in by_strategy(statistics) { tr {
                td { (strategy) }
                @for &task in &tasks { @for measure in Measure::ALL {
                    td { (rounded(value_of(&rows, task, measure), measure.decimals())) }
                } }
            } } }
        } }
        p.note { (statistics::how(statistics)) }
    }
}

fn pairs(comparisons: &[Comparison]) -> Markup {
    let rows = shown(comparisons);
    html! {
        div.scroll { table {
            thead { tr {
                th { "task" } th { "slices" } th.text { "strategies" } th { "difference" }
                th { "bootstrap" } th { "p" } th { "p, Holm" } th { "n" }
            } }
            tbody { @for (index, row) in rows.iter().enumerate() {
                tr.begins[index > 0 && rows[index - 1].task != row.task] {
                    td { "Task " (row.task.number()) }
                    td { (percent(row.ratio)) }
                    td.text { (row.strategy) " − " (row.rival) }
                    td {
                        (signed(row.paired.difference.mean))
                        @if let Some(half) = half_width(row.paired.difference) { span.half { " ± " (three(half)) } }
                    }
                    td { (ends(row.paired.boot)) }
                    td { (p_value(row.paired.p)) }
                    td { (p_value(row.p_holm)) }
                    td { (row.paired.n) }
                }
            } }
        } }
        p.note { (comparison::how()) " Every ratio is in tables/comparison.csv." }
    }
}
