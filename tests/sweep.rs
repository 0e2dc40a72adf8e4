//! Tests a small sweep as a whole: what it writes, that a second one writes the same bytes, that it
//! continues.

use crate::program::{root, run, slicewise, succeed};
use crate::tiny::TINY;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const RUNS: usize = 2 * 2 * 6;

pub(crate) fn sweep(out: &Path, jobs: &str) -> Command {
    let mut command = slicewise(&["sweep", "experiments/smoke.yaml", "--jobs", jobs, "--out"]);
    command.arg(out).arg("--cache").arg(cache());
    // Bytes are compared. A GPU does not promise the same ones.
    command.args(["--device", "cpu"]);
    command
}

/// Returns one volume cache for all tests. It changes nothing but the time.
fn cache() -> &'static Path {
    static CACHE: OnceLock<tempfile::TempDir> = OnceLock::new();
    CACHE.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

/// Returns the smoke sweep, which runs once for all tests that only read it.
pub(crate) fn smoke() -> &'static Path {
    static SMOKE: OnceLock<tempfile::TempDir> = OnceLock::new();
    SMOKE
        .get_or_init(|| {
            let scratch = tempfile::tempdir().unwrap();
            succeed(&mut sweep(&scratch.path().join("smoke"), "2"));
            scratch
        })
        .path()
}

/// Copies its results to `folder`, where a test may change them.
fn copy_of_smoke(folder: &Path) -> PathBuf {
    let out = folder.join("copy");
    succeed(
        Command::new("cp")
            .arg("-r")
            .arg(smoke().join("smoke"))
            .arg(&out),
    );
    out
}

pub(crate) fn records(results: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
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
    assert_eq!(records(&results).len(), RUNS);
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
        Some("task,part,strategy,ratio,mean,ci_low,ci_high,seeds,cases,steps,asked")
    );
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    for task in ["brain-extraction", "tissue-segmentation"] {
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
                    row[..3] == [task, part, strategy] && row[10].parse::<f64>() == Ok(ratio)
                });
                let row =
                    row.unwrap_or_else(|| panic!("no {task} {part} {strategy} {ratio}: {csv}"));
                let mean = row[4].parse::<f64>().unwrap();
                assert!((0.0..=1.0).contains(&mean), "{row:?}");
                // Two seeds have no interval.
                assert_eq!(row[5..9], ["", "", "2", cases], "{row:?}");
                assert!(row[9].parse::<f64>().unwrap() > 0.0, "{row:?}");
            }
        }
    }
}

