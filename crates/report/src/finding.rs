//! What a sweep shows, in sentences made from its numbers; nothing here is typed in but the
//! paper's own values.
//!
//! Strategies are compared on Part B, paired over seeds: all strategies of a seed share split,
//! first slices and first weights, so the difference within a seed is what a strategy is worth.
//! "Separated" means that the 95 % Student-t interval of that difference leaves out 0.

use crate::agreement::{PrAgreement, Slices};
use crate::curve::{Curves, Point};
use crate::minimum_cost::cost_margin;
use crate::order::{PROPOSED, label, percent, ratio_key};
use crate::paper;
use crate::table::COMPARED_RATIO;
use slicewise_data::{Part, Task};
use slicewise_experiment::record::{FIRST, FULL};
use slicewise_metrics::{Interval, mean_interval};
use std::collections::BTreeMap;

/// The sentences of one task; empty if it has no point on Part B.
pub(crate) fn findings(curves: &Curves, agreements: &[PrAgreement], task: Task) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.extend(full_annotation(curves, task));
    sentences.extend(equal_ratio(curves, task));
    sentences.extend(headline(curves, task));
    sentences.extend(minimum_costs(curves, task));
    sentences.extend(correlation(agreements, task));
    sentences
}

/// `Task 1, brain extraction`.
pub(crate) fn task_title(task: Task) -> String {
    format!("Task {}, {}", task.number(), task.name().replace('-', " "))
}

fn full_annotation(curves: &Curves, task: Task) -> Option<String> {
    let full = curves.full(task, Part::B)?;
    Some(format!(
        "Full annotation reaches a mean Dice of {} on unseen cases.",
        with_interval(full.dice)
    ))
}

/// The best strategy at the largest ratio that most strategies share, against the next.
fn equal_ratio(curves: &Curves, task: Task) -> Option<String> {
    let mut points = points_at_compared_ratio(curves, task);
    if points.len() < 2 {
        return None;
    }
    points.sort_by(|a, b| b.dice.mean.total_cmp(&a.dice.mean));
    let (best, next) = (points[0], points[1]);
    Some(format!(
        "With {} of the slices annotated, {} has the best mean ({:.3}) of {} strategies, {} the \
         next ({:.3}): {}.",
        percent(best.ratio),
        best.strategy,
        best.dice.mean,
        points.len(),
        next.strategy,
        next.dice.mean,
        compared(best, next)
    ))
}

/// Points at the paper's 50 %; else at the largest ratio that the most strategies have.
fn points_at_compared_ratio(curves: &Curves, task: Task) -> Vec<&Point> {
    let mut by_ratio: BTreeMap<u64, Vec<&Point>> = BTreeMap::new();
    for point in curves.panel(task, Part::B) {
        if point.strategy != FULL && point.strategy != FIRST {
            by_ratio
                .entry(ratio_key(point.ratio))
                .or_default()
                .push(point);
        }
    }
    let preferred = by_ratio.get(&ratio_key(COMPARED_RATIO));
    match preferred.filter(|points| points.len() > 1) {
        Some(points) => points.clone(),
        None => by_ratio
            .into_iter()
            .max_by_key(|(ratio, points)| (points.len(), *ratio))
            .map_or_else(Vec::new, |(_, points)| points),
    }
}

/// The paper's claim: attention-guided query at a low ratio is no worse than any rival at 50 %.
fn headline(curves: &Curves, task: Task) -> Option<String> {
    let low = paper::headline_ratio(task);
    let ours = curves.at(task, Part::B, PROPOSED, low)?;
    let rivals = curves.strategies();
    let rival = rivals
        .iter()
        .filter(|name| *name != PROPOSED)
        .filter_map(|name| curves.at(task, Part::B, name, COMPARED_RATIO))
        .max_by(|a, b| a.dice.mean.total_cmp(&b.dice.mean))?;
    let holds = ours.dice.mean >= rival.dice.mean;
    let paper = paper::table_2(PROPOSED, low, task, Part::B)?;
    Some(format!(
        "The paper's claim, that {PROPOSED} query at {} ({paper:.3} there) is no worse than any \
         rival at {}, {} here: {:.3} against {:.3} ({}); {}.",
        percent(low),
        percent(COMPARED_RATIO),
        if holds { "holds" } else { "does not hold" },
        ours.dice.mean,
        rival.dice.mean,
        rival.strategy,
        compared(ours, rival)
    ))
}

