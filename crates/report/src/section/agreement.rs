//! How well P and uncertainty rank slices as R does, and Fig. 4.
//!
//! The numbers are Spearman's correlations of the signal with R. `part` is `B`, and in sweeps with
//! rounds between reports also `A`, the one part that these have. `signal` is `p`, or
//! `uncertainty` with its sign flipped; `scope` is `pooled` over all cases of a seed or the mean
//! `within-case`; `slices` is `all`, `foreground`, or `all-zero` (all, but 0 instead of 1 where both
//! maps are empty), and `n` counts them once, not once a seed. `as_paper` is the share of single
//! cases, of all runs, whose coefficient is at least that of the paper's one sample.

use crate::agreement::{Agreement, Scope, Signal, Slices};
use crate::arm::shown;
use crate::figure::ranks::agreement_figure;
use crate::figure::slices::slice_figure;
use crate::format::{around, decimals, setting, share, signed, with_ends};
use crate::paper;
use crate::prelude::*;
use crate::section::{Column, Content, Format, Grid, Made, Sweep, Table, pivot};
use std::cmp::Reverse;

pub(crate) fn make(sweep: &Sweep) -> Made {
    let of_queries = |row: &&Agreement| Signal::OF_QUERIES.contains(&row.signal);
    let rows = sweep.agreements.iter().filter(of_queries).collect_vec();
    let frame = Table::of(&rows, "")
        .tidy("task", |r| r.task)
        .tidy("strategy", |r| &r.arm)
        .tidy("signal", |r| r.signal.name())
        .tidy("ratio", |r| r.ratio)
        .tidy("scope", |r| r.scope.name())
        .tidy("slices", |r| r.slices.name())
        .interval(|r| r.spearman.value)
        .tidy("seeds", |r| r.spearman.value.n)
        .tidy("n", |r| r.spearman.n)
        .tidy("part", |r| r.part)
        .tidy("as_paper", |r| r.as_paper)
        .frame("agreement")?;
    let figures = [slice_figure(sweep), agreement_figure(sweep)].into_iter().flatten();
    let content = Content::table(frame, vec![grid(sweep)]);
    Ok(Some(content.told(sweep, |task| sentence(sweep, task)).drawn(figures)))
}

/// Gives each task, arm, ratio and scope a row, with the two signals side by side, over all slices
/// and over those with foreground.
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
         slices: \"empty slices add\" is the coefficient of P over all less that over foreground \
         slices, and \"0/0 := 0\" that over all slices if those empty in both maps score 0. The \
         paper shows one sample a task with all its slices: {}. \"as the paper's\" is the share of \
         single cases, of all seeds, whose coefficient is no lower. The page shows the models that the \
         paper's strategy trained, or all without it; tables/agreement.csv has those of every strategy.",
        list(papers)
    );
    let signals = Signal::OF_QUERIES;
    let places = Slices::ALL.into_iter().cartesian_product(signals).collect_vec();
    let rows = pivot(&sweep.agreements, &places, |row| {
        let key = (row.task, &row.arm, ratio_key(row.ratio), Reverse(row.part), row.scope);
        (key, (row.slices, row.signal))
    });
    let shown = shown(sweep.agreements.iter().map(|row| &row.arm));
    let mut table = Table::of(&rows, how)
        .shown("task", Format::Words, |r| r.0.0)
        .shown("strategy", Format::Words, |r| r.0.1)
        .shown("ratio", Format::Ratio, |r| r.0.2 as f64 / 1e6)
        .shown("scope", Format::Words, |r| match r.0.3.0 {
            Part::A => format!("{}, Part A", r.0.4.name()),
            Part::B => r.0.4.name().to_owned(),
        })
        .on_page(|r| shown(r.0.1));
    let is_known = |of: &(usize, Slices)| sweep.agreements.iter().any(|row| row.slices == of.1);
    for (place, slices) in Slices::ALL.into_iter().enumerate().filter(is_known) {
        let which = match slices {
            Slices::Zero => "0/0 := 0".to_owned(),
            slices => format!("{} slices", slices.name()),
        };
        let own = place * signals.len()..(place + 1) * signals.len();
        for (at, signal) in own.clone().zip(signals) {
            let title = format!("{which}: {}", signal.label());
            let column = Column::new(title, Format::Decimals(3)).under(&which);
            table = table.shown_as(column, |r| r.1[at].map(|row| row.spearman.value));
        }
        let n = Column::new("n", Format::Decimals(0)).under(which);
        table = table
            .shown_as(n, |r| r.1[own.clone()].iter().flatten().map(|row| row.spearman.n).max());
    }
    // P over all slices comes first, then −uncertainty, then P over foreground slices.
    table
        .shown("empty slices add", Format::Difference, |r| {
            Some(r.1[0]?.spearman.value.mean - r.1[signals.len()]?.spearman.value.mean)
        })
        .shown("as the paper's", Format::Share, |r| r.1[0]?.as_paper)
        .grid()
}

