//! Strategies that are programs: the examples are in tables and figures, one that fails fails alone,
//! and goes on when it is mended. Beside them a strategy that is asked under two budgets.

use crate::program::{run, slicewise, succeed};
use std::fs;
use std::path::Path;
use std::process::Command;

const EXPERIMENT: &str = "\
name: programs
question: Do strategies in other languages take part?
seeds: [1]
device: cpu
data:
  dataset: phantom
  phantom: {subjects: 4, seed: 1}
  spacing_mm: 5.0
  part_b: [phantom-04]
models:
  unet: {architecture: unet, base_width: 4, levels: 2}
training:
  crop: [8, 16, 16]
committee: {passes: 2}
tasks:
  tissue-segmentation:
    first_every: 8
    steps: {budget: 8, first: 4}
    report_at: [0.25, 0.5]
    full: false
    strategies:
";

/// Returns the command that sweeps the experiment with these strategies into `folder/out`.
fn sweep(folder: &Path, strategies: &str) -> Command {
    let file = folder.join("programs.yaml");
    fs::write(&file, format!("{EXPERIMENT}{strategies}")).unwrap();
    let mut command = slicewise(&["sweep"]);
    command.arg(file).arg("--out").arg(folder.join("out"));
    command.arg("--cache").arg(folder.join("cache"));
    if let Some(packages) = std::env::var_os("SLICEWISE_PYTHONPATH") {
        command.env("PYTHONPATH", packages);
    }
    command
}

fn records(folder: &Path, strategy: &str) -> String {
    let path = format!("out/records/tissue-segmentation/unet/{strategy}-seed1.jsonl");
    fs::read_to_string(folder.join(path)).unwrap()
}

fn slices_of_cases(record: &str) -> Vec<usize> {
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
    let queries = record["queries"].as_array().unwrap().iter();
    let slices = queries.map(|query| query["slices"].as_array().unwrap().len());
    slices.collect()
}

#[test]
fn the_examples_and_a_strategy_under_two_budgets_are_in_the_tables() {
    let scratch = tempfile::tempdir().unwrap();
    let packages = std::env::var_os("SLICEWISE_PYTHONPATH").unwrap_or_default();
    let mut python = Command::new("python3");
    python.args(["-c", "import numpy"]);
    let numpy = python.env("PYTHONPATH", packages).output();
    let numpy = numpy.is_ok_and(|output| output.status.success());
    let mut strategies = vec![
        "core-set:",
        "core-set-pool: {strategy: core-set, budget: pool, cap: 1.5}",
        "power-bald:",
        "far-from-drawn: {command: [sh, examples/strategies/far_from_drawn.sh]}",
    ];
    if numpy {
        strategies.push("shape-change: {command: [python3, examples/strategies/shape_change.py]}");
    } else {
        assert!(
            std::env::var_os("SLICEWISE_PYTHONPATH").is_none(),
            "python3 has no numpy, although its packages are there"
        );
        eprintln!("skipped: python3 has no numpy (./just test fetches it)");
    }
    let strategies = strategies.into_iter();
    let strategies: String = strategies.map(|line| format!("      {line}\n")).collect();
    succeed(&mut sweep(scratch.path(), &strategies));
    let table = fs::read_to_string(scratch.path().join("out/tables/table2.csv")).unwrap();
    let figure = fs::read_to_string(scratch.path().join("out/figures/fig5.svg")).unwrap();
    let names = ["core-set", "core-set-pool", "power-bald", "far-from-drawn"];
    for name in names.into_iter().chain(numpy.then_some("shape-change")) {
        assert!(table.contains(&format!(",{name},")), "{name}: {table}");
        assert!(figure.contains(name), "{name}");
        let is_program = !name.starts_with("core-set") && name != "power-bald";
        for record in records(scratch.path(), name).lines() {
            assert_eq!(
                record.contains("\"program_sha256\":\""),
                is_program,
                "{name}"
            );
        }
    }
    // Both budgets come to the same number of slices in all. Of a pool, volumes may differ.
    let own = records(scratch.path(), "core-set");
    let pool = records(scratch.path(), "core-set-pool");
    for (own, pool) in own.lines().zip(pool.lines()) {
        let (own, pool) = (slices_of_cases(own), slices_of_cases(pool));
        assert_eq!(own.iter().sum::<usize>(), pool.iter().sum::<usize>());
        assert!(
            own.iter().max().unwrap() - own.iter().min().unwrap() <= 1,
            "{own:?}"
        );
    }
}

