//! A Slurm of two nodes on this machine, which `cluster.sh` starts and ends.

use crate::program::{root, run};
use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A cluster that lives until this is dropped, or the test's process is gone.
pub(super) struct Cluster {
    folder: tempfile::TempDir,
    script: Child,
    /// What `cluster.sh` reads and writes; `None` once it is to end.
    pipes: RefCell<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

impl Cluster {
    /// Starts one, or says why there can be none.
    pub(super) fn start() -> Result<Self, String> {
        let find = root().join("scripts/slurm.sh");
        let (code, _, told) = run(Command::new(find).arg("--find"));
        if code != 0 {
            return Err(told.trim().to_owned());
        }
        let folder = tempfile::tempdir().unwrap();
        // Taken together, so that they differ.
        let ports = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = ports.map(|port| port.local_addr().unwrap().port().to_string());
        let mut script = Command::new(root().join("tests/slurm/cluster.sh"))
            .arg(folder.path())
            .args(ports)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(script.stdout.take().unwrap());
        let cluster = Self {
            folder,
            pipes: RefCell::new(Some((script.stdin.take().unwrap(), answers))),
            script,
        };
        cluster.tell("start n1");
        cluster.tell("start n2");
        let started = Instant::now();
        while cluster.ask("sinfo", &["-h", "-t", "idle", "-o", "%D"]) != "2" {
            if started.elapsed() > Duration::from_secs(60) {
                return Err(format!("no two idle nodes\n{}", cluster.logs()));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(cluster)
    }

    /// Has `cluster.sh` do something.
    pub(super) fn tell(&self, what: &str) {
        let mut pipes = self.pipes.borrow_mut();
        let (input, answers) = pipes.as_mut().unwrap();
        writeln!(input, "{what}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), what);
    }

    /// What a command needs to speak with this cluster.
    pub(super) fn conf(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    /// Runs one of Slurm's commands and returns what it says, also where it fails.
    pub(super) fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        let (code, said, error) = run(command.args(arguments).env("SLURM_CONF", self.conf()));
        match code {
            0 => said.trim().to_owned(),
            _ => error,
        }
    }

    /// Returns what is queued or at work, a line a task: array, task, state, node, name.
    pub(super) fn queue(&self) -> String {
        self.ask("squeue", &["--array", "-h", "-o", "%F %K %T %N %j"])
    }

    /// Waits until nothing is queued.
    pub(super) fn wait_until_empty(&self, longest: Duration) {
        let started = Instant::now();
        while !self.queue().is_empty() {
            let queue = self.queue();
            assert!(started.elapsed() < longest, "{queue}\n{}", self.logs());
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn logs(&self) -> String {
        let last = |name: &str| {
            let text = fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let from = lines.len().saturating_sub(20);
            format!("{name}:\n{}\n", lines[from..].join("\n"))
        };
        ["munged.log", "slurmctld.log", "n1.log", "n2.log"]
            .map(last)
            .concat()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // cluster.sh ends the daemons when its input does.
        self.pipes.take();
        let _ = self.script.wait();
    }
}

/// Returns the logs of a sweep's tasks, by name.
pub(super) fn logs(out: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(out.join("slurm")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let logs = paths.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
    logs.map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    })
    .collect()
}
