//! Fig. 4 of the paper: P and R of every slice of one unseen case, and the scatter of
//! their ranks with the regression line; beside it the scatter over all unseen cases.

use crate::agreement::{Signal, Slices, pairs};
use crate::figure::heading;
use crate::format::decimals;
use crate::prelude::*;
use crate::sweep::Sweep;
use itertools::izip;
use slicewise_data::Agreement;
use slicewise_figure::{Figure, RankScatter, RankedSlices, ranked_slices};
use slicewise_metrics::{average_ranks, rank_regression, spearman_interval};

/// P and R of one case a task; `None` if no record holds P, or P or R is constant.
pub(crate) fn slice_figure(sweep: &Sweep) -> Option<Figure> {
    let tasks = sweep.results.manifest.data.iter().map(|data| data.task);
    let rows = tasks.filter_map(|task| Some((task, row(sweep, task)?)));
    let (tasks, rows): (Vec<Task>, Vec<RankedSlices>) = rows.unzip();
    let mut measures = tasks.into_iter().map(|task| {
        let measure = match sweep.measure(task) {
            Agreement::Dice => "Dice",
            Agreement::Accuracy => "accuracy over foreground",
        };
        format!("{} compares by {measure}", task.label())
    });
    if rows.is_empty() {
        return None;
    }
    let title = ("fig4", "Does P, which a strategy may see, follow R?");
    let statistics = "ties share their mean rank; 95 % intervals over slices";
    let names = ["P: prediction against attention map", "R: prediction against ground truth"];
    let figure = ranked_slices(heading(sweep, title, statistics), &rows, names);
    Some(figure.captioned(format!(
        "Left: P and R of every slice of one unseen case (the paper's Fig. 4); \
         {}. Middle: the same slices by \
         their ranks, with the least-squares line; its coefficient is Spearman's correlation. Right: \
         the slices of all unseen cases at that round and seed. Brackets: 95 % intervals by Fisher's \
         transformation, as if slices were independent; neighbours are not, so they are too narrow. \
         Hollow circles are slices without foreground.",
        measures.join(", ")
    )))
}

/// The first Part B case with P, at the last attention-guided round of the first seed; without
/// that strategy, with full annotation or at another round.
fn row(sweep: &Sweep, task: Task) -> Option<RankedSlices> {
    let first_seed = sweep.results.manifest.seeds.first();
    let rounds = sweep.primary().filter(|round| round.task == task);
    let records = rounds.flat_map(|round| round.records.iter().map(move |record| (round, *record)));
    let with_p =
        records.filter(|(_, record)| cases_of(record, Part::B).any(|case| case.p.is_some()));
    let (round, record) = with_p.max_by_key(|(round, record)| {
        (Some(&record.seed) == first_seed, round.arm.preference(), ratio_key(round.ratio))
    })?;
    let all = cases_of(record, Part::B).collect_vec();
    let case = *all.iter().find(|case| case.p.is_some())?;
    let axis = sweep.data(task).map(|data| data.slice_axis(&case.case)).unwrap_or_default();
    let (slice, start) = axis.slice_and_start();
    let (task, ratio) = (task_title(task), percent(round.ratio));
    Some(RankedSlices {
        title: format!(
            "{task} · case {} · {} at {ratio}, seed {}",
            case.case, round.arm, record.seed
        ),
        profile: [format!("each {slice}"), format!("{slice} (from {start})")],
        p: case.p.clone()?,
        r: case.r.clone(),
        scatters: [
            scatter(&[case], "rank of P, this case")?,
            scatter(&all, "rank of P, all unseen cases")?,
        ],
    })
}

/// `None` if P or R is constant.
fn scatter(cases: &[&CaseRecord], label: &'static str) -> Option<RankScatter> {
    let slices = cases.iter().flat_map(|case| pairs(case, Signal::P, Slices::All));
    let (p, r): (Vec<f64>, Vec<f64>) = slices.unzip();
    let with_p = cases.iter().filter(|case| case.p.is_some());
    let foreground = with_p.flat_map(|case| case.foreground.clone());
    let ranks = izip!(average_ranks(&p).ok()?, average_ranks(&r).ok()?, foreground).collect();
    let line = rank_regression(&p, &r).ok()?;
    // Too few slices have no interval.
    let interval = spearman_interval(line.r, p.len());
    let words = |(low, high)| format!(" ({} to {})", decimals(low, 2), decimals(high, 2));
    let interval = interval.map(words).unwrap_or_default();
    // `0.93 (0.90 to 0.95), n = 64`.
    let title = format!("{}{interval}, n = {}", decimals(line.r, 2), p.len());
    Some(RankScatter { title, label, ranks, line })
}
