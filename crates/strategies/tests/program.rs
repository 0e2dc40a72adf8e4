//! Strategies that are programs: what they are asked, and what is said of those that answer wrongly.

#![cfg(unix)]

use ndarray::Array3;
use slicewise_strategies::{Program, Sample};
use std::fs;

/// A case of ten slices, of which 0 and 5 are annotated.
fn sample() -> Sample {
    let mut sample = Sample::of(Array3::ones((10, 2, 3))).annotated(&[0, 5]);
    sample.case = "baby".to_owned();
    sample
}

/// A program that is a shell script.
fn shell(script: &str) -> Program {
    Program::new("mine", &["sh", "-c", script].map(str::to_owned))
}

/// Asks a shell script for three slices.
fn ask(script: &str) -> Result<Vec<usize>, String> {
    let mut program = shell(script);
    program.timeout_s = 1.0;
    sample()
        .slices(&program, 3)
        .map_err(|error| error.to_string())
}

/// A script that gives every question this answer.
fn answering(answer: &str) -> String {
    format!("while read -r question; do echo '{answer}'; done")
}

#[test]
fn scores_and_slices_are_taken() {
    let scores = answering(r#"{"scores": [9, 1, 2, 3, 4, 9, 6, 5, 0, -1.5]}"#);
    assert_eq!(ask(&scores).unwrap(), [6, 7, 4]);
    let slices = answering(r#"{"slices": [8, 1, 3]}"#);
    assert_eq!(ask(&slices).unwrap(), [8, 1, 3]);
    // Blank space around the answer does no harm.
    assert_eq!(
        ask(&answering(r#"  {"slices": [8, 1, 3]}  "#)).unwrap(),
        [8, 1, 3]
    );
    // An answer may say for which case it is.
    let named = answering(r#"{"case": "baby", "slices": [8, 1, 3]}"#);
    assert_eq!(ask(&named).unwrap(), [8, 1, 3]);
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let broken = [
        (
            answering(r#"{"scores": [1, 2]}"#),
            "expected 10 scores for case baby, got 2",
        ),
        (
            answering(r#"{"scores": [NaN, 2]}"#),
            "expected one line of JSON with \"scores\" or \"slices\" for case baby, got \
             `{\"scores\": [NaN, 2]}` (expected value at line 1 column 13); NaN and Infinity are no JSON",
        ),
        (
            answering(r#"{"scores": [0, 1e999, 0, 0, 0, 0, 0, 0, 0, 0]}"#),
            "number out of range",
        ),
        (
            answering("{}"),
            "expected \"scores\" or \"slices\" for case baby, got neither",
        ),
        (
            answering(r#"{"slices": [1, 1, 2]}"#),
            "expected each slice of case baby once, got 1 twice",
        ),
        (
            answering(r#"{"slices": [1, 2]}"#),
            "expected 3 slices of case baby, got 2",
        ),
        (
            answering(r#"{"slices": [1, 2, 3, 4]}"#),
            "expected 3 slices of case baby, got 4",
        ),
        (
            answering(r#"{"slices": [1, 2, 5]}"#),
            "expected slices of case baby that are not annotated, got 5, which is",
        ),
        (
            answering(r#"{"slices": [1, 2, 10]}"#),
            "expected slices below 10 of case baby, got 10",
        ),
        (
            answering(r#"{"slices": [1, 2, -1]}"#),
            "got `{\"slices\": [1, 2, -1]}` (invalid value: integer `-1`, expected a whole number from 0 at \
             line 1 column 20)",
        ),
        (
            answering(r#"{"slices": [1.0, 2, 3]}"#),
            "invalid type: floating point `1.0`, expected a whole number from 0",
        ),
        (
            answering(r#"{"scores": [true]}"#),
            "invalid type: boolean `true`, expected a number at",
        ),
        (
            answering(r#"{"case": "anna", "slices": [1, 2, 3]}"#),
            "expected the answer for case baby, got that for case `anna`",
        ),
        (
            answering(r#"{"slice": [1, 2, 3]}"#),
            "unknown field `slice`",
        ),
        (
            "exit 3".to_owned(),
            "case baby: expected an answer, got none: the program ended with exit status: 3; what it \
             said is in the run's log",
        ),
        (
            "sleep 60".to_owned(),
            "case baby: expected an answer within 1 s, got none; the program was ended; if it needs \
             longer, raise timeout_s",
        ),
    ];
    for (script, expected) in broken {
        let message = ask(&script).unwrap_err();
        assert!(message.starts_with("strategy mine: "), "{message}");
        assert!(message.contains(expected), "{script}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        let no_numbers = script.contains("NaN");
        assert_eq!(
            message.contains("NaN and Infinity"),
            no_numbers,
            "{message}"
        );
    }
    let none = Program::new("mine", &["/no/such/program".to_owned()]);
    let message = sample().slices(&none, 1).unwrap_err().to_string();
    assert!(
        message.starts_with("strategy mine: `/no/such/program` cannot be started: No such file"),
        "{message}"
    );
}

#[test]
fn it_is_started_once_and_again_after_it_failed() {
    let folder = tempfile::tempdir().unwrap();
    let starts = folder.path().join("starts");
    let script = format!(
        "echo x >> {}; {}",
        starts.display(),
        answering(r#"{"slices": [1, 2, 3]}"#)
    );
    let program = shell(&script);
    for _ in 0..3 {
        sample().slices(&program, 3).unwrap();
    }
    assert_eq!(fs::read_to_string(&starts).unwrap().lines().count(), 1);
    assert!(
        sample().slices(&program, 2).is_err(),
        "three slices are not two"
    );
}

#[test]
fn answers_are_not_shifted_by_one_that_was_given_twice() {
    let answer = r#"{"slices": [1, 2, 3]}"#;
    let program = shell(&format!(
        "while read -r question; do printf '%s\\n%s\\n' '{answer}' '{answer}'; done"
    ));
    sample().slices(&program, 3).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let message = sample().slices(&program, 3).unwrap_err().to_string();
    assert_eq!(
        message,
        "strategy mine: case baby: expected one line for each question, got `{\"slices\": [1, 2, 3]}` \
         before the question: the program answered twice or unasked; what is no answer belongs on \
         standard error"
    );
}

#[test]
fn the_question_names_files_with_all_that_may_be_seen() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("question");
    let script = format!(
        "read -r question; echo \"$question\" > {copy}; cp -r $(dirname $(echo \"$question\" | \
         sed 's/.*\"sr1\":\"\\([^\"]*\\)\".*/\\1/')) {copy}.files; echo '{{\"slices\":[1,2,3]}}'",
        copy = copy.display()
    );
    let mut program = shell(&script);
    program.features = true;
    let mut sample = sample();
    sample.place = 4;
    sample.round = [2, 5];
    sample.spacing_mm = [2.5, 1.0, 0.5];
    sample.truth.fill(1);
    sample.prediction.sr2 = Some(sample.prediction.sr1.clone());
    sample.prediction.features = Some(ndarray::Array4::zeros((3, 10, 2, 3)));
    sample.slices(&program, 3).unwrap();
    let question: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&copy).unwrap()).unwrap();
    for (key, expected) in [
        ("protocol", serde_json::json!(1)),
        ("case", "baby".into()),
        ("place", 4.into()),
        ("round", 2.into()),
        ("rounds", 5.into()),
        ("budget", 3.into()),
        ("depth", 10.into()),
        ("classes", 2.into()),
        ("spacing_mm", serde_json::json!([2.5, 1.0, 0.5])),
        (
            "annotated",
            (0..10)
                .map(|slice| slice % 5 == 0)
                .collect::<Vec<_>>()
                .into(),
        ),
    ] {
        assert_eq!(question[key], expected, "{key}");
    }
    let files = question["files"].as_object().unwrap();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    // SR2 is there and was not asked for.
    assert_eq!(
        names,
        ["features", "image", "labels", "probabilities", "sr1"]
    );
    // Labels [10, 2, 3]: 1 on the two annotated slices, 255 elsewhere.
    let labels = fs::read(folder.path().join("question.files/labels.npy")).unwrap();
    let labels = &labels[labels.len() - 60..];
    for (slice, voxels) in labels.chunks(6).enumerate() {
        let expected = if slice % 5 == 0 { 1 } else { 255 };
        assert!(
            voxels.iter().all(|&class| class == expected),
            "{slice}: {voxels:?}"
        );
    }
}

#[test]
fn the_hash_follows_the_text_of_the_files_that_the_command_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.sh");
    let hash = |text: &str| {
        fs::write(&file, text).unwrap();
        Program::new("mine", &["sh".to_owned(), file.display().to_string()]).sha256()
    };
    let one = hash("echo 1");
    assert_eq!(one.len(), 64);
    assert_ne!(one, hash("echo 2"));
    assert_eq!(one, hash("echo 1"));
}