#[test]
fn a_program_that_fails_fails_alone_and_goes_on_when_mended() {
    let scratch = tempfile::tempdir().unwrap();
    let script = scratch.path().join("mine.sh");
    // Whole rounds stay: it answers the three cases of the first query, and then dies.
    let answer = "sed 's/.*\"budget\":\\([0-9]*\\).*\"depth\":\\([0-9]*\\).*/\\1 \\2/' | awk '{ s = \"\"; \
                  for (i = 0; i < $2; i++) s = s (i ? \",\" : \"\") (i % 7); print \"{\\\"scores\\\":[\" s \"]}\" }'";
    let dying = format!(
        "n=0; while read -r q; do n=$((n + 1)); [ $n -le 3 ] || {{ echo out of ideas >&2; exit 1; }}; \
         echo \"$q\" | {answer}; done"
    );
    fs::write(&script, dying).unwrap();
    let strategies = format!(
        "      random:\n      mine: {{command: [sh, {}]}}\n",
        script.display()
    );
    let (code, _, told) = run(&mut sweep(scratch.path(), &strategies));
    assert_eq!(code, 1, "{told}");
    assert!(
        told.contains("strategy mine: case phantom-01: expected an answer, got none: the program ended with exit status: 1"),
        "{told}"
    );
    assert_eq!(records(scratch.path(), "random").lines().count(), 2);
    let log = "out/logs/tissue-segmentation/unet/mine-seed1.log";
    let log = fs::read_to_string(scratch.path().join(log)).unwrap();
    assert!(log.contains("out of ideas"), "{log}");

    let mended = format!("while read -r q; do echo \"$q\" | {answer}; done");
    fs::write(&script, mended).unwrap();
    succeed(&mut sweep(scratch.path(), &strategies));
    let records = records(scratch.path(), "mine");
    let hashes: Vec<String> = records
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["program_sha256"].as_str().unwrap().to_owned()
        })
        .collect();
    let [first, second] = &hashes[..] else {
        panic!("{records}");
    };
    assert_eq!(first.len(), 64);
    assert_eq!(second.len(), 64);

    // Another command for what is whole: nothing is left to ask, and that is said.
    let other = strategies.replace("[sh, ", "[sh, -e, ");
    let (code, _, told) = run(&mut sweep(scratch.path(), &other));
    assert_eq!(code, 0, "{told}");
    let changed = "Task 2, mine: the program or its command has changed since slices of these runs were \
                   chosen, and they are kept: seed 1; another --out asks the changed one alone";
    assert!(told.contains(changed), "{told}");
    assert!(!told.contains("runs in place of"), "{told}");
    // A further seed is of the changed one: the page and `verify` say that the row is of two.
    let mut further = sweep(scratch.path(), &other);
    let file = scratch.path().join("programs.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("seeds: [1]", "seeds: [1, 2]")).unwrap();
    succeed(&mut further);
    let mixed = "mine: runs of one version of its program alone; slices were chosen by";
    let page = fs::read_to_string(scratch.path().join("out/report.html")).unwrap();
    assert!(page.contains(mixed), "{page}");
    let (code, said, told) = run(slicewise(&["verify"]).arg(scratch.path().join("out")));
    assert_eq!(code, 1, "{said}");
    let first = format!("{} (seed 1)", &first[..8]);
    assert!(
        told.contains(mixed) && told.contains(&first) && told.contains("(seed 2)"),
        "{told}"
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    for (strategies, expected) in [
        (
            "      mine:\n",
            "unknown strategy \"mine\"; a strategy of your own has a `command` or a `strategy`",
        ),
        ("      randon:\n", "did you mean \"random\"?"),
        (
            "      random: {command: [sh, a.sh]}\n",
            "expected another name than random, which is a strategy of slicewise",
        ),
        (
            "      mine: {command: [sh], strategy: random}\n",
            "mine: expected a command or a strategy, got both",
        ),
        (
            "      mine: {command: []}\n",
            "mine.command: expected a program, got none",
        ),
        (
            "      mine: {strategy: oracle-most-error}\n",
            "expected a name that begins with oracle- exactly if the strategy is an oracle, got mine",
        ),
        (
            "      random: {cap: 2}\n",
            "random: expected budget: pool beside floor and cap, got per-volume",
        ),
        (
            "      random: {budget: pool, floor: 2}\n",
            "random.floor: expected 0 to 1, got 2",
        ),
        (
            "      attention-guided:\n",
            "tasks.tissue-segmentation.strategies.attention-guided: needs a model with an attention map, \
             but models.unet (unet) has none",
        ),
    ] {
        let (code, _, told) = run(&mut sweep(scratch.path(), strategies));
        assert_eq!(code, 2, "{strategies}: {told}");
        assert!(told.contains(expected), "{strategies}: {told}");
    }
    let mut without = sweep(scratch.path(), "      bald:\n");
    let file = scratch.path().join("programs.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("committee: {passes: 2}\n", "")).unwrap();
    let (_, _, told) = run(&mut without);
    let expected = "needs a committee, but the experiment has none; add `committee: {}` to it";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn a_program_that_is_not_there_is_known_before_anything_is_trained() {
    let scratch = tempfile::tempdir().unwrap();
    let strategies = "      random:\n      mine: {command: [sh, no-such.sh]}\n";
    let problem = "tasks.tissue-segmentation.strategies.mine.command: expected a program that can be \
                   started, got no-such.sh, which is not there";
    let (code, _, told) = run(&mut sweep(scratch.path(), strategies));
    assert_eq!(code, 2, "{told}");
    assert!(told.contains(problem), "{told}");
    assert!(!scratch.path().join("out/records").exists());
    let mut check = slicewise(&["check"]);
    let (code, said, told) = run(check.arg(scratch.path().join("programs.yaml")));
    assert_eq!(code, 2, "{said}{told}");
    assert!(
        format!("{said}{told}").contains("got no-such.sh, which is not there"),
        "{said}{told}"
    );
}

#[test]
fn the_page_of_strategies_names_every_one() {
    let page = fs::read_to_string(crate::program::root().join("docs/strategies.md")).unwrap();
    let listed = succeed(&mut slicewise(&["list", "strategies"]));
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(names.len() >= 30, "{listed}");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}
