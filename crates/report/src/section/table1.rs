//! The paper's Table 1: what each model of the sweep reaches with every slice annotated.
//!
//! `difference` is the model's Dice minus the primary model's, `n` its pairs of case and seed; the
//! paper's value and the difference are given on Part B only.

use crate::observations::{CROSSED, Paired, STRICT, compare};
use crate::paper;
use crate::prelude::*;
use crate::rounds::HALF;
use crate::section::{Column, Content, Format, Grid, Made, Sweep, Table};

/// One model in one task: its longest round of full annotation.
struct ModelRow<'a> {
    round: &'a Round<'a>,
    /// Part A and Part B, where they have a score.
    parts: [Option<Point<'a>>; 2],
    /// Trainable numbers, if the manifest tells.
    parameters: Option<u64>,
    /// The paper's model of the same architecture.
    paper: Option<&'static paper::Model>,
    /// Part B against the primary model; `None` for that model itself, and with other steps.
    against: Option<Paired>,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let models = model_rows(sweep)?;
    let parts = models.iter().flat_map(|row| row.parts.iter().flatten().map(move |p| (row, p)));
    let rows: Vec<(&ModelRow, &Point)> = parts.collect();
    let against =
        |(row, point): &(&ModelRow, &Point)| row.against.filter(|_| point.part == Part::B);
    let frame = Table::of(&rows, "")
        .tidy("task", |r| r.1.task)
        .tidy("part", |r| r.1.part)
        .tidy("model", |r| r.1.model)
        .score(|r| r.1.dice)
        .tidy("parameters", |r| r.0.parameters)
        .tidy("steps", |r| r.1.steps)
        .spread("difference", |r| Some(against(r)?.difference))
        .tidy("p", |r| against(r)?.p)
        .tidy("p_holm", |r| against(r)?.p_holm)
        .tidy("n", |r| Some(against(r)?.difference.n as u64))
        .tidy("paper_model", |r| Some(r.0.paper?.name))
        .tidy("paper", |r| r.0.paper.filter(|_| r.1.part == Part::B)?.dice(r.1.task))
        .frame("table1")?;
    let mut grids = vec![levels(&models)];
    if models.iter().any(|model| model.against.is_some()) {
        grids.push(differences(&models));
    }
    Ok(Some(Content::table(frame, grids)))
}

/// The models by task in the manifest's order; those without a record are left out.
fn model_rows<'a>(sweep: &Sweep<'a>) -> Result<Vec<ModelRow<'a>>> {
    let manifest = &sweep.results.manifest;
    let full = sweep.rounds.iter().filter(|round| round.arm == Arm::Full && round.longest);
    let full = full.collect_vec();
    // Models that were trained for other numbers of steps are not compared.
    let pairs = full.iter().filter_map(|&round| {
        let primary = *full.iter().find(|other| other.primary && other.task == round.task)?;
        (!round.primary && primary.steps == round.steps).then_some([round, primary])
    });
    let compared = compare(&sweep.observations, &pairs.collect_vec(), |round| round.task)?;
    let row = |round: &'a Round<'a>| ModelRow {
        round,
        parts: [Part::A, Part::B].map(|part| sweep.point(round, part)),
        parameters: manifest
            .parameters
            .get(round.model)
            .and_then(|of| of.get(&round.task).copied()),
        // A model's own name is its user's choice, and says nothing.
        paper: sweep.config["models"][round.model]["architecture"].as_str().and_then(paper::model),
        against: compared.iter().find(|of| of.ours.place == round.place).map(|of| of.paired),
    };
    let tasks = manifest.data.iter().map(|data| data.task);
    let of = |task| full.iter().filter(move |round| round.task == task);
    Ok(tasks.flat_map(of).map(|round| row(round)).collect())
}

fn levels(models: &[ModelRow]) -> Grid {
    let how = format!(
        "Mean Dice over cases, then over seeds, {HALF}. Part A: the training volumes; Part B: unseen \
         ones. The paper's value, on other data, is that of its model of the same architecture, which \
         the sweep's configuration names."
    );
    let seeds = |row: &ModelRow| row.parts.iter().flatten().map(|part| part.dice.value.n).max();
    let of_paper = |title, format| Column::new(title, format).under(paper::SOURCE).of_paper();
    let (words, count, value) = (Format::Words, Format::Decimals(0), Format::Decimals(3));
    Table::of(models, how)
        .shown("model", words, |r| r.round.model)
        .shown("task", words, |r| r.round.task)
        .shown("parameters", count, |r| r.parameters)
        .shown("steps", count, |r| r.round.steps)
        .shown("Part A", value, |r| Some(r.parts[0]?.dice.value))
        .shown("Part B", value, |r| Some(r.parts[1]?.dice.value))
        .shown("seeds", count, seeds)
        .shown("cases in A", count, |r| Some(r.parts[0]?.dice.cases))
        .shown("cases in B", count, |r| Some(r.parts[1]?.dice.cases))
        .shown_as(of_paper("paper", value), |r| r.paper?.dice(r.round.task))
        .shown_as(of_paper("paper's model", words), |r| Some(r.paper?.name))
        .grid()
}

/// Each model against the primary one.
fn differences(models: &[ModelRow]) -> Grid {
    let how = format!(
        "The Part B difference is the mean of those on the same case and seed. {CROSSED} {STRICT} Holm's \
         correction is over the models of the task."
    );
    let compared = models.iter().filter_map(|row| Some((row.round, row.against?))).collect_vec();
    let table = Table::of(&compared, how)
        .shown("model", Format::Words, |r| r.0.model)
        .shown("task", Format::Words, |r| r.0.task)
        .paired(|r| r.1);
    let primary = models.first().map_or("", |row| row.round.model);
    Grid { title: format!("Each model minus {primary}"), ..table.grid() }
}
