//! One query: a strategy is shown the Part A cases one after another, and then chooses.

use crate::asked::{Asked, QueryBudget, StrategyPlan};
use crate::chosen::Chosen;
use crate::error::ExperimentError;
use crate::record::QueryRecord;
use crate::run::PreparedRun;
use crate::seed;
use crate::steps::Round;
use rand_chacha::ChaCha8Rng;
use slicewise_core::{Case, Prediction, Segmenter, Wanted};
use slicewise_data::SliceAnnotation;
use slicewise_strategies::{AnnotatedLabels, CaseView, Described, Pool, QueryStrategy, Quota};
use std::ops::ControlFlow;

/// A query under way.
pub(crate) struct Query<'a> {
    asked: &'a Asked,
    strategy: &'a dyn QueryStrategy,
    plan: &'a StrategyPlan,
    /// The round that the chosen slices are annotated for, and the number of the run's last round.
    next: Round,
    rounds: usize,
    /// How many slices of each case the round's ratio stands for.
    targets: Vec<usize>,
    /// The cases seen so far, each with the generator that it was described with.
    seen: Vec<(Described, ChaCha8Rng)>,
}

impl<'a> Query<'a> {
    /// Begins the query for the round `next` of `rounds`.
    pub(crate) fn new(
        run: &PreparedRun,
        asked: &'a Asked,
        plan: &'a StrategyPlan,
        next: Round,
        rounds: usize,
    ) -> Self {
        Self {
            asked,
            strategy: asked.strategy(),
            plan,
            next,
            rounds,
            targets: run.targets(next.ratio),
            seen: Vec::new(),
        }
    }

