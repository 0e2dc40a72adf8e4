//! Tests `unlabelled`: one sweep compares ways of training, which differ where slices are not
//! annotated and nowhere else.

use crate::program::{run, slicewise, succeed};
use crate::tiny::TINY;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The tiny sweep's network three times: by the default, and by a teacher that teaches at once.
fn three() -> String {
    let unet = "  unet: {architecture: unet, base_width: 4, levels: 2}\n";
    assert!(TINY.contains(unet));
    let settings = "confidence: 0.51, ramp: 0";
    let mut models = unet.replace("unet:", "none:");
    for method in ["pseudo-labels", "mean-teacher"] {
        let own = format!("levels: 2, unlabelled: {{method: {method}, {settings}}}}}");
        models += &unet
            .replace("unet:", &format!("{method}:"))
            .replace("levels: 2}", &own);
    }
    TINY.replace(unet, &models)
}

fn sweep(yaml: &str, scratch: &Path) -> Command {
    let path = scratch.join("tiny.yaml");
    fs::write(&path, yaml).unwrap();
    let mut command = slicewise(&["sweep", "--jobs", "2"]);
    command.arg(path).arg("--out").arg(scratch.join("out"));
    command.arg("--cache").arg(scratch.join("cache"));
    command
}

#[test]
fn one_sweep_compares_ways_of_training() {
    let scratch = tempfile::tempdir().unwrap();
    succeed(&mut sweep(&three(), scratch.path()));
    let records = |model: &str, run: &str| {
        let out = scratch.path().join("out/records/brain-extraction");
        let text = fs::read_to_string(out.join(model).join(format!("{run}-seed1.jsonl"))).unwrap();
        text.replace(&format!("\"{model}\""), "\"a model\"")
    };
    let [first, full] = ["first", "full"].map(|run| records("none", run));
    let mut firsts = vec![first];
    for model in ["pseudo-labels", "mean-teacher"] {
        // With nothing left to label the training is the same, to the last bit.
        assert_eq!(records(model, "full"), full, "{model}");
        let first = records(model, "first");
        assert!(!firsts.contains(&first), "{model}");
        firsts.push(first);
    }
    let config = fs::read_to_string(scratch.path().join("out/config.yaml")).unwrap();
    assert_eq!(config.matches("unlabelled").count(), 2, "{config}");
    // The same experiment in other words goes on, with nothing left to do.
    let named = three().replace("training:\n", "training:\n  unlabelled: none\n");
    let (code, _, stderr) = run(&mut sweep(&named, scratch.path()));
    assert!(code == 0 && stderr.contains("0 of 9 runs left"), "{stderr}");
    let other = three().replace("ramp: 0", "ramp: 1");
    let (code, _, stderr) = run(&mut sweep(&other, scratch.path()));
    assert!(code == 2 && stderr.contains("`ramp: 0`"), "{stderr}");
}

#[test]
fn a_teacher_without_a_moving_average_is_refused_in_one_line() {
    let scratch = tempfile::tempdir().unwrap();
    let without = three().replace("training:\n", "training:\n  averaging: 0\n");
    let (code, _, stderr) = run(&mut sweep(&without, scratch.path()));
    assert_eq!(code, 2, "{stderr}");
    let expected = "models.pseudo-labels: training.averaging: expected above 0 for training.unlabelled, \
                    whose teacher is the moving average of the weights, got 0.0";
    assert!(stderr.trim_end().ends_with(expected), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}
