//! Networks that are programs: the examples take part in a sweep, go on where they were stopped, and
//! fail with one line.

use crate::program::{root, run, slicewise, succeed};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Returns an experiment whose network is this program.
fn experiment(command: &str) -> String {
    format!(
        "\
name: own
question: Does a network of one's own take part?
seeds: [1]
device: cpu
data:
  dataset: phantom
  phantom: {{subjects: 4, seed: 1}}
  spacing_mm: 5.0
  part_b: [phantom-04]
models:
  own: {{architecture: {{command: [{command}]}}, base_width: 4, levels: 2}}
training:
  crop: [8, 16, 16]
tasks:
  brain-extraction:
    first_every: 8
    steps: {{budget: 12, first: 6, checkpoint_every: 2}}
    report_at: [0.25]
    strategies: [random, uncertainty]
"
    )
}

pub(crate) fn packages() -> std::ffi::OsString {
    std::env::var_os("SLICEWISE_PYTHONPATH").unwrap_or_default()
}

fn sweep(folder: &Path, command: &str, out: &str) -> Command {
    let file = folder.join("own.yaml");
    fs::write(&file, experiment(command)).unwrap();
    let mut sweep = slicewise(&["sweep"]);
    sweep.arg(file).arg("--out").arg(folder.join(out));
    sweep.arg("--cache").arg(folder.join("cache"));
    sweep.env("PYTHONPATH", packages());
    sweep
}

/// Whether python3 can import this; a package that the tests fetch must be there.
pub(crate) fn imports(package: &str, fetched: bool) -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", &format!("import {package}")]);
    let there = python.env("PYTHONPATH", packages()).output();
    let there = there.is_ok_and(|output| output.status.success());
    assert!(
        there || !fetched || packages().is_empty(),
        "no {package} in its place"
    );
    if !there {
        eprintln!("skipped: python3 has no {package}");
    }
    there
}

fn records(folder: &Path, out: &str) -> String {
    let run = |name: &str| {
        let path = format!("{out}/records/brain-extraction/own/{name}-seed1.jsonl");
        fs::read_to_string(folder.join(path)).unwrap()
    };
    ["first", "full", "random", "uncertainty"].map(run).concat()
}

#[test]
fn a_model_of_ones_own_is_in_the_tables_and_repeats_itself() {
    if !imports("numpy", true) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let command = "python3, examples/models/intensity.py";
    succeed(&mut sweep(scratch.path(), command, "out"));
    let table = fs::read_to_string(scratch.path().join("out/tables/table2.csv")).unwrap();
    assert!(table.contains(",uncertainty,"), "{table}");
    let manifest = fs::read_to_string(scratch.path().join("out/manifest.json")).unwrap();
    assert!(
        manifest.contains("\"own\": \"its own program\""),
        "{manifest}"
    );
    // Half a round is not lost, and the records do not show that it was stopped: take away the last
    // round's record, which is trained again from the checkpoint before.
    let before = records(scratch.path(), "out");
    let ledger = "out/records/brain-extraction/own/random-seed1.jsonl";
    fs::write(scratch.path().join(ledger), "").unwrap();
    succeed(&mut sweep(scratch.path(), command, "out"));
    assert_eq!(records(scratch.path(), "out"), before);
}

#[test]
fn a_model_that_is_mended_goes_on_and_the_rows_say_that_two_versions_are_in_them() {
    if !imports("numpy", true) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let script = scratch.path().join("net.py");
    fs::copy(root().join("examples/models/intensity.py"), &script).unwrap();
    let command = format!("python3, {}", script.display());
    succeed(&mut sweep(scratch.path(), &command, "out"));
    let before = records(scratch.path(), "out");
    let hashes = |text: &str| -> Vec<String> {
        let field = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let hash = |line| {
            field(line)["model_program_sha256"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        text.lines().map(hash).collect()
    };
    let first = hashes(&before);
    assert!(
        first
            .iter()
            .all(|hash| *hash == first[0] && hash.len() == 64)
    );

    // Another file and another time are no other experiment: runs on record stay, and it is said.
    let text = fs::read_to_string(&script).unwrap();
    fs::write(&script, text + "# mended\n").unwrap();
    let again = |seeds: &str| {
        let again = sweep(scratch.path(), &command, "out");
        let file = scratch.path().join("own.yaml");
        let text = fs::read_to_string(&file)
            .unwrap()
            .replace("seeds: [1]", seeds);
        fs::write(
            &file,
            text.replace("]}, base_width", "], timeout_s: 900}, base_width"),
        )
        .unwrap();
        again
    };
    let (code, _, told) = run(&mut again("seeds: [1]"));
    assert_eq!(code, 0, "{told}");
    let changed = "Task 1, model own: the program or its command has changed since it was trained in these \
                   runs, and they are kept: seed 1; another --out asks the changed one alone";
    assert!(told.contains(changed), "{told}");
    assert_eq!(records(scratch.path(), "out"), before);
    succeed(&mut again("seeds: [1, 2]"));
    let page = fs::read_to_string(scratch.path().join("out/report.html")).unwrap();
    let mixed = "Task 1, model own: runs of one version of its program alone; it was trained by";
    assert!(page.contains(mixed), "{page}");
}

#[test]
fn a_network_in_pytorch() {
    if !imports("torch, numpy", false) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    succeed(&mut sweep(
        scratch.path(),
        "python3, examples/models/torch_net.py",
        "out",
    ));
    let ledger = "out/records/brain-extraction/own/random-seed1.jsonl";
    let before = records(scratch.path(), "out");
    fs::write(scratch.path().join(ledger), "").unwrap();
    succeed(&mut sweep(
        scratch.path(),
        "python3, examples/models/torch_net.py",
        "out",
    ));
    assert_eq!(records(scratch.path(), "out"), before);
}

#[test]
fn what_a_program_does_wrong_is_one_line() {
    let scratch = tempfile::tempdir().unwrap();
    let script = scratch.path().join("net.sh");
    let of = |text: &str| {
        fs::write(&script, text).unwrap();
        let command = format!("sh, {}", script.display());
        let (code, _, told) = run(&mut sweep(scratch.path(), &command, "out"));
        assert_eq!(code, 1, "{told}");
        told
    };
    for (text, expected) in [
        (
            "exit 1",
            "begin: expected an answer, got none: the program ended with exit status: 1",
        ),
        (
            "while read -r line; do echo '{}'; done",
            "train: expected a finite \"loss\", got none",
        ),
        (
            "while read -r line; do echo hello; done",
            "begin: expected one line of JSON, got `hello`",
        ),
        (
            "while read -r line; do echo '{\"loss\": 1}'; done",
            "got none",
        ),
        (
            "while read -r line; do echo '{\"error\": \"out of memory\"}'; done",
            "begin: out of memory",
        ),
    ] {
        let told = of(text);
        let line = told.lines().find(|line| line.contains("model `sh "));
        let line = line.unwrap_or_else(|| panic!("{text}: {told}"));
        if expected != "got none" {
            assert!(line.contains(expected), "{text}: {told}");
        }
    }
}
