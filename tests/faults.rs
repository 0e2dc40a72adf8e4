//! Whatever goes wrong while a sweep runs: what it says, what it keeps, and that the same command
//! then ends with the records of a sweep to which nothing happened.

use crate::program::{run, slicewise, succeed};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// Three cells: `first`, `full`, and `random` of two rounds.
const TINY: &str = "\
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

const RANDOM: &str = "brain-extraction/unet/random-seed1";

/// The tiny sweep, run once in folders of its own with nothing going wrong.
struct Sound {
    scratch: tempfile::TempDir,
}

fn sound() -> &'static Sound {
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
    fn sweep(&self, out: &Path) -> Command {
        let mut command = slicewise(&["sweep"]);
        command.arg(self.scratch.path().join("tiny.yaml"));
        command.args(["--jobs", "2", "--out"]).arg(out);
        command
            .arg("--cache")
            .arg(self.scratch.path().join("cache"));
        command
    }

    fn out(&self) -> PathBuf {
        self.scratch.path().join("out")
    }

    /// A copy of its results in `folder`, to be damaged.
    fn copy(&self, folder: &Path) -> PathBuf {
        let out = folder.join("copy");
        succeed(Command::new("cp").arg("-r").arg(self.out()).arg(&out));
        out
    }

    /// The same command goes on to the records of a sweep to which nothing happened. Returns what
    /// it said.
    fn goes_on(&self, out: &Path) -> String {
        let (code, _, said) = run(&mut self.sweep(out));
        assert_eq!(code, 0, "{said}");
        assert!(records(out) == records(&self.out()), "{said}");
        assert_eq!(records(out).len(), 3);
        said
    }
}

fn records(out: &Path) -> BTreeMap<String, Vec<u8>> {
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

/// `command` after the shell's `limit`.
fn under(limit: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{limit} && exec \"$@\""));
    shell.arg("sh").arg(command.get_program());
    shell.args(command.get_args());
    shell
}

/// The last message of a sweep, with `out` written as OUT.
fn summary(said: &str, out: &Path) -> String {
    let start = said.rfind("slicewise: ").unwrap_or_default();
    said[start..].replace(&out.display().to_string(), "OUT")
}

/// Files below `folder` whose name ends in `ending`.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
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

#[test]
fn nothing_is_written_outside_out_and_cache() {
    let scratch = sound().scratch.path();
    for name in ["work", "home", "temporary"] {
        assert_eq!(files(&scratch.join(name), ""), Vec::<PathBuf>::new());
    }
    let mut there: Vec<_> = fs::read_dir(scratch)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(
        there,
        ["cache", "home", "out", "temporary", "tiny.yaml", "work"]
    );
    assert!(!sound().out().join("sweep.lock").exists());
}

#[test]
fn a_checkpoint_that_cannot_be_written_fails_its_cell_and_leaves_no_part_of_it() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("full");
    // No file may grow beyond 156 blocks of 512 bytes; only a checkpoint is larger.
    let limit = "trap '' XFSZ && ulimit -f 156";
    let (code, _, said) = run(&mut under(limit, &sound().sweep(&out)));
    assert_eq!(code, 1, "{said}");
    let reason = |step: usize, cell: &str| {
        format!(
            "task 1 · unet · {cell} · seed 1: saving weights: checkpoint \
             OUT/checkpoints/brain-extraction/unet/{cell}-seed1-round0-step{step}.safetensors: \
             File too large (os error 27) (OUT/logs/brain-extraction/unet/{cell}-seed1.log)"
        )
    };
    let summary = summary(&said, &out);
    assert!(
        summary.starts_with("slicewise: 3 of 3 cells failed; the same command tries them again:\n"),
        "{summary}"
    );
    for line in [
        reason(2, "first"),
        reason(2, "full"),
        "task 1 · unet · random · seed 1: its first round failed".to_owned(),
    ] {
        assert!(
            summary.contains(&format!("\n  {line}\n")),
            "{line}: {summary}"
        );
    }
    assert_eq!(files(&out, ".partial"), Vec::<PathBuf>::new());
    sound().goes_on(&out);
}

