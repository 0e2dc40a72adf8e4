//! The page's minimum labelling cost.

use crate::curve::Curves;
use crate::minimum_cost::how;
use crate::table::minimum_cost_cells;
use maud::{Markup, html};

/// Two rows a task and strategy, one a rule; nothing without full annotation.
pub(super) fn minimum_cost(curves: &Curves) -> Markup {
    let costs = &curves.costs;
    html! {
        @if !costs.is_empty() {
            section {
                h2 { "Minimum labelling cost" }
                div.scroll { table {
                    thead { tr {
                        th { "task" } th.text { "strategy" } th.text { "rule" }
                        th { "slices" } th { "minus full" } th { "annotated slices" } th { "drawn voxels" }
                    } }
                    tbody { @for (index, cost) in costs.iter().enumerate() {
                        @for (place, (rule, reached)) in cost.by_rule().into_iter().enumerate() {
                            tr.begins[place == 0 && index > 0] {
                                td { @if place == 0 { "Task " (cost.task.number()) } }
                                td.text { @if place == 0 { (cost.strategy) } }
                                td.text { "by " (rule) }
                                @for cell in minimum_cost_cells(reached) { td { (cell) } }
                            }
                        }
                    } }
                } }
                p.note { (how(&curves.tasks())) }
            }
        }
    }
}
