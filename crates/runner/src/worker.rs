//! Executes one run in a process of its own, which has its own random generators and thread count,
//! and whose crash harms no other run. It reports to the sweep on standard output, one JSON object
//! a line. When its standard input closes, because the sweep was told to stop or is gone, or when it is told
//! to end itself, it saves its training and ends.

use crate::command::WorkerArguments;
use crate::config::ExperimentConfig;
use crate::failure::{Failure, Outcome};
use crate::segmenter;
use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use slicewise_core::Segmenter;
use slicewise_data::{Part, TaskData};
use slicewise_experiment::run::Timing;
use slicewise_experiment::{
    Manifest, Observer, PreparedRun, ResultsFolder, RoundRecord, Run, seed,
};
use slicewise_model::{ModelConfig, Pooling};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

/// What a worker reports to the sweep.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Event {
    /// Volumes and network are loaded.
    Ready {
        /// Seconds to predict the first volume, if the sweep asked for it.
        probe_s: Option<f64>,
    },
    /// Training steps of the run done so far.
    Steps(usize),
    /// A round's record is on disk.
    Round {
        /// Annotation ratio of the round, in `(0, 1]`.
        ratio: f64,
        /// Mean training loss over the last quarter of the round's steps.
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
    /// A file was found damaged and is being repaired; one sentence about it.
    Note(String),
}

/// Executes one run of the results folder.
pub(crate) fn run(arguments: &WorkerArguments) -> Outcome {
    watch_input();
    let folder = ResultsFolder::new(&arguments.folder);
    let mut config = ExperimentConfig::read(&folder.config())?;
    slicewise_model::set_threads(config.threads);
    let run = Run {
        task: arguments.task,
        model: arguments.model.clone(),
        strategy: arguments.strategy.clone(),
        seed: arguments.seed,
        fold: arguments.fold,
    };
    if !config.runs().contains(&run) {
        return Err(Failure::input(anyhow!(
            "{}: has no run {run}",
            folder.config().display()
        )));
    }
    config.data.fold = run.fold;
    let definition = config.definition(run.task)?;
    let data = slicewise_data::load_task(run.task, &definition, &config.data, &arguments.cache)
        .map_err(Failure::input)?;
    // The seed does not contain the model's name, so models that differ only in arithmetic or head
    // begin with the same weights.
    let weights = seed::child(run.root_seed(), &[run.task.name(), "weights"]);
    let network = network(&config, &run, &Manifest::read(&folder.manifest())?);
    let mut model = segmenter::build(&config, &network, data.classes.len(), weights)?;
    let probe_s = arguments.time.then(|| probe(&*model, &data)).flatten();
    Reporter.send(&Event::Ready { probe_s });
    let prepared = PreparedRun {
        folder: &folder,
        id: &run,
        plan: &config.tasks[&run.task],
        data: &data,
        pictured: config.pictured(&run),
    };
    Ok(prepared.run(&mut *model, &mut Reporter)?)
}

/// Returns the run's network, with the pooling that was settled when the sweep began. A folder that
/// says nothing about it may be of an older version, which halved every axis.
fn network(config: &ExperimentConfig, run: &Run, manifest: &Manifest) -> ModelConfig {
    let mut network = config.models[&run.model].clone();
    let mut data = manifest.data.iter();
    let held = data
        .find(|data| data.task == run.task)
        .and_then(|data| data.pooling.get(&run.model));
    if let Some(strides) = held {
        network.pooling = Pooling::Strides(strides.clone());
    }
    network
}

/// Returns the seconds of one prediction, which changes nothing. If it fails it will fail again in
/// the run, where the error is reported.
fn probe(model: &dyn Segmenter, data: &TaskData) -> Option<f64> {
    let case = data.cases.first()?;
    let started = Instant::now();
    model.predict(&case.image.voxels).ok()?;
    Some(started.elapsed().as_secs_f64())
}

/// Whether the sweep wants the worker to end.
static STOP: AtomicBool = AtomicBool::new(false);

/// Waits for the end of standard input, on which nothing is ever written, and for signals: a scheduler
/// that takes a job away tells each of its processes to end.
fn watch_input() {
    // Without the handler such a signal would end the worker before it has saved.
    let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
    thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        STOP.store(true, Ordering::Relaxed);
    });
}

struct Reporter;

impl Reporter {
    /// Writes an event. If the sweep is gone nobody reads it; the worker then ends instead of
    /// running unseen.
    fn send(&self, event: &Event) {
        let written = serde_json::to_string(event)
            .map_err(std::io::Error::other)
            .and_then(|line| writeln!(std::io::stdout().lock(), "{line}"));
        if written.is_err() {
            std::process::exit(1);
        }
    }
}

impl Observer for Reporter {
    fn steps(&mut self, done: usize) -> ControlFlow<()> {
        if STOP.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        self.send(&Event::Steps(done));
        ControlFlow::Continue(())
    }

    fn round(&mut self, record: &RoundRecord, timing: Timing) {
        let mean = |part: Part| {
            let dice: Vec<f64> = record
                .cases
                .iter()
                .filter(|case| case.part == part)
                .filter_map(|case| case.mean_dice)
                .collect();
            (!dice.is_empty()).then(|| dice.iter().sum::<f64>() / dice.len() as f64)
        };
        self.send(&Event::Round {
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
        self.send(&Event::Note(text.to_owned()));
    }
}
