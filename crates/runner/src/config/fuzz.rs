//! Fuzz test of the experiment's YAML: thousands of broken files. Each is either refused with a
//! message of one line, or describes an experiment that would write only in its own folder.

use super::ExperimentConfig;
use crate::failure::Failure;
use slicewise_experiment::ResultsFolder;
use slicewise_fuzz::{Target, fuzz, per_byte};
use std::path::{Component, Path};

const SMALL: &str = "\
name: small
question: Is it refused?
seeds: [1, 2]
threads: 1
device: cpu
data:
  dataset: manifest
  path: cases.csv
  classes: [background, one]
  spacing_mm: 1.0
  part_a: [a, b]
  part_b_count: 1
  folds: 2
  split_seed: 3
  margin_mm: 4.0
models:
  plain: {architecture: unet, base_width: 4, levels: 2, norm: group, precision: float32}
  attention:
    architecture: attention-unet
    head: {source: final-maps, recalibration: multiply, supervision: 0.1, detached: false}
training:
  learning_rate: 0.01
  crop: [8, 8, 8]
  gradient_clip: 1.0
tasks:
  brain-extraction: &plan
    first_every: 8
    steps: {budget: 4, first: 1, round: 1, checkpoint_every: 2}
    stop: {sigma: 0.01, ends_run: true}
    full: false
    strategies:
      random: [0.25, 0.5]
  tissue-segmentation: *plan
  one:
    definition: {labels: [one], agreement: dice}
    first_every: 8
    start: staggered
    steps: {first: 1, round: 1}
    report_at: [0.25, 0.5]
    query_every: 0.0625
    strategies: [random, equal-interval]
";

const WORDS: &[&str] = &[
    "&a",
    "*a",
    "&plan",
    "*plan",
    "<<: *plan",
    "- ",
    ": ",
    "?",
    "|",
    ">",
    "!!",
    "!!binary",
    "---\n",
    "...\n",
    "\n",
    "\t",
    "  ",
    "\"",
    "'",
    "\\n",
    "\"\\n\"",
    "\"\\0\"",
    "[",
    "]",
    "{",
    "}",
    "[[[[[[[[",
    "{a: ",
    "#",
    "%YAML 1.1\n",
    "~",
    "null",
    "true",
    ".nan",
    ".inf",
    "../",
    "/",
    "name",
    "question",
    "seeds",
    "threads",
    "device",
    "data",
    "dataset",
    "layout",
    "models",
    "training",
    "tasks",
    "steps",
    "strategies",
    "first_every",
    "budget",
    "report_at",
    "query_every",
    "folds",
    "1.0e-300",
    "18446744073709551615",
    "crop",
    "spacing_mm",
    "[1, 2, 2]",
    "native",
    "normalise",
    "{ct: {window: [-160, 240]}}",
    "pooling",
    "[[1, 2, 2]]",
    "levels",
    "base_width",
    "attention-unet",
    "attention-guided",
    "full",
    "first",
    "cuda:0",
    "\u{feff}",
    "\u{85}",
];

/// Reads the experiment as `slicewise sweep` does; an error is the message that it would print.
fn parse(path: &Path) -> Result<ExperimentConfig, String> {
    ExperimentConfig::read(path).map_err(|failure| {
        assert!(matches!(failure, Failure::Input(_)));
        failure.to_string()
    })
}

#[test]
fn found_names_that_lead_elsewhere_and_texts_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    let says = |text: &str| {
        std::fs::write(&path, text).unwrap();
        parse(&path)
            .unwrap_err()
            .replace(&folder.path().display().to_string(), "")
    };
    assert_eq!(
        says(&SMALL.replace("  plain:", "  ../../plain:")),
        "/a.yaml: models: expected at most 64 letters, digits, - _ . (it names a folder), got \"../../plain\""
    );
    assert_eq!(
        says(&SMALL.replace("threads:", "\"thre\\nads\":")),
        "/a.yaml:4:1: unknown field `thre\\nads`, expected one of `name`, `question`, `seeds`, \
         `threads`, `device`, `endpoint`, `effort`, `data`, `models`, `training`, `committee`, \
         `sweep`, `tasks`; did you mean `threads`?"
    );
    assert_eq!(
        says(&format!("{SMALL}#{}", "-".repeat(64 << 10))),
        "/a.yaml: expected an experiment of at most 65536 bytes, got more"
    );
}

#[test]
fn experiment_yaml() {
    let read = |path: &Path| {
        let config = parse(path)?;
        let resolved = config.to_yaml().unwrap();
        // Compared as text, because a NaN does not equal itself. (Reading the data refuses a NaN.)
        let again = ExperimentConfig::parse(&resolved, path).unwrap();
        assert_eq!(
            again.to_yaml().unwrap(),
            resolved,
            "it reads back as itself"
        );
        // Nothing is written outside the results folder.
        let folder = ResultsFolder::new("out");
        let first = config.seeds[..1].to_vec();
        for run in (ExperimentConfig {
            seeds: first,
            ..config
        })
        .runs()
        {
            let inside = folder.records(&run);
            let mut parts = inside.components();
            assert!(
                parts.all(|part| matches!(part, Component::Normal(_))),
                "{}",
                inside.display()
            );
            assert_eq!(inside.components().count(), 5, "{}", inside.display());
        }
        Ok(())
    };
    let smoke = include_str!("../../../../experiments/smoke.yaml");
    fuzz(
        &Target {
            share: 100,
            allowance: &|bytes| per_byte(bytes.len(), 4096),
            ..Target::text(
                "experiment-yaml",
                "input.yaml",
                vec![SMALL.into(), smoke.into()],
                WORDS,
            )
        },
        read,
    );
}
