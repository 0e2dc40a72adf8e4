//! Trains one round in pieces and writes a checkpoint after each. A run that is killed or stopped
//! continues after the last checkpoint and reaches the same weights. (A GPU adds some gradients in
//! no fixed order, so there the weights differ by rounding.)
//!
//! The weights are written first, then the small file that says how far they are; then the weights
//! of the previous piece are removed. So there is one good pair of files at any moment.

use crate::error::ExperimentError;
use crate::evaluation::volume_dice;
use crate::folder::{ResultsFolder, json, make_parent, replace};
use crate::ledger;
use crate::losses::Loss;
use crate::plan::Run;
use crate::query::segmented;
use crate::run::Observer;
use crate::steps::Round;
use serde::{Deserialize, Serialize};
use slicewise_core::{Case, Segmenter, TrainingCase, Wanted};
use slicewise_metrics::mean_dice;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Progress of a round's training, as written to disk.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    /// Number of the round's steps done.
    steps: usize,
    /// Sum of the losses so far over the last quarter of the round's steps.
    loss_sum: f64,
}

/// Checkpoints of the weights of a round, or of the first round that a run continues from.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    /// Those that the next round continues from.
    pub(crate) next: PathBuf,
    /// Those that the round is evaluated with; the same file if they had no further steps.
    pub(crate) evaluated: PathBuf,
}

impl Weights {
    /// Names the checkpoints of `round` of `run`.
    pub(crate) fn of(folder: &ResultsFolder, run: &Run, round: Round) -> Self {
        let next = folder.checkpoint(run, round.number);
        let evaluated = match round.evaluation_steps {
            0 => next.clone(),
            _ => folder.evaluated_checkpoint(run, round.number),
        };
        Self { next, evaluated }
    }

    /// Whether the round was evaluated with other weights than the next one continues from.
    pub(crate) fn differ(&self) -> bool {
        self.next != self.evaluated
    }
}

/// One round of one run with all that its training needs.
#[derive(Debug)]
pub struct RoundTraining<'a> {
    /// The folder for checkpoints.
    pub folder: &'a ResultsFolder,
    /// Which run it is.
    pub run: &'a Run,
    /// The round.
    pub round: Round,
    /// Number of steps between two checkpoints.
    pub checkpoint_every: usize,
    /// Seed of the crops.
    pub seed: u64,
    /// The checkpoint of the weights that the round starts with; `None` for new weights.
    pub from: Option<PathBuf>,
    /// Cases whose Dice is noted after each piece, with the loss.
    pub held_out: &'a [Case],
    /// Number of classes.
    pub classes: usize,
}

/// Result of training one round.
#[derive(Debug, Clone, Copy)]
pub struct Trained {
    /// Mean loss over the last quarter of the round's steps.
    pub loss: f64,
    /// Time spent on writing checkpoints within the round.
    pub saving: Duration,
}

