//! The round loop of one cell (paper, section 2.2): query → annotate → train → predict → score.
//!
//! A round counts once its record is on disk; its checkpoint is there before. A cell run again
//! goes on after its last whole round (`restore.rs`), and within a round after its last checkpoint
//! (`training.rs`). Checkpoints hold all that training needs, so a cell that was stopped and
//! one that was not write the same records.

use crate::error::ExperimentError;
use crate::evaluation::{agreement, evaluate};
use crate::ledger;
use crate::pictures::{self, pictured_case};
use crate::plan::{Cell, Round, TaskPlan};
use crate::record::{CaseRecord, FIRST, FULL, QueryRecord, RoundRecord, SCHEMA};
use crate::results::{ResultsFolder, make_parent};
use crate::seed;
use crate::segmenter::{Segmenter, TrainingCase};
use crate::training::{RoundTraining, save_weights};
use serde::{Deserialize, Serialize};
use slicewise_data::annotation::{AnnotationError, SliceAnnotation, foreground_voxels};
use slicewise_data::{Case, Part, TaskData};
use slicewise_strategies::{CaseView, Prediction, QueryStrategy, target_slices};
use std::fs;
use std::ops::ControlFlow;
use std::time::Instant;

/// Seconds of one round, kept apart from its record.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// The round's number.
    pub round: usize,
    /// Training steps in it.
    pub steps: usize,
    /// Seconds of training, checkpoints within the round included.
    pub train_s: f64,
    /// Seconds of predicting, scoring and selecting, all cases.
    pub predict_s: f64,
    /// Seconds of writing checkpoints, within the round and after it.
    #[serde(default)]
    pub checkpoint_s: f64,
}

/// Told how a cell goes on.
pub trait Observer {
    /// `done` training steps of the whole cell are behind it. A break saves and stops it.
    fn steps(&mut self, done: usize) -> ControlFlow<()>;

    /// A round's record is on disk.
    fn round(&mut self, record: &RoundRecord, timing: Timing);

    /// Something was found damaged and is being made good; one sentence.
    fn note(&mut self, _text: &str) {}
}

/// One cell, ready to run.
#[derive(Debug, Clone, Copy)]
pub struct CellRun<'a> {
    /// Where records and checkpoints go.
    pub folder: &'a ResultsFolder,
    /// Which cell.
    pub cell: &'a Cell,
    /// Its task's plan.
    pub plan: &'a TaskPlan,
    /// Its task's data.
    pub data: &'a TaskData,
    /// Whether to keep volumes for the figures ([`crate::pictures`]).
    pub pictured: bool,
}

