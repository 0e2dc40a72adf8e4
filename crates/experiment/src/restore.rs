//! Restores the weights of a run's last whole round: from its checkpoint, or, if that is lost, by
//! training again.
//!
//! All that a training depends on is known: the seeds, and from the records the slices it used. On
//! a CPU the second training gives the same weights to the bit; a GPU adds some gradients in no
//! fixed order, so there they differ by rounding. A damaged checkpoint therefore costs time but no
//! result. Training starts from the newest good checkpoint, or from new weights, and repeats the
//! rounds since then. No strategy is queried and nothing is scored.

use crate::error::ExperimentError;
use crate::plan::Run;
use crate::record::{FIRST, QueryRecord, RoundRecord};
use crate::run::{Observer, PreparedRun, annotate};
use crate::steps::Round;
use crate::training::{Weights, save_weights};
use slicewise_core::Segmenter;
use std::ops::Range;
use std::path::Path;

/// A round that has ended. The shared first round counts too.
struct Past<'a> {
    round: Round,
    weights: Weights,
    /// Slices that were annotated before the round.
    queries: &'a [QueryRecord],
    /// Training steps behind the weights that the round started from.
    trained: usize,
}

impl PreparedRun<'_> {
    /// Brings `segmenter` to the weights that the last round in `records` was evaluated with. It must
    /// come with its seeded weights. Returns the checkpoints that hold the restored weights, or `None`
    /// if no round has ended.
    pub(crate) fn restore(
        &self,
        segmenter: &mut dyn Segmenter,
        records: &[RoundRecord],
        observer: &mut dyn Observer,
    ) -> Result<Option<Weights>, ExperimentError> {
        let past = self.past(records)?;
        let Some(last) = past.last() else {
            return Ok(None);
        };
        let mut good = past.len();
        let mut lost = None;
        while good > 0 {
            match segmenter.load(&past[good - 1].weights.next) {
                Ok(()) => break,
                // The newest checkpoint's error is reported. Older checkpoints are removed in the
                // normal course, so their errors say nothing.
                Err(source) => lost = lost.or(Some(source.to_string())),
            }
            good -= 1;
        }
        let mut again: Vec<(&Past, Range<usize>)> = Vec::new();
        for round in &past[good..] {
            again.push((round, 0..round.round.steps));
        }
        let mut further = last.round.steps..last.round.total();
        if lost.is_none() && last.weights.differ() {
            match segmenter.load(&last.weights.evaluated) {
                Ok(()) => further = 0..0,
                Err(source) => {
                    lost = Some(source.to_string());
                    self.load(segmenter, &last.weights.next)?;
                }
            }
        }
        let Some(lost) = lost else {
            return Ok(Some(last.weights.clone()));
        };
        // Written to this run's own checkpoints: the first round's belong to another run, and other
        // runs may be restoring them too.
        let weights = Weights::of(self.folder, self.id, last.round);
        let steps = again.iter().map(|(_, steps)| steps.len()).sum::<usize>() + further.len();
        observer.note(&format!(
            "{}: lost ({lost}); its {steps} steps are trained again, on the same crops",
            self.id
        ));
        for (round, steps) in again {
            self.train_again(segmenter, &past, round, steps, observer)?;
        }
        save_weights(segmenter, &weights.next)?;
        if weights.differ() {
            self.train_again(segmenter, &past, last, further, observer)?;
            save_weights(segmenter, &weights.evaluated)?;
        }
        Ok(Some(weights))
    }

    /// Repeats `steps` of a round that has ended, on the slices that it had.
    fn train_again(
        &self,
        segmenter: &mut dyn Segmenter,
        past: &[Past],
        round: &Past,
        steps: Range<usize>,
        observer: &mut dyn Observer,
    ) -> Result<(), ExperimentError> {
        let mut annotation = self.initial();
        for before in past
            .iter()
            .filter(|past| past.round.number <= round.round.number)
        {
            annotate(&mut annotation, before.queries, before.round.number)?;
        }
        let cases = self.annotated(&annotation);
        let mut stopped = false;
        let trained = segmenter.train(
            &self.training_cases(&cases),
            steps,
            round.round.total(),
            self.crops(round.trained),
            &mut |_, _| {
                let go_on = observer.steps(0);
                stopped = go_on.is_break();
                go_on
            },
        );
        trained.map_err(|source| ExperimentError::Training {
            source,
            checkpoint: None,
        })?;
        if stopped {
            return Err(ExperimentError::Stopped);
        }
        Ok(())
    }

    /// Loads weights that were good before.
    pub(crate) fn load(
        &self,
        segmenter: &mut dyn Segmenter,
        path: &Path,
    ) -> Result<(), ExperimentError> {
        segmenter
            .load(path)
            .map_err(|source| ExperimentError::Segmenter {
                doing: format!("loading {}", path.display()),
                source,
            })
    }

    /// Lists the rounds that have ended, with the shared first round if there is one.
    fn past<'a>(&self, records: &'a [RoundRecord]) -> Result<Vec<Past<'a>>, ExperimentError> {
        let mut past = Vec::new();
        let mut trained = 0;
        let mut push = |run: &Run, round: Round, queries: &'a [QueryRecord]| {
            past.push(Past {
                weights: Weights::of(self.folder, run, round),
                round,
                queries,
                trained,
            });
            trained += round.steps;
        };
        if let Some(first) = self.id.forks_from() {
            if records.is_empty() && !self.folder.records(&first).exists() {
                let path = self.folder.checkpoint(&first, 0);
                return Err(ExperimentError::NoFirstRound { path });
            }
            for round in self.plan.rounds(FIRST) {
                push(&first, round, &[]);
            }
        }
        let rounds = self.plan.rounds(&self.id.strategy);
        for (record, round) in records.iter().zip(rounds) {
            push(self.id, round, &record.queries);
        }
        Ok(past)
    }
}
