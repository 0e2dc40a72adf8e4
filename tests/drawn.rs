//! Scans that people annotate, from outside: an expert is played by a Python program that writes what
//! tools leave.

use crate::program::{root, run, slicewise, succeed};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A simulated sweep on the scans and truth of [`Stage`].
const EXPERIMENT: &str = "\
name: drawn
question: Do drawn slices train as simulated ones do?
seeds: [1]
device: cpu
data:
  dataset: manifest
  path: MANIFEST
  classes: [background, one, two]
  part_b: [phantom-07]
models:
  unet: &model {architecture: unet, base_width: 4, levels: 2}
training: &training {crop: [16, 16, 16], soft_dice: 1.0, precision: float32}
tasks:
  heads:
    definition: {labels: all, agreement: accuracy}
    first_every: 6
    start: staggered
    steps: {budget: 60, first: 30}
    report_at: [0.5]
    full: false
    strategies: [equal-interval]
";

/// The same in a project.
const SETTINGS: &str = "\
name: heads
classes: [background, one, two]
slice_axis: axial
model: {architecture: unet, base_width: 4, levels: 2}
training: {crop: [16, 16, 16], soft_dice: 1.0, precision: float32}
steps: 60
device: cpu
";

/// A folder with scans, their truth, and an empty project.
pub(crate) struct Stage {
    scratch: tempfile::TempDir,
}

impl Stage {
    /// Returns `None`, loudly, where Python lacks what the expert needs.
    pub(crate) fn new(subjects: usize) -> Option<Self> {
        let mut test = python();
        test.args(["-c", "import nibabel, SimpleITK"]);
        if !test.output().is_ok_and(|output| output.status.success()) {
            assert!(
                std::env::var_os("SLICEWISE_PYTHONPATH").is_none(),
                "SLICEWISE_PYTHONPATH lacks nibabel or SimpleITK"
            );
            eprintln!(
                "SKIPPED: no python3 with nibabel and SimpleITK; scripts/python.sh fetches them"
            );
            return None;
        }
        let stage = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        let phantoms = stage.path("phantoms");
        let mut phantom = slicewise(&["phantom", "--seed", "7", "--spacing-mm", "5", "--quiet"]);
        phantom
            .arg(&phantoms)
            .args(["--subjects", &subjects.to_string()]);
        succeed(&mut phantom);
        stage.expert(&["scans", "phantoms", "data"]);
        fs::create_dir(stage.path("heads")).unwrap();
        Some(stage)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Runs the expert in the stage's folder.
    pub(crate) fn expert(&self, arguments: &[&str]) -> String {
        let mut expert = python();
        expert.arg(root().join("tests/drawn/expert.py"));
        succeed(expert.args(arguments).current_dir(self.scratch.path()))
    }

    /// Returns a command of the program in the project.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = slicewise(arguments);
        command.current_dir(self.path("heads")).env("USER", "anna");
        command
    }

    pub(crate) fn do_(&self, arguments: &[&str]) -> String {
        succeed(&mut self.command(arguments))
    }

    /// Begins the project with the first six scans and the settings of the sweep.
    fn init(&self) {
        let _ = fs::remove_file(self.path("data/scans/phantom-07.nii.gz"));
        self.do_(&[
            "init",
            "../data/scans",
            "--classes",
            "one,two",
            "--name",
            "heads",
        ]);
        fs::write(self.path("heads/slicewise.yaml"), SETTINGS).unwrap();
    }
}

fn python() -> Command {
    let mut python = Command::new("python3");
    if let Some(packages) = std::env::var_os("SLICEWISE_PYTHONPATH") {
        python.env("PYTHONPATH", packages);
    }
    python
}

/// Sweeps, and returns the slices that the first round annotated, in the scans' own numbers, and the mean
/// Dice of each case of Part A after it.
fn simulated(stage: &Stage) -> (Vec<String>, BTreeMap<String, f64>) {
    let manifest = stage.path("data/manifest.csv");
    let text = EXPERIMENT.replace("MANIFEST", manifest.to_str().unwrap());
    fs::write(stage.path("drawn.yaml"), text).unwrap();
    let mut sweep = slicewise(&["sweep"]);
    sweep
        .arg(stage.path("drawn.yaml"))
        .arg("--out")
        .arg(stage.path("out"));
    sweep.arg("--cache").arg(stage.path("cache"));
    succeed(&mut sweep);
    let first = |kind: &str, ending: &str| {
        let path = format!("out/{kind}/heads/unet/first-seed1.{ending}");
        fs::read_to_string(stage.path(&path)).unwrap()
    };
    let slices = first("annotations", "csv");
    let slices = slices.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        format!("{}:{}", cells[0], cells[3])
    });
    let record: serde_json::Value =
        serde_json::from_str(first("records", "jsonl").lines().next().unwrap()).unwrap();
    let cases = record["cases"].as_array().unwrap().iter();
    let cases = cases.filter(|case| case["part"] == "A");
    let dice = cases.map(|case| {
        let id = case["case"].as_str().unwrap().to_owned();
        (id, case["mean_dice"].as_f64().unwrap())
    });
    (slices.collect(), dice.collect())
}

