//! Kills a run after each of its steps: it must go on to the same bytes, and repeat no more than the
//! steps since its last checkpoint.

use super::*;

/// Steps of the three rounds of a strategy's run, of which the chain has 12 each: further ones before
/// the evaluation make 46 behind each.
const ROUNDS: [usize; 3] = [36, 24, 12];

/// Steps of a round after which it has a checkpoint: every five, and at the end of the chain's.
const PIECES: [usize; 7] = [5, 10, 12, 17, 22, 27, 32];

/// Returns how many rounds are over after `steps` of the run, and how many steps of the next are done.
fn position(steps: usize) -> (usize, usize) {
    let (mut over, mut left) = (0, steps);
    while over < ROUNDS.len() && left >= ROUNDS[over] {
        left -= ROUNDS[over];
        over += 1;
    }
    (over, left)
}

#[test]
fn a_run_killed_after_any_step_goes_on_to_the_same_bytes() {
    let whole = tempfile::tempdir().unwrap();
    let whole = ResultsFolder::new(whole.path());
    run(&whole, "first", &mut Fake::new(1)).unwrap();
    run(&whole, "random", &mut Fake::new(1)).unwrap();
    let id = run_of("random");
    let expected = fs::read(whole.records(&id)).unwrap();
    let all: usize = ROUNDS.iter().sum();
    for dies_after in 0..all {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::new(scratch.path());
        run(&folder, "first", &mut Fake::new(1)).unwrap();
        let mut dying = Fake {
            dies_after: Some(dies_after),
            ..Fake::new(1)
        };
        let died = run(&folder, "random", &mut dying).unwrap_err().to_string();
        assert!(died.contains("pulled the plug"), "{died}");
        let path = folder.records(&id);
        let (over, within) = position(dies_after);
        assert_eq!(records(&folder, "random").len(), over, "{dies_after}");
        // The last whole piece of the round is on disk, and nothing older.
        let kept = PIECES.into_iter().rfind(|&piece| piece <= within);
        let number = over + 1;
        for piece in PIECES {
            let checkpoint = folder.step_checkpoint(&id, number, piece);
            assert_eq!(
                checkpoint.exists(),
                Some(piece) == kept,
                "{dies_after}: {}",
                checkpoint.display()
            );
        }
        // So are the weights that the next round will continue from, once they are trained.
        let next = folder.checkpoint(&id, number);
        assert_eq!(next.exists(), within >= 12, "{dies_after}");
        // Simulates a write that was cut short: half a line after the whole ones.
        let mut torn = fs::read(&path).unwrap();
        torn.extend_from_slice(&expected[..40]);
        fs::write(&path, torn).unwrap();
        // Whatever weights the new process starts with, it continues from the checkpoint, and
        // repeats only the steps after it.
        let done = dies_after - within + kept.unwrap_or(0);
        let mut rest = Fake {
            dies_after: Some(all - done),
            ..Fake::new(99)
        };
        run(&folder, "random", &mut rest).unwrap();
        assert_eq!(rest.dies_after, Some(0), "{dies_after}: steps were skipped");
        assert!(fs::read(&path).unwrap() == expected, "{dies_after}");
        let checkpoints = folder.checkpoint(&id, 3);
        let names = fs::read_dir(checkpoints.parent().unwrap()).unwrap();
        let mut names: Vec<_> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "first-seed7-round0-evaluated.safetensors",
                "first-seed7-round0.safetensors",
                "random-seed7-round3.safetensors",
            ],
            "{dies_after}"
        );
        let timings = fs::read_to_string(folder.timings(&id)).unwrap();
        assert_eq!(timings.lines().count(), 3);
        run(&folder, "random", &mut Fake::new(5)).unwrap();
        assert!(
            fs::read(&path).unwrap() == expected,
            "a finished run stays as it is"
        );
    }
}

/// The first round has steps before its evaluation too, and full annotation without a budget has
/// several rounds.
#[test]
fn the_first_round_and_full_annotation_killed_go_on_to_the_same_bytes() {
    let without_budget = TaskPlan {
        steps: StepPlan {
            budget: None,
            ..task_plan().steps
        },
        ..task_plan()
    };
    for (plan, strategy) in [
        (task_plan(), "first"),
        (task_plan(), "full"),
        (without_budget, "full"),
    ] {
        let whole = tempfile::tempdir().unwrap();
        let whole = ResultsFolder::new(whole.path());
        run_plan(&plan, &whole, strategy, &mut Fake::new(1)).unwrap();
        let expected = fs::read(whole.records(&run_of(strategy))).unwrap();
        for dies_after in (0..46).step_by(3) {
            let scratch = tempfile::tempdir().unwrap();
            let folder = ResultsFolder::new(scratch.path());
            let mut dying = Fake {
                dies_after: Some(dies_after),
                ..Fake::new(1)
            };
            run_plan(&plan, &folder, strategy, &mut dying).unwrap_err();
            run_plan(&plan, &folder, strategy, &mut Fake::new(1)).unwrap();
            let bytes = fs::read(folder.records(&run_of(strategy))).unwrap();
            assert!(bytes == expected, "{strategy} killed after {dies_after}");
        }
    }
}
