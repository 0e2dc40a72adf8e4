//! Is one strategy better than another? Every pair of strategies at every ratio that both have,
//! paired over case and seed on Part B; `task,ratio,strategy,rival,mean,ci_low,ci_high,p,p_holm,
//! seeds,cases,n`.
//!
//! `mean` is the Dice of `strategy` minus that of `rival`, `ci_*` its interval for random seeds and
//! cases, `n` the pairs of case and seed. All strategies of a seed share split, first slices and
//! first weights, so the difference on one case within one seed is what a strategy is worth there.

use crate::arm::Arm;
use crate::frame::Columns;
use crate::grid::{Format, Grid};
use crate::paired::{CROSSED, Paired};
use crate::rounds::{Round, ratio_key};
use crate::section::{Content, Made};
use crate::sweep::Sweep;
use slicewise_data::Task;
use slicewise_figure::FEW;

/// A strategy, its rival and how they differ.
type Row<'a> = (&'a Round<'a>, &'a Round<'a>, &'a Paired);

pub(crate) fn make(sweep: &Sweep) -> Made {
    let round = |place: usize| &sweep.rounds[place];
    let rows = sweep.comparisons.iter();
    let rows: Vec<Row> = rows.map(|((arm, rival), p)| (round(*arm), round(*rival), p)).collect();
    let ratio = |row: &Row| ratio_key(row.0.ratio) as f64 / 1e6;
    let frame = Columns::of(&rows)
        .task(|r| r.0.task)
        .real("ratio", ratio)
        .text("strategy", |r| r.0.arm.name())
        .text("rival", |r| r.1.arm.name())
        .paired(|r| r.2)
        .frame("comparison")?;
    // All pairs of many strategies would be hundreds of rows.
    let reference = sweep.reference().filter(|_| sweep.strategies().len() > FEW);
    let how = format!(
        "Mean Dice of the first strategy minus the second's on the same Part B case and seed. \
         {CROSSED} Holm's correction is over all pairs of strategies of a task at a ratio. The \
         page shows one ratio a task{}; tables/comparison.csv has every one.",
        if reference.is_some() {
            ", and of many strategies only pairs with the reference"
        } else {
            ""
        }
    );
    let shown = |task: Task| sweep.compared_ratio(task).map(ratio_key);
    let with = |arm: &Arm| reference.as_ref().is_none_or(|reference| reference == arm);
    let grid = Grid::of(&rows, how)
        .column("strategy", Format::Words, |r| r.0.arm.label())
        .column("minus", Format::Words, |r| r.1.arm.label())
        .column("task", Format::Words, |r| r.0.task.label())
        .column("slices", Format::Ratio, ratio)
        .paired(|r| r.2)
        .on_page(|r| {
            shown(r.0.task) == Some(ratio_key(r.0.ratio)) && (with(&r.0.arm) || with(&r.1.arm))
        });
    Ok(Some(Content::table(frame, vec![grid.grid()])))
}