/// Difference of `a` from `b` paired over seeds, and whether it is separated from 0.
fn compared(a: &Point, b: &Point) -> String {
    let differences: Vec<f64> = a
        .by_seed
        .iter()
        .filter_map(|(seed, dice)| Some(dice - b.by_seed.get(seed)?))
        .collect();
    if differences.is_empty() {
        return "no seed has both yet".to_owned();
    }
    let difference = mean_interval(&differences);
    let mean = signed(difference.mean);
    match (difference.low, difference.high) {
        (Some(low), Some(high)) => format!(
            "paired over {} seeds the difference is {mean} (95\u{a0}% interval {} to {}), so this \
             sweep {}",
            difference.n,
            signed(low),
            signed(high),
            if low > 0.0 || high < 0.0 {
                "separates the two"
            } else {
                "does not separate the two"
            }
        ),
        _ => format!("a difference of {mean} on a single seed, which separates nothing"),
    }
}

/// Where each strategy comes within the margin of full annotation.
fn minimum_costs(curves: &Curves, task: Task) -> Option<String> {
    curves.full(task, Part::B)?;
    let costs: Vec<String> = curves
        .strategies()
        .iter()
        .filter(|name| !curves.of_strategy(task, Part::B, name).is_empty())
        .map(|name| match curves.minimum_cost(task, name) {
            Some(point) => format!(
                "{name} at {} of the slices ({} of the foreground voxels)",
                percent(point.ratio),
                percent_of_voxels(point)
            ),
            None => format!("{name} at none of its ratios"),
        })
        .collect();
    (!costs.is_empty()).then(|| {
        format!(
            "Within {} of full annotation come: {}.",
            cost_margin(task),
            costs.join("; ")
        )
    })
}

/// Voxel shares are measured, so whole percents say enough.
fn percent_of_voxels(point: &Point) -> String {
    format!("{:.0}\u{a0}%", 100.0 * point.cost.voxel_share)
}

/// P against R at the proposed strategy's last round, else with full annotation.
fn correlation(agreements: &[PrAgreement], task: Task) -> Option<String> {
    let [all, foreground] = [Slices::All, Slices::Foreground].map(|slices| {
        let of_task = agreements
            .iter()
            .filter(|a| a.task == task && a.slices == slices && a.is_pooled_p());
        of_task.max_by_key(|a| {
            let place = [FIRST, FULL, PROPOSED]
                .iter()
                .position(|name| *name == a.strategy);
            (place.map(|place| place + 1), ratio_key(a.ratio))
        })
    });
    let all = all?;
    let of_foreground = foreground
        .filter(|a| a.strategy == all.strategy && ratio_key(a.ratio) == ratio_key(all.ratio))
        .map_or_else(String::new, |a| {
            format!(
                ", {} over slices with foreground only (n = {})",
                with_interval(a.spearman),
                a.n
            )
        });
    Some(format!(
        "P ranks Part B's slices as R does with a coefficient of {} (n = {}){of_foreground}, \
         after {} at {}; the paper shows one sample with {}.",
        with_interval(all.spearman),
        all.n,
        label(&all.strategy),
        percent(all.ratio),
        paper::rank_coefficient(task)
    ))
}

/// `0.843 (0.831 to 0.855)`; the mean alone without an interval.
fn with_interval(interval: Interval) -> String {
    match (interval.low, interval.high) {
        (Some(low), Some(high)) => format!("{:.3} ({low:.3} to {high:.3})", interval.mean),
        _ => format!("{:.3}", interval.mean),
    }
}

/// Three decimals with a sign, as differences are written.
pub(crate) fn signed(value: f64) -> String {
    format!("{value:+.3}").replace('-', "−")
}