impl RoundTraining<'_> {
    /// Trains what is left of the round, until its end or until `observer` breaks. `before` is the
    /// number of the run's steps before this round; `observer` receives the sum of these and the
    /// round's steps done.
    ///
    /// # Errors
    /// The training or the disk failed. If `observer` breaks, the training is saved and the error
    /// is [`ExperimentError::Stopped`].
    pub fn run(
        &self,
        segmenter: &mut dyn Segmenter,
        cases: &[TrainingCase],
        before: usize,
        observer: &mut dyn Observer,
    ) -> Result<Trained, ExperimentError> {
        let steps = self.round.total();
        let last_quarter = steps - steps.div_ceil(4);
        let mut done = self.resume(segmenter, observer);
        let mut stopped = false;
        let mut saving = Duration::ZERO;
        let path = self.folder.losses(self.run);
        make_parent(&path)?;
        let mut losses = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(ExperimentError::io(&path))?;
        while done.steps < steps {
            let mut until = (done.steps + self.checkpoint_every).min(steps);
            if done.steps < self.round.steps {
                until = until.min(self.round.steps);
            }
            let last = done.steps;
            let mut piece = 0.0;
            segmenter
                .train(cases, last..until, steps, self.seed, &mut |step, loss| {
                    done.steps = step;
                    piece += loss;
                    if step > last_quarter {
                        done.loss_sum += loss;
                    }
                    let go_on = observer.steps(before + step);
                    stopped = go_on.is_break();
                    go_on
                })
                .map_err(|source| ExperimentError::Training {
                    source,
                    checkpoint: match last {
                        0 => self.from.clone(),
                        step => Some(self.folder.step_checkpoint(
                            self.run,
                            self.round.number,
                            step,
                        )),
                    },
                })?;
            let started = Instant::now();
            let loss = Loss {
                round: self.round.number,
                steps: done.steps,
                loss: piece / (done.steps - last).max(1) as f64,
                held_out_dice: self.held_out_dice(segmenter)?,
            };
            ledger::append(&mut losses, &path, &loss)?;
            if done.steps == self.round.steps && self.round.evaluation_steps > 0 {
                let next = self.folder.checkpoint(self.run, self.round.number);
                save_weights(segmenter, &next)?;
                saving += started.elapsed();
            }
            if stopped || done.steps < steps {
                let started = Instant::now();
                self.save(segmenter, done, last)?;
                saving += started.elapsed();
            }
            if stopped {
                return Err(ExperimentError::Stopped);
            }
        }
        Ok(Trained {
            loss: done.loss_sum / (steps - last_quarter).max(1) as f64,
            saving,
        })
    }

    /// Returns the mean Dice of the cases that are held out, `None` if there are none.
    fn held_out_dice(&self, segmenter: &mut dyn Segmenter) -> Result<Option<f64>, ExperimentError> {
        let mut scores = Vec::new();
        for case in self.held_out {
            let prediction = segmented(segmenter, case, Wanted::default())?;
            let dice = volume_dice(case, prediction.sr1, self.classes);
            scores.push(
                dice.map_err(|error| ExperimentError::Plan(format!("case {}: {error}", case.id)))?,
            );
        }
        Ok(mean_dice(&scores))
    }

    /// Loads the round's last checkpoint. If there is no good one, the round starts over.
    fn resume(&self, segmenter: &mut dyn Segmenter, observer: &mut dyn Observer) -> Progress {
        let number = self.round.number;
        let path = self.folder.training(self.run, number);
        let Ok(text) = fs::read_to_string(&path) else {
            return Progress::default();
        };
        let good = match serde_json::from_str::<Progress>(&text) {
            Ok(progress) if progress.steps <= self.round.total() => {
                let weights = self
                    .folder
                    .step_checkpoint(self.run, number, progress.steps);
                let loaded = segmenter.load(&weights);
                loaded.map(|()| progress).map_err(|error| error.to_string())
            }
            Ok(progress) => Err(format!(
                "{}: expected at most {} steps, got {}",
                path.display(),
                self.round.total(),
                progress.steps
            )),
            Err(error) => Err(format!("{}: {error}", path.display())),
        };
        good.unwrap_or_else(|lost| {
            observer.note(&format!(
                "{}: lost ({lost}); round {number} is trained from its start, on the same crops",
                self.run
            ));
            Progress::default()
        })
    }

    fn save(
        &self,
        segmenter: &dyn Segmenter,
        progress: Progress,
        before: usize,
    ) -> Result<(), ExperimentError> {
        let number = self.round.number;
        let weights = self
            .folder
            .step_checkpoint(self.run, number, progress.steps);
        save_weights(segmenter, &weights)?;
        let path = self.folder.training(self.run, number);
        replace(&path, &json(&path, &progress)?)?;
        if before != progress.steps {
            self.forget(before);
        }
        Ok(())
    }

    /// Removes weights that newer ones replace. What is left once the round is over goes with
    /// [`remove_leftovers`](crate::PreparedRun::remove_leftovers).
    fn forget(&self, step: usize) {
        let number = self.round.number;
        let _ = fs::remove_file(self.folder.step_checkpoint(self.run, number, step));
    }
}

/// Writes a checkpoint of `segmenter` to `path`, and makes its folder.
///
/// # Errors
/// The checkpoint cannot be written.
pub fn save_weights(segmenter: &dyn Segmenter, path: &Path) -> Result<(), ExperimentError> {
    make_parent(path)?;
    segmenter
        .save(path)
        .map_err(|source| ExperimentError::Segmenter {
            doing: "saving weights".to_owned(),
            source,
        })
}
