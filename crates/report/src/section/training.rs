//! Whether training had come to rest: the mean training loss along the steps, of full annotation and of
//! the shared first round, and the Dice of cases that are held out. There is no table: losses are no records, and a folder may lack them.

use crate::figure::{heading, intervals};
use crate::prelude::*;
use crate::section::{Content, Made, Sweep};
use slicewise_experiment::losses::{self, Loss};
use slicewise_experiment::{ResultsFolder, Run};
use slicewise_figure::{Axes, Curve, Entry, Mark, Panels, SHARED};
use slicewise_metrics::mean_interval;

/// No loss of a network that learns is above this.
const HIGHEST: f64 = 20.0;

/// What a piece of training has to show.
type Value = fn(&Loss) -> Option<f64>;

pub(crate) fn make(sweep: &Sweep) -> Made {
    let Some(folder) = sweep.root.map(ResultsFolder::new) else { return Ok(None) };
    let figure = |name, y_label, limits, value: Value, caption| {
        let axes = |task: Task, arm: Arm| {
            let title = format!("{} · {}", task_title(task), arm.label());
            let curves = vec![Curve::new(SHARED, marks(sweep, &folder, (task, &arm), value))];
            Axes { title, curves, ..Axes::default() }
        };
        let row = |task| [Arm::Full, Arm::First].map(|arm| axes(task, arm));
        let rows = sweep.tasks().into_iter().map(row).collect_vec();
        let drawn = |axes: &Axes| axes.curves.iter().any(|curve| !curve.marks.is_empty());
        rows.iter().flatten().any(drawn).then(|| {
            let panels = Panels { rows, x_label: "training steps (% of the run)", y_label, limits };
            let over = "points and whiskers: mean and 95 % Student-t interval over runs";
            let heading = heading(sweep, name, &intervals(sweep, over));
            panels.figure(heading, &[Entry::curve("mean over runs", SHARED)]).captioned(caption)
        })
    };
    let losses = ("training", "Training loss along the steps");
    let held_out = ("held-out", "Dice of held-out cases along the steps");
    let loss = figure(losses, "mean training loss", 0.0..HIGHEST, |piece| Some(piece.loss), LOSS);
    let dice = figure(held_out, "Dice", 0.0..1.0, |piece| piece.held_out_dice, DICE);
    let figures = loss.into_iter().chain(dice).collect_vec();
    Ok((!figures.is_empty()).then(|| Content::default().drawn(figures)))
}

const LOSS: &str = "Mean training loss of pieces of a run, from its first step to its last. A curve that still falls \
    at its end says that training had not come to rest. Whether that matters, more steps would say.";
const DICE: &str = "Mean Dice, after each piece of a run, of the cases that are held out of Part A: neither trained on nor in any \
     other figure or table. A curve that still rises at its end says that training had not come to rest.";

/// The mean value at each share of the steps, over the runs of an arm that have as many pieces.
fn marks(sweep: &Sweep, folder: &ResultsFolder, of: (Task, &Arm), value: Value) -> Vec<Mark> {
    let manifest = &sweep.results.manifest;
    let primary = |run: &&Run| run.task == of.0 && manifest.models.first() == Some(&run.model);
    let mut places: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for run in manifest.runs.iter().filter(primary).filter(|run| run.strategy == of.1.name()) {
        let mut before = BTreeMap::new();
        for piece in losses::read(folder, run) {
            before.insert(piece.round, piece.steps);
            let steps = before.values().sum::<usize>();
            places.entry(steps).or_default().extend(value(&piece));
        }
    }
    let last = places.keys().last().map_or(0.0, |last| *last as f64);
    let finite = |values: &[f64]| !values.is_empty() && values.iter().all(|v| v.is_finite());
    let shown = places.into_iter().filter(|(_, values)| finite(values));
    let at = |steps| 100.0 * steps as f64 / last;
    shown.map(|(steps, values)| Mark::new(at(steps), mean_interval(&values))).collect()
}
