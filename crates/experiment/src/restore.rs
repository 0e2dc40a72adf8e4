//! Restores the weights of a run's last whole round: from its checkpoint, or, if that is lost, by
//! training again.
//!
//! All that a training depends on is known: the seeds, and from the records the slices it used. On
//! a CPU the second training gives the same weights to the bit; a GPU adds some gradients in no
//! fixed order, so there they differ by rounding. A damaged checkpoint therefore costs time but no
//! result. Training starts from the newest good checkpoint, or from new weights, and repeats the
//! rounds since then. No strategy is queried and nothing is scored.

use crate::cell::{CellRun, Observer, annotate};
use crate::error::ExperimentError;
use crate::record::{QueryRecord, RoundRecord};
use crate::training::save_weights;
use slicewise_core::Segmenter;
use std::path::PathBuf;

/// A round that has ended. The shared first round counts too.
struct Past<'a> {
    checkpoint: PathBuf,
    number: usize,
    /// Slices that were annotated before the round.
    queries: &'a [QueryRecord],
    /// Training steps of the round, and (`trained`) of all rounds before it.
    steps: usize,
    trained: usize,
}

impl CellRun<'_> {
    /// Brings `segmenter` to the state after the rounds in `records`. It must come with its seeded
    /// weights. Returns the checkpoint that holds the restored weights, or `None` if there is none.
    pub(crate) fn restore(
        &self,
        segmenter: &mut dyn Segmenter,
        records: &[RoundRecord],
        observer: &mut dyn Observer,
    ) -> Result<Option<PathBuf>, ExperimentError> {
        let past = self.past(records)?;
        let Some(last) = past.last() else {
            return Ok(None);
        };
        let mut good = past.len();
        let mut lost = None;
        while good > 0 {
            match segmenter.load(&past[good - 1].checkpoint) {
                Ok(()) => break,
                // The newest checkpoint's error is reported. Older checkpoints are removed in the
                // normal course, so their errors say nothing.
                Err(source) => lost = lost.or(Some(source.to_string())),
            }
            good -= 1;
        }
        let Some(lost) = lost else {
            return Ok(Some(last.checkpoint.clone()));
        };
        let again: usize = past[good..].iter().map(|round| round.steps).sum();
        observer.note(&format!(
            "{}: lost ({lost}); its {again} steps are trained again, on the same crops",
            self.cell
        ));
        let mut annotation = self.initial();
        for (index, round) in past.iter().enumerate() {
            annotate(&mut annotation, round.queries, round.number)?;
            if index < good {
                continue;
            }
            let cases = self.annotated(&annotation);
            let mut stopped = false;
            let seed = self.crops(round.trained);
            segmenter
                .train(
                    &self.training_cases(&cases),
                    0..round.steps,
                    round.steps,
                    seed,
                    &mut |_, _| {
                        let go_on = observer.steps(0);
                        stopped = go_on.is_break();
                        go_on
                    },
                )
                .map_err(|source| ExperimentError::Training {
                    source,
                    checkpoint: None,
                })?;
            if stopped {
                return Err(ExperimentError::Stopped);
            }
        }
        if records.is_empty() {
            // The first round's checkpoint belongs to another run, and other runs may be restoring
            // it too, so it is not written here.
            return Ok(None);
        }
        save_weights(segmenter, &last.checkpoint)?;
        Ok(Some(last.checkpoint.clone()))
    }

    /// Lists the rounds that have ended, with the shared first round if there is one.
    fn past<'a>(&self, records: &'a [RoundRecord]) -> Result<Vec<Past<'a>>, ExperimentError> {
        let mut past = Vec::new();
        if let Some(first) = self.cell.forks_from() {
            let checkpoint = self.folder.checkpoint(&first, 0);
            if records.is_empty() && !self.folder.records(&first).exists() {
                return Err(ExperimentError::NoFirstRound { path: checkpoint });
            }
            past.push(Past {
                checkpoint,
                number: 0,
                queries: &[],
                steps: self.plan.steps.first,
                trained: 0,
            });
        }
        let rounds = self.plan.rounds(&self.cell.strategy);
        for (record, round) in records.iter().zip(rounds) {
            let trained = past.iter().map(|round: &Past| round.steps).sum();
            past.push(Past {
                checkpoint: self.folder.checkpoint(self.cell, round.number),
                number: round.number,
                queries: &record.queries,
                steps: round.steps,
                trained,
            });
        }
        Ok(past)
    }
}
