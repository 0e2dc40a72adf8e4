//! The paper's Table 2 as a reader lays it out, its own numbers in columns of their own.

use crate::curve::Curves;
use crate::order::{label, percent, ratio_key, strategy_key};
use crate::paper;
use slicewise_data::{Part, Task};
use slicewise_experiment::Results;
use slicewise_metrics::Interval;
use std::collections::BTreeMap;

/// Table 2: a row a strategy and ratio, columns Task 1 A, Task 1 B, Task 2 A, Task 2 B.
pub(crate) struct Layout {
    /// Tasks that have points; two columns each.
    pub(crate) tasks: Vec<Task>,
    pub(crate) rows: Vec<Row>,
}

/// One row of [`Layout`].
pub(crate) struct Row {
    /// The strategy's label.
    pub(crate) label: String,
    /// `12.5 %`.
    pub(crate) ratio: String,
    /// Whether the row begins another strategy than the one above.
    pub(crate) begins: bool,
    /// A cell for each task's Part A and Part B.
    pub(crate) cells: Vec<Cell>,
}

/// One value and the paper's.
pub(crate) struct Cell {
    /// Mean Dice over seeds; `None` if the sweep has no such point.
    pub(crate) dice: Option<Interval>,
    /// The paper's number, if it has that row.
    pub(crate) paper: Option<f64>,
}

impl Layout {
    /// Rows that exist in any task: full annotation, the shared first round, then strategies by
    /// rising ratio.
    pub(crate) fn of(curves: &Curves) -> Self {
        let tasks = curves.tasks();
        let keys: BTreeMap<_, f64> = curves
            .points
            .iter()
            .map(|p| ((strategy_key(&p.strategy), ratio_key(p.ratio)), p.ratio))
            .collect();
        let mut above = String::new();
        let mut rows = Vec::new();
        for (((_, strategy), _), ratio) in keys {
            let columns = tasks
                .iter()
                .flat_map(|&task| [(task, Part::A), (task, Part::B)]);
            let cells = columns
                .map(|(task, part)| Cell {
                    dice: curves.at(task, part, &strategy, ratio).map(|p| p.dice),
                    paper: paper::table_2(&strategy, ratio, task, part),
                })
                .collect();
            rows.push(Row {
                label: label(&strategy).to_owned(),
                ratio: percent(ratio),
                begins: strategy != above,
                cells,
            });
            above = strategy;
        }
        Self { tasks, rows }
    }

    /// As [`Self::of`], but of each strategy only the ratios that the paper's table has, and the
    /// last.
    pub(crate) fn short(curves: &Curves) -> Self {
        let Self { tasks, rows } = Self::of(curves);
        let is_last: Vec<bool> = rows.iter().skip(1).map(|below| below.begins).collect();
        let rows = rows.into_iter().zip(is_last.into_iter().chain([true]));
        let rows = rows
            .filter(|(row, is_last)| *is_last || row.cells.iter().any(|cell| cell.paper.is_some()))
            .map(|(row, _)| row)
            .collect();
        Self { tasks, rows }
    }

    /// Markdown, with a line that says what the numbers are.
    pub(crate) fn markdown(&self, results: &Results) -> String {
        let manifest = &results.manifest;
        let columns: Vec<String> = self
            .tasks
            .iter()
            .flat_map(|task| ["A", "B"].map(|part| format!("T{} {part}", task.number())))
            .collect();
        let papers = columns.iter().map(|column| format!("{column}, paper"));
        let header: Vec<String> = ["strategy".to_owned(), "slices".to_owned()]
            .into_iter()
            .chain(columns.iter().cloned())
            .chain(papers)
            .collect();
        let mut text = format!(
            "Mean Dice ± half the 95 % Student-t interval over {} seed(s); sweep `{}`, commit {}. \
             T1 brain extraction, T2 tissues; A the sparsely annotated training volumes, B unseen \
             ones. \"paper\" is Zhang et al. 2019, Table 2, on other data: {}.\n\n",
            manifest.seeds.len(),
            manifest.name,
            manifest.commit,
            paper::SOURCE
        );
        text.push_str(&format!("| {} |\n", header.join(" | ")));
        text.push_str(&format!("|---|{}\n", "---:|".repeat(header.len() - 1)));
        for row in &self.rows {
            let ours = row
                .cells
                .iter()
                .map(|cell| cell.dice.map_or_else(String::new, plus_minus));
            let papers = row
                .cells
                .iter()
                .map(|cell| cell.paper.map_or_else(String::new, three));
            let cells: Vec<String> = [row.label.clone(), row.ratio.clone()]
                .into_iter()
                .chain(ours)
                .chain(papers)
                .collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }
}

/// `0.843 ± 0.012`; the mean alone without an interval.
pub(crate) fn plus_minus(interval: Interval) -> String {
    match half_width(interval) {
        Some(half) => format!("{} ± {}", three(interval.mean), three(half)),
        None => three(interval.mean),
    }
}

/// Half the interval's width.
pub(crate) fn half_width(interval: Interval) -> Option<f64> {
    Some((interval.high? - interval.low?) / 2.0)
}

/// Three decimals, as in the paper.
pub(crate) fn three(value: f64) -> String {
    format!("{value:.3}")
}
