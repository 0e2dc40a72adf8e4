//! What an annotator had to do: `task,strategy,ratio,slices,annotated_slices,voxels,
//! annotated_foreground_voxels`.
//!
//! `slices` and `voxels` are shares in `[0, 1]` of Part A's slices and foreground voxels, the others
//! counts; all are means over seeds.

use crate::frame::Columns;
use crate::grid::{Format, Grid};
use crate::rounds::Point;
use crate::section::{Content, Made};
use crate::sweep::Sweep;
use slicewise_data::Part;

pub(crate) fn make(sweep: &Sweep) -> Made {
    // A point's cost is that of its training: Part A and Part B share it.
    let points: Vec<&Point> = sweep.points.iter().filter(|p| p.part == Part::B).collect();
    let frame = Columns::of(&points)
        .task(|p| p.task)
        .text("strategy", |p| p.arm.name())
        .real("ratio", |p| p.ratio)
        .real("slices", |p| p.cost.slice_share)
        .real("annotated_slices", |p| p.cost.slices)
        .real("voxels", |p| p.cost.voxel_share)
        .real("annotated_foreground_voxels", |p| p.cost.voxels)
        .frame("cost")?;
    let how = "Means over seeds; shares are of all slices and all foreground voxels of Part A.";
    let grid = Grid::of(&points, how)
        .column("task", Format::Words, |p| p.task.label())
        .column("strategy", Format::Words, |p| p.arm.label())
        .column("slices asked", Format::Ratio, |p| p.ratio)
        .column("slices annotated", Format::Decimals(1), |p| p.cost.slices)
        .column("share of slices", Format::Share, |p| p.cost.slice_share)
        .column("foreground voxels", Format::Decimals(0), |p| p.cost.voxels)
        .column("share of foreground", Format::Share, |p| p.cost.voxel_share)
        .on_page(|_| sweep.has_rounds());
    Ok(Some(Content::table(frame, vec![grid.grid()])))
}
