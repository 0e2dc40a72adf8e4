//! Tests what happens if files of a run are damaged, lost or cannot be written.

use super::*;

/// Collects a run's notes.
#[derive(Default)]
struct Notes(Vec<String>);

impl Observer for Notes {
    fn steps(&mut self, _: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    fn round(&mut self, _: &RoundRecord, _: Timing) {}
    fn note(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}

/// Executes a run with new weights of the sweep's seed. Returns its notes without the folder's
/// path.
fn noted(folder: &ResultsFolder, strategy: &str, segmenter: &mut Fake) -> Vec<String> {
    let (id, plan, data) = (run_of(strategy), task_plan(), data());
    let run = prepared(folder, &id, &plan, &data);
    let mut notes = Notes::default();
    run.run(segmenter, &mut notes).unwrap();
    let root = format!("{}/", folder.root().display());
    let notes = notes.0.into_iter();
    notes.map(|note| note.replace(&root, "")).collect()
}

fn dying(after: usize) -> Fake {
    Fake {
        dies_after: Some(after),
        ..Fake::new(1)
    }
}

/// What is lost: the run, its round, whether the weights that the next round continues from, and whether
/// those that it was evaluated with.
type Lost = (&'static str, usize, bool, bool);

/// Loses checkpoints once `rounds` of the run are over. It must go on to the same bytes, and train
/// `again` steps more than are left.
fn goes_on_without(lost: &[Lost], rounds: usize, again: usize, whole: &ResultsFolder) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let id = run_of("random");
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    let done = [0, 36, 60][rounds];
    if rounds > 0 {
        run(&folder, "random", &mut dying(done)).unwrap_err();
    }
    for &(strategy, round, next, evaluated) in lost {
        let id = run_of(strategy);
        for (is_lost, path) in [
            (next, folder.checkpoint(&id, round)),
            (evaluated, folder.evaluated_checkpoint(&id, round)),
        ] {
            assert!(path.exists(), "{}", path.display());
            if is_lost {
                fs::write(path, "rubbish").unwrap();
            }
        }
    }
    // It trains only what is left of the run and what must be trained again.
    let mut rest = dying(72 - done + again);
    let notes = noted(&folder, "random", &mut rest);
    assert_eq!(rest.dies_after, Some(0), "{lost:?}");
    let expected_notes = match again {
        0 => vec![],
        again => vec![format!(
            "task 2 · fake · random · seed 7: lost (no weights); its {again} steps are trained again, \
             on the same crops"
        )],
    };
    assert_eq!(notes, expected_notes, "{lost:?}");
    assert!(
        fs::read(folder.records(&id)).unwrap() == fs::read(whole.records(&id)).unwrap(),
        "{lost:?}"
    );
    // The first round's checkpoints belong to its own run. This one keeps none of its own copies.
    for &(_, _, next, evaluated) in lost.iter().filter(|(strategy, ..)| *strategy == "first") {
        let first = run_of("first");
        for (is_lost, path) in [
            (next, folder.checkpoint(&first, 0)),
            (evaluated, folder.evaluated_checkpoint(&first, 0)),
        ] {
            assert_eq!(fs::read(path).unwrap() == b"rubbish", is_lost, "{lost:?}");
        }
    }
    for path in [
        folder.checkpoint(&id, 0),
        folder.evaluated_checkpoint(&id, 0),
    ] {
        assert!(!path.exists(), "{lost:?}: {} is left", path.display());
    }
}

fn undamaged() -> (tempfile::TempDir, ResultsFolder) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    for strategy in ["first", "random"] {
        assert_eq!(noted(&folder, strategy, &mut Fake::new(1)), [""; 0]);
    }
    (scratch, folder)
}

#[test]
fn lost_checkpoints_are_trained_again_from_the_newest_good_one() {
    let (_scratch, whole) = undamaged();
    // Two rounds are over. The chain has 12 steps in each, after the 10 of the first; the second had 12
    // more before its evaluation.
    for (lost, again) in [
        (&[("random", 2, false, true)][..], 12),
        (&[("random", 2, true, false)], 12 + 12 + 12),
        (&[("random", 2, true, true)], 12 + 12 + 12),
        (
            &[("random", 2, true, true), ("first", 0, true, true)],
            10 + 12 + 12 + 12,
        ),
        (&[("first", 0, true, true)], 0),
    ] {
        goes_on_without(lost, 2, again, &whole);
    }
}

#[test]
fn a_lost_first_round_is_trained_again_by_each_that_forks_from_it() {
    let (_scratch, whole) = undamaged();
    for (next, evaluated, again) in [(false, true, 36), (true, false, 46), (true, true, 46)] {
        goes_on_without(&[("first", 0, next, evaluated)], 0, again, &whole);
    }
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    fs::remove_file(folder.checkpoint(&run_of("first"), 0)).unwrap();
    let notes = noted(&folder, "random", &mut Fake::new(1));
    let not_found = std::io::Error::from_raw_os_error(2);
    assert_eq!(
        notes,
        [format!(
            "task 2 · fake · random · seed 7: lost ({not_found}); its 46 steps are trained again, on \
             the same crops"
        )]
    );
}

#[test]
fn a_damaged_checkpoint_within_a_round_and_a_torn_line_are_said() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "full", &mut dying(23)).unwrap_err();
    fs::write(folder.step_checkpoint(&run_of("full"), 0, 20), "rubbish").unwrap();
    fs::write(folder.records(&run_of("full")), "{\"schema\":3,\"ta").unwrap();
    assert_eq!(
        noted(&folder, "full", &mut Fake::new(1)),
        [
            "records/tissue-segmentation/fake/full-seed7.jsonl: its last line was cut short and is \
             removed; that round is done again",
            "task 2 · fake · full · seed 7: lost (no weights); round 0 is trained from its start, \
             on the same crops",
        ]
    );
}