/// Where user namespaces or root allow it: a disk of its own for the sweep, too small at first.
#[test]
fn a_full_disk_costs_no_record_and_no_report() {
    let scratch = tempfile::tempdir().unwrap();
    let (disk, kept) = (scratch.path().join("disk"), scratch.path().join("kept"));
    fs::create_dir(&disk).unwrap();
    let unshared = |script: &str| {
        let command = sound().sweep(&disk.join("out"));
        let mut shell = Command::new("unshare");
        shell.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
        shell.arg(&disk).arg(&kept);
        shell.arg(command.get_program()).args(command.get_args());
        shell
    };
    let mount = "disk=$1 kept=$2; shift 2; mount -t tmpfs -o size=200k none \"$disk\" || exit 77";
    if !run(&mut unshared(mount)).0.eq(&0) {
        eprintln!("skipped: no file system may be mounted here (unshare, tmpfs)");
        return;
    }
    let script = format!(
        "{mount}
        echo == 200k; \"$@\"; echo \"== code $?\"
        mount -o remount,size=1000k \"$disk\"
        echo == 1000k; \"$@\"; echo \"== code $?\"
        mount -o remount,size=64m \"$disk\"
        echo == 64m; \"$@\"; echo \"== code $?\"
        cp -r \"$disk/out\" \"$kept\""
    );
    let mut command = unshared(&format!("exec 2>&1\n{script}"));
    let (_, said, _) = run(&mut command);
    let part = |from: &str, to: &str| {
        let rest = said.split(from).nth(1).unwrap_or_else(|| panic!("{said}"));
        rest.split(to).next().unwrap().to_owned()
    };
    let smallest = part("== 200k", "== 1000k");
    assert!(smallest.contains("cells failed; the same command tries them again"));
    assert!(smallest.contains("No space left on device"), "{smallest}");
    assert!(smallest.contains("== code 1"), "{smallest}");
    let middle = part("== 1000k", "== 64m");
    let message = middle.lines().find(|line| line.starts_with("slicewise: "));
    let message = message.unwrap_or_else(|| panic!("{middle}"));
    assert!(message.contains("No space left on device"), "{message}");
    assert!(middle.contains("== code 1"), "{middle}");
    let last = part("== 64m", "== nothing");
    assert!(
        last.contains("0 of 3 cells to run") && last.contains("== code 0"),
        "{last}"
    );
    assert!(records(&kept) == records(&sound().out()));
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_anything_runs() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "in the way").unwrap();
    for out in [file.clone(), file.join("below")] {
        let (code, _, said) = run(&mut sound().sweep(&out));
        assert_eq!(code, 2, "{said}");
        let expected = ["File exists (os error 17)", "Not a directory (os error 20)"];
        let line = summary(&said, &file);
        assert!(
            expected
                .iter()
                .any(|why| line.ends_with(&format!(": {why}\n"))),
            "{line}"
        );
        assert!(line.starts_with("slicewise: OUT"), "{line}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let mut command = slicewise(&["sweep"]);
    command.arg(sound().scratch.path().join("tiny.yaml"));
    command.arg("--out").arg(scratch.path().join("out"));
    let (code, _, said) = run(command.arg("--cache").arg(file.join("cache")));
    assert_eq!(code, 2, "{said}");
    let line = summary(&said, &file);
    assert!(line.starts_with("slicewise: OUT/cache/"), "{line}");
    assert!(
        line.ends_with(".case: Not a directory (os error 20)\n"),
        "{line}"
    );
    assert!(!scratch.path().join("out").exists());
}

#[test]
fn a_cell_without_memory_fails_alone_and_is_tried_again() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let yaml = scratch.path().join("two.yaml");
    let two = TINY
        .replace(
            "  unet: {architecture: unet, base_width: 4, levels: 2}\n",
            "  small: {architecture: unet, base_width: 1, levels: 1}\n  \
             large: {architecture: unet, base_width: 256, levels: 1}\n",
        )
        .replace("crop: [8, 16, 16]", "crop: [8, 16, 16]\n  batch: 1024")
        .replace("full: 12", "full: 1")
        .replace("strategies:\n      random: [0.25, 0.5]", "strategies: {}");
    fs::write(&yaml, two).unwrap();
    let mut command = slicewise(&["sweep"]);
    command.arg(&yaml).args(["--jobs", "1", "--out"]).arg(&out);
    command
        .arg("--cache")
        .arg(sound().scratch.path().join("cache"));
    // libtorch alone maps 3 GB; the large model's first feature maps take one each.
    let limited = || under("ulimit -v 4000000", &command);
    for to_run in ["2 of 2 cells to run", "1 of 2 cells to run"] {
        let (code, _, said) = run(&mut limited());
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(to_run), "{said}");
        assert_eq!(
            summary(&said, &out),
            "slicewise: 1 of 2 cells failed; the same command tries them again:\n  \
             task 1 · large · full · seed 1: training: out of memory: can't allocate memory: you \
             tried to allocate 1073741824 bytes. Error code 12 (Cannot allocate memory) (a smaller \
             --jobs, training.crop, training.batch or base_width needs less); last good \
             checkpoint: none, it starts from new weights \
             (OUT/logs/brain-extraction/large/full-seed1.log)\n"
        );
    }
    assert!(
        out.join("records/brain-extraction/small/full-seed1.jsonl")
            .exists()
    );
}

