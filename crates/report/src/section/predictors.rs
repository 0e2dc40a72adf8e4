//! What tells R best before the truth is known? P, or something that needs no attention map?
//!
//! Spearman's correlation with R over the foreground slices of each Part B case, then the mean over
//! cases. `predictor` is a signal's name; `n` counts distinct slices, `runs` the seeds, or folds of
//! seeds.

use crate::agreement::{Agreement, PREDICTORS, Signal};
use crate::arm::shown;
use crate::figure::ranks::predictor_figure;
use crate::format::with_ends;
use crate::prelude::*;
use crate::section::{Content, Format, Line, Made, Sweep, Table, pivot};

/// A round and its signals, in the order of [`Signal::ALL`].
type RoundLine<'r> = Line<'r, (Task, &'r Arm, u64), Agreement>;

pub(crate) fn make(sweep: &Sweep) -> Made {
    let rows = sweep
        .agreements
        .iter()
        .filter(|row| (row.part, row.scope, row.slices) == PREDICTORS)
        .collect_vec();
    let frame = Table::of(&rows, "")
        .tidy("task", |r| r.task)
        .tidy("strategy", |r| &r.arm)
        .tidy("ratio", |r| r.ratio)
        .tidy("predictor", |r| r.signal.name())
        .interval(|r| r.spearman.value)
        .tidy("runs", |r| r.spearman.value.n)
        .tidy("n", |r| r.spearman.n)
        .frame("predictors")?;
    let own = rows.iter().copied();
    let lines =
        pivot(own, &Signal::ALL, |row| ((row.task, &row.arm, ratio_key(row.ratio)), row.signal));
    let shown = shown(rows.iter().map(|row| &row.arm));
    let how = "Spearman's correlation with R over the slices of a Part B case whose ground truth has foreground, mean over \
         cases and runs, ± half the 95 % interval for random seeds and cases (none below three seeds). Each signal is \
         signed so that more promises a better slice: the summed entropy is the uncertainty query's score, the mean \
         entropy is over the voxels predicted as foreground, the area their number. A slice without any promises the \
         worst by the last two. All are of the same models; the page shows those that the paper's strategy trained, or all without it.";
    let mut table = Table::of(&lines, how)
        .shown("task", Format::Words, |r| r.0.0)
        .shown("strategy", Format::Words, |r| r.0.1)
        .shown("slices", Format::Ratio, |r| r.0.2 as f64 / 1e6)
        .on_page(|r| shown(r.0.1));
    for (at, signal) in Signal::ALL.into_iter().enumerate() {
        table = table.shown(signal.label(), Format::Decimals(3), |r| Some(r.1[at]?.spearman.value));
    }
    let n = |r: &RoundLine| r.1.iter().flatten().map(|row| row.spearman.n).max();
    let content = Content::table(frame, vec![table.shown("n", Format::Decimals(0), n).grid()]);
    let figure = predictor_figure(sweep, &rows);
    Ok(Some(content.told(sweep, |task| sentence(&lines, task)).drawn(figure)))
}

/// Says how P does beside the others.
fn sentence(lines: &[RoundLine], task: Task) -> Option<String> {
    let p_is_best = |line: &&&RoundLine| {
        let found = line.1.iter().flatten();
        let best = found.max_by(|a, b| a.spearman.value.mean.total_cmp(&b.spearman.value.mean));
        best.is_some_and(|row| row.signal == Signal::P)
    };
    // Older records do not know all signals, and P beside uncertainty alone says little.
    let is_whole = |line: &&RoundLine| line.0.0 == task && line.1.iter().all(Option::is_some);
    let compared = lines.iter().filter(is_whole).collect_vec();
    let (_, shown) =
        compared.iter().max_by_key(|((_, arm, ratio), _)| (arm.preference(), *ratio))?;
    let Agreement { arm, ratio, .. } = shown.iter().flatten().next()?;
    let words =
        |row: &&Agreement| format!("{} {}", row.signal.label(), with_ends(row.spearman.value, 2));
    let values = shown.iter().flatten().map(words);
    Some(format!(
        "Within a case R of foreground slices is told by {} after {arm} at {}. P is the best of them \
         after {} of {} rounds.",
        list(values),
        percent(*ratio),
        compared.iter().filter(p_is_best).count(),
        compared.len()
    ))
}