#[test]
fn a_training_that_fails_names_the_last_good_checkpoint_and_keeps_it() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let message = |strategy: &str, after: usize| {
        let error = run(&folder, strategy, &mut dying(after)).unwrap_err();
        let root = format!("{}/", folder.root().display());
        error.to_string().replace(&root, "")
    };
    let start = "training: pulled the plug; last good checkpoint: ";
    let path = "checkpoints/tissue-segmentation/fake";
    assert_eq!(
        message("full", 3),
        format!("{start}none, it starts from new weights")
    );
    assert_eq!(
        message("full", 13),
        format!("{start}{path}/full-seed7-round0-step10.safetensors")
    );
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    assert_eq!(
        message("random", 2),
        format!("{start}{path}/first-seed7-round0.safetensors")
    );
    assert_eq!(
        message("random", 37),
        format!("{start}{path}/random-seed7-round1.safetensors")
    );
    for named in ["full-seed7-round0-step10", "random-seed7-round1"] {
        let named = folder.root().join(format!("{path}/{named}.safetensors"));
        assert!(named.exists(), "{}", named.display());
    }
}

#[test]
fn a_full_disk_is_an_error_with_the_ledgers_name() {
    let mut full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let path = Path::new("records/x.jsonl");
    let error = ledger::append(&mut full, path, &1).unwrap_err().to_string();
    let no_space = std::io::Error::from_raw_os_error(28);
    assert_eq!(error, format!("records/x.jsonl: {no_space}"));
}

#[test]
fn a_run_that_another_process_does_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    let id = run_of("random");
    let held = Holder::take(&folder.holder(&id)).unwrap();
    let error = run(&folder, "random", &mut Fake::new(1)).unwrap_err();
    let error = error.to_string();
    let expected = format!(
        "{}: another slicewise is writing this run: process {} on ",
        folder.records(&id).display(),
        std::process::id()
    );
    let told = error.starts_with(&expected) && error.ends_with("; wait for it, or end it");
    assert!(told, "{error}");
    assert!(!folder.records(&id).exists());
    drop(held);
    run(&folder, "random", &mut Fake::new(1)).unwrap();
    assert!(!folder.holder(&id).exists());
}

/// A process that stood still for a minute may find its run taken over by another one, here in the
/// middle of a round.
#[test]
fn a_run_that_was_taken_over_writes_nothing_more() {
    struct Stolen<'a>(&'a ResultsFolder);
    impl Observer for Stolen<'_> {
        fn steps(&mut self, _: usize) -> ControlFlow<()> {
            std::fs::write(self.0.holder(&run_of("first")), "another\n").unwrap();
            ControlFlow::Continue(())
        }
        fn round(&mut self, _: &RoundRecord, _: Timing) {
            panic!("a record was written");
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let (id, plan, data) = (run_of("first"), task_plan(), data());
    let run = prepared(&folder, &id, &plan, &data);
    let error = run
        .run(&mut Fake::new(1), &mut Stolen(&folder))
        .unwrap_err();
    assert!(
        matches!(error, ExperimentError::TakenOver { .. }),
        "{error}"
    );
    assert_eq!(std::fs::read(folder.records(&id)).unwrap(), b"");
}

#[test]
fn a_line_that_is_no_record_is_named_with_what_to_do() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    let path = folder.records(&run_of("first"));
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}{{\"schema\":\n{whole}")).unwrap();
    assert_eq!(
        ledger::read(&path).unwrap_err().to_string(),
        format!(
            "{}, line 2: expected a record of a round, got: EOF while parsing a value; \
             delete this file and the run is trained again",
            path.display()
        )
    );
}