/// Process ids of the workers of `sweep`.
fn workers(sweep: u32) -> Vec<String> {
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

#[test]
fn a_worker_killed_by_the_kernel_is_named_with_its_signal_and_is_tried_again() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let mut command = sound().sweep(&out);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = child.spawn().unwrap();
    let log = out.join("logs/brain-extraction/unet/full-seed1.log");
    let started = Instant::now();
    // `full` has the longer chain of steps: it is the first to run, `first` the second.
    let doomed = loop {
        let mut found = workers(child.id());
        if log.exists() && !found.is_empty() {
            found.sort_by_key(|pid| pid.parse::<u32>().unwrap());
            break found[0].clone();
        }
        assert!(started.elapsed() < Duration::from_secs(120), "no worker");
        thread::sleep(Duration::from_millis(1));
    };
    succeed(Command::new("kill").args(["-9", &doomed]));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let why = "killed by signal 9 (SIGKILL), which is what the kernel does when memory runs out; \
               a smaller --jobs needs less (OUT/logs/brain-extraction/unet/";
    let summary = summary(&said, &out);
    assert!(summary.contains(why), "{summary}");
    assert!(!records(&out).is_empty(), "the others went on");
    let again = sound().goes_on(&out);
    let failed = summary.lines().count() - 1;
    assert!(
        again.contains(&format!("{failed} of 3 cells to run")),
        "{again}"
    );
}

#[test]
fn a_training_that_diverges_says_its_step_and_leaves_no_table() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let yaml = scratch.path().join("diverging.yaml");
    let diverging = TINY.replace("training:\n", "training:\n  learning_rate: 1.0e+38\n");
    fs::write(&yaml, diverging).unwrap();
    for _again in 0..2 {
        let mut command = slicewise(&["sweep"]);
        command.arg(&yaml).arg("--out").arg(&out);
        let (code, _, said) = run(command
            .arg("--cache")
            .arg(sound().scratch.path().join("cache")));
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("3 of 3 cells to run"), "{said}");
        let line = "task 1 · unet · full · seed 1: training: loss is NaN at step 2 of 12: \
                    training diverged; a lower learning_rate or a gradient_clip may help; \
                    last good checkpoint: none, it starts from new weights \
                    (OUT/logs/brain-extraction/unet/full-seed1.log)";
        assert!(summary(&said, &out).contains(line), "{said}");
        assert!(said.contains("no report: "), "{said}");
    }
    assert!(!out.join("tables").exists() && !out.join("report.html").exists());
    assert_eq!(files(&out, ".safetensors"), Vec::<PathBuf>::new());
}

#[test]
fn a_torn_line_is_said_and_its_round_done_again_without_its_lost_checkpoint() {
    let scratch = tempfile::tempdir().unwrap();
    let out = sound().copy(scratch.path());
    let ledger = out.join(format!("records/{RANDOM}.jsonl"));
    let whole = fs::read(&ledger).unwrap();
    fs::write(&ledger, &whole[..whole.len() - 100]).unwrap();
    // The weights of round 1 went when round 2 was over: they are trained again.
    assert!(
        !out.join(format!("checkpoints/{RANDOM}-round1.safetensors"))
            .exists()
    );
    let said = sound().goes_on(&out);
    let torn = format!(
        "{}: its last line was cut short and is removed; that round is done again",
        ledger.display()
    );
    assert!(said.lines().any(|line| line == torn), "{said}");
    let lost = "its 4 steps are trained again, to the same weights";
    assert!(said.contains(lost), "{said}");
    assert!(said.contains("1 of 3 cells to run"), "{said}");
}

