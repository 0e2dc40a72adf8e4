//! Follows CONTRIBUTING.md to the letter: with one file and one line each, a new strategy, network
//! and dataset are listed, can be named in an experiment, and are in its tables; a new table
//! is in its report and in what `verify` looks at.
//!
//! The text's code blocks are applied to a copy of the workspace. The copy is built into the same
//! target folder, so that nothing heavy is built again, under another program name.

use crate::program::{root, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = "slicewise-extended";

const EXPERIMENT: &str = "\
name: extended
question: Is what was added at work?
seeds: [1]
device: cpu
data: {dataset: pairs, path: heads, spacing_mm: 5.0, part_b: [phantom-03]}
models:
  flat: {architecture: flat, base_width: 4, levels: 2}
training:
  crop: [8, 16, 16]
tasks:
  tissue-segmentation:
    first_every: 8
    steps: {budget: 4, first: 2}
    strategies:
      random: [0.25, 0.5]
      foreground-area: [0.25, 0.5]
";

/// A file to add, and the line that names it in a registry.
struct Extension {
    file: String,
    code: String,
    registry: String,
    /// The line of the registry that the new one follows.
    after: String,
    line: String,
}

/// Returns the blocks of CONTRIBUTING.md that have a title: a file, and behind it the change of a
/// registry.
fn extensions() -> Vec<Extension> {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let blocks = |language: &str| -> Vec<(String, String)> {
        let open = format!("```{language} title=\"");
        let blocks = text.split(&open).skip(1).map(|rest| {
            let (title, rest) = rest.split_once("\"\n").unwrap();
            let (block, _) = rest.split_once("```").unwrap();
            (title.to_owned(), block.to_owned())
        });
        blocks.collect()
    };
    let (files, changes) = (blocks("rust"), blocks("diff"));
    assert_eq!(files.len(), changes.len());
    let pairs = files.into_iter().zip(changes);
    let extensions = pairs.map(|((file, code), (registry, change))| {
        let lines: Vec<&str> = change.lines().collect();
        let [after, line] = lines[..] else {
            panic!("one line is added, and the one before it is shown: {change}");
        };
        Extension {
            file,
            code,
            registry,
            after: after.trim_start().to_owned(),
            line: line.strip_prefix('+').unwrap().to_owned(),
        }
    });
    extensions.collect()
}

impl Extension {
    fn apply(&self, workspace: &Path) {
        let file = workspace.join(&self.file);
        assert!(!file.exists(), "{}", self.file);
        fs::write(file, &self.code).unwrap();
        let registry = workspace.join(&self.registry);
        let before = fs::read_to_string(&registry).unwrap();
        let place = format!("{}\n", self.after);
        let (head, tail) = before.split_once(&place).unwrap();
        fs::write(registry, format!("{head}{place}{}\n{tail}", self.line)).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    succeed(Command::new("cp").arg("-r").arg(from).arg(to));
}

fn cargo(workspace: &Path, target: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", target)
        .args(arguments)
        .args(["--release", "--locked", "--offline", "--quiet"]);
    // These variables belong to this test's own package, not to those to be built.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_")) {
        command.env_remove(name);
    }
    command
}

/// Builds the program from a copy of the workspace with all extensions, and runs the strategies'
/// laws over the new one.
fn extended(workspace: &Path) -> PathBuf {
    fs::create_dir(workspace).unwrap();
    for part in [
        "Cargo.toml",
        "Cargo.lock",
        "clippy.toml",
        ".cargo",
        "crates",
        "experiments",
        "tests",
    ] {
        copy(&root().join(part), &workspace.join(part));
    }
    for extension in extensions() {
        extension.apply(workspace);
    }
    // Not part of the recipe: another name, lest the program under test be overwritten.
    let manifest = workspace.join("crates/runner/Cargo.toml");
    let named = fs::read_to_string(&manifest).unwrap()
        + &format!("\n[[bin]]\nname = \"{PROGRAM}\"\npath = \"src/main.rs\"\n");
    fs::write(&manifest, named).unwrap();

    let program = PathBuf::from(env!("CARGO_BIN_EXE_slicewise"));
    let target = program.parent().and_then(Path::parent).unwrap();
    let laws = ["test", "-p", "slicewise-strategies", "--test", "laws"];
    succeed(&mut cargo(workspace, target, &laws));
    let build = ["build", "-p", "slicewise", "--bin", PROGRAM];
    succeed(&mut cargo(workspace, target, &build));
    program.with_file_name(PROGRAM)
}

#[test]
fn one_file_and_one_line_make_a_strategy_a_network_a_dataset_and_a_table() {
    let scratch = tempfile::tempdir().unwrap();
    let workspace = scratch.path().join("workspace");
    let program = extended(&workspace);
    let run = |arguments: &[&str]| {
        succeed(
            Command::new(&program)
                .current_dir(&workspace)
                .args(arguments),
        )
    };
    for (registry, name) in [
        ("strategies", "foreground-area"),
        ("models", "flat"),
        ("datasets", "pairs"),
    ] {
        let listed = run(&["list", registry]);
        assert!(
            listed.lines().any(|line| line.starts_with(name)),
            "{listed}"
        );
    }

    let heads = workspace.join("heads");
    run(&["phantom", "heads", "--subjects", "3", "--spacing-mm", "5"]);
    for (folder, kind) in [("images", "T2w"), ("labels", "mask")] {
        fs::create_dir(heads.join(folder)).unwrap();
        for head in ["phantom-01", "phantom-02", "phantom-03"] {
            let from = heads.join(format!("{head}_{kind}.nii.gz"));
            fs::rename(from, heads.join(format!("{folder}/{head}.nii.gz"))).unwrap();
        }
    }
    fs::write(workspace.join("extended.yaml"), EXPERIMENT).unwrap();
    run(&["sweep", "extended.yaml"]);
    let results = workspace.join("results/extended");
    let csv = fs::read_to_string(results.join("tables/table2.csv")).unwrap();
    let rows = csv
        .lines()
        .filter(|line| line.split(',').nth(2) == Some("foreground-area"));
    assert_eq!(rows.count(), 2 * 2, "parts × ratios: {csv}");
    let figure = fs::read_to_string(results.join("figures/fig5.svg")).unwrap();
    assert!(
        figure.contains("foreground-area"),
        "the strategy is not in the figure's legend"
    );
    let config = fs::read_to_string(results.join("config.yaml")).unwrap();
    assert!(config.contains("architecture: flat") && config.contains("dataset: pairs"));

    let read = |file: &str| fs::read_to_string(results.join(file)).unwrap();
    assert!(
        read("tables/seeds.csv")
            .starts_with("task,strategy,ratio,seeds\ntissue-segmentation,full,1.0,1")
    );
    assert!(read("tables/seeds.md").contains("| strategy | slices | seeds |"));
    let titles = read("report.html").matches("Seeds of each round").count();
    assert_eq!(titles, 4, "list, heading, region, caption");
    run(&["verify", "results/extended"]);
    fs::remove_file(results.join("tables/seeds.csv")).unwrap();
    let mut verify = Command::new(&program);
    let missed = verify.arg("verify").arg(&results).output().unwrap();
    let errors = String::from_utf8_lossy(&missed.stderr);
    assert!(
        !missed.status.success() && errors.contains("tables/seeds.csv"),
        "{errors}"
    );
}
