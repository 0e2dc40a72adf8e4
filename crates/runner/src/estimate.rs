//! Estimates how long a sweep's runs still take. The times come from its workers: their first steps
//! and one prediction at first, whole rounds later.
//!
//! A network without a time is assumed to take what it takes in the other task, or else what the
//! other networks take. Predictions are a large share of the time, so each is counted, by the
//! voxels of its volumes.

use crate::config::ExperimentConfig;
use slicewise_data::{Part, Task, TaskData};
use slicewise_experiment::Run;
use std::collections::BTreeMap;

/// Voxel counts of one task's volumes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Voxels {
    all: f64,
    part_a: f64,
    /// Voxels of the first volume, whose prediction a worker times when it starts.
    probe: f64,
}

impl Voxels {
    /// Counts the voxels of `data`.
    pub(crate) fn of(data: &TaskData) -> Self {
        let count = |wanted: &dyn Fn(Part) -> bool| {
            let cases = data.cases.iter().filter(|case| wanted(case.part));
            cases.map(|case| case.labels.voxels.len() as f64).sum()
        };
        Self {
            all: count(&|_| true),
            part_a: count(&|part| part == Part::A),
            probe: data
                .cases
                .first()
                .map_or(0.0, |case| case.labels.voxels.len() as f64),
        }
    }
}

/// A running weighted mean, in seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    seconds: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, seconds: f64, count: f64) {
        self.seconds += seconds;
        self.count += count;
    }

    fn value(self) -> Option<f64> {
        (self.count > 0.0).then(|| self.seconds / self.count)
    }
}

/// Measured times of one network in one task.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    /// Seconds of a training step.
    step: Mean,
    /// Seconds to predict a voxel, without scoring.
    probe: Mean,
    /// Seconds to predict, score and query a voxel, from whole rounds.
    voxel: Mean,
}

impl Cost {
    fn step_s(&self) -> Option<f64> {
        self.step.value()
    }

    fn voxel_s(&self) -> Option<f64> {
        self.voxel.value().or_else(|| self.probe.value())
    }
}

/// Work that a run has not done yet.
#[derive(Debug, Clone, Copy)]
struct Left {
    steps: usize,
    rounds: usize,
    /// Whether the process has yet to start. A run that continues from the first round must then
    /// also query its strategy once.
    to_start: bool,
}

/// The estimate for all runs that have not ended.
#[derive(Debug)]
pub(crate) struct Estimate {
    jobs: usize,
    voxels: BTreeMap<Task, Voxels>,
    costs: BTreeMap<(Task, String), Cost>,
    starts: Mean,
    left: BTreeMap<Run, Left>,
}

/// Seconds of a step and of a prediction of all cases, each as (least, most) over the networks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Paces {
    pub(crate) step_s: (f64, f64),
    pub(crate) round_s: (f64, f64),
}

impl Estimate {
    /// Starts an estimate for the runs in `open`, each with its number of rounds on disk.
    pub(crate) fn new(
        config: &ExperimentConfig,
        open: &[(Run, usize)],
        voxels: &BTreeMap<Task, Voxels>,
        jobs: usize,
    ) -> Self {
        let left = open.iter().map(|(run, done)| {
            let rounds = config.tasks[&run.task].rounds(&run.strategy);
            let rest = rounds.iter().skip(*done);
            let left = Left {
                steps: rest.clone().map(|round| round.total()).sum(),
                rounds: rest.count(),
                to_start: true,
            };
            (run.clone(), left)
        });
        Self {
            jobs,
            voxels: voxels.clone(),
            costs: BTreeMap::new(),
            starts: Mean::default(),
            left: left.collect(),
        }
    }

    /// Notes that the worker of `run` was ready after `start_s` seconds. `probe_s` is the time it
    /// took to predict its first volume, if it measured that.
    pub(crate) fn ready(&mut self, run: &Run, start_s: f64, probe_s: Option<f64>) {
        self.starts.add(start_s, 1.0);
        if let (Some(seconds), Some(voxels)) = (probe_s, self.voxels.get(&run.task)) {
            let voxels = voxels.probe;
            self.cost(run).probe.add(seconds, voxels);
        }
    }

    /// Notes that `run` has `left` steps to do, and `timed`: a number of steps and the seconds
    /// they took.
    pub(crate) fn stepped(&mut self, run: &Run, left: usize, timed: Option<(usize, f64)>) {
        if let Some(open) = self.left.get_mut(run) {
            open.steps = left;
            open.to_start = false;
        }
        if let Some((steps, seconds)) = timed {
            self.cost(run).step.add(seconds, steps as f64);
        }
    }

    /// Notes that a round of `run` ended; predicting, scoring and selecting took `predict_s`
    /// seconds.
    pub(crate) fn round(&mut self, run: &Run, predict_s: f64) {
        if let Some(left) = self.left.get_mut(run) {
            left.rounds = left.rounds.saturating_sub(1);
        }
        if let Some(voxels) = self.voxels.get(&run.task).map(|voxels| voxels.all) {
            self.cost(run).voxel.add(predict_s, voxels);
        }
    }

    /// Notes that `run` is complete or failed.
    pub(crate) fn ended(&mut self, run: &Run) {
        self.left.remove(run);
    }

    /// Whether a worker has timed both steps and a prediction of `run`'s network in its task.
    pub(crate) fn knows(&self, run: &Run) -> bool {
        let cost = self.costs.get(&(run.task, run.model.clone()));
        cost.is_some_and(|cost| cost.step_s().is_some() && cost.voxel_s().is_some())
    }

