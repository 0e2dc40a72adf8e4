//! `slicewise train`, `predict` and `next`.

use super::arguments::{
    AskArguments, ImportArguments, NextArguments, PredictArguments, WhoArguments,
};
use super::work::{Prepared, Work, failure};
use super::{hand, of_run};
use crate::failure::{Failure, Outcome};
use crate::notice::notice;
use anyhow::{Context, anyhow};
use indicatif::HumanDuration;
use slicewise_experiment::run::Timing;
use slicewise_experiment::{Observer, RoundRecord};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time between two lines of progress.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// Whether the training was asked to stop.
static STOP: AtomicBool = AtomicBool::new(false);

/// Says how far the training is.
struct Lines {
    steps: usize,
    started: Instant,
    first: Option<usize>,
    last: Instant,
}

impl Observer for Lines {
    fn steps(&mut self, done: usize) -> ControlFlow<()> {
        let first = *self.first.get_or_insert(done);
        if self.last.elapsed() > LINE_EVERY && done > first {
            self.last = Instant::now();
            let pace = self.started.elapsed().as_secs_f64() / (done - first) as f64;
            let left = Duration::try_from_secs_f64(pace * (self.steps - done) as f64);
            notice(format_args!(
                "step {done} of {}, about {} left",
                self.steps,
                HumanDuration(left.unwrap_or_default())
            ));
        }
        match STOP.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn round(&mut self, _: &RoundRecord, _: Timing) {}

    fn note(&mut self, text: &str) {
        notice(text);
    }
}

/// Trains a model on everything that was drawn.
pub(crate) fn train(arguments: &WhoArguments) -> Outcome {
    let mut work = Work::open(arguments.name.as_deref())?;
    slicewise_project::need_drawn(work.project.state(), "train on").map_err(failure)?;
    let mut prepared = work.prepare()?;
    train_in(&mut work, &mut prepared)
}

fn train_in(work: &mut Work, prepared: &mut Prepared) -> Outcome {
    // A second call is refused, and not needed.
    let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
    let mut lines = Lines {
        steps: work.settings.steps,
        started: Instant::now(),
        first: None,
        last: Instant::now(),
    };
    slicewise_project::train(
        &mut work.project,
        &work.settings,
        &prepared.cases,
        &prepared.model,
        &mut *prepared.segmenter,
        &mut lines,
    )
    .map_err(failure)?;
    let model = work.project.state().newest().context("the model")?;
    println!(
        "model {}: {} steps on {} slices, loss {:.3}",
        model.id, model.steps, model.slices, model.loss
    );
    Ok(())
}

/// Segments all scans with the newest model, or others with the network of a sweep's run.
pub(crate) fn predict(arguments: &PredictArguments) -> Outcome {
    if let Some(results) = &arguments.run {
        return of_run::predict(arguments, &arguments.which, results);
    }
    let mut work = Work::open(arguments.who.name.as_deref())?;
    let mut prepared = work.prepare()?;
    work.load_newest(&mut prepared)?;
    predict_in(&mut work, &prepared)
}

fn predict_in(work: &mut Work, prepared: &Prepared) -> Outcome {
    let model = work.project.state().newest().map(|model| model.id.clone());
    let model = model.context("the model")?;
    let (mut done, all) = (0, prepared.cases.len());
    let mut progress = |case: &str| {
        done += 1;
        notice(format_args!("segmented {case}, {done} of {all}"));
    };
    let Prepared {
        cases, segmenter, ..
    } = prepared;
    slicewise_project::predict(
        &mut work.project,
        cases,
        &model,
        &**segmenter,
        &mut progress,
    )
    .map_err(failure)?;
    println!("predictions/{model}: {all} scans with labels and uncertainty");
    Ok(())
}

/// Imports what came back; then, unless slices are still waiting, trains, segments and asks again.
pub(crate) fn next(arguments: &NextArguments) -> Outcome {
    let who = arguments.who.clone();
    let imported = ImportArguments {
        who: who.clone(),
        ..ImportArguments::default()
    };
    hand::import(&imported)?;
    let mut work = Work::open(who.name.as_deref())?;
    let waiting: usize = work.waiting();
    if waiting > 0 && !arguments.now {
        println!(
            "{waiting} slice(s) wait to be drawn; then `slicewise next` goes on (`--now` goes on without \
             them)"
        );
        return Ok(());
    }
    if work.project.state().slices_drawn() > 0 {
        let mut prepared = work.prepare()?;
        train_in(&mut work, &mut prepared)?;
        predict_in(&mut work, &prepared)?;
    }
    drop(work);
    hand::ask(&AskArguments {
        who,
        slices: arguments.slices,
        ..AskArguments::default()
    })
}

impl Work {
    /// Number of slices that were asked for and not drawn.
    pub(crate) fn waiting(&self) -> usize {
        let state = self.project.state();
        let tasks = state.tasks.iter();
        tasks.map(|task| state.waiting(task).count()).sum()
    }

    /// Loads the weights of the newest model.
    pub(crate) fn load_newest(&self, prepared: &mut Prepared) -> Outcome {
        let newest = self.project.state().newest().ok_or_else(|| {
            Failure::input(anyhow!(
                "expected a model, got none; `slicewise train` makes one"
            ))
        })?;
        let path = slicewise_project::weights(&self.project.folder, &newest.id);
        slicewise_project::load(&mut *prepared.segmenter, &path).map_err(failure)
    }
}
