//! The page's minimum labelling cost.

use crate::curve::Curves;
use crate::minimum_cost::how;
use crate::table::minimum_cost_cells;
use maud::{Markup, html};

/// A row a task and strategy, both rules side by side; nothing without full annotation.
pub(super) fn minimum_cost(curves: &Curves) -> Markup {
    let costs = &curves.costs;
    html! {
        @if !costs.is_empty() {
            section {
                h2 { "Minimum labelling cost" }
                div.scroll { table {
                    thead {
                        tr { th colspan="2" {} th.group colspan="4" { "by mean (the star)" } th.group colspan="4" { "by interval" } }
                        tr {
                            th { "task" } th.text { "strategy" }
                            @for _ in 0..2 { th { "slices" } th { "minus full" } th { "annotated slices" } th { "drawn voxels" } }
                        }
                    }
                    tbody { @for (index, cost) in costs.iter().enumerate() {
                        tr.begins[index > 0 && costs[index - 1].task != cost.task] {
                            td { "Task " (cost.task.number()) }
                            td.text { (cost.strategy) }
                            @for (_, reached) in cost.by_rule() { @for cell in minimum_cost_cells(reached) { td { (cell) } } }
                        }
                    } }
                } }
                p.note { (how(&curves.tasks())) }
            }
        }
    }
}