#[test]
fn a_line_that_is_no_record_is_named_and_nothing_is_run() {
    let scratch = tempfile::tempdir().unwrap();
    let out = sound().copy(scratch.path());
    let ledger = out.join(format!("records/{RANDOM}.jsonl"));
    let text = fs::read_to_string(&ledger).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&ledger, format!("{}\nrubbish\n{}\n", lines[0], lines[1])).unwrap();
    let (code, _, said) = run(&mut sound().sweep(&out));
    assert_eq!(code, 2, "{said}");
    assert_eq!(
        summary(&said, &out),
        format!(
            "slicewise: OUT/records/{RANDOM}.jsonl, line 2: expected a record of a round, got: \
             expected value; delete this file and the run is trained again\n"
        )
    );
    fs::remove_file(&ledger).unwrap();
    sound().goes_on(&out);
}

#[test]
fn a_flipped_byte_in_a_checkpoint_is_found_by_its_checksum_and_made_good() {
    let scratch = tempfile::tempdir().unwrap();
    let out = sound().copy(scratch.path());
    fs::remove_file(out.join(format!("records/{RANDOM}.jsonl"))).unwrap();
    let first = out.join("checkpoints/brain-extraction/unet/first-seed1-round0.safetensors");
    let mut bytes = fs::read(&first).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    fs::write(&first, bytes).unwrap();
    let said = sound().goes_on(&out);
    let line = said.lines().find(|line| line.contains("lost (")).unwrap();
    let start = format!(
        "task 1 · unet · random · seed 1: lost (checkpoint {}: expected values of SHA-256 ",
        first.display()
    );
    assert!(line.starts_with(&start), "{line}");
    assert!(
        line.ends_with(
            ": the file is damaged); its 4 steps are trained again, to the same weights"
        ),
        "{line}"
    );
}

#[test]
fn a_second_sweep_in_a_folder_is_told_who_is_there_and_a_dead_one_is_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let mut command = sound().sweep(&out);
    let mut first = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while workers(first.id()).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(120), "no worker");
        thread::sleep(Duration::from_millis(1));
    }
    let (code, _, said) = run(&mut sound().sweep(&out));
    assert_eq!(code, 2, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let line = summary(&said, &out);
    let who = format!(
        "slicewise: OUT: another sweep is at work in this folder: process {} on ",
        first.id()
    );
    assert!(line.starts_with(&who), "{line}");
    assert!(
        line.ends_with(" UTC; wait for it, end it, or choose another --out\n"),
        "{line}"
    );
    // Killed with its workers at work: the next one waits for them and goes on at once.
    first.kill().unwrap();
    first.wait().unwrap();
    let said = sound().goes_on(&out);
    let taken = format!(
        "{}: taken over from a sweep that was killed (process {} on ",
        out.display(),
        first.id()
    );
    assert!(said.starts_with(&taken), "{said}");
    assert!(!out.join("sweep.lock").exists());
}

#[test]
fn a_sweep_goes_on_only_with_the_data_it_was_begun_on() {
    let scratch = tempfile::tempdir().unwrap();
    let out = sound().copy(scratch.path());
    fs::remove_file(out.join(format!("records/{RANDOM}.jsonl"))).unwrap();
    let path = out.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    let (before, sum) = text.rsplit_once("\"sha256\": \"").unwrap();
    let (sum, after) = sum.split_at(64);
    let other = "0".repeat(64);
    fs::write(&path, format!("{before}\"sha256\": \"{other}{after}")).unwrap();
    let (code, _, said) = run(&mut sound().sweep(&out));
    assert_eq!(code, 2, "{said}");
    assert_eq!(
        summary(&said, &out),
        format!(
            "slicewise: OUT/manifest.json: this sweep was begun on other volumes of \
             brain-extraction: expected SHA-256 {other}, got {sum}; bring them back, or choose \
             another --out\n"
        )
    );
}
