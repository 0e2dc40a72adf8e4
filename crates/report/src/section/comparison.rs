//! Is one strategy better than another? Every pair of strategies at every ratio that both have, and each
//! strategy minus full annotation of as many steps, paired over case and seed on Part B.
//! `mean` is the Dice of `strategy` minus that of `rival`, `ci_*` its interval for random seeds and
//! cases, `n` the pairs of case and seed. All strategies of a seed share split, first slices and
//! first weights, so the difference on one case within one seed is what a strategy is worth there.

use crate::observations::{CROSSED, Compared, STRICT};
use crate::prelude::*;
use crate::section::{Content, Format, Made, Sweep, Table};
use slicewise_figure::FEW;

pub(crate) fn make(sweep: &Sweep) -> Made {
    // All pairs of many strategies would be hundreds of rows.
    let reference = sweep.reference().filter(|_| sweep.strategies().len() > FEW);
    let how = format!(
        "Mean Dice of the first strategy minus the second's on the same Part B case and seed. {CROSSED} {STRICT} Holm's \
         correction is over all pairs of strategies of a task at a ratio, and over all differences from full annotation \
         of a task, which had as many training steps. The page shows one ratio a task{}; tables/comparison.csv has every one.",
        reference.as_ref().map_or("", |_| ", and of many strategies only pairs with the reference")
    );
    let is_shown = |r: &Compared| {
        let with = |arm: &Arm| reference.as_ref().is_none_or(|reference| reference == arm);
        let ratio = sweep.compared_ratio(r.ours.task).map(ratio_key);
        ratio == Some(ratio_key(r.ours.ratio)) && (with(&r.ours.arm) || with(&r.theirs.arm))
    };
    let ratio = |round: &Round| ratio_key(round.ratio) as f64 / 1e6;
    let rows = [&sweep.comparisons[..], &sweep.from_full].concat();
    let table = differences(&rows, how, "rival", ratio).on_page(is_shown);
    Ok(Some(Content::of("comparison", table)?))
}

/// Makes a table of strategies and what is subtracted from each, the column `theirs` of its frame.
pub(crate) fn differences<'r>(
    rows: &'r [Compared],
    how: String,
    theirs: &str,
    ratio: fn(&Round) -> f64,
) -> Table<'r, Compared<'r>> {
    Table::of(rows, how)
        .tidy("task", |r| r.ours.task)
        .tidy("ratio", move |r| ratio(r.ours))
        .column(("strategy", "strategy"), Format::Words, |r| &r.ours.arm)
        .column((theirs, "minus"), Format::Words, |r| &r.theirs.arm)
        .shown("task", Format::Words, |r| r.ours.task)
        .shown("slices", Format::Ratio, move |r| ratio(r.ours))
        .paired(|r| r.paired)
}
