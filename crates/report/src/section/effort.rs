//! What an annotator had to do.
//!
//! `slices` and `voxels` are shares in `[0, 1]` of Part A's slices and foreground voxels, the others
//! amounts; all are means over runs. `*_difference` is the amount minus that of equal-interval at the
//! same ratio, over the runs that both have. `contour_mm` and `minutes` are empty for records that
//! do not know the contours.

use crate::arm::EVEN;
use crate::format::{decimals, setting, signed};
use crate::observations::run_of;
use crate::prelude::*;
use crate::rounds::Cost;
use crate::section::{Content, Format, Made, Sweep, Table};
use crate::standing::few;

/// What there is of slices, voxels, mm of contour and minutes.
type Amounts = [Option<f64>; 4];

/// The effort of one round.
struct Effort<'a> {
    round: &'a Round<'a>,
    cost: Cost,
    /// Minus that of equal-interval at the same ratio; nothing for that itself.
    difference: Amounts,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let model = sweep.results.manifest.effort;
    let how = format!(
        "Means over runs; shares are of all slices and all foreground voxels of Part A. Contours are \
         all outlines on the annotated slices. Minutes are by a stated model, not measured: {} s a \
         slice and {} s a mm of contour. Differences are from {EVEN} at the same ratio.",
        setting(model.seconds_per_slice),
        setting(model.seconds_per_contour_mm)
    );
    let rows = efforts(sweep);
    let whole = |r: &Effort, at: usize| r.difference[at].map(|difference| signed(difference, 0));
    let (count, voxels) = (Format::Decimals(0), "annotated_foreground_voxels");
    let table = Table::of(&rows, how)
        .column(("task", "task"), Format::Words, |r| r.round.task)
        .column(("strategy", "strategy"), Format::Words, |r| &r.round.arm)
        .tidy("ratio", |r| r.round.ratio)
        .tidy("slices", |r| r.cost.slice_share)
        .column(("annotated_slices", "slices annotated"), Format::Decimals(1), |r| r.cost.slices)
        .shown("share of slices", Format::Share, |r| r.cost.slice_share)
        .tidy("voxels", |r| r.cost.voxel_share)
        .column((voxels, "foreground voxels"), count, |r| r.cost.voxels)
        .shown("share of foreground", Format::Share, |r| r.cost.voxel_share)
        .column(("contour_mm", "contour (mm)"), count, |r| r.cost.contour_mm)
        .column(("minutes", "minutes"), count, |r| sweep.minutes(&r.cost))
        .tidy("slices_difference", |r| r.difference[0])
        .tidy("voxels_difference", |r| r.difference[1])
        .shown("voxels more than equal-interval", Format::Words, |r| whole(r, 1))
        .tidy("contour_difference_mm", |r| r.difference[2])
        .shown("mm more", Format::Words, |r| whole(r, 2))
        .tidy("minutes_difference", |r| r.difference[3])
        .shown("minutes more", Format::Words, |r| whole(r, 3))
        .on_page(|_| sweep.has_rounds());
    let content = Content::of("effort", table)?;
    Ok(Some(content.told(sweep, |task| sentence(sweep, &rows, task))))
}

/// The effort of every evaluated round, full annotation once.
fn efforts<'a>(sweep: &Sweep<'a>) -> Vec<Effort<'a>> {
    let rounds = || sweep.primary().filter(|round| round.evaluated && round.longest);
    let efforts = rounds().map(|round| {
        let even = rounds().find(|other| other.state() == round.state() && other.arm.is_even());
        let even = even.filter(|_| round.arm.is_strategy() && !round.arm.is_even());
        let difference = even.map_or([None; 4], |even| differences(sweep, round, even));
        Effort { round, cost: round.cost(), difference }
    });
    efforts.collect()
}

/// The mean difference of each amount over the runs that both have.
fn differences(sweep: &Sweep, round: &Round, even: &Round) -> Amounts {
    let amounts = |record| {
        let cost = Cost::of(&[record]);
        [Some(cost.slices), Some(cost.voxels), cost.contour_mm, sweep.minutes(&cost)]
    };
    let pairs = round.records.iter().filter_map(|record| {
        let other = even.records.iter().find(|other| run_of(other) == run_of(record))?;
        Some((amounts(record), amounts(other)))
    });
    let pairs = pairs.collect_vec();
    std::array::from_fn(|at| {
        mean(pairs.iter().filter_map(|(ours, theirs)| Some(ours[at]? - theirs[at]?)))
    })
}

/// Says who makes how much more work at the ratio that strategies are compared at.
fn sentence(sweep: &Sweep, rows: &[Effort], task: Task) -> Option<String> {
    let ratio = sweep.compared_ratio(task)?;
    let own = rows.iter().filter(|row| row.round.state() == (task, ratio_key(ratio))).collect_vec();
    let even = sweep.minutes(&own.iter().find(|row| row.round.arm.is_even())?.cost)?;
    let arms = few(sweep, &sweep.strategies());
    let shown = own.iter().filter(|row| arms.contains(&row.round.arm));
    let mut more = shown.filter_map(|row| {
        let share = decimals(100.0 * row.difference[3]? / even, 0);
        let sign = if share.starts_with('−') { "" } else { "+" };
        Some(format!("{} {sign}{share}\u{a0}%", row.round.arm))
    });
    let (more, ratio, even) = (more.join(", "), percent(ratio), decimals(even, 0));
    let words = format!(
        "At {ratio} of the slices {EVEN} takes {even} minutes of drawing by the stated model, others \
         more or less: {more}."
    );
    (!more.is_empty()).then_some(words)
}