    /// Trains the members of a committee that are networks of their own, if the strategy asks a
    /// committee, on the slices of `annotation`.
    pub(crate) fn train_members(
        &self,
        run: &PreparedRun,
        annotation: &SliceAnnotation,
        segmenter: &mut dyn Segmenter,
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<(), ExperimentError> {
        if !self.strategy.needs_committee() {
            return Ok(());
        }
        let steps = run.plan.steps_at_queries(&run.id.strategy)[self.next.number - 1];
        let round = self.next.number.to_string();
        let seed = seed::child(run.id.root_seed(), &[run.id.task.name(), "members", &round]);
        let annotated = run.annotated(annotation);
        let cases = run.training_cases(&annotated);
        let mut stopped = false;
        let trained = segmenter.train_members(&cases, steps, seed, &mut || {
            let go_on = go_on();
            stopped = go_on.is_break();
            go_on
        });
        trained.map_err(|source| ExperimentError::Segmenter {
            doing: "training the members of the committee".to_owned(),
            source,
        })?;
        match stopped {
            true => Err(ExperimentError::Stopped),
            false => Ok(()),
        }
    }

    /// Returns what is wanted of the prediction of a case. All cases are shown to the same committee, so
    /// that their scores compare.
    pub(crate) fn wanted(&self, run: &PreparedRun) -> Wanted {
        let committee = self.strategy.needs_committee().then(|| {
            let round = self.next.number.to_string();
            let name = [run.id.task.name(), "committee", &round];
            seed::child(run.id.root_seed(), &name)
        });
        Wanted {
            features: self.strategy.needs_features(),
            committee,
        }
    }

    /// Shows the next case to the strategy: those of Part A, in order.
    pub(crate) fn show(
        &mut self,
        run: &PreparedRun,
        case: &Case,
        prediction: &Prediction,
        annotated: &[bool],
    ) -> Result<(), ExperimentError> {
        let place = self.seen.len();
        let drawn = case.drawn_labels();
        let labels = &*drawn;
        let per_volume = self.plan.budget == QueryBudget::PerVolume;
        let view = CaseView {
            case: &case.id,
            place,
            round: [self.next.number, self.rounds],
            budget: per_volume.then(|| self.budget(place, annotated)),
            spacing_mm: case.labels.geometry.spacing_mm(),
            agreement: run.data.definition.agreement,
            image: &case.image.voxels,
            labels: AnnotatedLabels::new(labels, annotated),
            prediction,
            annotated,
            truth: self.strategy.is_oracle().then_some(labels),
        };
        let mut generator = self.generator(run, Some(&case.id));
        let described = self.strategy.describe(&view, &mut generator)?;
        self.seen.push((described, generator));
        Ok(())
    }

    /// Lets the strategy choose among all cases shown.
    pub(crate) fn choose(self, run: &PreparedRun) -> Result<Chosen, ExperimentError> {
        let mut queries: Vec<QueryRecord> = self
            .seen
            .iter()
            .map(|(described, _)| QueryRecord {
                case: described.case.clone(),
                slices: Vec::new(),
                scores: Vec::new(),
            })
            .collect();
        let mut chosen = Vec::new();
        match self.plan.budget {
            QueryBudget::PerVolume => {
                for (place, (described, generator)) in self.seen.iter().enumerate() {
                    let quota = Quota::of(self.budget(place, &described.annotated));
                    let pool = Pool::new(vec![described], &quota);
                    let choices = self.strategy.choose(&pool, &mut generator.clone())?;
                    chosen.extend(choices.into_iter().map(|choice| (place, choice)));
                }
            }
            QueryBudget::Pool => {
                let cases = self.seen.iter().map(|(described, _)| described).collect();
                let pool = Pool::new(cases, &self.quota());
                let choices = self
                    .strategy
                    .choose(&pool, &mut self.generator(run, None))?;
                chosen.extend(choices.into_iter().map(|choice| (choice.case, choice)));
            }
        }
        for (place, choice) in chosen {
            queries[place].slices.push(choice.slice);
            queries[place].scores.push(choice.score);
        }
        Ok(Chosen {
            queries,
            program_sha256: self.asked.sha256(),
        })
    }

    /// Returns how many slices of a case bring it to its target.
    fn budget(&self, place: usize, annotated: &[bool]) -> usize {
        let done = annotated.iter().filter(|&&done| done).count();
        self.targets[place].saturating_sub(done)
    }

    /// Returns the quota of all cases together: as many slices as bring them to the sum of their targets,
    /// and for each case the limits of the plan.
    fn quota(&self) -> Quota {
        let annotated: Vec<usize> = self
            .seen
            .iter()
            .map(|(described, _)| described.annotated.iter().filter(|&&done| done).count())
            .collect();
        // 0.55 × 100 is a little more than 55 in binary, and 1.4 × 45 a little less than 63.
        let least = |limit: f64| (limit - 1e-9).ceil();
        let most = |limit: f64| (limit + 1e-9).floor();
        let limit = |multiple: Option<f64>, round: fn(f64) -> f64| -> Vec<usize> {
            let Some(multiple) = multiple else {
                return Vec::new();
            };
            let cases = self.targets.iter().zip(&annotated);
            cases
                .map(|(&target, &done)| {
                    (round(multiple * target as f64) as usize).saturating_sub(done)
                })
                .collect()
        };
        let target: usize = self.targets.iter().sum();
        Quota {
            total: target.saturating_sub(annotated.iter().sum()),
            least: limit(self.plan.floor, least),
            most: limit(self.plan.cap, most),
        }
    }

    /// Returns the generator of a case, or of the choice among all.
    fn generator(&self, run: &PreparedRun, case: Option<&str>) -> ChaCha8Rng {
        let round = self.next.number.to_string();
        let mut name = vec![run.id.task.name(), "query", self.strategy.name(), &round];
        name.extend(case);
        seed::generator(run.id.root_seed(), &name)
    }
}

impl PreparedRun<'_> {
    /// Predicts a case, with what the strategy of `query` needs beside the segmentation.
    pub(crate) fn predict(
        &self,
        segmenter: &mut dyn Segmenter,
        case: &Case,
        query: Option<&Query>,
    ) -> Result<Prediction, ExperimentError> {
        let wanted = query.map_or_else(Wanted::default, |query| query.wanted(self));
        segmented(segmenter, case, wanted)
    }
}

/// Segments a case, with what is `wanted` besides.
pub(crate) fn segmented(
    segmenter: &mut dyn Segmenter,
    case: &Case,
    wanted: Wanted,
) -> Result<Prediction, ExperimentError> {
    let predicted = segmenter.predict_with(&case.image.voxels, wanted);
    predicted.map_err(|source| ExperimentError::Segmenter {
        doing: format!("segmenting case {}", case.id),
        source,
    })
}
