//! Whether training had come to rest: the mean training loss along the steps, of full annotation and of
//! the shared first round. There is no table: losses are no records, and a folder may lack them.

use crate::figure::{heading, intervals};
use crate::prelude::*;
use crate::section::{Content, Made, Sweep};
use slicewise_experiment::{ResultsFolder, Run, losses};
use slicewise_figure::{Axes, Curve, Entry, Mark, Panels, SHARED};
use slicewise_metrics::mean_interval;

/// No loss of a network that learns is above this.
const HIGHEST: f64 = 20.0;

pub(crate) fn make(sweep: &Sweep) -> Made {
    let Some(folder) = sweep.root.map(ResultsFolder::new) else { return Ok(None) };
    let axes = |task: Task, arm: Arm| {
        let title = format!("{} · {}", task_title(task), arm.label());
        let curves = vec![Curve::new(SHARED, marks(sweep, &folder, task, &arm))];
        Axes { title, curves, ..Axes::default() }
    };
    let row = |task| [Arm::Full, Arm::First].map(|arm| axes(task, arm));
    let rows = sweep.tasks().into_iter().map(row).collect_vec();
    let drawn = |axes: &Axes| axes.curves.iter().any(|curve| !curve.marks.is_empty());
    if !rows.iter().flatten().any(drawn) {
        return Ok(None);
    }
    let panels = Panels {
        rows,
        x_label: "training steps (% of the run)",
        y_label: "mean training loss",
        limits: 0.0..HIGHEST,
    };
    let name = ("training", "Training loss along the steps");
    let over = intervals(sweep, "points and whiskers: mean and 95 % Student-t interval over runs");
    let entries = [Entry::curve("mean over runs", SHARED)];
    let figure = panels.figure(heading(sweep, name, &over), &entries).captioned(
        "Mean training loss of pieces of a run, from its first step to its last. A curve that still falls at \
         its end says that training had not come to rest. Whether that changes a comparison is for a \
         sweep with more steps to say.",
    );
    Ok(Some(Content::default().drawn([figure])))
}

/// The mean loss at each share of the steps, over the runs of an arm that have as many pieces.
fn marks(sweep: &Sweep, folder: &ResultsFolder, task: Task, arm: &Arm) -> Vec<Mark> {
    let manifest = &sweep.results.manifest;
    let primary = |run: &&Run| run.task == task && manifest.models.first() == Some(&run.model);
    let runs = manifest.runs.iter().filter(primary);
    let mut places: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for run in runs.filter(|run| run.strategy == arm.name()) {
        let mut before = BTreeMap::new();
        for piece in losses::read(folder, run) {
            before.insert(piece.round, piece.steps);
            let steps = before.values().sum::<usize>();
            places.entry(steps).or_default().push(piece.loss);
        }
    }
    let last = places.keys().last().map_or(0.0, |last| *last as f64);
    let finite = places.into_iter().filter(|(_, losses)| losses.iter().all(|l| l.is_finite()));
    let mark = |(steps, losses): (usize, Vec<f64>)| {
        Mark::new(100.0 * steps as f64 / last, mean_interval(&losses))
    };
    finite.map(mark).collect()
}
