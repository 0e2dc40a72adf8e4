//! The paper's Table 1: what each model of the sweep reaches with every slice annotated.
//!
//! `task,part,model,mean,ci_low,ci_high,seeds,cases,parameters,steps,difference,difference_low,
//! difference_high,p,p_holm,n,paper_model,paper`: `difference` is the model's
//! Dice minus the primary model's, `n` its pairs of case and seed; the paper's value and the
//! difference are given on Part B only.

use crate::arm::Arm;
use crate::config::setting;
use crate::error::ReportError;
use crate::frame::Columns;
use crate::grid::{Column, Format, Grid};
use crate::paired::{CROSSED, Paired, compare};
use crate::paper;
use crate::rounds::{HALF, Point, Round, part_name};
use crate::section::{Content, Made};
use crate::sweep::Sweep;
use slicewise_data::{Part, Task};

/// One model in one task.
struct ModelRow<'a> {
    task: Task,
    model: &'a str,
    /// Part A and Part B, where they have a score.
    parts: [Option<Point>; 2],
    /// Trainable numbers, if the manifest tells.
    parameters: Option<u64>,
    /// Training steps; the most of full annotation.
    steps: u64,
    /// The paper's model of the same architecture.
    paper: Option<&'static paper::Model>,
    /// Part B against the primary model; `None` for that model itself, and with other steps.
    against: Option<Paired>,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let models = model_rows(sweep)?;
    let parts =
        models.iter().flat_map(|model| model.parts.iter().flatten().map(move |p| (model, p)));
    let rows: Vec<(&ModelRow, &Point)> = parts.collect();
    let against = |row: &(&ModelRow, &Point)| {
        row.0.against.as_ref().filter(|_| row.1.part == Part::B).cloned()
    };
    let frame = Columns::of(&rows)
        .task(|r| r.0.task)
        .text("part", |r| part_name(r.1.part))
        .text("model", |r| r.0.model)
        .score(|r| &r.1.dice)
        .maybe_large("parameters", |r| r.0.parameters)
        .maybe_large("steps", |r| Some(r.0.steps))
        .spread("difference", |r| Some(against(r)?.difference))
        .maybe("p", |r| against(r)?.p)
        .maybe("p_holm", |r| against(r)?.p_holm)
        .maybe_large("n", |r| Some(against(r)?.difference.n as u64))
        .maybe_text("paper_model", |r| Some(r.0.paper?.name))
        .maybe("paper", |r| r.0.paper.filter(|_| r.1.part == Part::B)?.dice(r.0.task))
        .frame("table1")?;
    let mut grids = vec![levels(&models)];
    if models.iter().any(|model| model.against.is_some()) {
        grids.push(differences(&models));
    }
    Ok(Some(Content::table(frame, grids)))
}

/// The models by task in the manifest's order; those without a record are left out.
fn model_rows<'a>(sweep: &'a Sweep) -> Result<Vec<ModelRow<'a>>, ReportError> {
    let manifest = &sweep.results.manifest;
    let full = |round: &&Round| round.arm == Arm::Full && round.longest;
    let full: Vec<&Round> = sweep.rounds.iter().filter(full).collect();
    // Models that were trained for other numbers of steps are not compared.
    let pairs = full.iter().filter_map(|round| {
        let primary = full.iter().find(|other| other.primary && other.task == round.task)?;
        let alike = !round.primary && primary.steps == round.steps;
        alike.then_some((*round, (round.place, primary.place)))
    });
    let compared = compare(&sweep.observations, pairs.collect(), |round| round.task)?;
    let row = |round: &&'a Round<'a>| ModelRow {
        task: round.task,
        model: round.model,
        parts: [Part::A, Part::B].map(|part| sweep.point(round, part)),
        parameters: manifest
            .parameters
            .get(round.model)
            .and_then(|tasks| tasks.get(&round.task))
            .copied(),
        steps: round.steps,
        paper: architecture(sweep, round.model).and_then(paper::model),
        against: compared.iter().find(|(of, _)| of.place == round.place).map(|(_, p)| p.clone()),
    };
    let tasks = manifest.data.iter().map(|data| data.task);
    let of = |task: Task| full.iter().filter(move |round| round.task == task);
    Ok(tasks.flat_map(of).map(row).collect())
}

/// The architecture of a model, as the resolved configuration names it; a model's own name is its
/// user's choice, and says nothing.
fn architecture<'a>(sweep: &Sweep<'a>, model: &str) -> Option<&'a str> {
    setting(&sweep.results.config, &["models", model, "architecture"])
}

fn levels(models: &[ModelRow]) -> Grid {
    let how = format!(
        "Mean Dice over cases, then over seeds, {HALF}. Part A: the training volumes; Part B: unseen \
         ones. The paper's value, on other data, is that of its model of the same architecture, which \
         the sweep's configuration names."
    );
    let dice = |row: &ModelRow, part: usize| Some(row.parts[part].as_ref()?.dice.value);
    let cases = |row: &ModelRow, part: usize| Some(row.parts[part].as_ref()?.dice.cases);
    let seeds = |row: &ModelRow| row.parts.iter().flatten().map(|part| part.dice.value.n).max();
    let of_paper = |title, format| Column::new(title, format).under(paper::SOURCE).of_paper();
    let (words, count, value) = (Format::Words, Format::Decimals(0), Format::Decimals(3));
    Grid::of(models, how)
        .column("model", words, |r| r.model)
        .column("task", words, |r| r.task.label())
        .column("parameters", count, |r| r.parameters.map(|n| n as f64))
        .column("steps", count, |r| r.steps as f64)
        .column("Part A", value, |r| dice(r, 0))
        .column("Part B", value, |r| dice(r, 1))
        .column("seeds", count, seeds)
        .column("cases in A", count, |r| cases(r, 0))
        .column("cases in B", count, |r| cases(r, 1))
        .with(of_paper("paper", value), |r| r.paper?.dice(r.task))
        .with(of_paper("paper's model", words), |r| Some(r.paper?.name))
        .grid()
}

/// Each model against the primary one.
fn differences(models: &[ModelRow]) -> Grid {
    let how = format!(
        "The Part B difference is the mean of those on the same case and seed. {CROSSED} Holm's \
         correction is over the models of the task."
    );
    let compared = models.iter().filter_map(|row| Some((row, row.against.as_ref()?)));
    let compared: Vec<(&ModelRow, &Paired)> = compared.collect();
    let grid = Grid::of(&compared, how)
        .column("model", Format::Words, |r| r.0.model)
        .column("task", Format::Words, |r| r.0.task.label())
        .paired(|r| r.1);
    let primary = models.first().map_or("", |row| row.model);
    Grid { title: format!("Each model minus {primary}"), ..grid.grid() }
}
