//! `sweep --slurm` on a real Slurm, which the test starts and ends by itself; and without one.

mod cluster;

use crate::own_models::{imports, packages};
use crate::program::{run, slicewise, succeed};
use crate::sweep::{records, smoke};
use cluster::{Cluster, logs};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// A quick network, and one that takes a tenth of a second a step on any machine.
const SLOW: &str = "\
name: slow
question: Does a run survive a cluster?
seeds: [1]
device: cpu
data:
  dataset: phantom
  phantom: {subjects: 4, seed: 1}
  spacing_mm: 5.0
  part_b: [phantom-04]
models:
  quick: {architecture: unet, base_width: 4, levels: 2}
  slow: {architecture: {command: [sh, SCRIPT]}, base_width: 4, levels: 2}
training:
  crop: [8, 16, 16]
tasks:
  brain-extraction:
    first_every: 8
    steps: {budget: 800, first: 600, checkpoint_every: 20}
    report_at: [0.25]
    strategies: [random]
";

/// 200 seeds of ten runs each.
fn many() -> String {
    let seeds: Vec<String> = (1..=200).map(|seed| seed.to_string()).collect();
    let strategies = "random, equal-interval, uncertainty, power-entropy, margin, least-confidence, \
                      mean-entropy, stratified";
    SLOW.replace("seeds: [1]", &format!("seeds: [{}]", seeds.join(", ")))
        .replace(
            "  slow: {architecture: {command: [sh, SCRIPT]}, base_width: 4, levels: 2}\n",
            "",
        )
        .replace(
            "budget: 800, first: 600, checkpoint_every: 20",
            "budget: 4, first: 2",
        )
        .replace("[random]", &format!("[{strategies}]"))
}

/// A sweep on the cluster.
struct Submitted<'a> {
    cluster: &'a Cluster,
    experiment: PathBuf,
    out: PathBuf,
    cache: PathBuf,
}

