//! A sweep of three cells to which things are done, and the same one to which nothing happened.

use crate::program::{run, slicewise, succeed};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Three cells: `first`, `full`, and `random` of two rounds.
pub(crate) const TINY: &str = "\
name: tiny
question: What does it do when something goes wrong?
seeds: [1]
device: cpu
data:
  layout: phantom
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
    steps: {first: 4, full: 12, round: 4, checkpoint_every: 2}
    strategies:
      random: [0.25, 0.5]
";

/// Path of its cell of two rounds in each folder, without the ending.
pub(crate) const RANDOM: &str = "brain-extraction/unet/random-seed1";

/// The tiny sweep, run once in folders of its own with nothing going wrong.
pub(crate) struct Sound {
    pub(crate) scratch: tempfile::TempDir,
}

/// It, made on first use.
pub(crate) fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let sound = Sound {
            scratch: tempfile::tempdir().unwrap(),
        };
        let here = |name| sound.scratch.path().join(name);
        for name in ["work", "home", "temporary"] {
            fs::create_dir(here(name)).unwrap();
        }
        fs::write(here("tiny.yaml"), TINY).unwrap();
        succeed(
            sound
                .sweep(&here("out"))
                .current_dir(here("work"))
                .env("HOME", here("home"))
                .env("TMPDIR", here("temporary")),
        );
        sound
    })
}

impl Sound {
    /// The command that writes it to `out`.
    pub(crate) fn sweep(&self, out: &Path) -> Command {
        let mut command = slicewise(&["sweep"]);
        command.arg(self.scratch.path().join("tiny.yaml"));
        command.args(["--jobs", "2", "--out"]).arg(out);
        command
            .arg("--cache")
            .arg(self.scratch.path().join("cache"));
        command
    }

    /// Its results, to be read only.
    pub(crate) fn out(&self) -> PathBuf {
        self.scratch.path().join("out")
    }

    /// A copy of its results in `folder`, to be damaged.
    pub(crate) fn copy(&self, folder: &Path) -> PathBuf {
        let out = folder.join("copy");
        succeed(Command::new("cp").arg("-r").arg(self.out()).arg(&out));
        out
    }

    /// The same command goes on to the records of a sweep to which nothing happened. Returns what
    /// it said.
    pub(crate) fn goes_on(&self, out: &Path) -> String {
        let (code, _, said) = run(&mut self.sweep(out));
        assert_eq!(code, 0, "{said}");
        assert!(records(out) == records(&self.out()), "{said}");
        assert_eq!(records(out).len(), 3);
        said
    }
}

/// Its ledgers in `out` by name.
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

/// The last message of a sweep, with `out` written as OUT.
pub(crate) fn summary(said: &str, out: &Path) -> String {
    let start = said.rfind("slicewise: ").unwrap_or_default();
    said[start..].replace(&out.display().to_string(), "OUT")
}

/// Files below `folder` whose name ends in `ending`.
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

/// Process ids of the workers of `sweep`.
pub(crate) fn workers(sweep: u32) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let Ok(stat) = fs::read_to_string(entry.unwrap().path().join("stat")) else {
            continue;
        };
        // pid (name) state parent …
        let parent = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1);
        if parent == Some(sweep.to_string().as_str()) {
            found.push(stat.split_whitespace().next().unwrap().to_owned());
        }
    }
    found
}
