//! One cell in a process of its own: its own generators, its own thread count, and a crash that
//! takes nothing else with it. Speaks one JSON object a line on standard output. When its standard
//! input ends, because the sweep was told to stop or is gone, it saves its training and ends too.

use crate::command::CellArguments;
use crate::config::ExperimentConfig;
use crate::failure::{Failure, Outcome};
use crate::segmenter;
use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use slicewise_data::{Part, TaskData};
use slicewise_experiment::cell::Timing;
use slicewise_experiment::{Cell, CellRun, Observer, ResultsFolder, RoundRecord, Segmenter, seed};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

/// What a worker tells the sweep.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Event {
    /// Volumes and network are there.
    Ready {
        /// Seconds of predicting the first volume, where the sweep wanted to know.
        probe_s: Option<f64>,
    },
    /// Training steps of the cell done so far.
    Steps(usize),
    /// A round is on disk.
    Round {
        /// Its ratio.
        ratio: f64,
        /// Mean training loss of its end.
        loss: f64,
        /// Mean Dice over Part A.
        dice_a: Option<f64>,
        /// Mean Dice over Part B.
        dice_b: Option<f64>,
        /// Seconds of training.
        train_s: f64,
        /// Seconds of predicting, scoring and selecting.
        predict_s: f64,
        /// Seconds of writing checkpoints.
        saving: f64,
    },
    /// Something was found damaged and is being made good; one sentence.
    Note(String),
}

/// Runs one cell of the results folder.
pub(crate) fn run(arguments: &CellArguments) -> Outcome {
    watch_input();
    let folder = ResultsFolder::new(&arguments.folder);
    let config = ExperimentConfig::read(&folder.config())?;
    slicewise_model::set_threads(config.threads);
    let cell = Cell {
        task: arguments.task,
        model: arguments.model.clone(),
        strategy: arguments.strategy.clone(),
        seed: arguments.seed,
    };
    if !config.cells().contains(&cell) {
        return Err(Failure::input(anyhow!(
            "{}: has no cell {cell}",
            folder.config().display()
        )));
    }
    let data = slicewise_data::load_task(cell.task, &config.data, &arguments.cache)
        .map_err(Failure::input)?;
    // Not named after the model: what differs in arithmetic or head alone begins with the same ones.
    let weights = seed::child(cell.seed, &[cell.task.name(), "weights"]);
    let mut model = segmenter::build(&config, &cell.model, data.classes.len(), weights)?;
    let probe_s = arguments.time.then(|| probe(&model, &data)).flatten();
    Speaker.say(&Event::Ready { probe_s });
    let run = CellRun {
        folder: &folder,
        cell: &cell,
        plan: &config.tasks[&cell.task],
        data: &data,
        pictured: config.pictured(&cell),
    };
    Ok(run.run(&mut model, &mut Speaker)?)
}

/// Seconds of a prediction; it changes nothing. One that fails does so again where it matters.
fn probe(model: &TchSegmenter, data: &TaskData) -> Option<f64> {
    let case = data.cases.first()?;
    let started = Instant::now();
    model.predict(&case.image.voxels).ok()?;
    Some(started.elapsed().as_secs_f64())
}

/// Whether the sweep wants the worker to end.
static STOP: AtomicBool = AtomicBool::new(false);

/// Watches standard input, on which nothing is ever written, for its end.
fn watch_input() {
    thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        STOP.store(true, Ordering::Relaxed);
    });
}

struct Speaker;

impl Speaker {
    /// A sweep that is gone does not read; its worker ends rather than run on unseen.
    fn say(&self, event: &Event) {
        let said = serde_json::to_string(event)
            .map_err(std::io::Error::other)
            .and_then(|line| writeln!(std::io::stdout().lock(), "{line}"));
        if said.is_err() {
            std::process::exit(1);
        }
    }
}

impl Observer for Speaker {
    fn steps(&mut self, done: usize) -> ControlFlow<()> {
        if STOP.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        self.say(&Event::Steps(done));
        ControlFlow::Continue(())
    }

    fn round(&mut self, record: &RoundRecord, timing: Timing) {
        let mean = |part: Part| {
            let dice: Vec<f64> = record
                .cases
                .iter()
                .filter(|case| case.part == part)
                .map(|case| case.mean_dice)
                .collect();
            (!dice.is_empty()).then(|| dice.iter().sum::<f64>() / dice.len() as f64)
        };
        self.say(&Event::Round {
            ratio: record.ratio,
            loss: record.loss,
            dice_a: mean(Part::A),
            dice_b: mean(Part::B),
            train_s: timing.train_s,
            predict_s: timing.predict_s,
            saving: timing.checkpoint_s,
        });
    }

    fn note(&mut self, text: &str) {
        self.say(&Event::Note(text.to_owned()));
    }
}
