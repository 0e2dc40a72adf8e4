//! The weights of a cell's last whole round, from its checkpoint or, where that is lost, trained
//! again.
//!
//! All that a training depends on is known: the seeds, and from the records which slices it saw. On a
//! CPU its weights are the same to the bit; a GPU adds some gradients in no fixed order.
//! So a damaged checkpoint costs time and no result: from the newest good one, or from new weights,
//! the rounds since are trained once more, without asking a strategy or scoring anything.

use crate::cell::{CellRun, Observer, annotate};
use crate::error::ExperimentError;
use crate::record::{QueryRecord, RoundRecord};
use crate::training::save_weights;
use slicewise_core::Segmenter;
use std::path::PathBuf;

/// A round that is over, the shared first one among them.
struct Past<'a> {
    checkpoint: PathBuf,
    number: usize,
    /// Annotated before it.
    queries: &'a [QueryRecord],
    /// Steps of it, and of all before it.
    steps: usize,
    trained: usize,
}

impl CellRun<'_> {
    /// Brings `segmenter`, which comes with its seeded weights, to where the rounds in `records`
    /// left it. Returns the checkpoint that holds these weights; without one they are new.
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
                // What is wrong with the newest is of interest; older ones are removed in time.
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
            // The first round's checkpoint belongs to its own cell; others may be writing too.
            return Ok(None);
        }
        save_weights(segmenter, &last.checkpoint)?;
        Ok(Some(last.checkpoint.clone()))
    }

    /// The rounds behind those to come.
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
