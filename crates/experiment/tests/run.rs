//! Tests the round loop with a fake segmenter that answers in microseconds.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod budget;
mod chosen;
mod damage;
mod definition;
mod fake;
mod held_out;
mod killed;
mod members;
mod packing;
mod plans;
mod starts;

use fake::*;

use ndarray::{Array3, Array4, Axis};
use slicewise_core::Wanted;
use slicewise_data::{Case, Geometry, Part, Task, TaskData, TaskDefinition, Volume};
use slicewise_experiment::run::Timing;
use slicewise_experiment::{
    CaseRecord, ExperimentError, Holder, Observer, PreparedRun, QueryBudget, Ratio, ResultsFolder,
    RoundRecord, Run, Segmenter, SegmenterError, Start, StepPlan, StopRule, Strategies,
    StrategyName, StrategyPlan, TaskPlan, TrainingCase, ledger, pictures, plan,
};
use slicewise_strategies::Prediction;
use std::collections::BTreeMap;
use std::fs;
use std::ops::{ControlFlow, Range};
use std::path::Path;

#[test]
fn every_strategy_reaches_its_ratios_from_the_shared_first_round() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    let first = &records(&folder, "first")[0];
    assert_eq!(
        (first.annotated_slices, first.total_slices),
        (3 * 4, 3 * 32)
    );
    for strategy in slicewise_strategies::STRATEGIES {
        run(&folder, strategy.name(), &mut Fake::new(1)).unwrap();
        let rounds = records(&folder, strategy.name());
        assert_eq!(rounds.len(), 3);
        let mut before: Vec<Vec<bool>> = first
            .cases
            .iter()
            .map(|case| case.annotated.clone())
            .collect();
        for (record, slices) in rounds.iter().zip([8, 12, 16]) {
            assert_eq!(record.annotated_slices, 3 * slices);
            assert_eq!(record.steps, 46, "steps of {}", strategy.name());
            for (case, before) in record.cases.iter().zip(&mut before) {
                let Some(query) = record.queries.iter().find(|query| query.case == case.case)
                else {
                    assert_eq!(case.part, Part::B, "Part B is never queried");
                    assert!(case.annotated.is_empty());
                    continue;
                };
                for &slice in &query.slices {
                    assert!(!before[slice], "an annotated slice was queried again");
                    before[slice] = true;
                }
                assert_eq!(&case.annotated, before);
            }
        }
    }
}

#[test]
fn the_record_counts_what_was_drawn_and_scores_every_slice() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "full", &mut Fake::new(1)).unwrap();
    let record = &records(&folder, "full")[0];
    let drawn: usize = data()
        .cases
        .iter()
        .filter(|case| case.part == Part::A)
        .map(|case| {
            case.labels
                .voxels
                .iter()
                .filter(|&&class| class != 0)
                .count()
        })
        .sum();
    assert_eq!(record.annotated_foreground_voxels, drawn as u64);
    assert_eq!(record.total_foreground_voxels, drawn as u64);
    for case in &record.cases {
        assert_eq!(case.r.len(), DEPTH);
        assert_eq!(case.p.as_ref().map(Vec::len), Some(DEPTH));
        assert_eq!(case.foreground.iter().filter(|&&yes| yes).count(), 24);
        let defined: Vec<f64> = case.dice.iter().filter_map(|(_, dice)| *dice).collect();
        let mean = defined.iter().sum::<f64>() / defined.len() as f64;
        assert_eq!(case.mean_dice, Some(mean));
    }
    let p: Vec<f64> = record
        .cases
        .iter()
        .filter(|case| case.part == Part::A)
        .flat_map(|case| case.p.clone().unwrap())
        .collect();
    assert_eq!(record.mean_p, Some(p.iter().sum::<f64>() / p.len() as f64));
}

