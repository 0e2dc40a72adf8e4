//! An experiment as a list of runs that any scheduler can start by index, on one host or several, and
//! what is said of a sweep while others do it.

use crate::program::{run, slicewise, succeed};
use crate::tiny::{TINY, files, records, undisturbed};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

fn indexes(out: &Path, more: &[&str]) -> Vec<String> {
    let mut command = slicewise(&["runs"]);
    command.arg(undisturbed().scratch.path().join("tiny.yaml"));
    command.arg("--out").arg(out).arg("--indexes").args(more);
    succeed(&mut command).lines().map(str::to_owned).collect()
}

/// The command that does one run of the tiny sweep.
fn one(out: &Path, index: &str) -> Command {
    let here = undisturbed().scratch.path();
    let mut command = slicewise(&["run"]);
    command.arg(here.join("tiny.yaml")).args(["--index", index]);
    command
        .arg("--out")
        .arg(out)
        .arg("--cache")
        .arg(here.join("cache"));
    command
}

fn status(out: &Path) -> Value {
    let mut command = slicewise(&["status", "--json"]);
    serde_json::from_str(&succeed(command.arg(out))).unwrap()
}

/// Puts a command on a "host" of its own: a network, a name and process numbers that nobody else sees.
fn on_host(name: &str, command: &Command) -> Command {
    let mut there = Command::new("unshare");
    there.args([
        "--net",
        "--uts",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
        "sh",
        "-c",
    ]);
    there.arg(format!("hostname {name} && exec \"$0\" \"$@\""));
    there.arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => there.env(key, value),
            None => there.env_remove(key),
        };
    }
    there.stdout(Stdio::null()).stderr(Stdio::null());
    there
}

fn hosts_can_be_made() -> bool {
    let made = on_host("far", &Command::new("true")).status();
    let made = made.is_ok_and(|status| status.success());
    if !made {
        eprintln!("SKIPPED: this system lets us make no other host (unshare --net --uts --pid)");
    }
    made
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(120), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Which host holds the sweep, by the folder's lock.
fn holder(out: &Path) -> Option<String> {
    let text = fs::read_to_string(out.join("sweep.lock")).ok()?;
    let held: Value = serde_json::from_str(&text).ok()?;
    Some(held["host"].as_str()?.to_owned())
}

fn kill(mut host: Child) {
    host.kill().unwrap();
    host.wait().unwrap();
}

#[test]
fn runs_by_index_under_xargs_give_the_bytes_of_a_sweep() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    assert_eq!(indexes(&out, &[]), ["0", "1", "2"]);
    let refused = run(&mut one(&out, "2"));
    assert_eq!(refused.0, 1, "{}", refused.2);
    let expected = "slicewise: run 2 (task 1 · unet · random · seed 1) continues from run 0, which is \
                    waiting; do that one first\n";
    assert_eq!(refused.2, expected);
    assert!(!out.exists(), "nothing was begun");
    assert_eq!(run(&mut one(&out, "3")).0, 2);

    for stage in ["--first", "--forks"] {
        let indexes = indexes(&out, &["--open", stage]);
        let command = one(&out, "{}");
        let mut xargs = Command::new("xargs");
        xargs
            .args(["-P", "2", "-I", "{}"])
            .arg(command.get_program());
        xargs.args(command.get_args());
        command.get_envs().for_each(|(key, value)| {
            xargs.env(key, value.unwrap_or_default());
        });
        let list = scratch.path().join("list");
        fs::write(&list, indexes.join("\n") + "\n").unwrap();
        succeed(xargs.stdin(File::open(list).unwrap()));
    }
    assert!(records(&out) == records(&undisturbed().out()));
    assert!(indexes(&out, &["--open"]).is_empty());
    let again = run(&mut one(&out, "2"));
    assert_eq!(
        (again.0, again.2.lines().last()),
        (0, Some("run 2 (task 1 · unet · random · seed 1) is done"))
    );
    // A sweep of the same folder has only its report to write.
    assert!(undisturbed().resumes(&out).contains("0 of 3 runs left"));
    assert_eq!(status(&out)["done"], 3);
}

#[test]
fn two_hosts_that_start_the_same_runs_do_each_once() {
    if !hosts_can_be_made() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    for index in ["0", "1", "2"] {
        let starts = ["near", "far"].map(|host| {
            let mut command = on_host(host, &one(&out, index));
            command.spawn().unwrap()
        });
        let ended = starts.map(|mut child| child.wait().unwrap().success());
        assert!(ended.contains(&true), "run {index}");
    }
    assert!(records(&out) == records(&undisturbed().out()));
}