impl CellRun<'_> {
    /// Whether every round of the cell is on disk.
    ///
    /// # Errors
    /// The ledger is malformed.
    pub fn finished(&self) -> Result<bool, ExperimentError> {
        Ok(self.progress()?.1)
    }

    /// Rounds of the cell on disk, and whether they are all.
    ///
    /// # Errors
    /// The ledger is malformed.
    pub fn progress(&self) -> Result<(usize, bool), ExperimentError> {
        let path = self.folder.records(self.cell);
        if !path.exists() {
            return Ok((0, false));
        }
        let records: Vec<RoundRecord> = ledger::read(&path)?.records;
        let rounds = self.plan.rounds(&self.cell.strategy).len();
        let whole = records.len() == rounds || self.stops_after(records.last());
        Ok((records.len(), whole))
    }

    /// Runs all rounds that are not on disk yet. `segmenter` comes with its seeded weights
    /// (child `weights` of the cell's seed).
    ///
    /// # Errors
    /// The model, the strategy or the disk failed; the first round is missing; the ledger is
    /// malformed or of another plan.
    pub fn run(
        &self,
        segmenter: &mut dyn Segmenter,
        observer: &mut dyn Observer,
    ) -> Result<(), ExperimentError> {
        let rounds = self.plan.rounds(&self.cell.strategy);
        let path = self.folder.records(self.cell);
        let (mut records, contents) = ledger::open(&path)?;
        if contents.torn {
            observer.note(&format!(
                "{}: its last line was cut short and is removed; that round is done again",
                path.display()
            ));
        }
        let mut timings = self.open_timings(contents.records.len())?;
        let done = contents.records.len();
        let mut annotation = self.initial();
        for (record, round) in contents.records.iter().zip(&rounds) {
            if record.round != round.number || record.ratio != round.ratio {
                return Err(ExperimentError::Malformed {
                    path,
                    line: Some(record.round + 1),
                    problem: format!(
                        "expected round {} at ratio {}, got round {} at ratio {}",
                        round.number, round.ratio, record.round, record.ratio
                    ),
                });
            }
            annotate(&mut annotation, &record.queries, round.number)?;
        }
        if done >= rounds.len() || self.stops_after(contents.records.last()) {
            self.remove_leftovers(done);
            return Ok(());
        }
        let strategy = match self.cell.strategy.as_str() {
            FIRST | FULL => None,
            name => Some(
                slicewise_strategies::find(name)
                    .map_err(|e| ExperimentError::Plan(e.to_string()))?,
            ),
        };
        let mut from = self.restore(segmenter, &contents.records, observer)?;
        // Not before: they may be the newest that are sound.
        self.remove_leftovers(done);

        let before = match strategy {
            Some(_) => self.plan.steps.first,
            None => 0,
        };
        let mut steps_in_cell: usize = rounds[..done].iter().map(|round| round.steps).sum();
        let pictured = pictured_case(self.data).filter(|_| self.pictured);
        if let Some(case) = pictured {
            pictures::save_case(self.folder, self.cell, case)?;
        }
        let mut mean_p = match contents.records.last() {
            Some(last) => last.mean_p,
            None => self.first_mean_p()?,
        };
        let mut pending = Vec::new();
        if let Some(strategy) = strategy {
            for case in self.part_a() {
                let prediction = self.predict(segmenter, case)?;
                let annotated = annotation.annotated(&case.id).unwrap_or_default();
                pending.push(self.query(strategy, rounds[done], case, &prediction, &annotated)?);
            }
        }
        for (index, round) in rounds.iter().enumerate().skip(done) {
            annotate(&mut annotation, &pending, round.number)?;
            let started = Instant::now();
            let training = RoundTraining {
                folder: self.folder,
                cell: self.cell,
                round: *round,
                checkpoint_every: self.plan.steps.checkpoint_every,
                seed: self.crops(before + steps_in_cell),
                from,
            };
            let annotated = self.annotated(&annotation);
            let cases = self.training_cases(&annotated);
            let trained = training.run(segmenter, &cases, steps_in_cell, observer)?;
            steps_in_cell += round.steps;
            let train_s = started.elapsed().as_secs_f64();

            let started = Instant::now();
            let queries = std::mem::take(&mut pending);
            let mut cases = Vec::new();
            for case in &self.data.cases {
                // Empty for Part B, which is never annotated.
                let annotated = annotation.annotated(&case.id).unwrap_or_default();
                let prediction = self.predict(segmenter, case)?;
                if pictured.is_some_and(|pictured| pictured.id == case.id) {
                    let classes = &self.data.classes;
                    let (folder, cell) = (self.folder, self.cell);
                    pictures::save_round(folder, cell, round.number, case, classes, &prediction)?;
                }
                cases.push(
                    evaluate(
                        case,
                        self.data.task,
                        &self.data.classes,
                        &prediction,
                        &annotated,
                    )
                    .map_err(|error| ExperimentError::Plan(format!("case {}: {error}", case.id)))?,
                );
                if let (Some(strategy), Some(&next), Part::A) =
                    (strategy, rounds.get(index + 1), case.part)
                {
                    pending.push(self.query(strategy, next, case, &prediction, &annotated)?);
                }
            }
            let predict_s = started.elapsed().as_secs_f64();

            let started = Instant::now();
            let weights = self.folder.checkpoint(self.cell, round.number);
            save_weights(segmenter, &weights)?;
            let timing = Timing {
                round: round.number,
                steps: round.steps,
                train_s,
                predict_s,
                checkpoint_s: (trained.saving + started.elapsed()).as_secs_f64(),
            };
            self.list_slices(&annotation)?;
            let mut record =
                self.record(*round, before + steps_in_cell, trained.loss, queries, cases);
            record.converged = record
                .mean_p
                .zip(mean_p)
                .map(|(now, before)| (now - before).abs() < self.plan.stop.sigma);
            mean_p = record.mean_p;
            ledger::append(&mut records, &path, &record)?;
            ledger::append(&mut timings, &self.folder.timings(self.cell), &timing)?;
            self.remove_leftovers(index + 1);
            from = Some(weights);
            observer.round(&record, timing);
            if self.stops_after(Some(&record)) {
                break;
            }
        }
        Ok(())
    }

    /// Whether the plan ends a run at `last`, its last record so far.
    fn stops_after(&self, last: Option<&RoundRecord>) -> bool {
        self.plan.stop.ends_run && last.is_some_and(|record| record.converged == Some(true))
    }

    /// Mean P after the shared first round, which a strategy's own first round is compared with.
    fn first_mean_p(&self) -> Result<Option<f64>, ExperimentError> {
        let Some(first) = self.cell.forks_from() else {
            return Ok(None);
        };
        let path = self.folder.records(&first);
        if !path.exists() {
            return Err(ExperimentError::NoFirstRound { path });
        }
        let records: Vec<RoundRecord> = ledger::read(&path)?.records;
        Ok(records.last().and_then(|record| record.mean_p))
    }

    /// Every n-th slice of each Part A case; all of them in the cell [`FULL`].
    pub(crate) fn initial(&self) -> SliceAnnotation {
        let cases = self
            .part_a()
            .map(|case| (case.id.as_str(), case.labels.voxels.dim().0));
        if self.cell.strategy == FULL {
            SliceAnnotation::all(cases)
        } else {
            SliceAnnotation::every_nth(cases, self.plan.first_every)
        }
    }

    fn part_a(&self) -> impl Iterator<Item = &Case> {
        self.data.cases.iter().filter(|case| case.part == Part::A)
    }

    /// The annotated slices of each Part A case.
    pub(crate) fn annotated(&self, annotation: &SliceAnnotation) -> Vec<Vec<bool>> {
        self.part_a()
            .map(|case| annotation.annotated(&case.id).unwrap_or_default())
            .collect()
    }

    /// Part A as the trainer sees it, with the slices that [`annotated`](Self::annotated) gave.
    pub(crate) fn training_cases<'a>(
        &'a self,
        annotated: &'a [Vec<bool>],
    ) -> Vec<TrainingCase<'a>> {
        self.part_a()
            .zip(annotated)
            .map(|(case, annotated)| TrainingCase::of(case, annotated))
            .collect()
    }

    /// Seed of the crops of a round after `trained` steps. Not named after the strategy: the same
    /// slices trained from the same point are the same training.
    pub(crate) fn crops(&self, trained: usize) -> u64 {
        seed::child(
            self.cell.seed,
            &[self.cell.task.name(), "crops", &trained.to_string()],
        )
    }

    fn predict(
        &self,
        segmenter: &dyn Segmenter,
        case: &Case,
    ) -> Result<Prediction, ExperimentError> {
        segmenter
            .predict(&case.image.voxels)
            .map_err(|source| ExperimentError::Segmenter {
                doing: format!("segmenting case {}", case.id),
                source,
            })
    }

    /// Asks the strategy for the slices that bring `case` to the ratio of `next`.
    fn query(
        &self,
        strategy: &dyn QueryStrategy,
        next: Round,
        case: &Case,
        prediction: &Prediction,
        annotated: &[bool],
    ) -> Result<QueryRecord, ExperimentError> {
        let budget = target_slices(annotated.len(), next.ratio)
            .saturating_sub(annotated.iter().filter(|&&done| done).count());
        let view = CaseView {
            case: &case.id,
            spacing_mm: case.labels.geometry.spacing_mm(),
            agreement: agreement(self.data.task),
            prediction,
            annotated,
        };
        let mut generator = seed::generator(
            self.cell.seed,
            &[
                self.cell.task.name(),
                "query",
                strategy.name(),
                &next.number.to_string(),
                &case.id,
            ],
        );
        let choices = strategy.select(&view, budget, &mut generator)?;
        Ok(QueryRecord {
            case: case.id.clone(),
            slices: choices.iter().map(|choice| choice.slice).collect(),
            scores: choices.iter().map(|choice| choice.score).collect(),
        })
    }

    fn record(
        &self,
        round: Round,
        trained: usize,
        loss: f64,
        queries: Vec<QueryRecord>,
        cases: Vec<CaseRecord>,
    ) -> RoundRecord {
        let mut record = RoundRecord {
            schema: SCHEMA,
            task: self.cell.task,
            model: self.cell.model.clone(),
            strategy: self.cell.strategy.clone(),
            seed: self.cell.seed,
            round: round.number,
            ratio: round.ratio,
            annotated_slices: 0,
            total_slices: 0,
            annotated_foreground_voxels: 0,
            total_foreground_voxels: 0,
            steps: trained as u64,
            loss,
            mean_p: None,
            converged: None,
            queries,
            cases,
        };
        let mut p = Vec::new();
        for (case, scored) in self.data.cases.iter().zip(&record.cases) {
            if case.part == Part::B {
                continue;
            }
            p.extend(scored.p.iter().flatten());
            let drawn = foreground_voxels(&case.labels.voxels);
            for (foreground, &annotated) in drawn.into_iter().zip(&scored.annotated) {
                record.total_slices += 1;
                record.total_foreground_voxels += foreground;
                if annotated {
                    record.annotated_slices += 1;
                    record.annotated_foreground_voxels += foreground;
                }
            }
        }
        record.mean_p = (!p.is_empty()).then(|| p.iter().sum::<f64>() / p.len() as f64);
        record
    }

    /// The slices annotated so far as a list for the annotator, beside the records.
    fn list_slices(&self, annotation: &SliceAnnotation) -> Result<(), ExperimentError> {
        let path = self.folder.annotation(self.cell);
        make_parent(&path)?;
        Ok(annotation.write_csv(&path)?)
    }

    /// Timings follow the records; a line whose record was lost is dropped.
    fn open_timings(&self, rounds: usize) -> Result<fs::File, ExperimentError> {
        let path = self.folder.timings(self.cell);
        make_parent(&path)?;
        let kept: String = match fs::read_to_string(&path) {
            Ok(text) => text.split_inclusive('\n').take(rounds).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(ExperimentError::io(path)(error)),
        };
        fs::write(&path, &kept).map_err(ExperimentError::io(&path))?;
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(ExperimentError::io(&path))
    }
}

pub(crate) fn annotate(
    annotation: &mut SliceAnnotation,
    queries: &[QueryRecord],
    round: usize,
) -> Result<(), AnnotationError> {
    for query in queries {
        for &slice in &query.slices {
            annotation.annotate(&query.case, slice, round)?;
        }
    }
    Ok(())
}