#[test]
fn what_a_run_killed_after_its_record_left_behind_is_removed() {
    let whole = tempfile::tempdir().unwrap();
    let whole = ResultsFolder::new(whole.path());
    run(&whole, "first", &mut Fake::new(1)).unwrap();
    run(&whole, "random", &mut Fake::new(1)).unwrap();
    let expected = fs::read(whole.records(&run_of("random"))).unwrap();
    for rounds in 1..=3 {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::new(scratch.path());
        run(&folder, "first", &mut Fake::new(1)).unwrap();
        // Killed right after the record of this round: weights of the one before, and of its own
        // steps, are still there.
        let mut dying = Fake {
            dies_after: Some([36, 60, 72][rounds - 1]),
            ..Fake::new(1)
        };
        let ended = run(&folder, "random", &mut dying);
        assert_eq!(ended.is_err(), rounds < 3);
        let id = run_of("random");
        let left = [
            folder.checkpoint(&id, rounds - 1),
            folder.evaluated_checkpoint(&id, rounds - 1),
            folder.step_checkpoint(&id, rounds, 5),
            folder.step_checkpoint(&id, rounds, 10),
            folder.training(&id, rounds),
            // A checkpoint that it was about to rename.
            folder
                .checkpoint(&id, rounds)
                .with_file_name(format!("random-seed7-round{rounds}-aBc123.partial")),
        ];
        for path in &left {
            fs::write(path, "1 1").unwrap();
        }
        run(&folder, "random", &mut Fake::new(99)).unwrap();
        for path in &left {
            assert!(!path.exists(), "{} is left", path.display());
        }
        assert!(folder.checkpoint(&id, 3).exists(), "the last round's");
        let first = folder.checkpoint(&run_of("first"), 0);
        assert!(first.exists(), "another run's");
        assert_eq!(fs::read(folder.records(&id)).unwrap(), expected);
    }
}

#[test]
fn a_strategy_without_its_first_round_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let error = run(&folder, "random", &mut Fake::new(1)).unwrap_err();
    assert!(
        matches!(error, ExperimentError::NoFirstRound { .. }),
        "{error}"
    );
}

#[test]
fn a_ledger_of_another_plan_or_schema_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    let path = folder.records(&run_of("first"));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"ratio\":0.125", "\"ratio\":0.25", 1)).unwrap();
    let error = run(&folder, "first", &mut Fake::new(1))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("expected round 0 at ratio 0.125, got round 0 at ratio 0.25"),
        "{error}"
    );
    fs::write(&path, text.replacen("\"schema\":3", "\"schema\":99", 1)).unwrap();
    let error = ledger::read(&path).unwrap_err().to_string();
    assert!(
        error.contains("line 1: expected schema 1 to 3, got 99"),
        "{error}"
    );
}

#[test]
fn the_stop_rule_is_marked_and_ends_a_run_only_where_asked() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let with = |sigma, ends_run| TaskPlan {
        stop: StopRule { sigma, ends_run },
        ..task_plan()
    };
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    let first = records(&folder, "first");
    assert_eq!(first[0].converged, None, "nothing came before");

    assert!(run_plan(&with(2.0, false), &folder, "random", &mut Fake::new(1)).unwrap());
    let going_on = records(&folder, "random");
    assert!(going_on.iter().all(|round| round.converged == Some(true)));
    assert_eq!(going_on.len(), 3);

    let never = with(0.0, true);
    assert!(run_plan(&never, &folder, "equal-interval", &mut Fake::new(1)).unwrap());
    let rounds = records(&folder, "equal-interval");
    assert!(rounds.iter().all(|round| round.converged == Some(false)));

    let at_once = with(2.0, true);
    for _again in 0..2 {
        let finished = run_plan(&at_once, &folder, "uncertainty", &mut Fake::new(1)).unwrap();
        assert!(finished, "a run that stopped has nothing left to do");
        assert_eq!(records(&folder, "uncertainty").len(), 1);
    }
}

