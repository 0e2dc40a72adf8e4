//! Where a strategy is as good as full annotation: `task,strategy,rule,margin,ratio,
//! annotated_slices,slices,annotated_foreground_voxels,voxels,difference,difference_low,
//! difference_high,seeds,cases,contour_mm,minutes`.
//!
//! `rule` is `mean` or `interval`; from `ratio` on a row is empty where no ratio satisfies it. `slices`
//! and `voxels` are shares of Part A, the columns before them counts; `minutes` are by the stated
//! model of effort.

use crate::format::{decimals, percent, setting, share};
use crate::frame::Columns;
use crate::grid::{Cell, Format, Grid};
use crate::minimum_cost::{MinimumCost, Reached};
use crate::paired::CROSSED;
use crate::rounds::Cost;
use crate::section::{Content, Made};
use crate::standing::few;
use crate::sweep::Sweep;
use slicewise_data::Task;

/// What one rule gives for one strategy.
type RuleRow<'a> = (&'a MinimumCost, &'static str, Option<&'a Reached>);

pub(crate) fn make(sweep: &Sweep) -> Made {
    let rows: Vec<RuleRow> = sweep.costs.iter().flat_map(by_rule).collect();
    let frame = Columns::of(&rows)
        .task(|r| r.0.task)
        .text("strategy", |r| r.0.arm.name())
        .text("rule", |r| r.1)
        .real("margin", |r| sweep.margin(r.0.task))
        .maybe("ratio", |r| Some(r.2?.0.ratio))
        .maybe("annotated_slices", |r| Some(r.2?.0.cost.slices))
        .maybe("slices", |r| Some(r.2?.0.cost.slice_share))
        .maybe("annotated_foreground_voxels", |r| Some(r.2?.0.cost.voxels))
        .maybe("voxels", |r| Some(r.2?.0.cost.voxel_share))
        .spread("difference", |r| Some(r.2?.1.difference))
        .maybe_count("seeds", |r| Some(r.2?.1.runs))
        .maybe_count("cases", |r| Some(r.2?.1.cases))
        .maybe("contour_mm", |r| r.2?.0.cost.contour_mm)
        .maybe("minutes", |r| sweep.minutes(&r.2?.0.cost))
        .frame("minimum-cost")?;
    let cost = |row: &RuleRow, value: fn(&Cost) -> f64| Some(value(&row.2?.0.cost));
    let ratio = |reached: &Reached| Cell::Number(reached.0.ratio);
    let grid = Grid::of(&rows, how(sweep))
        .column("strategy", Format::Words, |r| r.0.arm.label())
        .column("rule", Format::Words, |r| format!("by {}", r.1))
        .column("task", Format::Words, |r| r.0.task.label())
        .column("slices", Format::Ratio, |r| r.2.map_or("none".into(), ratio))
        .column("minus full", Format::Difference, |r| Some(r.2?.1.difference))
        .column("interval", Format::Ends, |r| Some(r.2?.1.difference))
        .column("annotated slices", Format::Decimals(0), |r| cost(r, |cost| cost.slices))
        .column("drawn voxels", Format::Decimals(0), |r| cost(r, |cost| cost.voxels))
        .column("share of foreground", Format::Share, |r| cost(r, |cost| cost.voxel_share))
        .column("minutes", Format::Decimals(0), |r| sweep.minutes(&r.2?.0.cost));
    let content = Content::table(frame, vec![grid.grid()]);
    Ok(Some(content.told(sweep, |task| sentence(sweep, task))))
}

fn by_rule(cost: &MinimumCost) -> [RuleRow<'_>; 2] {
    [(cost, "mean", cost.by_mean.as_ref()), (cost, "interval", cost.by_interval.as_ref())]
}

/// Says how the numbers were computed.
fn how(sweep: &Sweep) -> String {
    let margin = |task: Task| format!("{} in {}", setting(sweep.margin(task)), task.label());
    format!(
        "The smallest ratio at which a strategy's Part B Dice is as good as full annotation's, \
         compared on the same case and seed, with the same number of training steps. By minutes and voxels a strategy that asks for large slices pays more than by slices. \"By mean\": the mean difference is at least minus the \
         margin ({}), which is the star of Fig. 5. \"By interval\": even the lower end of the \
         difference's 95 % interval is. {CROSSED} The margins are ours: the paper states no rule.",
        sweep.tasks().into_iter().map(margin).collect::<Vec<_>>().join(", ")
    )
}

/// Says where each strategy comes within the margin of full annotation.
fn sentence(sweep: &Sweep, task: Task) -> Option<String> {
    let unequal = sweep.unequal_steps(task);
    let unequal = unequal
        .map(|words| format!("Of the minimum labelling cost nothing is said where {words}."));
    let arms = few(sweep, &sweep.strategies());
    let (own, others): (Vec<_>, Vec<_>) = sweep
        .costs
        .iter()
        .filter(|cost| cost.task == task)
        .partition(|cost| arms.contains(&cost.arm));
    let costs = own.into_iter().map(|cost| {
        let name = cost.arm.label();
        match sweep.star(task, &cost.arm) {
            Some(point) => format!(
                "{name} at {} of the slices ({} of the foreground voxels{})",
                percent(point.ratio),
                // Measured, so whole percents say enough.
                share(point.cost.voxel_share, 0),
                sweep.minutes(&point.cost).map_or_else(String::new, |minutes| {
                    format!(", {} minutes of drawing", decimals(minutes, 0))
                })
            ),
            None => format!("{name} at none of its ratios"),
        }
    });
    let more = (!others.is_empty()).then(|| format!("{} others in the table", others.len()));
    let costs: Vec<String> = costs.chain(more).collect();
    let margin = setting(sweep.margin(task));
    let within = (!costs.is_empty()).then(|| {
        format!("Within {margin} of full annotation with as many steps come: {}.", costs.join("; "))
    });
    let sentences: Vec<String> = within.into_iter().chain(unequal).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}
