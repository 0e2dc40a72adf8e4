//! A whole small sweep: what it writes, that it writes it again to the byte, that it goes on.

use crate::program::{root, run, slicewise, succeed};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

const CELLS: usize = 2 * 2 * 6;

fn sweep(out: &Path, jobs: &str) -> Command {
    let mut command = slicewise(&["sweep", "experiments/smoke.yaml", "--jobs", jobs, "--out"]);
    command.arg(out).arg("--cache").arg(cache());
    command
}

/// One volume cache for all tests: it changes nothing but the time.
fn cache() -> &'static Path {
    static CACHE: OnceLock<tempfile::TempDir> = OnceLock::new();
    CACHE.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

/// The smoke sweep, run once for all tests that only read it.
fn smoke() -> &'static Path {
    static SMOKE: OnceLock<tempfile::TempDir> = OnceLock::new();
    SMOKE
        .get_or_init(|| {
            let scratch = tempfile::tempdir().unwrap();
            succeed(&mut sweep(&scratch.path().join("smoke"), "2"));
            scratch
        })
        .path()
}

fn records(results: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![results.join("records")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(results).unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_sweep_leaves_records_tables_figures_and_a_page() {
    let results = smoke().join("smoke");
    assert_eq!(records(&results).len(), CELLS);
    for name in [
        "config.yaml",
        "manifest.json",
        "report.html",
        "tables/table2.csv",
        "tables/table2.md",
        "tables/table2.parquet",
        "figures/fig5.svg",
        "figures/fig5.png",
    ] {
        let size = fs::metadata(results.join(name))
            .unwrap_or_else(|e| panic!("{name}: {e}"))
            .len();
        assert!(size > 0, "{name} is empty");
    }
}

#[test]
fn table_2_has_a_row_for_each_strategy_ratio_task_and_part() {
    let csv = fs::read_to_string(smoke().join("smoke/tables/table2.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("task,part,strategy,ratio,mean,ci_low,ci_high,seeds,cases")
    );
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    for task in ["1", "2"] {
        for (part, cases) in [("A", "3"), ("B", "1")] {
            for (strategy, ratio) in [
                ("random", 0.25),
                ("random", 0.5),
                ("equal-interval", 0.5),
                ("uncertainty", 0.5),
                ("attention-guided", 0.25),
                ("attention-guided", 0.5),
                ("full", 1.0),
            ] {
                let row = rows.iter().find(|row| {
                    row[..3] == [task, part, strategy] && row[3].parse::<f64>() == Ok(ratio)
                });
                let row =
                    row.unwrap_or_else(|| panic!("no {task} {part} {strategy} {ratio}: {csv}"));
                let number = |index: usize| row[index].parse::<f64>().unwrap();
                assert!(number(5) <= number(4) && number(4) <= number(6), "{row:?}");
                assert_eq!(row[7..], ["2", cases], "{row:?}");
            }
        }
    }
}

#[test]
fn jobs_change_no_byte_of_the_records() {
    let scratch = tempfile::tempdir().unwrap();
    let again = scratch.path().join("again");
    succeed(&mut sweep(&again, "1"));
    let (first, second) = (records(&smoke().join("smoke")), records(&again));
    assert_eq!(first.len(), CELLS);
    for (name, bytes) in &first {
        assert!(
            second.get(name) == Some(bytes),
            "{} differs",
            name.display()
        );
    }
    assert_eq!(
        fs::read(smoke().join("smoke/tables/table2.csv")).unwrap(),
        fs::read(again.join("tables/table2.csv")).unwrap()
    );
}

#[test]
fn a_killed_sweep_goes_on_to_the_same_records() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("killed");
    let mut child = sweep(&out, "2")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Killed once a few rounds are on disk, wherever it then is.
    let started = Instant::now();
    while records(&out)
        .values()
        .filter(|bytes| !bytes.is_empty())
        .count()
        < 4
    {
        assert!(
            started.elapsed() < Duration::from_secs(240),
            "no record within four minutes"
        );
        assert!(
            child.try_wait().unwrap().is_none(),
            "ended before it was killed"
        );
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = records(&out);
    assert!(
        before != records(&smoke().join("smoke")),
        "it was whole already"
    );
    // Its workers end by themselves at their next step; until then they hold their ledgers.
    let started = Instant::now();
    while run(&mut sweep(&out, "2")).0 != 0 {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "does not go on"
        );
        thread::sleep(Duration::from_millis(200));
    }
    let (expected, after) = (records(&smoke().join("smoke")), records(&out));
    for (name, bytes) in &expected {
        assert!(after.get(name) == Some(bytes), "{} differs", name.display());
    }
}

#[test]
fn a_folder_of_another_experiment_is_refused_and_left_alone() {
    let results = smoke().join("smoke");
    let scratch = tempfile::tempdir().unwrap();
    let other = scratch.path().join("other.yaml");
    let text = fs::read_to_string(root().join("experiments/smoke.yaml")).unwrap();
    fs::write(&other, text.replace("first: 6", "first: 7")).unwrap();
    let before = records(&results);
    let (code, _, stderr) = run(slicewise(&["sweep"])
        .arg(&other)
        .arg("--out")
        .arg(&results)
        .arg("--cache")
        .arg(cache()));
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("holds another experiment: line"),
        "{stderr}"
    );
    assert!(
        stderr.contains("`first: 6`, this experiment has `first: 7`"),
        "{stderr}"
    );
    assert!(before == records(&results));
}

#[test]
fn a_finished_sweep_trains_nothing_and_reports_again() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("copy");
    succeed(
        Command::new("cp")
            .arg("-r")
            .arg(smoke().join("smoke"))
            .arg(&out),
    );
    fs::remove_dir_all(out.join("checkpoints")).unwrap();
    fs::remove_file(out.join("report.html")).unwrap();
    let (code, _, stderr) = run(&mut sweep(&out, "2"));
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains(&format!("0 of {CELLS} cells to run")),
        "{stderr}"
    );
    assert!(out.join("report.html").exists());
}
