//! What an annotator had to do: `task,strategy,ratio,slices,annotated_slices,voxels,
//! annotated_foreground_voxels,contour_mm,minutes,slices_difference,voxels_difference,
//! contour_difference_mm,minutes_difference`.
//!
//! `slices` and `voxels` are shares in `[0, 1]` of Part A's slices and foreground voxels, the others
//! amounts; all are means over runs. `*_difference` is the amount minus that of equal-interval at the
//! same ratio, over the runs that both have. `contour_mm` and `minutes` are empty for records that
//! do not know the contours.

use crate::arm::{Arm, EVEN};
use crate::format::{decimals, percent, setting, signed};
use crate::frame::Columns;
use crate::grid::{Format, Grid};
use crate::observations::run_of;
use crate::rounds::{Cost, Round, mean, ratio_key};
use crate::section::{Content, Made};
use crate::standing::few;
use crate::sweep::Sweep;
use slicewise_data::Task;
use slicewise_experiment::RoundRecord;
use slicewise_metrics::EffortModel;

/// What there is of slices, voxels, mm of contour and minutes.
type Amounts = [Option<f64>; 4];

/// The effort of one round.
struct Effort {
    task: Task,
    arm: Arm,
    ratio: f64,
    cost: Cost,
    minutes: Option<f64>,
    /// Minus that of equal-interval at the same ratio; nothing for that itself.
    difference: Amounts,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let model = sweep.effort();
    let rows = efforts(sweep, model);
    let frame = Columns::of(&rows)
        .task(|r| r.task)
        .text("strategy", |r| r.arm.name())
        .real("ratio", |r| r.ratio)
        .real("slices", |r| r.cost.slice_share)
        .real("annotated_slices", |r| r.cost.slices)
        .real("voxels", |r| r.cost.voxel_share)
        .real("annotated_foreground_voxels", |r| r.cost.voxels)
        .maybe("contour_mm", |r| r.cost.contour_mm)
        .maybe("minutes", |r| r.minutes)
        .maybe("slices_difference", |r| r.difference[0])
        .maybe("voxels_difference", |r| r.difference[1])
        .maybe("contour_difference_mm", |r| r.difference[2])
        .maybe("minutes_difference", |r| r.difference[3])
        .frame("effort")?;
    let how = format!(
        "Means over runs; shares are of all slices and all foreground voxels of Part A. Contours are \
         all outlines on the annotated slices. Minutes are by a stated model, not measured: {} s a \
         slice and {} s a mm of contour. Differences are from {EVEN} at the same ratio.",
        setting(model.seconds_per_slice),
        setting(model.seconds_per_contour_mm)
    );
    let grid = Grid::of(&rows, how)
        .column("task", Format::Words, |r| r.task.label())
        .column("strategy", Format::Words, |r| r.arm.label())
        .column("slices annotated", Format::Decimals(1), |r| r.cost.slices)
        .column("share of slices", Format::Share, |r| r.cost.slice_share)
        .column("foreground voxels", Format::Decimals(0), |r| r.cost.voxels)
        .column("share of foreground", Format::Share, |r| r.cost.voxel_share)
        .column("contour (mm)", Format::Decimals(0), |r| r.cost.contour_mm)
        .column("minutes", Format::Decimals(0), |r| r.minutes)
        .column("voxels more than equal-interval", Format::Words, |r| whole(r.difference[1]))
        .column("mm more", Format::Words, |r| whole(r.difference[2]))
        .column("minutes more", Format::Words, |r| whole(r.difference[3]))
        .on_page(|_| sweep.has_rounds());
    let content = Content::table(frame, vec![grid.grid()]);
    Ok(Some(content.told(sweep, |task| sentence(sweep, &rows, task))))
}

/// A difference of whole numbers, with its sign.
fn whole(difference: Option<f64>) -> Option<String> {
    difference.map(|difference| signed(difference, 0))
}

/// The effort of every evaluated round, full annotation once.
fn efforts(sweep: &Sweep, model: EffortModel) -> Vec<Effort> {
    let rounds = || sweep.primary().filter(|round| round.evaluated && round.longest);
    let even = Arm::of(EVEN);
    let efforts = rounds().map(|round| {
        let place = |of: &Round| (of.task, ratio_key(of.ratio));
        let mut same = rounds().filter(|other| place(other) == place(round));
        let even = same.find(|other| other.arm == even && round.arm.is_strategy());
        let even = even.filter(|other| other.arm != round.arm);
        let cost = round.cost();
        Effort {
            task: round.task,
            arm: round.arm.clone(),
            ratio: round.ratio,
            minutes: cost.contour_mm.map(|contour_mm| model.minutes(cost.slices, contour_mm)),
            cost,
            difference: even.map_or([None; 4], |even| differences(round, even, model)),
        }
    });
    efforts.collect()
}

fn amounts(record: &RoundRecord, model: EffortModel) -> Amounts {
    let slices = record.annotated_slices as f64;
    let contour_mm = Some(record.annotated_contour_mm).filter(|contour_mm| *contour_mm > 0.0);
    [
        Some(slices),
        Some(record.annotated_foreground_voxels as f64),
        contour_mm,
        contour_mm.map(|contour_mm| model.minutes(slices, contour_mm)),
    ]
}

/// The mean difference of each amount over the runs that both have.
fn differences(round: &Round, even: &Round, model: EffortModel) -> Amounts {
    let pairs = round.records.iter().filter_map(|record| {
        let mut others = even.records.iter();
        let other = others.find(|other| run_of(other) == run_of(record))?;
        Some((amounts(record, model), amounts(other, model)))
    });
    let pairs: Vec<(Amounts, Amounts)> = pairs.collect();
    std::array::from_fn(|at| {
        mean(pairs.iter().filter_map(|(ours, theirs)| Some(ours[at]? - theirs[at]?)))
    })
}

/// Says who makes how much more work at the ratio that strategies are compared at.
fn sentence(sweep: &Sweep, rows: &[Effort], task: Task) -> Option<String> {
    let ratio = sweep.compared_ratio(task)?;
    let at = |row: &&Effort| row.task == task && ratio_key(row.ratio) == ratio_key(ratio);
    let even = rows.iter().filter(at).find(|row| row.arm.name() == EVEN)?.minutes?;
    let arms = few(sweep, &sweep.strategies());
    let shown = rows.iter().filter(at).filter(|row| arms.contains(&row.arm));
    let more = shown.filter_map(|row| {
        let share = decimals(100.0 * row.difference[3]? / even, 0);
        let sign = if share.starts_with('−') { "" } else { "+" };
        Some(format!("{} {sign}{share}\u{a0}%", row.arm.label()))
    });
    let more = more.collect::<Vec<_>>().join(", ");
    (!more.is_empty()).then(|| {
        format!(
            "At {} of the slices {EVEN} takes {} minutes of drawing by the stated model, others more \
             or less: {more}.",
            percent(ratio),
            decimals(even, 0)
        )
    })
}