impl Submitted<'_> {
    fn submit(&self, more: &[&str]) -> String {
        let mut command = slicewise(&["sweep"]);
        command
            .arg(&self.experiment)
            .args(["--slurm", "--out"])
            .arg(&self.out);
        command.arg("--cache").arg(&self.cache).args(more);
        command
            .env("SLURM_CONF", self.cluster.conf())
            .env("PYTHONPATH", packages());
        succeed(&mut command)
    }

    fn status(&self) -> Value {
        let text = succeed(slicewise(&["status", "--json"]).arg(&self.out));
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until this run is at work, and past so many steps of its own.
    fn wait_for_steps(&self, index: usize, least: u64) {
        self.wait(&format!("run {index} past {least} steps"), || {
            let status = self.status();
            let mut at_work = status["at_work"].as_array().unwrap().iter();
            let run = at_work.find(|run| run["index"] == index);
            run.is_some_and(|run| run["done_steps"].as_u64().unwrap() > least)
        });
    }

    fn wait(&self, what: &str, ready: impl Fn() -> bool) {
        let started = Instant::now();
        while !ready() {
            if started.elapsed() > 3 * MINUTE {
                let queue = self.cluster.queue();
                panic!("{what}\n{queue}\n{}\n{:#?}", self.status(), logs(&self.out));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns the starts of each run, as its index and fork, in the logs of all submissions.
    fn starts(&self) -> BTreeMap<String, usize> {
        let mut starts = BTreeMap::new();
        for (_, text) in logs(&self.out) {
            let begun = text.lines().filter_map(|line| line.split_once(": run "));
            for run in begun.filter_map(|(_, run)| run.split_once(", start ")) {
                *starts.entry(run.0.to_owned()).or_default() += 1;
            }
        }
        starts
    }
}

/// The number of a sweep's jobs, of those that it prints after `runs:`.
fn first_job(said: &str) -> String {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("runs:   jobs "));
    let ids = line.unwrap_or_else(|| panic!("{said}"));
    ids.split(' ').next().unwrap().to_owned()
}

/// One test, because a cluster is slow to start and must not be left behind.
#[test]
fn sweeps_on_a_cluster_of_two_nodes() {
    if !imports("numpy", true) {
        return;
    }
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(why) => {
            eprintln!("SKIPPED: sweep --slurm is not tried out: {why}");
            return;
        }
    };
    let scratch = tempfile::tempdir().unwrap();
    let mut here = undisturbed(scratch.path());
    a_sweep_has_the_bytes_of_a_local_one(&cluster, scratch.path());
    a_first_round_that_fails_takes_its_forks_with_it(&cluster, scratch.path());
    disturbed_runs_end_with_the_same_bytes(&cluster, scratch.path(), &mut here);
    many_runs_are_submitted_at_once_and_start_once(&cluster, scratch.path());
}

fn a_sweep_has_the_bytes_of_a_local_one(cluster: &Cluster, scratch: &Path) {
    let sweep = Submitted {
        cluster,
        experiment: "experiments/smoke.yaml".into(),
        out: scratch.join("smoke of 5% 'quoted'"),
        cache: scratch.join("cache"),
    };
    let said = sweep.submit(&["--device", "cpu", "--sbatch=--nice=1"]);
    assert!(
        said.starts_with("24 runs: 0 done, 0 queued before, 24 submitted\n"),
        "{said}"
    );
    let again = sweep.submit(&["--device", "cpu"]);
    assert!(again.contains(" 0 submitted\nreport: "), "{again}");
    cluster.wait_until_empty(5 * MINUTE);
    assert!(
        records(&sweep.out) == records(&smoke().join("smoke")),
        "{:#?}",
        logs(&sweep.out)
    );
    let starts = sweep.starts();
    assert!(
        starts.len() == 24 && starts.values().all(|&starts| starts == 1),
        "{starts:?}"
    );
    assert!(sweep.out.join("report.html").exists());
    let whole = sweep.submit(&["--device", "cpu", "--limit", "3"]);
    assert!(
        whole.starts_with("24 runs: 24 done, 0 queued before, 0 submitted\n"),
        "{whole}"
    );
    cluster.wait_until_empty(MINUTE);
}

fn a_first_round_that_fails_takes_its_forks_with_it(cluster: &Cluster, scratch: &Path) {
    let script = scratch.join("fails.sh");
    fs::write(&script, "exit 1\n").unwrap();
    let experiment = scratch.join("fails.yaml");
    let text = SLOW.replace("SCRIPT", &script.display().to_string());
    fs::write(
        &experiment,
        text.replace("budget: 800, first: 600", "budget: 4, first: 2"),
    )
    .unwrap();
    let sweep = Submitted {
        cluster,
        experiment,
        out: scratch.join("fails"),
        cache: scratch.join("cache"),
    };
    // With a limit what continues starts all the same, and says what is missing.
    for more in [&[][..], &["--limit", "2"]] {
        sweep.submit(more);
        cluster.wait_until_empty(2 * MINUTE);
        let status = sweep.status();
        assert_eq!(
            (&status["done"], &status["waiting"]),
            (&3.into(), &1.into()),
            "{status}"
        );
    }
    fs::write(&script, "exec python3 examples/models/intensity.py\n").unwrap();
    let said = sweep.submit(&[]);
    assert!(
        said.starts_with("6 runs: 3 done, 0 queued before, 3 submitted\n"),
        "{said}"
    );
    cluster.wait_until_empty(2 * MINUTE);
    assert_eq!(sweep.status()["done"], 6);
}

/// Starts the slow sweep on this machine.
fn undisturbed(scratch: &Path) -> Child {
    let script = scratch.join("slow.sh");
    let text = "while read -r line; do sleep 0.1; printf '%s\\n' \"$line\"; done |
exec python3 examples/models/intensity.py\n";
    fs::write(&script, text).unwrap();
    let experiment = scratch.join("slow.yaml");
    fs::write(
        &experiment,
        SLOW.replace("SCRIPT", &script.display().to_string()),
    )
    .unwrap();
    let mut sweep = slicewise(&["sweep", "--quiet", "--jobs", "4"]);
    sweep.arg(experiment).arg("--out").arg(scratch.join("here"));
    sweep.arg("--cache").arg(scratch.join("cache"));
    sweep
        .env("PYTHONPATH", packages())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn disturbed_runs_end_with_the_same_bytes(cluster: &Cluster, scratch: &Path, here: &mut Child) {
    let out = scratch.join("there");
    let index = |strategy: &str| {
        let runs = succeed(slicewise(&["runs", "--json"]).arg(scratch.join("slow.yaml")));
        let runs: Value = serde_json::from_str(&runs).unwrap();
        let mut runs = runs.as_array().unwrap().iter();
        let run = runs.find(|run| run["model"] == "slow" && run["strategy"] == strategy);
        usize::try_from(run.unwrap()["index"].as_u64().unwrap()).unwrap()
    };
    let (first, full) = (index("first"), index("full"));
    // The task's number is the run's index.
    let log = |job: &str, run: usize| {
        fs::read_to_string(out.join(format!("slurm/{job}_{run}.log"))).unwrap_or_default()
    };
    let starts = |job: &str, run: usize| log(job, run).matches(", start ").count();
    let on = Submitted {
        cluster,
        experiment: scratch.join("slow.yaml"),
        out: out.clone(),
        cache: scratch.join("cache"),
    };

    // What takes longer than its limit of a minute is queued again.
    let job = first_job(&on.submit(&["--time", "1"]));
    for run in [first, full] {
        on.wait("a start after the limit", || starts(&job, run) == 2);
        let told = log(&job, run);
        assert!(told.contains("slicewise: stopped; "), "{told}");
        assert!(!told.contains("DUE TO TIME LIMIT"), "{told}");
    }
    cluster.ask("scontrol", &["requeue", &format!("{job}_{first}")]);
    on.wait("a third start", || starts(&job, first) == 3);
    on.wait_for_steps(first, 20);
    let queue = cluster.queue();
    let name = queue.lines().find(|line| !line.ends_with("-report"));
    let name = name.and_then(|line| line.split(' ').next_back()).unwrap();
    cluster.ask("scancel", &[&format!("--name={name}")]);
    cluster.wait_until_empty(MINUTE);
    assert!(
        on.status()["done"].as_u64().unwrap() < 6,
        "nothing was cancelled"
    );

    // A node dies and comes back. Slurm sees within a minute that its jobs are gone.
    let job = first_job(&on.submit(&[]));
    on.wait_for_steps(first, 20);
    let queue = cluster.queue();
    let of_first = format!("{job} {first} RUNNING ");
    let node = queue
        .lines()
        .find_map(|line| line.strip_prefix(&of_first)?.split(' ').next());
    let node = node.unwrap_or_else(|| panic!("{queue}"));
    cluster.tell(&format!("kill {node}"));
    cluster.tell(&format!("start {node}"));
    on.wait("a start after its node died", || starts(&job, first) == 2);
    cluster.wait_until_empty(5 * MINUTE);
    assert!(out.join("report.html").exists());
    assert!(here.wait().unwrap().success());
    let (expected, found) = (records(&scratch.join("here")), records(&out));
    assert_eq!(found.len(), 6, "{:#?}", logs(&out));
    assert!(found == expected);
}

fn many_runs_are_submitted_at_once_and_start_once(cluster: &Cluster, scratch: &Path) {
    let all = std::env::var("SLICEWISE_SLURM_RUNS").is_ok_and(|runs| runs == "all");
    let sweep = Submitted {
        cluster,
        experiment: scratch.join("many.yaml"),
        out: scratch.join("many"),
        cache: scratch.join("cache"),
    };
    fs::write(&sweep.experiment, many()).unwrap();
    let started = Instant::now();
    let said = sweep.submit(&[]);
    let took = started.elapsed().as_secs_f64();
    assert!(
        said.starts_with("2000 runs: 0 done, 0 queued before, 2000 submitted\n"),
        "{said}"
    );
    eprintln!("2,000 runs submitted in {took:.1} s");
    let started = Instant::now();
    let again = sweep.submit(&[]);
    assert!(again.contains(" 0 submitted\n"), "{again}");
    let took = started.elapsed().as_secs_f64();
    eprintln!("seen to be queued in {took:.1} s");

    match all {
        true => cluster.wait_until_empty(180 * MINUTE),
        false => {
            sweep.wait("60 runs", || sweep.status()["done"].as_u64().unwrap() >= 60);
            let user = cluster.ask("squeue", &["-h", "-o", "%u"]);
            let user = user.lines().next().unwrap();
            cluster.ask("scancel", &["--user", user]);
            cluster.wait_until_empty(2 * MINUTE);
        }
    }
    let started = Instant::now();
    let done = sweep.status()["done"].as_u64().unwrap();
    eprintln!(
        "{done} runs done, as status says in {:.2} s",
        started.elapsed().as_secs_f64()
    );
    assert!(if all { done == 2000 } else { done >= 60 });
    let starts = sweep.starts();
    assert!(starts.values().all(|&starts| starts == 1), "{starts:?}");
    for (path, bytes) in records(&sweep.out) {
        assert!(
            bytes.is_empty() || bytes.ends_with(b"\n"),
            "{} is torn",
            path.display()
        );
        for line in bytes
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            serde_json::from_slice::<Value>(line).unwrap();
        }
    }
}

#[test]
fn without_slurm_one_line_says_what_to_do() {
    let refused = |arguments: &[&str]| {
        let mut command = slicewise(&["sweep", "experiments/smoke.yaml"]);
        let (code, _, told) = run(command.args(arguments).env("PATH", "/nonexistent"));
        assert_eq!((code, told.lines().count()), (2, 1), "{told}");
        told
    };
    let told = refused(&["--partition", "long"]);
    assert_eq!(
        told,
        "slicewise: --partition: expected --slurm with it, which submits the sweep to Slurm\n"
    );
    let told = refused(&["--slurm", "--jobs", "2"]);
    assert!(
        told.starts_with("slicewise: --jobs: Slurm decides how many runs"),
        "{told}"
    );
    let told = refused(&["--slurm"]);
    assert!(
        told.starts_with("slicewise: --slurm: expected Slurm's sbatch on PATH, found none; "),
        "{told}"
    );
}
