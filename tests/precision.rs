//! Tests `precision: auto`: it is chosen for the machine when a sweep begins, and kept on whatever
//! machine continues it. `ONEDNN_MAX_CPU_ISA` makes a processor act like one without bf16
//! instructions.

use crate::program::{run, slicewise, succeed};
use crate::tiny::{RANDOM, TINY, records};
use std::fs;
use std::path::Path;
use std::process::Command;

const PLAIN: (&str, &str) = ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE");

/// Returns a sweep of `yaml` on a processor without bf16 instructions.
fn sweep(yaml: &str, scratch: &Path, out: &Path) -> Command {
    let path = scratch.join("tiny.yaml");
    fs::write(&path, yaml).unwrap();
    let mut command = slicewise(&["sweep"]);
    command
        .env(PLAIN.0, PLAIN.1)
        .arg(path)
        .arg("--out")
        .arg(out);
    command.arg("--cache").arg(scratch.join("cache"));
    command
}

#[test]
fn a_sweep_begun_with_bfloat16_goes_on_with_it_on_a_processor_without() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let config = || fs::read_to_string(out.join("config.yaml")).unwrap();
    // This begins the sweep as `auto` would on a processor with bf16 instructions.
    let named = TINY.replace("training:\n", "training:\n  precision: bfloat16\n");
    succeed(&mut sweep(&named, scratch.path(), &out));
    let (begun_with, whole) = (config(), records(&out));
    assert!(begun_with.contains("\n  precision: bfloat16\n"));

    fs::remove_file(out.join(format!("records/{RANDOM}.jsonl"))).unwrap();
    let (code, _, stderr) = run(&mut sweep(TINY, scratch.path(), &out));
    assert_eq!(code, 0, "{stderr}");
    let about = stderr
        .lines()
        .filter(|line| line.contains("was begun with"));
    let about: Vec<&str> = about.collect();
    let start =
        "this sweep was begun with precision: bfloat16, which is slow here (this processor (";
    let end = ") has no bf16 instructions); it goes on with it";
    assert!(
        about.len() == 1 && about[0].starts_with(start) && about[0].ends_with(end),
        "{stderr}"
    );
    assert!(stderr.contains("1 of 3 runs left"), "{stderr}");
    assert_eq!(config(), begun_with);
    assert!(records(&out) == whole);

    // A sweep that is complete does not need its arithmetic.
    let (code, _, stderr) = run(&mut sweep(TINY, scratch.path(), &out));
    assert_eq!(code, 0, "{stderr}");
    assert!(!stderr.contains("was begun with"), "{stderr}");
    // An experiment that names another precision is another experiment.
    let other = TINY.replace("training:\n", "training:\n  precision: float32\n");
    let (code, _, stderr) = run(&mut sweep(&other, scratch.path(), &out));
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("`precision: bfloat16`, this experiment has `precision: float32`"),
        "{stderr}"
    );
}

#[test]
fn a_fresh_sweep_without_bf16_instructions_has_float32_and_says_why() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    succeed(&mut sweep(TINY, scratch.path(), &out));
    let config = fs::read_to_string(out.join("config.yaml")).unwrap();
    assert!(config.contains("\n  precision: float32\n"), "{config}");
    let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
    for line in ["\"instructions\": ", "\"unet\": \"float32\""] {
        assert!(manifest.contains(line), "{line}: {manifest}");
    }
    let why = "precision  float32: this processor (";
    let mut check = slicewise(&["check"]);
    check.arg(scratch.path().join("tiny.yaml"));
    check.arg("--cache").arg(scratch.path().join("cache"));
    for (mut command, name) in [
        (check, "check"),
        (slicewise(&["doctor", "--device", "cpu"]), "doctor"),
    ] {
        let stdout = succeed(command.env(PLAIN.0, PLAIN.1));
        assert!(stdout.contains(why), "{name}: {stdout}");
    }
}
