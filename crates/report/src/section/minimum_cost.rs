//! Where a strategy is as good as full annotation.
//!
//! `rule` is `mean` or `interval`; from `ratio` on a row is empty where no ratio satisfies it. `slices`
//! and `voxels` are shares of Part A, the columns before them counts; `minutes` are by the stated
//! model of effort.

use crate::format::{around, decimals, setting, share};
use crate::grid::Cell;
use crate::observations::CROSSED;
use crate::prelude::*;
use crate::section::{Content, Format, Made, Sweep, Table};
use crate::standing::few;
use crate::sweep::{BY_MEAN, MinimumCost};

pub(crate) fn make(sweep: &Sweep) -> Made {
    let cost = |row: &MinimumCost| Some(row.reached?.ours.cost());
    let ratio = |row: &MinimumCost| Some(row.reached?.ours.ratio);
    let difference = |row: &MinimumCost| Some(row.reached?.paired.difference);
    let (count, voxels) = (Format::Decimals(0), "annotated_foreground_voxels");
    let margin = |task: Task| format!("{} in {}", setting(sweep.margin(task)), task.label());
    let how = format!(
        "The smallest ratio at which a strategy's Part B Dice is as good as full annotation's, \
         compared on the same case and seed, with the same number of training steps. By minutes and voxels a strategy that asks for large slices pays more than by slices. \"By mean\": the mean difference is at least minus the \
         margin ({}), which is the star of Fig. 5. \"By interval\": even the lower end of the \
         difference's 95 % interval is. {CROSSED} The margins are ours: the paper states no rule.",
        list(sweep.tasks().into_iter().map(margin))
    );
    let table = Table::of(&sweep.costs, how)
        .tidy("task", |r| r.task)
        .column(("strategy", "strategy"), Format::Words, |r| &r.arm)
        .tidy("rule", |r| r.rule)
        .shown("rule", Format::Words, |r| format!("by {}", r.rule))
        .shown("task", Format::Words, |r| r.task)
        .tidy("margin", |r| sweep.margin(r.task))
        .tidy("ratio", ratio)
        .shown("slices", Format::Ratio, |r| ratio(r).map_or("none".into(), Cell::Number))
        .shown("minus full", Format::Difference, difference)
        .shown("interval", Format::Ends, difference)
        .column(("annotated_slices", "annotated slices"), count, |r| Some(cost(r)?.slices))
        .tidy("slices", |r| Some(cost(r)?.slice_share))
        .column((voxels, "drawn voxels"), count, |r| Some(cost(r)?.voxels))
        .column(("voxels", "share of foreground"), Format::Share, |r| Some(cost(r)?.voxel_share))
        .spread("difference", difference)
        .tidy("seeds", |r| Some(r.reached?.paired.runs))
        .tidy("cases", |r| Some(r.reached?.paired.cases))
        .tidy("contour_mm", |r| cost(r)?.contour_mm)
        .column(("minutes", "minutes"), count, |r| sweep.minutes(&cost(r)?));
    Ok(Some(Content::of("minimum-cost", table)?.told(sweep, |task| sentence(sweep, task))))
}

/// Says where each strategy comes within the margin of full annotation.
fn sentence(sweep: &Sweep, task: Task) -> Option<String> {
    let unequal = sweep.unequal_steps(task).unwrap_or_default();
    let unequal = around("Of the minimum labelling cost nothing is said where ", &unequal, ".");
    let arms = few(sweep, &sweep.strategies());
    let costs = sweep.costs.iter().filter(|cost| cost.task == task && cost.rule == BY_MEAN);
    let (own, others): (Vec<_>, Vec<_>) = costs.partition(|cost| arms.contains(&cost.arm));
    let costs = own.into_iter().map(|cost| {
        let name = cost.arm.label();
        let Some(reached) = cost.reached else { return format!("{name} at none of its ratios") };
        let cost = reached.ours.cost();
        let minutes = sweep.minutes(&cost).map(|minutes| decimals(minutes, 0)).unwrap_or_default();
        format!(
            "{name} at {} of the slices ({} of the foreground voxels{})",
            percent(reached.ours.ratio),
            // Measured, so whole percents say enough.
            share(cost.voxel_share, 0),
            around(", ", &minutes, " minutes of drawing")
        )
    });
    let more = (!others.is_empty()).then(|| format!("{} others in the table", others.len()));
    let costs = costs.chain(more).join("; ");
    let margin = setting(sweep.margin(task));
    let within = format!("Within {margin} of full annotation with as many steps come: ");
    let sentences = [around(&within, &costs, "."), unequal];
    let sentences = sentences.into_iter().filter(|words| !words.is_empty()).join(" ");
    (!sentences.is_empty()).then_some(sentences)
}