#[test]
fn jobs_change_no_byte_of_the_records() {
    let scratch = tempfile::tempdir().unwrap();
    let again = scratch.path().join("again");
    let (code, _, stderr) = run(&mut sweep(&again, "1"));
    assert_eq!(code, 0, "{stderr}");
    // Seed after seed and task after task, with a report after each and an estimate before.
    let page = again.join("report.html");
    let line = format!(
        "\ntissue-segmentation, seed 1 is complete (2 of 4): {}\n",
        page.display()
    );
    let (before, after) = stderr
        .split_once(&line)
        .unwrap_or_else(|| panic!("{stderr}"));
    assert!(!after.contains("· seed 1 ·"), "{stderr}");
    let estimate = before.lines().find(|line| line.starts_with("about "));
    let estimate = estimate.unwrap_or_else(|| panic!("{stderr}"));
    assert!(
        estimate.contains(" runs on this machine (") && estimate.contains(" s a step, "),
        "{estimate}"
    );
    let (first, second) = (records(&smoke().join("smoke")), records(&again));
    assert_eq!(first.len(), RUNS);
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

/// Models of a sweep thus differ by their configuration and by nothing else.
#[test]
fn two_names_of_one_model_have_the_same_records() {
    let scratch = tempfile::tempdir().unwrap();
    let model = "unet: {architecture: unet, base_width: 4, levels: 2}";
    let other = model.replacen("unet", "other", 1);
    let config = scratch.path().join("twins.yaml");
    fs::write(&config, TINY.replace(model, &format!("{model}\n  {other}"))).unwrap();
    let out = scratch.path().join("out");
    let mut command = slicewise(&["sweep"]);
    command.arg(config).arg("--out").arg(&out);
    succeed(command.arg("--cache").arg(cache()));
    let records = records(&out);
    let text = |path: &Path| String::from_utf8(records[path].clone()).unwrap();
    let unet_paths: Vec<_> = records
        .keys()
        .filter(|path| path.to_string_lossy().contains("/unet/"))
        .collect();
    assert_eq!((unet_paths.len(), records.len()), (3, 6));
    for path in unet_paths {
        let twin = path.to_string_lossy().replace("/unet/", "/other/");
        let renamed = text(twin.as_ref()).replace(r#""model":"other""#, r#""model":"unet""#);
        assert_eq!(text(path), renamed, "{twin}");
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
fn a_device_other_than_the_folders_is_refused() {
    let results = smoke().join("smoke");
    let mut command = slicewise(&["sweep", "experiments/smoke.yaml", "--device", "cuda:0"]);
    let (code, _, stderr) = run(command.arg("--out").arg(&results));
    assert_eq!(code, 2, "{stderr}");
    assert_eq!(
        stderr,
        format!(
            "slicewise: {}: this sweep was begun on device: cpu, got --device cuda:0; leave \
             --device out, or choose another --out\n",
            results.join("config.yaml").display()
        )
    );
}

#[test]
fn one_page_shows_several_sweeps() {
    let scratch = tempfile::tempdir().unwrap();
    let page = scratch.path().join("both.html");
    let folder = smoke().join("smoke");
    succeed(slicewise(&["page"]).arg(&page).arg(&folder).arg(&folder));
    let html = fs::read_to_string(&page).unwrap();
    assert_eq!(html.matches("<article id=\"smoke\">").count(), 2);
    assert!(html.contains("<h1>both</h1>"));
    let (code, _, stderr) = run(slicewise(&["page"]).arg(&page).arg(scratch.path()));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("config.yaml"), "{stderr}");
}

/// The folder of a bare name is the one in which the program runs.
#[test]
fn a_page_of_a_bare_name_is_written_where_the_program_runs() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = copy_of_smoke(scratch.path());
    let mut command = slicewise(&["page", "all.html"]);
    let (code, stdout, stderr) = run(command.arg(&folder).current_dir(scratch.path()));
    assert_eq!((code, stdout.as_str()), (0, "all.html\n"), "{stderr}");
    assert!(scratch.path().join("all.html").exists());
}

#[test]
fn verify_passes_a_whole_folder_and_names_what_is_wrong_with_another() {
    let scratch = tempfile::tempdir().unwrap();
    let out = copy_of_smoke(scratch.path());
    let stdout = succeed(slicewise(&["verify"]).arg(&out));
    assert!(stdout.contains("of 24 runs on record"), "{stdout}");
    let change = |name: &str, from: &str, to: &str| {
        let text = fs::read_to_string(out.join(name)).unwrap();
        assert!(text.contains(from), "{name}: {text}");
        fs::write(out.join(name), text.replacen(from, to, 1)).unwrap();
    };
    change("tables/table2.csv", "0.", "0.9");
    change("config.yaml", "first: 6", "first: 7");
    fs::remove_file(out.join("records/brain-extraction/attention-unet/random-seed2.jsonl"))
        .unwrap();
    let (code, _, stderr) = run(slicewise(&["verify"]).arg(&out));
    assert_eq!(code, 1);
    for problem in [
        "config.yaml: expected SHA-256",
        "missing: Task 1, model attention-unet, random: seed 2 missing",
        "tables/table2.csv: not what the records give",
    ] {
        assert!(stderr.contains(problem), "{problem}: {stderr}");
    }
}

#[test]
fn a_finished_sweep_trains_nothing_and_reports_again() {
    let scratch = tempfile::tempdir().unwrap();
    let out = copy_of_smoke(scratch.path());
    fs::remove_dir_all(out.join("checkpoints")).unwrap();
    fs::remove_file(out.join("report.html")).unwrap();
    let (code, _, stderr) = run(&mut sweep(&out, "2"));
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains(&format!("0 of {RUNS} runs left")),
        "{stderr}"
    );
    assert!(out.join("report.html").exists());
}

#[test]
fn a_packed_folder_verifies_and_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let out = copy_of_smoke(scratch.path());
    let whole = records(&out);
    let pack = || {
        let said = succeed(slicewise(&["pack"]).arg(&out));
        assert!(said.contains(&format!(": {RUNS} runs, ")), "{said}");
        assert!(records(&out).is_empty());
    };
    pack();
    succeed(slicewise(&["verify"]).arg(&out));
    succeed(slicewise(&["pack", "--undo"]).arg(&out));
    assert!(records(&out) == whole, "records differ");
    pack();
    succeed(&mut sweep(&out, "2"));
    assert!(records(&out) == whole, "records differ");
}
