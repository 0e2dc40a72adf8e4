//! The page's tables and what surrounds them.

use crate::curve::Curves;
use crate::finding::task_title;
use crate::order::{label, percent, strategy_key};
use crate::paper;
use crate::table::{COMPARED_RATIO, Layout, half_width, three, tissue_rows};
use maud::{Markup, html};
use slicewise_data::Part;
use slicewise_experiment::Results;
use slicewise_metrics::Interval;
use std::collections::BTreeSet;

/// Table 2 beside the paper's.
pub(super) fn table_2(curves: &Curves) -> Markup {
    let layout = Layout::of(curves);
    html! {
        @if curves.has_rounds() { section {
            h2 { "Table 2: mean Dice by strategy and annotated slices" }
            div.scroll { table {
                thead {
                    tr {
                        th colspan="2" {}
                        @for &task in &layout.tasks { th.group colspan="2" { (task_title(task)) } }
                        th.group.paper colspan=(2 * layout.tasks.len()) { (paper::SOURCE) }
                    }
                    tr {
                        th { "strategy" } th { "slices" }
                        @for _ in &layout.tasks { th { "Part A" } th { "Part B" } }
                        @for task in &layout.tasks {
                            th.paper { (task.number()) " A" } th.paper { (task.number()) " B" }
                        }
                    }
                }
                tbody { @for row in &layout.rows {
                    tr.begins[row.begins] {
                        td { @if row.begins { (row.label) } }
                        td { (row.ratio) }
                        @for cell in &row.cells { td { (value(cell.dice)) } }
                        @for cell in &row.cells { td.paper { (cell.paper.map_or_else(String::new, three)) } }
                    }
                } }
            } }
            p.note {
                "Mean over cases, then over seeds, ± half the 95 % Student-t interval over seeds "
                "(none with one seed). Part A: the training volumes, of which only the given share "
                "of slices is annotated, scored on all their slices. Part B: unseen volumes. The "
                "grey columns are the paper's own numbers on other data: compare differences "
                "between rows, not levels."
            }
        } }
    }
}

/// Dice of each class with full annotation and at the compared ratio.
pub(super) fn tissues(results: &Results) -> Markup {
    let rows = tissue_rows(results);
    let columns: BTreeSet<_> = rows.iter().map(|row| strategy_key(&row.strategy)).collect();
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "Dice of each class on Part B" }
                p.note { "With full annotation, and by strategy with " (percent(COMPARED_RATIO)) " of the slices annotated." }
                div.scroll { table {
                    thead { tr {
                        th { "class" }
                        @for (_, strategy) in &columns {
                            th { (label(strategy)) }
                        }
                    } }
                    tbody { @for data in &results.manifest.data {
                        @for (index, class) in data.classes.iter().skip(1).enumerate() {
                            tr.begins[index == 0] {
                                td { (class) " (Task " (data.task.number()) ")" }
                                @for (_, strategy) in &columns {
                                    td { (value(rows.iter().find(|row| {
                                        row.task == data.task && row.class == *class && row.strategy == *strategy
                                    }).map(|row| row.dice))) }
                                }
                            }
                        }
                    } }
                } }
            }
        }
    }
}

/// What an annotator had to do.
pub(super) fn cost(curves: &Curves) -> Markup {
    html! {
        @if curves.has_rounds() { section {
            h2 { "What had to be annotated" }
            details {
                summary { "Slices and foreground voxels, by strategy and ratio" }
                div.scroll { table {
                    thead { tr { th { "task" } th.text { "strategy" } th { "slices asked" } th { "slices annotated" } th { "foreground voxels" } } }
                    tbody { @for point in curves.points.iter().filter(|point| point.part == Part::B) { tr {
                        td { "Task " (point.task.number()) }
                        td.text { (label(&point.strategy)) }
                        td { (percent(point.ratio)) }
                        td { (format!("{:.0} ({:.1} %)", point.cost.slices, 100.0 * point.cost.slice_share)) }
                        td { (format!("{:.0} ({:.1} %)", point.cost.voxels, 100.0 * point.cost.voxel_share)) }
                    } } }
                } }
                p.note { "Means over seeds; shares are of all axial slices and all foreground voxels of Part A." }
            }
        } }
    }
}

/// The terms that the page uses.
pub(super) fn reading() -> Markup {
    html! {
        section {
            h2 { "How to read this page" }
            dl {
                dt { "ratio" } dd { "the share of each Part A volume's axial slices that is annotated; the same for every volume" }
                dt { "first round" } dd { "a few evenly spaced slices, trained once a seed; every strategy forks from it, so it stands once and every curve begins with it" }
                dt { "P" } dd { "agreement, slice by slice, of the segmentation with that of the attention map; a strategy may see it" }
                dt { "R" } dd { "agreement of the segmentation with the ground truth; no strategy sees it" }
                dt { "interval" } dd { "95 % Student-t interval of the mean over seeds: what first weights, crops and random choices change from seed to seed, not the spread between cases" }
            }
        }
    }
}

/// Where the numbers come from.
pub(super) fn provenance(results: &Results) -> Markup {
    let manifest = &results.manifest;
    let seeds: Vec<String> = manifest.seeds.iter().map(u64::to_string).collect();
    html! {
        section {
            h2 { "Where it comes from" }
            dl {
                dt { "command" } dd { code { (manifest.command) } }
                dt { "program" } dd { "slicewise " (manifest.version) ", commit " code { (manifest.commit) } ", libtorch " (manifest.libtorch) ", " (manifest.device) }
                dt { "seeds" } dd { (seeds.join(", ")) }
                dt { "models" } dd { (manifest.models.join(", ")) @if manifest.models.len() > 1 { "; strategies are shown with the first, which is the one that the others are compared with" } }
                @for data in &manifest.data {
                    dt { "data, Task " (data.task.number()) }
                    dd {
                        (data.part_a.len()) " cases in Part A, " (data.part_b.len()) " in Part B; classes "
                        (data.classes.join(", ")) "; SHA-256 of all voxels " code { (data.sha256) }
                    }
                }
                dt { "config" } dd { "SHA-256 " code { (manifest.config_sha256) } }
                dt { "tables" } dd { "tables/{table1, table2, statistics, comparison, penalty, tissues, agreement, heads, stop, minimum-cost, cost} as .csv, .md and .parquet" }
                dt { "source" } dd { "Zhang, Li, Zhong, Jiao and Gao 2019, arXiv 1906.07367" }
            }
            details { summary { "config.yaml" } pre { (results.config) } }
        }
    }
}

/// A mean and, smaller, half its interval; nothing of nothing.
pub(super) fn value(dice: Option<Interval>) -> Markup {
    rounded(dice, 3)
}

/// … to so many decimals.
pub(super) fn rounded(value: Option<Interval>, decimals: usize) -> Markup {
    let text = |number: f64| format!("{number:.decimals$}").replace('-', "−");
    html! {
        @if let Some(value) = value {
            (text(value.mean))
            @if let Some(half) = half_width(value) { span.half { " ± " (text(half)) } }
        }
    }
}
