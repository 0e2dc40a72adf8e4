//! The paper's Table 2 and Fig. 5: mean Dice of every strategy and ratio on both parts.
//!
//! `asked` is the share of slices that the experiment names, `ratio` the share that was reached, as in
//! all tables: a volume has whole slices. Both are fractions, 1 for `full`, which has a row for each number of `steps` that some point
//! has behind it; the shared first round is strategy `first`. The interval is
//! empty below three seeds. For a person the paper's own numbers stand in columns of their own.

use crate::figure::dice::{Axis, dice_figure};
use crate::finding::findings;
use crate::grid::Cell;
use crate::paper;
use crate::prelude::*;
use crate::rounds::{HALF, part_name};
use crate::section::{Column, Content, Format, Grid, Line, Made, Sweep, Table, pivot};
use std::cmp::Reverse;

pub(crate) fn make(sweep: &Sweep) -> Made {
    let frame = Table::of(&sweep.points, "")
        .tidy("task", |p| p.task)
        .tidy("part", |p| p.part)
        .tidy("strategy", |p| &p.arm)
        .tidy("ratio", |p| p.ratio)
        .score(|p| p.dice)
        .tidy("steps", |p| p.steps)
        .tidy("asked", |p| p.asked)
        .frame("table2")?;
    let mut content = Content::table(frame, vec![grid(sweep)]);
    if sweep.has_rounds() {
        let timed = sweep.points.iter().any(|point| sweep.minutes(&point.cost()).is_some());
        let axes = [Axis::Slices, Axis::Voxels].into_iter().chain(timed.then_some(Axis::Minutes));
        content.short = Some(short(&content.grids[0], 2 * papers_tasks(sweep)));
        content.figures = axes.map(|axis| dice_figure(sweep, axis)).collect();
    }
    for task in sweep.tasks() {
        content.sentences.extend(findings(sweep, task)?.into_iter().map(|words| (task, words)));
    }
    Ok(Some(content))
}

/// Counts the sweep's tasks that the paper has.
fn papers_tasks(sweep: &Sweep) -> usize {
    sweep.tasks().iter().filter(|task| task.paper_number().is_some()).count()
}

/// A row an arm and ratio, columns Task 1 A, Task 1 B, Task 2 A, Task 2 B, then the paper's.
fn grid(sweep: &Sweep) -> Grid {
    let [names, papers] = match papers_tasks(sweep) {
        0 => ["", ""],
        _ => [
            "T1 is brain extraction, T2 tissues. ",
            " \"paper\" is Zhang et al. 2019, Table 2, on 40 dHCP newborns: other data, so compare \
             differences between rows, not levels.",
        ],
    };
    let how = format!(
        "Mean Dice over cases, then over seeds, {HALF}. {names}A: the training volumes, of which only the given share of slices is \
         annotated, scored on all their slices; B: unseen volumes. {}{papers}",
        trained(sweep)
    );
    let places = sweep.tasks().into_iter().cartesian_product([Part::A, Part::B]).collect_vec();
    let rows = pivot(&sweep.points, &places, |point| {
        // Full annotation has a row for each number of steps, the last for the most.
        let fulls = sweep.fulls(point.task, point.part).into_iter();
        let longer = fulls.filter(|full| point.arm == Arm::Full && full.steps > point.steps);
        let key = (&point.arm, ratio_key(point.asked), Reverse(longer.count()));
        (key, (point.task, point.part))
    });
    // The share of slices that was reached in a row: one for all tasks, or theirs in the order of columns.
    let slices = |row: &Line<_, Point>| {
        row.1.iter().flatten().map(|point| percent(point.ratio)).dedup().join(" / ")
    };
    let mut table = Table::of(&rows, how)
        .shown("strategy", Format::Words, |r| r.0.0)
        .shown("slices", Format::Ratio, slices)
        .on_page(|_| sweep.has_rounds());
    for task in sweep.tasks().into_iter().filter(|task| steps(sweep, *task).len() > 1) {
        let title = format!("{} steps", task_short(task));
        table = table.shown(title, Format::Decimals(0), |r| {
            Some(r.1.iter().flatten().find(|point| point.task == task)?.steps)
        });
    }
    let title = |task: Task, part| format!("{} {}", task_short(task), part_name(part));
    let score = Format::Decimals(3);
    for (at, &(task, part)) in places.iter().enumerate() {
        let column = Column::new(title(task, part), score).under(task_title(task));
        table = table.shown_as(column, |r| Some(r.1[at]?.dice.value));
    }
    for (task, part) in places.into_iter().filter(|(task, _)| task.paper_number().is_some()) {
        let column = Column::new(title(task, part) + ", paper", score).under(paper::SOURCE);
        let number = |point: &Point| paper::table_2(&point.arm, point.asked, task, part);
        let first = |row: &Line<_, Point>| row.1.iter().flatten().find_map(|point| number(point));
        table = table.shown_as(column.of_paper(), first);
    }
    table.grid()
}

/// The numbers of training steps behind the points of a task.
fn steps(sweep: &Sweep, task: Task) -> BTreeSet<u64> {
    let points = sweep.points.iter().filter(|point| point.task == task);
    points.map(|point| point.steps).collect()
}

/// Says how many training steps stand behind the rows.
fn trained(sweep: &Sweep) -> String {
    let mut tasks = sweep.tasks().into_iter().map(|task| {
        let (steps, name) = (steps(sweep, task), task.label());
        match (steps.first(), steps.len()) {
            (Some(steps), 1) => format!("{steps} training steps are behind every row of {name}."),
            _ => format!(
                "Rows of {name} differ in training steps: only those with the same steps show what \
                 annotation alone is worth."
            ),
        }
    });
    tasks.join(" ")
}

/// The same, but of each arm only the ratios that the paper's table has, and the last. The paper's
/// numbers are in the last `papers` columns.
fn short(grid: &Grid, papers: usize) -> Grid {
    let rows = grid.rows.iter().enumerate().filter(|(index, row)| {
        let is_last = grid.rows.get(index + 1).is_none_or(|next| next.cells[0] != row.cells[0]);
        let papers = &row.cells[row.cells.len() - papers..];
        is_last || papers.iter().any(|cell| *cell != Cell::Nothing)
    });
    Grid { rows: rows.map(|(_, row)| row.clone()).collect(), ..grid.clone() }
}
