//! Tests a sweep in folds: every case is unseen once, and a sweep that is stopped goes on.

use crate::program::{run, slicewise, succeed};
use crate::tiny::{TINY, records, undisturbed};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

fn sweep(yaml: &Path, out: &Path) -> Command {
    let mut command = slicewise(&["sweep"]);
    command.arg(yaml).args(["--jobs", "2", "--out"]).arg(out);
    let cache = undisturbed().scratch.path().join("cache");
    command.arg("--cache").arg(cache);
    command
}

/// The cases of Part B in the first line of a ledger.
fn unseen(ledger: &[u8]) -> Vec<String> {
    let text = String::from_utf8(ledger.to_vec()).unwrap();
    let line = text.lines().next().unwrap();
    let record: serde_json::Value = serde_json::from_str(line).unwrap();
    let cases = record["cases"].as_array().unwrap().iter();
    cases
        .filter(|case| case["part"] == "B")
        .map(|case| case["case"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_case_is_unseen_once_and_a_sweep_in_folds_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str| scratch.path().join(name);
    let folds = TINY.replace("part_b: [phantom-04]", "folds: 2");
    assert_ne!(folds, TINY);
    fs::write(file("folds.yaml"), &folds).unwrap();
    succeed(&mut sweep(&file("folds.yaml"), &file("out")));
    let whole = records(&file("out"));
    let names: Vec<&str> = whole.keys().map(String::as_str).collect();
    let expected = ["first", "full", "random"]
        .into_iter()
        .flat_map(|name| [1, 2].map(|fold| format!("{name}-fold{fold}-seed1.jsonl")));
    assert_eq!(names, expected.collect::<Vec<_>>());
    let mut by_fold: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, ledger) in &whole {
        let fold = name.split('-').nth(1).unwrap();
        let unseen = unseen(ledger);
        let others = by_fold.entry(fold).or_insert_with(|| unseen.clone());
        assert_eq!(*others, unseen, "{name}: all runs of a fold have its cases");
    }
    let manifest = fs::read(file("out").join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let listed: Vec<&Vec<String>> = by_fold.values().collect();
    assert_eq!(manifest["data"][0]["folds"], serde_json::json!(listed));
    let page = fs::read_to_string(file("out").join("report.html")).unwrap();
    assert!(
        page.contains("4 cases in 2 folds, each unseen once"),
        "{page}"
    );
    let mut all: Vec<String> = by_fold.into_values().flatten().collect();
    all.sort();
    let heads = [1, 2, 3, 4].map(|head| format!("phantom-{head:02}"));
    assert_eq!(all, heads);
    // A fold has its own randomness: the records of the two differ in more than their names.
    let of = |name: &str| String::from_utf8(whole[name].clone()).unwrap();
    let renamed = of("first-fold2-seed1.jsonl").replace("\"fold\":2", "\"fold\":1");
    assert_ne!(of("first-fold1-seed1.jsonl"), renamed);
    // Volumes are kept of the first fold alone.
    let pictures = file("out").join("pictures/brain-extraction/unet");
    for picture in fs::read_dir(pictures).unwrap() {
        let name = picture.unwrap().file_name().into_string().unwrap();
        assert!(name.contains("-fold1-"), "{name}");
    }

    // One run is lost, another cut short, a checkpoint gone: the same command makes all good.
    let random = file("out").join("records/brain-extraction/unet/random-fold2-seed1.jsonl");
    fs::remove_file(&random).unwrap();
    let full = random.with_file_name("full-fold1-seed1.jsonl");
    let text = fs::read(&full).unwrap();
    fs::write(&full, &text[..text.len() - 10]).unwrap();
    let first = "checkpoints/brain-extraction/unet/first-fold2-seed1-round0-evaluated.safetensors";
    fs::remove_file(file("out").join(first)).unwrap();
    let (code, _, stderr) = run(&mut sweep(&file("folds.yaml"), &file("out")));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("2 of 6 runs left"), "{stderr}");
    let lost = "task 1 · unet · random · seed 1 · fold 2: lost (";
    let again = "; its 8 steps are trained again, on the same crops";
    let line = stderr.lines().find(|line| line.starts_with(lost));
    assert!(line.is_some_and(|line| line.ends_with(again)), "{stderr}");
    assert!(records(&file("out")) == whole, "{stderr}");
    succeed(slicewise(&["verify"]).arg(file("out")));
}

#[test]
fn folds_that_cannot_be_are_refused_in_one_line() {
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str| scratch.path().join(name);
    for (split, problem) in [
        ("folds: 1", "data.folds: expected 2 to 1000, got 1"),
        (
            "folds: 5",
            "data.folds: expected 2 to 4 folds, since there are 4 subjects, got 5",
        ),
        (
            "part_b: [phantom-04]\n  folds: 2",
            "data.folds: expected either folds or part_b, got both",
        ),
    ] {
        let text = TINY.replace("part_b: [phantom-04]", split);
        fs::write(file("folds.yaml"), text).unwrap();
        let (code, _, stderr) = run(&mut sweep(&file("folds.yaml"), &file("out")));
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(problem), "{stderr}");
        assert!(!file("out").exists());
    }
}
