//! CONTRIBUTING.md, followed to the letter: one file, one line, and the new strategy is in
//! `list`, in the YAML, in the tables and under the law tests. A new table of the report is one file
//! and one line too, and comes in the same build.
//!
//! The text's code blocks are applied to a copy of the workspace, which is built into the same
//! target folder (so that nothing heavy is built again) under another program name.

use crate::program::{root, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = "slicewise-with-new-strategy";

/// A table of the report, and its line in `sections!`.
const TABLE: &str = r#"//! How many seeds each round has: `task,strategy,ratio,seeds`.

use crate::frame::Columns;
use crate::grid::{Format, Grid};
use crate::section::{Content, Made};
use crate::sweep::Sweep;

pub(crate) fn make(sweep: &Sweep) -> Made {
    let frame = Columns::of(&sweep.rounds)
        .task(|r| r.task)
        .text("strategy", |r| r.arm.name())
        .real("ratio", |r| r.ratio)
        .count("seeds", |r| r.records.len())
        .frame("seeds")?;
    let grid = Grid::of(&sweep.rounds, "Seeds on record.")
        .column("strategy", Format::Words, |r| r.arm.label())
        .column("slices", Format::Ratio, |r| r.ratio)
        .column("seeds", Format::Decimals(0), |r| r.records.len());
    Ok(Some(Content::table(frame, vec![grid.grid()])))
}
"#;
const TABLE_LINE: &str = "    seeds: \"seeds\", \"Seeds of each round\";\n";

/// The block of CONTRIBUTING.md that opens with "```LANGUAGE title=": its title and its text.
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
    // Of this test's own package, not of those to be built.
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
    let section = workspace.join("crates/report/src/section.rs");
    fs::write(section.with_extension("").join("seeds.rs"), TABLE).unwrap();
    let sections = fs::read_to_string(&section).unwrap();
    let (head, tail) = sections.split_once("\nsections! {\n").unwrap();
    fs::write(
        &section,
        format!("{head}\nsections! {{\n{TABLE_LINE}{tail}"),
    )
    .unwrap();
    // Not part of the recipe: another name, lest the program under test be overwritten.
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

    let read = |file: &str| fs::read_to_string(results.join(file)).unwrap();
    assert!(read("tables/seeds.csv").starts_with("task,strategy,ratio,seeds\n1,full,1.0,"));
    assert!(read("tables/seeds.md").contains("| strategy | slices | seeds |"));
    let page = read("report.html");
    assert_eq!(
        page.matches("Seeds of each round").count(),
        4,
        "list, heading, region, caption"
    );
    let mut verify = Command::new(&program);
    verify.arg("verify").arg(&results);
    succeed(&mut verify);
    fs::remove_file(results.join("tables/seeds.csv")).unwrap();
    let missed = verify.output().unwrap();
    let errors = String::from_utf8_lossy(&missed.stderr);
    assert!(
        !missed.status.success() && errors.contains("tables/seeds.csv"),
        "{errors}"
    );
}
