//! `precision: auto`: chosen for the machine when a sweep begins, kept on whatever machine it goes on.
//! `ONEDNN_MAX_CPU_ISA` lets a processor stand for one without bf16 instructions.

use crate::program::{run, slicewise, succeed};
use crate::tiny::{RANDOM, TINY, records};
use std::fs;
use std::path::Path;
use std::process::Command;

const PLAIN: (&str, &str) = ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE");

/// A sweep of `yaml` on a processor without bf16 instructions.
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
    // As where it is chosen, but with its arithmetic named.
    let named = TINY.replace("training:\n", "training:\n  precision: bfloat16\n");
    succeed(&mut sweep(&named, scratch.path(), &out));
    let (begun_with, whole) = (config(), records(&out));
    assert!(begun_with.contains("\n  precision: bfloat16\n"));

    fs::remove_file(out.join(format!("records/{RANDOM}.jsonl"))).unwrap();
    let (code, _, said) = run(&mut sweep(TINY, scratch.path(), &out));
    assert_eq!(code, 0, "{said}");
    let about = said.lines().filter(|line| line.contains("was begun with"));
    let about: Vec<&str> = about.collect();
    let start =
        "this sweep was begun with precision: bfloat16, which is slow here (this processor (";
    let end = ") has no bf16 instructions); it goes on with it";
    assert!(
        about.len() == 1 && about[0].starts_with(start) && about[0].ends_with(end),
        "{said}"
    );
    assert!(said.contains("1 of 3 cells to run"), "{said}");
    assert_eq!(config(), begun_with);
    assert!(records(&out) == whole);

    // What is whole already is no matter of arithmetic.
    let (code, _, said) = run(&mut sweep(TINY, scratch.path(), &out));
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("was begun with"), "{said}");
    // One that names another is another experiment.
    let other = TINY.replace("training:\n", "training:\n  precision: float32\n");
    let (code, _, said) = run(&mut sweep(&other, scratch.path(), &out));
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("`precision: bfloat16`, this experiment has `precision: float32`"),
        "{said}"
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
    for (mut command, of) in [
        (check, "check"),
        (slicewise(&["doctor", "--device", "cpu"]), "doctor"),
    ] {
        let said = succeed(command.env(PLAIN.0, PLAIN.1));
        assert!(said.contains(why), "{of}: {said}");
    }
}
