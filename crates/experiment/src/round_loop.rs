//! The round loop of one run (paper, section 2.2): query, annotate, train, predict, score.
//!
//! A round counts once its record is on disk; its checkpoint is written before. A run that is
//! started again continues after its last whole round (`restore.rs`), and within a round after its
//! last checkpoint (`training.rs`). Checkpoints hold all that training needs, so a run that was
//! interrupted writes the same records as one that was not.

use crate::asked::{Asked, StrategyPlan};
use crate::chosen::Chosen;
use crate::error::ExperimentError;
use crate::evaluation::evaluate;
use crate::folder::make_parent;
use crate::holder::{Holder, Taken};
use crate::ledger;
use crate::pictures::{self, pictured_case};
use crate::query::Query;
use crate::record::{CaseRecord, RoundRecord};
use crate::run::{Observer, PreparedRun, Timing, annotate};
use crate::steps::Round;
use crate::training::{RoundTraining, Trained, Weights, save_weights};
use slicewise_core::{Case, Part, Prediction, Segmenter};
use slicewise_data::SliceAnnotation;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

impl PreparedRun<'_> {
    /// Executes all rounds that are not on disk yet. `segmenter` must come with its seeded weights
    /// (the child seed `weights` of the run's seed).
    ///
    /// # Errors
    /// The model, the strategy or the disk failed; the first round is missing; the ledger is
    /// malformed or belongs to another plan.
    pub fn run(
        &self,
        segmenter: &mut dyn Segmenter,
        observer: &mut dyn Observer,
    ) -> Result<(), ExperimentError> {
        let holder = self.hold()?;
        let mut observer = Holding {
            holder: &holder,
            observer,
        };
        match RoundLoop::resume(self, segmenter, &mut observer, &holder)? {
            Some(rounds) => rounds.run(),
            None => Ok(()),
        }
    }

    /// Takes the run for this process.
    fn hold(&self) -> Result<Holder, ExperimentError> {
        let path = self.folder.holder(self.id);
        make_parent(&path)?;
        match Holder::take(&path)? {
            Taken::Ours { holder, .. } => Ok(holder),
            Taken::Theirs(holder) => Err(ExperimentError::InUse {
                path: self.folder.records(self.id),
                holder,
            }),
        }
    }
}

/// Passes progress on, notes it for whoever looks at the run, and stops the run if another process has
/// taken it over.
struct Holding<'a> {
    holder: &'a Holder,
    observer: &'a mut dyn Observer,
}

impl Observer for Holding<'_> {
    fn steps(&mut self, done: usize) -> ControlFlow<()> {
        self.holder.note_steps(done);
        if self.holder.is_lost() {
            return ControlFlow::Break(());
        }
        self.observer.steps(done)
    }

    fn round(&mut self, record: &RoundRecord, timing: Timing) {
        self.observer.round(record, timing);
    }

    fn note(&mut self, text: &str) {
        self.observer.note(text);
    }
}

/// A run between two rounds.
pub(crate) struct RoundLoop<'a> {
    run: &'a PreparedRun<'a>,
    segmenter: &'a mut dyn Segmenter,
    observer: &'a mut dyn Observer,
    /// Keeps other processes from the run.
    holder: &'a Holder,
    /// The strategy that is queried, and how; `None` for the first round and for full annotation.
    strategy: Option<(Asked, &'a StrategyPlan)>,
    /// All rounds of the run.
    rounds: Vec<Round>,
    /// Number of rounds that are on disk.
    done: usize,
    /// Slices annotated in the rounds on disk.
    annotation: SliceAnnotation,
    /// Mean P after the last round, or after the shared first round.
    mean_p: Option<f64>,
    /// Checkpoints of the present weights; `None` for new weights.
    weights: Option<Weights>,
    /// The run's records, open for appending, and their path.
    records: (File, PathBuf),
    /// The run's durations, open for appending.
    timings: File,
}

/// Scores of a round, and the slices chosen for the next.
struct Scored {
    cases: Vec<CaseRecord>,
    next: Chosen,
}

