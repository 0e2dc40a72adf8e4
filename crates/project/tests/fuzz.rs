//! Fuzz tests of the history: thousands of broken files. Each must be refused in one line, without a panic
//! and within bounded memory.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use slicewise_fuzz::{Target, fuzz};
use slicewise_project::{AskedSlice, Event, History, State};
use std::collections::BTreeMap;

/// Returns a history of a few events.
fn history() -> Vec<u8> {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("history.jsonl");
    let mut history = History::open(&path).unwrap();
    let case = || "sub-01".to_owned();
    let events = [
        Event::Init {
            classes: vec!["background".to_owned(), "cyst".to_owned()],
        },
        Event::Ask {
            round: 1,
            task: "r01".to_owned(),
            to: Some("anna".to_owned()),
            strategy: "equal-interval".to_owned(),
            model: None,
            slices: vec![AskedSlice {
                case: case(),
                slice: 4,
                why: "evenly spaced".to_owned(),
            }],
            labels: BTreeMap::from([(case(), "ab".to_owned())]),
        },
        Event::Accept {
            case: case(),
            task: "r01".to_owned(),
            annotator: "anna".to_owned(),
            labels: "cd".to_owned(),
            slices: vec![4],
            submission: "ef".to_owned(),
            seconds: Some(90.5),
            draft_dice: vec![(4, 0.75)],
            model: Some("gh".to_owned()),
        },
        Event::Retract {
            case: case(),
            slice: 4,
            annotator: None,
        },
    ];
    for event in events {
        history.append("anna", event).unwrap();
    }
    std::fs::read(path).unwrap()
}

#[test]
fn project_history() {
    let words = [
        "\"event\":\"retract\"",
        "\"before\":\"\"",
        "null",
        "1e999",
        "\n",
    ];
    fuzz(
        &Target {
            share: 50,
            ..Target::text("project-history", "history.jsonl", vec![history()], &words)
        },
        |path| {
            let lines = History::read(path).map_err(|error| error.to_string())?;
            // Whatever the lines say, they have a state.
            let state = State::of(&lines);
            assert!(state.tasks.len() <= lines.len());
            Ok(())
        },
    );
}
