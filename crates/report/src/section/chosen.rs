//! Which slices each strategy chose: a small panel each, a strip a round, along the height of volumes.
//! There is no table: the records have every slice.

use crate::figure::heading;
use crate::format::share;
use crate::prelude::*;
use crate::section::{Content, Made, Sweep};
use slicewise_figure::{Figure, Strips, strips};

/// Parts into which the height of a volume is cut; ten of them share its ends.
const BINS: usize = 40;
/// How many times as often as if chosen evenly the darkest colour says.
const DARKEST: f64 = 4.0;
/// Panels that a figure has room for.
const ROOM: usize = 32;

/// What falls into each part of the height.
type Heights = [f64; BINS];

/// One figure a task, more where strategies are many; none where no slice was asked for.
pub(crate) fn make(sweep: &Sweep) -> Made {
    let figures = sweep.tasks().into_iter().flat_map(|task| of_task(sweep, task));
    Ok(Some(Content::default().drawn(figures)))
}

fn of_task(sweep: &Sweep, task: Task) -> Vec<Figure> {
    let rounds = || sweep.primary().filter(move |round| round.task == task);
    let panels = sweep.strategies().into_iter().filter_map(|arm| {
        let own = rounds().filter(|round| round.arm == arm);
        let heights = own.map(|round| (round, asked_for(round))).filter(|(_, all)| is_any(all));
        let heights = heights.collect_vec();
        let ends = ends(heights.iter().map(|(_, heights)| heights))?;
        let rows = heights.iter().map(|(round, heights)| (percent(round.asked), shades(heights)));
        let note = format!("ends {}", share(ends, 0));
        Some(Strips { title: arm.label().to_owned(), note, rows: rows.collect() })
    });
    let mut panels = panels.peekable();
    let mut pages: Vec<Vec<Strips>> = Vec::new();
    while panels.peek().is_some() {
        let first = shared(rounds());
        let room = ROOM - usize::from(first.is_some());
        pages.push(first.into_iter().chain(panels.by_ref().take(room)).collect());
    }
    let data = sweep.data(task);
    let axis = data.and_then(|data| Some(data.slice_axis(data.part_a.first()?)));
    let (slice, start) = axis.unwrap_or_default().slice_and_start();
    let several = pages.len() > 1;
    let pages = pages.into_iter().enumerate().map(|(page, panels)| {
        let number = if several { format!("-{}", page + 1) } else { String::new() };
        let name = format!("chosen-{}{number}", task.name());
        let title = format!("Which slices each strategy chose · {}", task_title(task));
        let over = "all volumes, runs and seeds together";
        let x = format!("place of the {slice} in its volume, from 0 ({start}) to 1");
        let rows = "rows: rounds, by the share annotated with them · ends: chosen from the first or last tenth \
                    of the volume (even choice: 20 %)";
        let even = 1.0 / DARKEST;
        let scale = [(0.0, "none"), (even, "as if evenly"), (1.0, "4 times as often or more")];
        let heading = heading(sweep, (&name, &title), over);
        let figure = strips(heading, &panels, [&x, rows], &scale);
        figure.captioned(format!(
            "The slices that each strategy asked for, over all Part A volumes, seeds and folds: from left to right \
             the {x}; from above to below the rounds, named by the share of slices that is annotated \
             with them. Dark is often. \"Ends\" is the share of the slices that lies in the first or the last tenth of \
             their volume: even choice has 20 % there. The first panel shows where the foreground of these volumes lies, and \
             below it the first slices, with which all strategies begin."
        ))
    });
    pages.collect()
}

/// Where the foreground of Part A lies, and the first slices; `None` if the first round is not there.
fn shared<'a>(rounds: impl Iterator<Item = &'a Round<'a>>) -> Option<Strips> {
    let first = rounds.filter(|round| round.arm == Arm::First).last()?;
    let (mut foreground, mut slices) = ([0.0; BINS], [0.0; BINS]);
    for case in first.records.iter().flat_map(|record| cases_of(record, Part::A)) {
        for (slice, has_some) in case.foreground.iter().enumerate() {
            // Where records do not know the voxels, slices with foreground count alike.
            let voxels = case.true_voxels.get(slice).map_or(1.0, |voxels| *voxels as f64);
            let weight = if *has_some { voxels } else { 0.0 };
            add(&mut foreground, slice, case.foreground.len(), weight);
        }
        for (slice, _) in case.annotated.iter().enumerate().filter(|(_, annotated)| **annotated) {
            add(&mut slices, slice, case.annotated.len(), 1.0);
        }
    }
    let rows = [("truth".to_owned(), foreground), (percent(first.asked), slices)];
    let rows = rows.into_iter().filter(|(_, heights)| is_any(heights));
    let rows: Vec<_> = rows.map(|(name, heights)| (name, shades(&heights))).collect();
    let title = "foreground, first slices".to_owned();
    (!rows.is_empty()).then_some(Strips { title, note: String::new(), rows })
}

/// The slices that were asked for before a round.
fn asked_for(round: &Round) -> Heights {
    let mut heights = [0.0; BINS];
    for record in &round.records {
        for query in &record.queries {
            let case = cases_of(record, Part::A).find(|case| case.case == query.case);
            let depth = case.map_or(0, |case| case.annotated.len());
            for slice in query.slices.iter().filter(|slice| **slice < depth) {
                add(&mut heights, *slice, depth, 1.0);
            }
        }
    }
    heights
}

/// Adds a slice of a volume of so many: it counts in the parts of the height that it covers, by how
/// much it does, so that thick slices leave no gaps.
fn add(heights: &mut Heights, slice: usize, depth: usize, weight: f64) {
    let edge = |slice: usize| (slice * BINS) as f64 / depth as f64;
    let (low, high) = (edge(slice), edge(slice + 1));
    for (bin, height) in heights.iter_mut().enumerate() {
        let covered = high.min(bin as f64 + 1.0) - low.max(bin as f64);
        if covered > 0.0 {
            *height += weight * covered / (high - low);
        }
    }
}

fn is_any(heights: &Heights) -> bool {
    heights.iter().sum::<f64>() > 0.0
}

/// How dark each part is: 1 where slices lie [`DARKEST`] times as often as if chosen evenly.
fn shades(heights: &Heights) -> Vec<f64> {
    let even = heights.iter().sum::<f64>() / BINS as f64;
    heights.iter().map(|height| height / even / DARKEST).collect()
}

/// The share that lies in the first or the last tenth of the height; `None` of nothing.
fn ends<'h>(rounds: impl Iterator<Item = &'h Heights> + Clone) -> Option<f64> {
    let tenth = BINS / 10;
    let all: f64 = rounds.clone().map(|of| of.iter().sum::<f64>()).sum();
    let inner: f64 = rounds.map(|of| of[tenth..BINS - tenth].iter().sum::<f64>()).sum();
    (all > 0.0).then(|| 1.0 - inner / all)
}