#[test]
fn six_scans_become_a_trained_model_and_an_nnunet_data_set() {
    let Some(stage) = Stage::new(7) else {
        return;
    };
    let (slices, expected) = simulated(&stage);
    assert_eq!(expected.len(), 6);
    stage.init();
    let asked = stage.do_(&["ask", "--at", &slices.join(",")]);
    assert!(
        asked.starts_with(&format!("tasks/r01: {} slices, about ", slices.len())),
        "{asked}"
    );
    stage.expert(&["answer", "heads/tasks/r01", "data/truth"]);
    let imported = stage.do_(&["import"]);
    let all = format!(
        "{} slice(s) accepted from 6 file(s), 0 of which as handed out or known; 0 wait",
        slices.len()
    );
    assert!(imported.contains(&all), "{imported}");
    // What is taken in once is not taken in twice.
    let again = stage.do_(&["import"]);
    assert!(
        again.contains("0 slice(s) accepted from 6 file(s)"),
        "{again}"
    );

    stage.do_(&["train"]);
    stage.do_(&["predict"]);
    let status: serde_json::Value =
        serde_json::from_str(&stage.do_(&["status", "--json"])).unwrap();
    let model = status["models"][0]["model"].as_str().unwrap().to_owned();
    let predictions = format!("heads/predictions/{model}");
    let dice: BTreeMap<String, f64> =
        serde_json::from_str(&stage.expert(&["dice", &predictions, "data/truth"])).unwrap();
    for (case, expected) in &expected {
        let got = dice[case];
        assert!(
            (got - expected).abs() < 0.01,
            "{case}: {got} instead of {expected}"
        );
    }
    eprintln!("Dice of the project: {dice:?}; of the sweep: {expected:?}");

    // The network of the sweep segments the same scans as it did in the sweep.
    let mut predict = slicewise(&["predict", "--strategy", "equal-interval", "--run"]);
    predict.arg(stage.path("out")).arg(stage.path("data/scans"));
    succeed(predict.arg("--out").arg(stage.path("segmented")));
    let records =
        fs::read_to_string(stage.path("out/records/heads/unet/equal-interval-seed1.jsonl"));
    let record: serde_json::Value =
        serde_json::from_str(records.unwrap().lines().last().unwrap()).unwrap();
    let dice: BTreeMap<String, f64> =
        serde_json::from_str(&stage.expert(&["dice", "segmented", "data/truth"])).unwrap();
    for case in record["cases"].as_array().unwrap() {
        let id = case["case"].as_str().unwrap();
        if let Some(got) = dice.get(id) {
            let expected = case["mean_dice"].as_f64().unwrap();
            assert!(
                (got - expected).abs() < 0.01,
                "{id}: {got} instead of {expected}"
            );
        }
    }
    assert_eq!(dice.len(), 6);

    // A second round has drafts; its expert says how good they were.
    stage.do_(&[
        "ask",
        "--slices",
        "6",
        "--strategy",
        "uncertainty",
        "--to",
        "ben",
    ]);
    stage.expert(&["answer", "heads/tasks/r02-ben", "data/truth"]);
    stage.do_(&["import"]);
    let status = stage.do_(&["status"]);
    assert!(status.contains("its drafts agree by Dice 0."), "{status}");
    let log = stage.do_(&["log"]);
    assert!(log.contains("accepted of ben slices"), "{log}");

    // Two people draw the same slices alike.
    stage.do_(&[
        "ask",
        "--at",
        "phantom-03:14",
        "--to",
        "ben,cleo",
        "--overlap",
        "1",
    ]);
    stage.expert(&["answer", "heads/tasks/r03-ben", "data/truth"]);
    stage.expert(&["answer", "heads/tasks/r03-cleo", "data/truth"]);
    stage.do_(&["import"]);
    let status = stage.do_(&["status"]);
    assert!(status.contains("agree by Dice 1.000 on "), "{status}");

    stage.do_(&["export", "nnunet", "../nnunet"]);
    stage.expert(&["nnunet", "nnunet", "heads/history.jsonl", "data/truth"]);
    stage.do_(&["export", "dense", "../dense"]);
    assert!(stage.path("dense/phantom-01.nii.gz").exists());
    read_back(&stage);
    // Training again with the new slices is another model; what was exported stays.
    stage.do_(&["train"]);
    let status: serde_json::Value =
        serde_json::from_str(&stage.do_(&["status", "--json"])).unwrap();
    assert_eq!(status["models"].as_array().unwrap().len(), 2);
}

