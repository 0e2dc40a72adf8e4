//! A run that is stopped within a round goes on with the slices that were chosen for it.

use crate::*;

/// A program that gives every slice of a volume a score: its height, or the height's negative.
fn script(sign: &str) -> String {
    let scores: Vec<String> = (0..32).map(|z| format!("{sign}{z}")).collect();
    let scores = scores.join(", ");
    format!("while read -r question; do echo '{{\"scores\": [{scores}]}}'; done\n")
}

#[test]
fn a_strategy_that_changes_within_a_round_is_asked_from_the_next_round_on() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    let file = scratch.path().join("mine.sh");
    let mut plan = task_plan();
    let command = ["sh", file.to_str().unwrap()].map(str::to_owned).to_vec();
    let mine = StrategyPlan {
        command: Some(command),
        ..StrategyPlan::default()
    };
    plan.strategies
        .0
        .insert(StrategyName("mine".to_owned()), mine);
    let (id, data) = (run_of("mine"), data());
    let run = prepared(&folder, &id, &plan, &data);
    fs::write(&file, script("")).unwrap();
    let stopped = run.run(&mut Fake::new(1), &mut StopAt(7)).unwrap_err();
    assert!(matches!(stopped, ExperimentError::Stopped), "{stopped}");
    assert!(folder.chosen(&id, 1).exists());
    fs::write(&file, script("-")).unwrap();
    run.run(&mut Fake::new(1), &mut Silent).unwrap();
    assert!(!folder.chosen(&id, 1).exists());

    let records = records(&folder, "mine");
    let slices = |round: usize| &records[round].queries[0].slices;
    // First 4, 12, 20 and 28 were annotated.
    assert_eq!(*slices(0), [31, 30, 29, 27]);
    assert_eq!(*slices(1), [0, 1, 2, 3]);
    let program = |round: usize| records[round].program_sha256.clone().unwrap();
    assert_ne!(program(0), program(1));
    assert_eq!(program(1), program(2));
}

#[test]
fn without_a_sound_file_of_them_the_round_is_trained_from_its_start() {
    let whole = tempfile::tempdir().unwrap();
    let whole = ResultsFolder::new(whole.path());
    for strategy in ["first", "uncertainty"] {
        run(&whole, strategy, &mut Fake::new(1)).unwrap();
    }
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    let id = run_of("uncertainty");
    let mut dying = Fake {
        dies_after: Some(17),
        ..Fake::new(1)
    };
    run(&folder, "uncertainty", &mut dying).unwrap_err();
    assert!(folder.training(&id, 1).exists());
    fs::write(folder.chosen(&id, 1), "{").unwrap();
    run(&folder, "uncertainty", &mut Fake::new(1)).unwrap();
    assert_eq!(
        fs::read(folder.records(&id)).unwrap(),
        fs::read(whole.records(&id)).unwrap()
    );
}
