//! One run of a sweep: what it starts with, what it may see of the data, and what its records say.
//! `round_loop.rs` does its rounds.

use crate::asked::QueryBudget;
use crate::chosen::Chosen;
use crate::error::ExperimentError;
use crate::folder::{ResultsFolder, make_parent};
use crate::ledger;
use crate::plan::{Run, TaskPlan};
use crate::record::{CaseRecord, FULL, QueryRecord, RoundRecord, SCHEMA};
use crate::seed;
use crate::steps::Round;
use serde::{Deserialize, Serialize};
use slicewise_core::TrainingCase;
use slicewise_data::annotation::{AnnotationError, SliceAnnotation};
use slicewise_data::{Case, Part, TaskData};
use slicewise_metrics::contour_length_mm;
use slicewise_strategies::target_slices;
use std::fs;
use std::ops::ControlFlow;

/// Duration of one round, in seconds. Durations are not part of the records.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Number of the round, from 0.
    pub round: usize,
    /// Training steps of the round.
    pub steps: usize,
    /// Seconds of training, including checkpoints written within the round.
    pub train_s: f64,
    /// Seconds of predicting, scoring and selecting slices in all cases.
    pub predict_s: f64,
    /// Seconds of writing checkpoints, within the round and after it.
    #[serde(default)]
    pub checkpoint_s: f64,
}

/// Receives a run's progress.
pub trait Observer {
    /// Called after a training step, when the run has done `done` steps. A break saves the training
    /// and stops the run.
    fn steps(&mut self, done: usize) -> ControlFlow<()>;

    /// Called when a round's record is on disk.
    fn round(&mut self, record: &RoundRecord, timing: Timing);

    /// Called when a file was found damaged and is being repaired; `_text` is a sentence about it.
    fn note(&mut self, _text: &str) {}
}

/// One run with all that it needs.
#[derive(Debug, Clone, Copy)]
pub struct PreparedRun<'a> {
    /// The folder for records and checkpoints.
    pub folder: &'a ResultsFolder,
    /// Which run this is.
    pub id: &'a Run,
    /// The plan of its task.
    pub plan: &'a TaskPlan,
    /// The data of its task.
    pub data: &'a TaskData,
    /// Whether to keep volumes for the report's figures ([`crate::pictures`]).
    pub pictured: bool,
}