impl<'a> RoundLoop<'a> {
    /// Brings the run to the state after its last whole round. Returns `None` if no round is left.
    pub(crate) fn resume(
        run: &'a PreparedRun<'a>,
        segmenter: &'a mut dyn Segmenter,
        observer: &'a mut dyn Observer,
        holder: &'a Holder,
    ) -> Result<Option<Self>, ExperimentError> {
        let rounds = run.plan.rounds(&run.id.strategy);
        let path = run.folder.records(run.id);
        let (file, contents) = ledger::open(&path)?;
        if contents.torn {
            observer.note(&format!(
                "{}: its last line was cut short and is removed; that round is done again",
                path.display()
            ));
        }
        let records = contents.records;
        let timings = run.open_timings(records.len())?;
        let mut annotation = run.initial();
        for (record, round) in records.iter().zip(&rounds) {
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
        if records.len() >= rounds.len() || run.stops_after(records.last()) {
            run.remove_leftovers(records.len());
            return Ok(None);
        }
        let strategy = match run.plan.strategies.get(&run.id.strategy) {
            None => None,
            Some(plan) => {
                let asked = plan.asked(&run.id.strategy);
                Some((
                    asked.map_err(|error| ExperimentError::Plan(error.to_string()))?,
                    plan,
                ))
            }
        };
        let weights = run.restore(segmenter, &records, observer)?;
        // Not before: they may be the newest that are sound.
        run.remove_leftovers(records.len());
        let mean_p = match records.last() {
            Some(last) => last.mean_p,
            None => run.first_mean_p()?,
        };
        Ok(Some(Self {
            run,
            segmenter,
            observer,
            holder,
            strategy,
            rounds,
            done: records.len(),
            annotation,
            mean_p,
            weights,
            records: (file, path),
            timings,
        }))
    }

    /// Does all rounds that are left, or those until the stop rule ends the run.
    pub(crate) fn run(mut self) -> Result<(), ExperimentError> {
        if let Some(case) = self.pictured_case() {
            pictures::save_case(self.run.folder, self.run.id, case)?;
        }
        let mut chosen = self.chosen()?;
        while let Some(&round) = self.rounds.get(self.done) {
            if self.strategy.is_some() {
                self.run.keep_chosen(round.number, &chosen)?;
            }
            annotate(&mut self.annotation, &chosen.queries, round.number)?;
            let started = Instant::now();
            let trained = self.train(round)?;
            let train_s = started.elapsed().as_secs_f64();

            let started = Instant::now();
            let scored = self.score(round)?;
            let predict_s = started.elapsed().as_secs_f64();

            let started = Instant::now();
            let weights = Weights::of(self.run.folder, self.run.id, round);
            save_weights(self.segmenter, &weights.evaluated)?;
            let timing = Timing {
                round: round.number,
                steps: round.total(),
                train_s,
                predict_s,
                checkpoint_s: (trained.saving + started.elapsed()).as_secs_f64(),
            };
            let record = self.commit(round, trained.loss, chosen, scored.cases, timing)?;
            self.weights = Some(weights);
            self.observer.round(&record, timing);
            if self.run.stops_after(Some(&record)) {
                break;
            }
            chosen = scored.next;
        }
        Ok(())
    }

    /// Number of training steps that this run has done.
    fn steps(&self) -> usize {
        self.rounds[..self.done].iter().map(Round::total).sum()
    }

    /// Number of training steps behind the weights that the next round continues from: those of this
    /// run, and those of the first round that a strategy's run continues from.
    fn steps_of_weights(&self) -> usize {
        let first = self
            .strategy
            .as_ref()
            .map_or(0, |_| self.run.plan.steps.first());
        let rounds = self.rounds[..self.done].iter();
        first + rounds.map(|round| round.steps).sum::<usize>()
    }

    /// The case whose volumes are kept for the report's figures, if this run keeps any.
    fn pictured_case(&self) -> Option<&'a Case> {
        pictured_case(self.run.data).filter(|_| self.run.pictured)
    }

    /// Returns the slices for the round that comes next: those that were chosen when the run was stopped
    /// in it, or else what the strategy chooses now that it is shown predictions of all cases of Part A.
    fn chosen(&mut self) -> Result<Chosen, ExperimentError> {
        let (Some((asked, plan)), Some(&next)) = (&self.strategy, self.rounds.get(self.done))
        else {
            return Ok(Chosen::default());
        };
        if let Some(chosen) = self.run.kept_chosen(next.number) {
            return Ok(chosen);
        }
        let mut query = Query::new(self.run, asked, plan, next, self.rounds.len());
        let done = self.steps();
        query.train_members(self.run, &self.annotation, self.segmenter, &mut || {
            self.observer.steps(done)
        })?;
        for case in self.run.part_a() {
            let prediction = self.run.predict(self.segmenter, case, Some(&query))?;
            let annotated = self.annotation.annotated(&case.id).unwrap_or_default();
            query.show(self.run, case, &prediction, &annotated)?;
        }
        query.choose(self.run)
    }

