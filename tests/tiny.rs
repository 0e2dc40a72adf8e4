//! A sweep of three runs that tests disturb, and the same sweep undisturbed.

use crate::program::{run, slicewise, succeed};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Three runs: `first`, `full`, and `random` with two rounds. Every point has 12 steps, of which the
/// chain of rounds spends 4, 8 and 12.
pub(crate) const TINY: &str = "\
name: tiny
question: What does it do when something goes wrong?
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
tasks:
  brain-extraction:
    first_every: 8
    steps: {budget: 12, first: 4, round: 4, checkpoint_every: 2}
    strategies:
      random: [0.25, 0.5]
";

/// Path of the run with two rounds in each folder, without the file's ending.
pub(crate) const RANDOM: &str = "brain-extraction/unet/random-seed1";

/// The tiny sweep, run once in folders of its own and undisturbed.
pub(crate) struct Undisturbed {
    pub(crate) scratch: tempfile::TempDir,
}

/// Returns the undisturbed sweep, which is made on first use.
pub(crate) fn undisturbed() -> &'static Undisturbed {
    static UNDISTURBED: OnceLock<Undisturbed> = OnceLock::new();
    UNDISTURBED.get_or_init(|| {
        let sweep = Undisturbed {
            scratch: tempfile::tempdir().unwrap(),
        };
        let here = |name| sweep.scratch.path().join(name);
        for name in ["work", "home", "temporary"] {
            fs::create_dir(here(name)).unwrap();
        }
        fs::write(here("tiny.yaml"), TINY).unwrap();
        succeed(
            sweep
                .sweep(&here("out"))
                .current_dir(here("work"))
                .env("HOME", here("home"))
                .env("TMPDIR", here("temporary")),
        );
        sweep
    })
}

impl Undisturbed {
    /// Returns the command that writes this sweep to `out`.
    pub(crate) fn sweep(&self, out: &Path) -> Command {
        let mut command = slicewise(&["sweep"]);
        command.arg(self.scratch.path().join("tiny.yaml"));
        command.args(["--jobs", "2", "--out"]).arg(out);
        command
            .arg("--cache")
            .arg(self.scratch.path().join("cache"));
        command
    }

    /// Returns the folder of its results, which must not be changed.
    pub(crate) fn out(&self) -> PathBuf {
        self.scratch.path().join("out")
    }

    /// Copies its results to `folder`, where a test may damage them.
    pub(crate) fn copy(&self, folder: &Path) -> PathBuf {
        let out = folder.join("copy");
        succeed(Command::new("cp").arg("-r").arg(self.out()).arg(&out));
        out
    }

    /// Runs the same command on `out` and asserts that it ends with the records of the undisturbed
    /// sweep. Returns the command's standard error.
    pub(crate) fn resumes(&self, out: &Path) -> String {
        let (code, _, stderr) = run(&mut self.sweep(out));
        assert_eq!(code, 0, "{stderr}");
        assert!(records(out) == records(&self.out()), "{stderr}");
        assert_eq!(records(out).len(), 3);
        stderr
    }
}

/// Returns the ledgers in `out` by name.
pub(crate) fn records(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let folder = out.join("records/brain-extraction/unet");
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// Returns the last message of a sweep, with `out` replaced by OUT.
pub(crate) fn summary(stderr: &str, out: &Path) -> String {
    let start = stderr.rfind("slicewise: ").unwrap_or_default();
    stderr[start..].replace(&out.display().to_string(), "OUT")
}

/// Lists the files below `folder` whose names end in `ending`.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// Returns the process ids of the workers of `sweep`.
pub(crate) fn workers(sweep: u32) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let Ok(stat) = fs::read_to_string(entry.unwrap().path().join("stat")) else {
            continue;
        };
        // The line is: pid (name) state parent …
        let parent = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1);
        if parent == Some(sweep.to_string().as_str()) {
            found.push(stat.split_whitespace().next().unwrap().to_owned());
        }
    }
    found
}