/// Says how P ranks as R does at the proposed strategy's last round, else with full annotation.
fn sentence(sweep: &Sweep, task: Task) -> Option<String> {
    let [all, foreground] = Slices::SHOWN.map(|slices| {
        let of_task = sweep.agreements.iter().filter(move |row| {
            let pooled_p = row.signal == Signal::P && row.scope == Scope::Pooled;
            row.task == task && row.slices == slices && pooled_p
        });
        of_task.max_by_key(|row| (row.arm.preference(), ratio_key(row.ratio)))
    });
    let all = all?;
    let same =
        foreground.filter(|row| row.arm == all.arm && ratio_key(row.ratio) == ratio_key(all.ratio));
    let coefficient = |row: &Agreement, over: &str| {
        format!("{}{over} (n = {})", with_ends(row.spearman.value, 3), row.spearman.n)
    };
    let of_foreground = same.map(|row| coefficient(row, " over slices with foreground only"));
    let papers = paper::rank_coefficient(task).map(setting).unwrap_or_default();
    Some(format!(
        "P ranks Part B's slices as R does with a coefficient of {}{}, after {} at {}{}.{}",
        coefficient(all, ""),
        around(", ", &of_foreground.unwrap_or_default(), ""),
        all.arm,
        percent(all.ratio),
        around("; the paper shows one sample with ", &papers, ""),
        within_case(sweep, all)
    ))
}

/// Says what the coefficient within a case is at the same round, and what empty slices contribute.
fn within_case(sweep: &Sweep, shown: &Agreement) -> String {
    let of = |slices: Slices| {
        sweep.agreements.iter().find(|row| {
            let round = (row.task, &row.arm, ratio_key(row.ratio), row.part);
            let p = (row.signal, row.scope, row.slices) == (Signal::P, Scope::WithinCase, slices);
            p && round == (shown.task, &shown.arm, ratio_key(shown.ratio), Part::B)
        })
    };
    let (Some(all), Some(foreground)) = (of(Slices::All), of(Slices::Foreground)) else {
        return String::new();
    };
    let [of_all, of_foreground] = [all, foreground].map(|row| row.spearman.value.mean);
    let zero = of(Slices::Zero).map(|zero| decimals(zero.spearman.value.mean, 3));
    let as_paper = all.as_paper.map(|as_paper| share(as_paper, 0)).unwrap_or_default();
    format!(
        " Within a case it is {} over all slices and {} over those with foreground, so that empty \
         slices add {}{}{}.",
        decimals(of_all, 3),
        decimals(of_foreground, 3),
        signed(of_all - of_foreground, 3),
        around("; with 0 for them it is ", &zero.unwrap_or_default(), ""),
        around(
            "; ",
            &as_paper,
            " of the single cases have the paper's coefficient or a higher one"
        )
    )
}