#[test]
fn one_unseen_case_is_kept_for_the_figures() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    let data = data();
    let case = pictures::pictured_case(&data).unwrap();
    let read = |path: &Path| {
        let volume = slicewise_data::nifti::read_labels(path).unwrap();
        volume.voxels.mapv(|label| label as u8)
    };
    let labels = folder.picture_of_case(data.task, "labels");
    assert_eq!(read(&labels), case.labels.voxels);
    let sr1 = folder.picture(&run_of("first"), 0, "sr1");
    assert_eq!(read(&sr1).dim(), case.labels.voxels.dim());
    assert_eq!(pictures::pictured_class(&data.classes), Some((1, "one")));
}

/// Stops the run at one step.
struct StopAt(usize);
impl Observer for StopAt {
    fn steps(&mut self, done: usize) -> ControlFlow<()> {
        if done == self.0 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
    fn round(&mut self, _: &RoundRecord, _: Timing) {}
}

#[test]
fn a_training_told_to_stop_saves_and_goes_on_to_the_same_bytes() {
    let whole = tempfile::tempdir().unwrap();
    let whole = ResultsFolder::new(whole.path());
    run(&whole, "full", &mut Fake::new(1)).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let (id, plan, data) = (run_of("full"), task_plan(), data());
    let once = prepared(&folder, &id, &plan, &data);
    // 32 is no multiple of five: this checkpoint was written because the run was told to stop.
    for (stop, seed) in [(32, 1), (37, 50)] {
        let error = once
            .run(&mut Fake::new(seed), &mut StopAt(stop))
            .unwrap_err();
        assert!(matches!(error, ExperimentError::Stopped), "{error}");
        assert!(folder.step_checkpoint(&id, 0, stop).exists());
    }
    assert!(!folder.step_checkpoint(&id, 0, 32).exists());
    once.run(&mut Fake::new(60), &mut Silent).unwrap();
    assert_eq!(
        fs::read(folder.records(&id)).unwrap(),
        fs::read(whole.records(&id)).unwrap()
    );
}

#[test]
fn a_damaged_checkpoint_within_a_round_is_trained_again() {
    let whole = tempfile::tempdir().unwrap();
    let whole = ResultsFolder::new(whole.path());
    run(&whole, "full", &mut Fake::new(1)).unwrap();
    for damage in ["weights", "progress", "progress beyond the round"] {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::new(scratch.path());
        let mut dying = Fake {
            dies_after: Some(23),
            ..Fake::new(1)
        };
        run(&folder, "full", &mut dying).unwrap_err();
        let (path, text) = match damage {
            "weights" => (folder.step_checkpoint(&run_of("full"), 0, 20), "rubbish"),
            "progress" => (folder.training(&run_of("full"), 0), "{\"steps\":2"),
            _ => (
                folder.training(&run_of("full"), 0),
                "{\"steps\":900,\"loss_sum\":0.0}",
            ),
        };
        assert!(path.exists(), "{}", path.display());
        fs::write(&path, text).unwrap();
        run(&folder, "full", &mut Fake::new(1)).unwrap();
        assert_eq!(
            fs::read(folder.records(&run_of("full"))).unwrap(),
            fs::read(whole.records(&run_of("full"))).unwrap(),
            "{damage}"
        );
    }
}

#[test]
fn a_learning_curve_has_the_mean_loss_of_each_piece() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "full", &mut Fake::new(1)).unwrap();
    let text = fs::read_to_string(folder.losses(&run_of("full"))).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let steps: Vec<u64> = lines
        .iter()
        .map(|line| line["steps"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [5, 10, 15, 20, 25, 30, 35, 40, 45, 46]);
    // The loss of the fake's n-th step is 1 / n.
    let first = (1..=5).map(|step| 1.0 / f64::from(step)).sum::<f64>() / 5.0;
    assert_eq!(lines[0]["loss"].as_f64(), Some(first));
    assert_eq!(lines[9]["loss"].as_f64(), Some(1.0 / 46.0));
    assert!(lines.iter().all(|line| line["round"] == 0));
    assert!(!text.contains("held_out_dice"), "{text}");
}