/// The export is a data set of its own: what nobody drew counts neither in training nor in scores.
fn read_back(stage: &Stage) {
    let text = EXPERIMENT.replace("name: drawn", "name: back");
    let (before, after) = text.split_once("  dataset: manifest").unwrap();
    let (_, after) = after.split_once("part_b: [phantom-07]").unwrap();
    let path = stage.path("nnunet");
    let text = format!(
        "{before}  dataset: msd\n  path: {}\n  part_b: [phantom-06]{after}",
        path.to_str().unwrap()
    );
    let text = text.replace("budget: 60, first: 30", "budget: 4, first: 2");
    fs::write(stage.path("back.yaml"), text).unwrap();
    let mut sweep = slicewise(&["sweep"]);
    sweep
        .arg(stage.path("back.yaml"))
        .arg("--out")
        .arg(stage.path("back"));
    let (code, out, error) = run(sweep.arg("--cache").arg(stage.path("cache")));
    assert_eq!(code, 0, "{out}{error}");
    assert!(
        error.contains("its labels are drawn in part (`ignore`)"),
        "{error}"
    );
    let records =
        fs::read_to_string(stage.path("back/records/heads/unet/equal-interval-seed1.jsonl"));
    let record: serde_json::Value =
        serde_json::from_str(records.unwrap().lines().last().unwrap()).unwrap();
    // Of the slices that were asked for, only those that somebody drew have foreground.
    let case = &record["cases"][0];
    let voxels = case["true_voxels"].as_array().unwrap().iter();
    let drawn = voxels.filter(|voxels| voxels.as_u64().unwrap() > 0).count();
    assert!((1..=8).contains(&drawn), "{case}");
}

#[test]
fn a_folder_without_a_project_and_files_of_others_are_refused() {
    let Some(stage) = Stage::new(2) else {
        return;
    };
    let refused = |arguments: &[&str], expected: &str| {
        let (code, out, error) = run(stage.command(arguments).arg("--quiet"));
        assert_eq!(code, 2, "{arguments:?}: {out}{error}");
        assert!(error.contains(expected), "{arguments:?}: {error}");
        assert_eq!(error.trim().lines().count(), 1, "{error}");
    };
    refused(&["status"], "begin one with `slicewise init SCANS`");
    refused(&["init", "nowhere", "--classes", "one"], "nowhere");
    stage.do_(&[
        "init",
        "../data/scans",
        "--classes",
        "one,two",
        "--name",
        "heads",
        "--steps",
        "4",
    ]);
    let again = ["init", "../data/scans", "--classes", "one,two"];
    assert!(
        stage
            .do_(&again)
            .contains("a project with these scans already")
    );
    refused(
        &["init", "../data/scans", "--classes", "two"],
        "begin another project in another folder",
    );
    refused(&["train"], "expected drawn slices to train on, got none");
    refused(
        &["export", "nnunet", "../out"],
        "expected drawn slices to export",
    );
    refused(&["ask", "--strategy", "uncertaintyy"], "did you mean");
    refused(
        &["ask", "--strategy", "oracle-most-error"],
        "needs no ground truth",
    );
    refused(
        &["ask", "--at", "phantom-01:999"],
        "expected a slice of phantom-01 from 0 to ",
    );
    refused(
        &["ask", "--at", "phantom-09:1"],
        "expected one of the cases phantom-01, phantom-02",
    );
    refused(&["retract", "phantom-01:3"], "expected a drawn slice");
    stage.do_(&["ask", "--at", "phantom-01:9"]);
    refused(&["import", "../data/scans"], "expected a task's folder");
    let text = fs::read_to_string(stage.path("heads/slicewise.yaml")).unwrap();
    let file = stage.path("heads/slicewise.yaml");
    fs::write(&file, text.replace("\"two\"", "\"three\"")).unwrap();
    refused(
        &["ask"],
        "expected the classes with which the project began, background, one, two",
    );
    fs::write(&file, text.replace("steps:", "stepps:")).unwrap();
    refused(&["ask"], "did you mean `steps`?");
    fs::write(&file, &text).unwrap();
    // Another project's task.
    fs::create_dir(stage.path("other")).unwrap();
    let other = |arguments: &[&str]| {
        let mut command = slicewise(arguments);
        succeed(command.current_dir(stage.path("other")).env("USER", "anna"))
    };
    other(&[
        "init",
        "../data/scans",
        "--classes",
        "other",
        "--name",
        "other",
    ]);
    other(&["ask", "--at", "phantom-01:9"]);
    refused(&["import", "../other/tasks/r01"], "got one of another");
}