    /// Trains the round on the slices annotated so far.
    fn train(&mut self, round: Round) -> Result<Trained, ExperimentError> {
        let from = self.weights.take();
        if let Some(from) = from.as_ref().filter(|from| from.differ()) {
            self.run.load(self.segmenter, &from.next)?;
        }
        let training = RoundTraining {
            folder: self.run.folder,
            run: self.run.id,
            round,
            checkpoint_every: self.run.plan.steps.checkpoint_every,
            seed: self.run.crops(self.steps_of_weights()),
            from: from.map(|from| from.next),
            held_out: &self.run.data.held_out,
            classes: self.run.data.classes.len(),
        };
        let annotated = self.run.annotated(&self.annotation);
        let cases = self.run.training_cases(&annotated);
        let before = self.steps();
        training.run(self.segmenter, &cases, before, self.observer)
    }

    /// Predicts and scores all cases, and queries the strategy for the round after this one.
    fn score(&mut self, round: Round) -> Result<Scored, ExperimentError> {
        let (run, data) = (self.run, self.run.data);
        let pictured = self.pictured_case();
        let mut query = match (&self.strategy, self.rounds.get(self.done + 1)) {
            (Some((asked, plan)), Some(&next)) => {
                Some(Query::new(run, asked, plan, next, self.rounds.len()))
            }
            _ => None,
        };
        if let Some(query) = &query {
            let done = self.steps() + round.total();
            query.train_members(run, &self.annotation, self.segmenter, &mut || {
                self.observer.steps(done)
            })?;
        }
        let mut cases = Vec::new();
        let scored_parts = |case: &&Case| round.evaluated || case.part == Part::A;
        for case in data.cases.iter().filter(scored_parts) {
            // Part B is never annotated, so its list is empty.
            let annotated = self.annotation.annotated(&case.id).unwrap_or_default();
            let mut shown = query.as_mut().filter(|_| case.part == Part::A);
            let prediction = run.predict(self.segmenter, case, shown.as_deref())?;
            if pictured.is_some_and(|pictured| pictured.id == case.id) {
                keep_picture(run, round, case, &prediction)?;
            }
            let record = evaluate(
                case,
                data.definition.agreement,
                &data.classes,
                &prediction,
                &annotated,
            )
            .map_err(|error| ExperimentError::Plan(format!("case {}: {error}", case.id)))?;
            cases.push(record);
            if let Some(query) = &mut shown {
                query.show(run, case, &prediction, &annotated)?;
            }
        }
        let next = match query {
            Some(query) => query.choose(run)?,
            None => Chosen::default(),
        };
        Ok(Scored { cases, next })
    }

    /// Writes the round's record, which makes it count, and removes the checkpoints before it.
    fn commit(
        &mut self,
        round: Round,
        loss: f64,
        chosen: Chosen,
        cases: Vec<CaseRecord>,
        timing: Timing,
    ) -> Result<RoundRecord, ExperimentError> {
        let run = self.run;
        run.list_slices(&self.annotation)?;
        let steps = self.steps_of_weights() + round.total();
        let mut record = run.record(round, steps, loss, chosen, cases)?;
        record.converged = record
            .mean_p
            .zip(self.mean_p)
            .map(|(now, before)| (now - before).abs() < run.plan.stop.sigma);
        record.model_program_sha256 = self.segmenter.program_sha256();
        self.mean_p = record.mean_p;
        self.holder.check()?;
        let (file, path) = &mut self.records;
        ledger::append(file, path, &record)?;
        ledger::append(&mut self.timings, &run.folder.timings(run.id), &timing)?;
        self.done += 1;
        run.remove_leftovers(self.done);
        Ok(record)
    }
}

/// Keeps the prediction of the case that the report's figures show.
fn keep_picture(
    run: &PreparedRun,
    round: Round,
    case: &Case,
    prediction: &Prediction,
) -> Result<(), ExperimentError> {
    let PreparedRun {
        folder, id, data, ..
    } = *run;
    pictures::save_round(folder, id, round.number, case, &data.classes, prediction)
}