#[test]
fn a_sweep_on_another_host_is_seen_left_alone_and_gone_on_with_once_it_is_dead() {
    if !hosts_can_be_made() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    // A long one, so that there is time to look at it.
    let file = scratch.path().join("long.yaml");
    let long = TINY
        .replace("budget: 12", "budget: 100000")
        .replace("name: tiny", "name: long");
    fs::write(&file, long).unwrap();
    let mut sweep = slicewise(&["sweep"]);
    sweep.arg(&file).args(["--jobs", "1", "--out"]).arg(&out);
    sweep
        .arg("--cache")
        .arg(undisturbed().scratch.path().join("cache"));
    let far = on_host("far", &sweep).spawn().unwrap();
    wait_until("the sweep on the other host", || {
        out.join("config.yaml").exists() && status(&out)["at_work"][0]["host"] == "far"
    });
    let (code, _, stderr) = run(&mut sweep);
    assert_eq!(code, 2, "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.contains("another sweep is at work in this folder: process"),
        "{stderr}"
    );
    assert!(stderr.contains(" on far, since 20"), "{stderr}");
    kill(far);

    let short = scratch.path().join("short");
    let far = on_host("far", &undisturbed().sweep(&short))
        .spawn()
        .unwrap();
    wait_until("a round on the other host", || {
        records(&short).values().any(|ledger| !ledger.is_empty())
    });
    kill(far);
    // As if the others had been silent for more than a minute.
    let before = SystemTime::now() - Duration::from_secs(70);
    let held: Vec<PathBuf> = [".holder", ".lock"]
        .iter()
        .flat_map(|end| files(&short, end))
        .collect();
    for path in &held {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(before).unwrap();
    }
    let was_dead = holder(&short).is_some();
    let stderr = undisturbed().resumes(&short);
    let taken_over = stderr.contains("taken over from a sweep that was killed (process");
    // It may have ended before it was killed.
    assert_eq!(taken_over, was_dead, "{stderr}");
}

#[test]
fn failures_are_tried_again_counted_and_summed_up() {
    let scratch = tempfile::tempdir().unwrap();
    let here = |name: &str| scratch.path().join(name);
    let strategies = "    strategies:\n      random: [0.25, 0.5]\n";
    assert!(TINY.contains(strategies));
    let failing = "    report_at: [0.25]\n    full: false\n    strategies:\n";
    let names = ["a", "b", "c", "d", "e"];
    let failing = names.iter().fold(failing.to_owned(), |text, name| {
        text + &format!("      {name}: {{command: [sh, -c, \"echo no idea >&2; exit 3\"]}}\n")
    });
    let text = TINY.replace(strategies, &failing);
    let sweep = |settings: &str| {
        fs::write(here("f.yaml"), format!("{text}{settings}")).unwrap();
        let mut command = slicewise(&["sweep"]);
        command
            .arg(here("f.yaml"))
            .args(["--jobs", "1", "--out"])
            .arg(here("out"));
        command.arg("--cache").arg(here("cache"));
        run(&mut command)
    };
    let (code, _, stderr) = sweep("sweep: {retries: 1, max_failures: 1}\n");
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(
        stderr.matches("tried again (1 of 1)").count(),
        5,
        "{stderr}"
    );
    assert!(stderr.contains("too many runs failed (sweep.max_failures): starting no more"));
    let last = stderr
        .lines()
        .rfind(|line| line.starts_with("slicewise: "))
        .unwrap();
    assert_eq!(
        last,
        "slicewise: 2 of 6 runs failed, and 3 are left undone (sweep.max_failures); the same command \
         tries them again:"
    );
    let of = status(&here("out"));
    assert_eq!(
        (&of["done"], &of["waiting"]),
        (&1.into(), &3.into()),
        "{of}"
    );
    assert_eq!(of["failed"].as_array().unwrap().len(), 2, "{of}");
    assert_eq!(of["failed"][0]["attempts"], 2, "{of}");

    // Other settings for failures are no other experiment.
    let (code, _, stderr) = sweep("");
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("5 of 6 runs failed; the same command"),
        "{stderr}"
    );
    let text = succeed(slicewise(&["status"]).arg(here("out")));
    let mut lines = text.lines();
    let first = format!(
        "tiny in {}: 1 of 6 runs done, 0 at work, 0 waiting, 5 failed",
        here("out").display()
    );
    assert_eq!(lines.next(), Some(first.as_str()));
    assert!(
        lines
            .clone()
            .any(|line| line.starts_with("failed   5 runs: ")),
        "{text}"
    );
}

#[test]
fn status_of_what_is_no_results_folder_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let (code, _, stderr) = run(slicewise(&["status"]).arg(scratch.path()));
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("expected a results folder, with the config.yaml"),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1);
}
