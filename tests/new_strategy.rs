//! Follows CONTRIBUTING.md to the letter: with one file and one line, the new strategy is in
//! `list`, in the YAML, in the tables and under the law tests.
//!
//! The text's code blocks are applied to a copy of the workspace. The copy is built into the same
//! target folder, so that nothing heavy is built again, under another program name.

use crate::program::{root, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = "slicewise-with-new-strategy";

/// Returns title and text of the block of CONTRIBUTING.md that opens with "```LANGUAGE title=".
fn block(text: &str, language: &str) -> (String, String) {
    let open = format!("```{language} title=\"");
    let (title, rest) = text
        .split_once(&open)
        .unwrap()
        .1
        .split_once("\"\n")
        .unwrap();
    (
        title.to_owned(),
        rest.split_once("```").unwrap().0.to_owned(),
    )
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

#[test]
fn one_file_and_one_line_make_a_strategy() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let (file, code) = block(&text, "rust");
    let (registry, diff) = block(&text, "diff");
    assert!(
        code.lines().count() <= 30,
        "the example has {} lines",
        code.lines().count()
    );
    let added: Vec<&str> = diff
        .lines()
        .filter_map(|line| line.strip_prefix('+'))
        .collect();
    assert_eq!(added.len(), 1, "one line in the registry: {diff}");
    let context = diff.lines().next().unwrap().trim_start_matches(' ');
    let name = code
        .split("fn name")
        .nth(1)
        .unwrap()
        .split('"')
        .nth(1)
        .unwrap();

    let scratch = tempfile::tempdir().unwrap();
    let workspace = scratch.path().join("workspace");
    fs::create_dir(&workspace).unwrap();
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
    fs::write(workspace.join(file), &code).unwrap();
    let registry = workspace.join(registry);
    let before = fs::read_to_string(&registry).unwrap();
    let (head, tail) = before.split_once(&format!("{context}\n")).unwrap();
    fs::write(&registry, format!("{head}{context}\n{}\n{tail}", added[0])).unwrap();
    // This is not part of the recipe: another name keeps the program under test from being
    // overwritten.
    let manifest = workspace.join("crates/runner/Cargo.toml");
    let named = fs::read_to_string(&manifest).unwrap()
        + &format!("\n[[bin]]\nname = \"{PROGRAM}\"\npath = \"src/main.rs\"\n");
    fs::write(&manifest, named).unwrap();

    let program = PathBuf::from(env!("CARGO_BIN_EXE_slicewise"));
    let target = program.parent().and_then(Path::parent).unwrap();
    let laws = ["test", "-p", "slicewise-strategies", "--test", "laws"];
    succeed(&mut cargo(&workspace, target, &laws));
    succeed(&mut cargo(
        &workspace,
        target,
        &["build", "-p", "slicewise", "--bin", PROGRAM],
    ));
    let program = program.with_file_name(PROGRAM);

    let listed = succeed(Command::new(&program).args(["list", "strategies"]));
    assert!(
        listed.lines().any(|line| line.starts_with(name)),
        "{listed}"
    );

    let experiment = workspace.join("experiments/smoke.yaml");
    let yaml = fs::read_to_string(&experiment).unwrap().replace(
        "      random: [0.25, 0.5]\n",
        &format!("      random: [0.25, 0.5]\n      {name}: [0.25, 0.5]\n"),
    );
    fs::write(&experiment, yaml).unwrap();
    succeed(Command::new(&program).current_dir(&workspace).args([
        "sweep",
        "experiments/smoke.yaml",
        "--device",
        "cpu",
    ]));
    let results = workspace.join("results/smoke");
    let csv = fs::read_to_string(results.join("tables/table2.csv")).unwrap();
    let rows = csv
        .lines()
        .filter(|line| line.split(',').nth(2) == Some(name))
        .count();
    assert_eq!(rows, 2 * 2 * 2, "tasks × parts × ratios of {name}: {csv}");
    let figure = fs::read_to_string(results.join("figures/fig5.svg")).unwrap();
    assert!(
        figure.contains(name),
        "{name} is not in the figure's legend"
    );
}
