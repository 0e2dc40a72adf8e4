//! How well P and uncertainty rank slices as R does: `task,strategy,signal,ratio,scope,slices,mean,
//! ci_low,ci_high,seeds,n`, and Fig. 4.
//!
//! The numbers are Spearman's correlations of the signal with R over Part B. `signal` is `p`, or
//! `uncertainty` with its sign flipped; `scope` is `pooled` over all cases of a seed or the mean
//! `within-case`; `slices` is `all` or `foreground`, and `n` counts them once, not once a seed.

use crate::agreement::{Agreement, Scope, Signal, Slices};
use crate::figure::curves::agreement_figure;
use crate::figure::slices::slice_figure;
use crate::format::{list, percent, setting, with_ends};
use crate::frame::Columns;
use crate::grid::{Column, Format, Grid, pivot};
use crate::paper;
use crate::rounds::ratio_key;
use crate::section::{Content, Made};
use crate::sweep::Sweep;
use slicewise_data::Task;

pub(crate) fn make(sweep: &Sweep) -> Made {
    let frame = Columns::of(&sweep.agreements)
        .task(|r| r.task)
        .text("strategy", |r| r.arm.name())
        .text("signal", |r| r.signal.name())
        .real("ratio", |r| r.ratio)
        .text("scope", |r| r.scope.name())
        .text("slices", |r| r.slices.name())
        .interval(|r| r.spearman.value)
        .count("seeds", |r| r.spearman.value.n)
        .count("n", |r| r.spearman.n)
        .frame("agreement")?;
    let tasks = sweep.tasks().into_iter();
    let sentences = tasks.filter_map(|task| Some((task, sentence(sweep, task)?))).collect();
    let figures = [slice_figure(sweep), agreement_figure(sweep)].into_iter().flatten().collect();
    let grids = vec![grid(sweep)];
    Ok(Some(Content { frame: Some(frame), grids, sentences, figures, ..Content::default() }))
}

/// Gives each task, arm, ratio and scope a row, with the two signals side by side, over all slices
/// and over those with foreground. The page shows the models of the paper's strategy, or of all strategies if that
/// is not among them.
fn grid(sweep: &Sweep) -> Grid {
    let papers = Task::OF_PAPER.into_iter().filter_map(|task| {
        Some(format!("{} in {}", setting(paper::rank_coefficient(task)?), task.label()))
    });
    let how = format!(
        "Spearman's correlation with R (the coefficient of the regression through the ranks) \
         over Part B, mean ± half the 95 % interval for random seeds and cases (none below three \
         seeds): of P, and of the \
         uncertainty query's score, the summed entropy of a slice, with its sign flipped. \
         \"pooled\" ranks the slices of all cases of a seed together, \"within-case\" those of \
         each case and takes the mean over cases; n counts distinct slices. Slices that \
         are empty in both maps score 1 in P and R alike, which raises the coefficient over all \
         slices. The paper shows one sample a task: {}. The page shows the models that the \
         paper's strategy trained; tables/agreement.csv has those of every other.",
        list(papers)
    );
    let places = Slices::ALL.map(|slices| Signal::ALL.map(|signal| (slices, signal))).concat();
    let rows = pivot(&sweep.agreements, &places, |row| {
        ((row.task, &row.arm, ratio_key(row.ratio), row.scope), (row.slices, row.signal))
    });
    let proposed = sweep.agreements.iter().any(|row| row.arm.is_proposed());
    let mut lines = Grid::of(&rows, how)
        .column("task", Format::Words, |r| r.0.0.label())
        .column("strategy", Format::Words, |r| r.0.1.label())
        .column("ratio", Format::Ratio, |r| r.0.2 as f64 / 1e6)
        .column("scope", Format::Words, |r| r.0.3.name())
        .on_page(|r| !proposed || !r.0.1.is_strategy() || r.0.1.is_proposed());
    for (place, slices) in Slices::ALL.into_iter().enumerate() {
        let which = format!("{} slices", slices.name());
        let first = place * Signal::ALL.len();
        for (at, signal) in (first..).zip(Signal::ALL) {
            let title = format!("{which}: {}", signal.label());
            let column = Column::new(title, Format::Decimals(3)).under(&which);
            lines = lines.with(column, |r| r.1[at].map(|row| row.spearman.value));
        }
        let n = Column::new("n", Format::Decimals(0)).under(which);
        lines = lines.with(n, |r| {
            r.1[first..first + Signal::ALL.len()].iter().flatten().map(|row| row.spearman.n).max()
        });
    }
    lines.grid()
}

/// Says how P ranks as R does at the proposed strategy's last round, else with full annotation.
fn sentence(sweep: &Sweep, task: Task) -> Option<String> {
    let [all, foreground] = Slices::ALL.map(|slices| {
        let of_task = sweep.agreements.iter().filter(move |row| {
            let pooled_p = row.signal == Signal::P && row.scope == Scope::Pooled;
            row.task == task && row.slices == slices && pooled_p
        });
        of_task.max_by_key(|row| (row.arm.preference(), ratio_key(row.ratio)))
    });
    let all = all?;
    let same =
        |row: &&Agreement| row.arm == all.arm && ratio_key(row.ratio) == ratio_key(all.ratio);
    let of_foreground = foreground.filter(same).map_or_else(String::new, |row| {
        format!(
            ", {} over slices with foreground only (n = {})",
            with_ends(row.spearman.value, 3),
            row.spearman.n
        )
    });
    let papers = paper::rank_coefficient(task).map_or_else(String::new, |coefficient| {
        format!("; the paper shows one sample with {}", setting(coefficient))
    });
    Some(format!(
        "P ranks Part B's slices as R does with a coefficient of {} (n = {}){of_foreground}, \
         after {} at {}{papers}.",
        with_ends(all.spearman.value, 3),
        all.spearman.n,
        all.arm.label(),
        percent(all.ratio)
    ))
}