    /// Returns the seconds until all runs are done, or `None` before anything was timed. Jobs share
    /// the work evenly, but a first round and a run that continues from it need at least the sum of
    /// their times.
    pub(crate) fn seconds(&self) -> Option<f64> {
        let mut sum = 0.0;
        let mut run_seconds = BTreeMap::new();
        for (run, left) in &self.left {
            let seconds = self.seconds_of(run, *left)?;
            sum += seconds;
            run_seconds.insert(run, seconds);
        }
        let chains = run_seconds.iter().map(|(run, seconds)| {
            let before = run.forks_from();
            let before = before.and_then(|first| run_seconds.get(&first).copied());
            seconds + before.unwrap_or(0.0)
        });
        Some(chains.fold(sum / self.jobs as f64, f64::max))
    }

    /// Returns the range of times over all networks measured so far.
    pub(crate) fn paces(&self) -> Option<Paces> {
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(None, |range, value| match range {
                None => Some((value, value)),
                Some((least, most)) => Some((value.min(least), value.max(most))),
            })
        };
        let rounds = self.costs.iter().filter_map(|((task, _), cost)| {
            let all = self.voxels.get(task)?.all;
            Some(cost.voxel_s()? * all)
        });
        Some(Paces {
            step_s: range(&mut self.costs.values().filter_map(Cost::step_s))?,
            round_s: range(&mut { rounds })?,
        })
    }

    fn cost(&mut self, run: &Run) -> &mut Cost {
        let key = (run.task, run.model.clone());
        self.costs.entry(key).or_default()
    }

    fn seconds_of(&self, run: &Run, left: Left) -> Option<f64> {
        let step_s = self.mean(run, Cost::step_s)?;
        let voxel_s = self.mean(run, Cost::voxel_s)?;
        let voxels = self.voxels.get(&run.task)?;
        let mut seconds = left.steps as f64 * step_s + left.rounds as f64 * voxels.all * voxel_s;
        if left.to_start {
            seconds += self.starts.value().unwrap_or(0.0);
            if run.forks_from().is_some() {
                seconds += voxels.part_a * voxel_s;
            }
        }
        Some(seconds)
    }

    /// Returns the `time` of the run's network in its task; else in the other task; else the mean
    /// of other networks.
    fn mean(&self, run: &Run, time: impl Fn(&Cost) -> Option<f64>) -> Option<f64> {
        let among = |wanted: &dyn Fn(&Task, &str) -> bool| {
            let wanted = self
                .costs
                .iter()
                .filter(|((task, model), _)| wanted(task, model));
            let known: Vec<f64> = wanted.filter_map(|(_, cost)| time(cost)).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        among(&|task, model| *task == run.task && model == run.model)
            .or_else(|| among(&|_, model| model == run.model))
            .or_else(|| among(&|_, _| true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn run(strategy: &str) -> Run {
        Run {
            task: Task::BRAIN_EXTRACTION,
            model: "attention-unet".to_owned(),
            strategy: strategy.to_owned(),
            seed: 1,
            fold: None,
        }
    }

    #[test]
    fn steps_predictions_and_starts_are_counted_and_chains_take_their_own_time() {
        let text = include_str!("../../../experiments/smoke.yaml");
        let config = ExperimentConfig::parse(text, Path::new("smoke.yaml")).unwrap();
        let voxels = Voxels {
            all: 400.0,
            part_a: 300.0,
            probe: 100.0,
        };
        let voxels = [(Task::BRAIN_EXTRACTION, voxels)].into();
        // In smoke.yaml every point has 12 steps. `first` and `full` train them all; `random` goes on from
        // the 6 of the chain: 3 and 3 more before the evaluation, then 3.
        let open = [(run("first"), 0), (run("full"), 0), (run("random"), 1)];
        let mut estimate = Estimate::new(&config, &open, &voxels, 2);
        assert_eq!(estimate.seconds(), None);
        estimate.ready(&run("first"), 1.0, Some(5.0));
        assert!(!estimate.knows(&run("first")));
        // When the first step began is not known; the next takes 2 s.
        estimate.stepped(&run("first"), 11, None);
        estimate.stepped(&run("first"), 10, Some((1, 2.0)));
        assert!(estimate.knows(&run("first")));
        // Predicting takes 5 s per 100 voxels, 20 s for all. `random` first queries Part A once.
        let first = 10.0 * 2.0 + 20.0;
        let full = 1.0 + 12.0 * 2.0 + 20.0;
        let random = 1.0 + 15.0 + 3.0 * 2.0 + 20.0;
        assert_eq!(
            estimate.seconds(),
            Some(f64::max((first + full + random) / 2.0, first + random))
        );
        let paces = estimate.paces().unwrap();
        assert_eq!((paces.step_s, paces.round_s), ((2.0, 2.0), (20.0, 20.0)));
        // A whole round includes scoring, so its time replaces that of the single prediction.
        estimate.stepped(&run("first"), 0, Some((4, 8.0)));
        estimate.round(&run("first"), 40.0);
        estimate.ended(&run("first"));
        estimate.ended(&run("full"));
        assert_eq!(estimate.seconds(), Some(1.0 + 30.0 + 6.0 + 40.0));
        // A network without a time is assumed to take what the others take.
        let other = Run {
            model: "unet".to_owned(),
            ..run("full")
        };
        let open = [(run("full"), 0), (other, 0)];
        let mut estimate = Estimate::new(&config, &open, &voxels, 2);
        estimate.ready(&run("full"), 0.0, Some(5.0));
        estimate.stepped(&run("full"), 7, Some((1, 1.0)));
        assert_eq!(estimate.seconds(), Some(12.0 + 20.0));
    }
}
