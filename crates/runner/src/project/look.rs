//! `slicewise status` and `log`: what a project is, and what happened.

use super::arguments::{LogArguments, StatusArguments};
use super::file::ProjectFile;
use crate::failure::{Failure, Outcome};
use anyhow::Context;
use serde::Serialize;
use slicewise_project::{Agreement, Event, History, Line, ProjectFolder, State, between_people};
use std::collections::BTreeMap;

/// What `status` says.
#[derive(Debug, Serialize)]
struct Status {
    project: String,
    scans: usize,
    slices: usize,
    drawn: usize,
    waiting: BTreeMap<String, usize>,
    minutes_left: f64,
    measured_minutes_per_slice: Option<f64>,
    models: Vec<ModelStatus>,
    /// Slices that several people drew, and the mean Dice between them.
    drawn_by_several: usize,
    dice_between_people: Option<f64>,
}

#[derive(Debug, Serialize)]
struct ModelStatus {
    model: String,
    slices: usize,
    steps: usize,
    predicted: bool,
    /// Mean Dice of its drafts with slices that were drawn since, and how many.
    draft_dice: Option<f64>,
    draft_slices: usize,
}

fn read() -> Outcome<(ProjectFolder, ProjectFile, Vec<Line>)> {
    let here = std::env::current_dir().context("the working directory")?;
    let folder = ProjectFolder::find(&here).map_err(Failure::input)?;
    let file = ProjectFile::read(&folder)?;
    let lines = History::read(&folder.history()).map_err(Failure::input)?;
    Ok((folder, file, lines))
}

/// Says what was drawn, what waits, how long that takes and how good the model is.
pub(crate) fn status(arguments: &StatusArguments) -> Outcome {
    let (folder, file, lines) = read()?;
    let state = State::of(&lines);
    let people = between_people(&folder, &state).map_err(Failure::input)?;
    let status = status_of(&file, &state, people);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(());
    }
    let share = 100.0 * status.drawn as f64 / status.slices.max(1) as f64;
    println!("{} in {}", status.project, folder.root().display());
    println!(
        "drawn     {} of {} slices ({share:.1} %) in {} scans",
        status.drawn, status.slices, status.scans
    );
    let waiting: usize = status.waiting.values().sum();
    let how = match status.measured_minutes_per_slice {
        Some(minutes) => format!("{minutes:.1} minutes a slice, as measured"),
        None => format!(
            "{} minutes a slice, an assumption",
            file.ask.minutes_per_slice
        ),
    };
    match waiting {
        0 => println!("waiting   none; `slicewise ask` or `slicewise next` asks for more"),
        _ => println!(
            "waiting   {waiting} slices, about {:.1} hours ({how})",
            status.minutes_left / 60.0
        ),
    }
    for (task, count) in status.waiting.iter().filter(|(_, count)| **count > 0) {
        println!("            tasks/{task}: {count}");
    }
    for model in &status.models {
        let agreement = match model.draft_dice {
            Some(dice) => format!(
                "its drafts agree by Dice {dice:.3} with {} slices drawn since",
                model.draft_slices
            ),
            None => "nothing drawn since that says how good it is".to_owned(),
        };
        println!(
            "model     {}: {} slices; {agreement}",
            model.model, model.slices
        );
    }
    if let Some(dice) = status.dice_between_people {
        println!(
            "people    agree by Dice {dice:.3} on {} slices that several drew",
            status.drawn_by_several
        );
    }
    if status.models.is_empty() {
        println!("model     none yet");
    }
    Ok(())
}

fn status_of(file: &ProjectFile, state: &State, people: Agreement) -> Status {
    let waiting: BTreeMap<String, usize> = state
        .tasks
        .iter()
        .map(|task| (task.name.clone(), state.waiting(task).count()))
        .collect();
    let measured = state.seconds_per_slice().map(|seconds| seconds / 60.0);
    let minutes = measured.unwrap_or(file.ask.minutes_per_slice);
    let models = state.models.iter().map(|model| {
        let dice = &model.draft_dice;
        ModelStatus {
            model: model.id.clone(),
            slices: model.slices,
            steps: model.steps,
            predicted: model.predicted,
            draft_dice: (!dice.is_empty()).then(|| dice.iter().sum::<f64>() / dice.len() as f64),
            draft_slices: dice.len(),
        }
    });
    Status {
        project: file.name.name().to_owned(),
        scans: state.scans.len(),
        slices: state.scans.values().map(|scan| scan.shape[0]).sum(),
        drawn: state.slices_drawn(),
        minutes_left: minutes * waiting.values().sum::<usize>() as f64,
        waiting,
        measured_minutes_per_slice: measured,
        models: models.collect(),
        drawn_by_several: people.slices,
        dice_between_people: people.dice,
    }
}

/// Prints what happened, a line an event.
pub(crate) fn log(arguments: &LogArguments) -> Outcome {
    let (_, _, lines) = read()?;
    for line in &lines {
        if arguments.json {
            println!("{}", serde_json::to_string(line)?);
        } else {
            println!("{}  {:<10}  {}", line.time, line.who, words(&line.event));
        }
    }
    Ok(())
}

/// Puts an event into words.
fn words(event: &Event) -> String {
    let list = |slices: &[usize]| {
        let numbers: Vec<String> = slices.iter().map(ToString::to_string).collect();
        numbers.join(", ")
    };
    match event {
        Event::Init { classes } => format!("began with the classes {}", classes.join(", ")),
        Event::Scans { scans } => {
            let cases: Vec<&str> = scans.iter().map(|scan| scan.case.as_str()).collect();
            format!("scans joined: {}", cases.join(", "))
        }
        Event::Ask {
            task,
            strategy,
            slices,
            ..
        } => format!(
            "asked for {} slices by {strategy}: tasks/{task}",
            slices.len()
        ),
        Event::Submit { case, name, .. } => format!("{case}: {name} came back"),
        Event::Accept {
            case,
            annotator,
            slices,
            ..
        } => format!("{case}: accepted of {annotator} slices {}", list(slices)),
        Event::Refuse { case, problem, .. } => format!("{case}: refused: {problem}"),
        Event::Retract {
            case,
            slice,
            annotator,
        } => {
            let whose = annotator.as_deref().unwrap_or("everybody");
            format!("{case}: took back slice {slice} of {whose}")
        }
        Event::Train {
            model,
            steps,
            slices,
            loss,
        } => format!("trained model {model}: {steps} steps on {slices} slices, loss {loss:.3}"),
        Event::Predict { model } => format!("segmented all scans with model {model}"),
        Event::Export { kind, out, .. } => format!("exported {kind} to {}", out.display()),
    }
}