impl PreparedRun<'_> {
    /// Returns whether every round of the run is on disk.
    ///
    /// # Errors
    /// The ledger is malformed.
    pub fn finished(&self) -> Result<bool, ExperimentError> {
        Ok(self.progress()?.1)
    }

    /// Rounds of the run on disk, and whether they are all.
    ///
    /// # Errors
    /// The ledger is malformed.
    pub fn progress(&self) -> Result<(usize, bool), ExperimentError> {
        let path = self.folder.records(self.id);
        if !path.exists() {
            return Ok((0, false));
        }
        let records: Vec<RoundRecord> = ledger::read(&path)?.records;
        let rounds = self.plan.rounds(&self.id.strategy).len();
        let whole = records.len() == rounds || self.stops_after(records.last());
        Ok((records.len(), whole))
    }

    /// Whether the stop rule ends the run after `last`, its latest record.
    pub(crate) fn stops_after(&self, last: Option<&RoundRecord>) -> bool {
        self.plan.stop.ends_run && last.is_some_and(|record| record.converged == Some(true))
    }

    /// Returns the mean P after the shared first round. The stop rule compares a strategy's own
    /// first round with it.
    pub(crate) fn first_mean_p(&self) -> Result<Option<f64>, ExperimentError> {
        let Some(first) = self.id.forks_from() else {
            return Ok(None);
        };
        let path = self.folder.records(&first);
        if !path.exists() {
            return Err(ExperimentError::NoFirstRound { path });
        }
        let records: Vec<RoundRecord> = ledger::read(&path)?.records;
        Ok(records.last().and_then(|record| record.mean_p))
    }

    /// Returns the annotation that the run starts with: every n-th slice of each Part A case, or
    /// all slices for [`FULL`].
    pub(crate) fn initial(&self) -> SliceAnnotation {
        let depths = self
            .part_a()
            .map(|case| (case.id.as_str(), case.labels.voxels.dim().0));
        if self.id.strategy == FULL {
            return SliceAnnotation::all(depths);
        }
        let ids: Vec<&str> = self.part_a().map(|case| case.id.as_str()).collect();
        let (every, seed) = (self.plan.first_every, self.id.root_seed());
        let task = self.id.task.name();
        let grids = self.plan.start.grids(&ids, every, seed, task);
        SliceAnnotation::every_nth(depths.zip(grids))
    }

    /// Returns the share of Part A's slices that each round of the run asks for, and the share that is
    /// annotated then: a volume has whole slices, and at least one of them is.
    pub fn shares(&self) -> Vec<(f64, f64)> {
        let depths = self.part_a().map(|case| case.labels.voxels.dim().0);
        let all: usize = depths.sum();
        let first = self.initial();
        let begun: Vec<usize> = self
            .part_a()
            .map(|case| first.annotated(&case.id).unwrap_or_default())
            .map(|annotated| annotated.into_iter().filter(|&yes| yes).count())
            .collect();
        let asked = self.plan.strategies.get(&self.id.strategy);
        let pool = asked.is_some_and(|asked| asked.budget == QueryBudget::Pool);
        let rounds = self.plan.rounds(&self.id.strategy).into_iter();
        let shares = rounds.map(|round| {
            let targets = self.targets(round.ratio);
            let of_each = targets
                .iter()
                .zip(&begun)
                .map(|(&target, &begun)| target.max(begun));
            let annotated = match round.number {
                0 => begun.iter().sum(),
                _ if pool => targets.iter().sum::<usize>().max(begun.iter().sum()),
                _ => of_each.sum(),
            };
            (round.ratio, annotated as f64 / all as f64)
        });
        shares.collect()
    }

    /// Returns how many slices of each Part A volume a ratio stands for.
    pub(crate) fn targets(&self, ratio: f64) -> Vec<usize> {
        let depths = self.part_a().map(|case| case.labels.voxels.dim().0);
        depths.map(|depth| target_slices(depth, ratio)).collect()
    }

    pub(crate) fn part_a(&self) -> impl Iterator<Item = &Case> {
        self.data.cases.iter().filter(|case| case.part == Part::A)
    }

    /// Returns the annotated slices of each Part A case, `[case][D]`.
    pub(crate) fn annotated(&self, annotation: &SliceAnnotation) -> Vec<Vec<bool>> {
        self.part_a()
            .map(|case| annotation.annotated(&case.id).unwrap_or_default())
            .collect()
    }

    /// Returns Part A as the trainer sees it. `annotated` comes from
    /// [`annotated`](Self::annotated).
    pub(crate) fn training_cases<'a>(
        &'a self,
        annotated: &'a [Vec<bool>],
    ) -> Vec<TrainingCase<'a>> {
        self.part_a()
            .zip(annotated)
            .map(|(case, annotated)| TrainingCase::of(case, annotated))
            .collect()
    }

    /// Returns the seed of the crops for the round that begins after `trained` steps. It does not
    /// contain the strategy's name, so that the same slices and starting weights give the same
    /// training.
    pub(crate) fn crops(&self, trained: usize) -> u64 {
        seed::child(
            self.id.root_seed(),
            &[self.id.task.name(), "crops", &trained.to_string()],
        )
    }

    pub(crate) fn record(
        &self,
        round: Round,
        trained: usize,
        loss: f64,
        chosen: Chosen,
        cases: Vec<CaseRecord>,
    ) -> Result<RoundRecord, ExperimentError> {
        let mut record = RoundRecord {
            schema: SCHEMA,
            task: self.id.task,
            model: self.id.model.clone(),
            strategy: self.id.strategy.clone(),
            seed: self.id.seed,
            fold: self.id.fold,
            round: round.number,
            ratio: round.ratio,
            evaluated: round.evaluated,
            annotated_slices: 0,
            total_slices: 0,
            annotated_foreground_voxels: 0,
            total_foreground_voxels: 0,
            annotated_contour_mm: 0.0,
            steps: trained as u64,
            loss,
            mean_p: None,
            converged: None,
            queries: chosen.queries,
            program_sha256: chosen.program_sha256,
            model_program_sha256: None,
            cases,
        };
        let mut p = Vec::new();
        for (case, scored) in self
            .part_a()
            .zip(record.cases.iter().filter(|case| case.part == Part::A))
        {
            p.extend(scored.p.iter().flatten());
            let labels = case.drawn_labels();
            let [_, y_mm, x_mm] = case.labels.geometry.spacing_mm();
            let slices = scored.true_voxels.iter().zip(labels.outer_iter());
            for ((foreground, slice), &annotated) in slices.zip(&scored.annotated) {
                record.total_slices += 1;
                record.total_foreground_voxels += foreground;
                if annotated {
                    record.annotated_slices += 1;
                    record.annotated_foreground_voxels += foreground;
                    record.annotated_contour_mm +=
                        contour_length_mm(slice, [y_mm, x_mm]).map_err(|error| {
                            ExperimentError::Plan(format!("case {}: {error}", case.id))
                        })?;
                }
            }
        }
        record.mean_p = (!p.is_empty()).then(|| p.iter().sum::<f64>() / p.len() as f64);
        Ok(record)
    }

    /// Writes the annotated slices as a list for the annotator, beside the records.
    pub(crate) fn list_slices(&self, annotation: &SliceAnnotation) -> Result<(), ExperimentError> {
        let path = self.folder.annotation(self.id);
        make_parent(&path)?;
        let place = |id: &str, slice| {
            let case = self.part_a().find(|case| case.id == id);
            case.map_or((slice, 0.0), |case| {
                let offset_mm = case.image.geometry.slice_offset_mm(slice);
                (case.scan_slice(slice), offset_mm)
            })
        };
        Ok(annotation.write_csv(&path, place)?)
    }

    /// Opens the file of durations for appending. It keeps `rounds` lines; a line whose record was
    /// lost is dropped.
    pub(crate) fn open_timings(&self, rounds: usize) -> Result<fs::File, ExperimentError> {
        let path = self.folder.timings(self.id);
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
