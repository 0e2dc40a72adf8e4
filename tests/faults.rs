//! Tests what happens when a resource runs out or a process ends during a sweep: what it says, what
//! it keeps, and that the same command then gives the records of an undisturbed sweep.

use crate::program::{run, slicewise, succeed, system_says};
use crate::tiny::{TINY, files, records, summary, undisturbed, workers};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Returns `command` under the shell's `limit`.
fn under(limit: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{limit} && exec \"$@\""));
    shell.arg("sh").arg(command.get_program());
    shell.args(command.get_args());
    shell
}

#[test]
fn nothing_is_written_outside_out_and_cache() {
    let scratch = undisturbed().scratch.path();
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
    assert!(!undisturbed().out().join("sweep.lock").exists());
}

#[test]
fn a_checkpoint_that_cannot_be_written_fails_its_run_and_leaves_no_part_of_it() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("full");
    // No file may grow beyond 156 blocks of 512 bytes. Only a checkpoint is larger.
    let limit = "trap '' XFSZ && ulimit -f 156";
    let (code, _, stderr) = run(&mut under(limit, &undisturbed().sweep(&out)));
    assert_eq!(code, 1, "{stderr}");
    let reason = |step: usize, run: &str| {
        format!(
            "task 1 · unet · {run} · seed 1: saving weights: checkpoint \
             OUT/checkpoints/brain-extraction/unet/{run}-seed1-round0-step{step}.safetensors: \
             {} (OUT/logs/brain-extraction/unet/{run}-seed1.log)",
            system_says(27)
        )
    };
    let summary = summary(&stderr, &out);
    assert!(
        summary.starts_with("slicewise: 3 of 3 runs failed; the same command tries them again:\n"),
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
    undisturbed().resumes(&out);
}

/// Gives the sweep a disk of its own, too small at first. This needs user namespaces or root.
#[test]
fn a_full_disk_costs_no_record_and_no_report() {
    let scratch = tempfile::tempdir().unwrap();
    let (disk, kept) = (scratch.path().join("disk"), scratch.path().join("kept"));
    fs::create_dir(&disk).unwrap();
    let unshared = |script: &str| {
        let command = undisturbed().sweep(&disk.join("out"));
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
    let (_, output, _) = run(&mut command);
    let part = |from: &str, to: &str| {
        let rest = output
            .split(from)
            .nth(1)
            .unwrap_or_else(|| panic!("{output}"));
        rest.split(to).next().unwrap().to_owned()
    };
    let smallest = part("== 200k", "== 1000k");
    assert!(smallest.contains("runs failed; the same command tries them again"));
    assert!(smallest.contains(&system_says(28)), "{smallest}");
    assert!(smallest.contains("== code 1"), "{smallest}");
    let middle = part("== 1000k", "== 64m");
    let message = middle.lines().find(|line| line.starts_with("slicewise: "));
    let message = message.unwrap_or_else(|| panic!("{middle}"));
    assert!(message.contains(&system_says(28)), "{message}");
    assert!(middle.contains("== code 1"), "{middle}");
    let last = part("== 64m", "== nothing");
    assert!(
        last.contains("0 of 3 runs left") && last.contains("== code 0"),
        "{last}"
    );
    assert!(records(&kept) == records(&undisturbed().out()));
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_anything_runs() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "in the way").unwrap();
    for out in [file.clone(), file.join("below")] {
        let (code, _, stderr) = run(&mut undisturbed().sweep(&out));
        assert_eq!(code, 2, "{stderr}");
        let expected = [system_says(17), system_says(20)];
        let line = summary(&stderr, &file);
        assert!(
            expected
                .iter()
                .any(|why| line.ends_with(&format!(": {why}\n"))),
            "{line}"
        );
        assert!(line.starts_with("slicewise: OUT"), "{line}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    let mut command = slicewise(&["sweep"]);
    command.arg(undisturbed().scratch.path().join("tiny.yaml"));
    command.arg("--out").arg(scratch.path().join("out"));
    let (code, _, stderr) = run(command.arg("--cache").arg(file.join("cache")));
    assert_eq!(code, 2, "{stderr}");
    let line = summary(&stderr, &file);
    assert!(line.starts_with("slicewise: OUT/cache/"), "{line}");
    assert!(
        line.ends_with(&format!(".case: {}\n", system_says(20))),
        "{line}"
    );
    assert!(!scratch.path().join("out").exists());
}

#[test]
fn a_run_without_memory_fails_alone_and_is_tried_again() {
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
        .replace("budget: 12, first: 4, round: 4", "budget: 1")
        .replace("strategies:\n      random: [0.25, 0.5]", "strategies: {}");
    fs::write(&yaml, two).unwrap();
    let mut command = slicewise(&["sweep"]);
    command.arg(&yaml).args(["--jobs", "1", "--out"]).arg(&out);
    command
        .arg("--cache")
        .arg(undisturbed().scratch.path().join("cache"));
    // libtorch alone maps 3 GB. Each of the large model's first feature maps takes one more.
    let limited = || under("ulimit -v 4000000", &command);
    for to_run in ["2 of 2 runs left", "1 of 2 runs left"] {
        let (code, _, stderr) = run(&mut limited());
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains(to_run), "{stderr}");
        // The amount depends on the precision; the words about it are libtorch's.
        let summary = summary(&stderr, &out);
        assert!(
            summary.starts_with(
                "slicewise: 1 of 2 runs failed; the same command tries them again:\n  \
                 task 1 · large · full · seed 1: training: out of memory: "
            ) && summary.ends_with(
                "(a smaller --jobs, training.crop, training.batch or base_width needs less); last \
                 good checkpoint: none, it starts from new weights \
                 (OUT/logs/brain-extraction/large/full-seed1.log)\n"
            ),
            "{summary}"
        );
    }
    assert!(
        out.join("records/brain-extraction/small/full-seed1.jsonl")
            .exists()
    );
}

#[test]
fn a_worker_killed_by_the_kernel_is_named_with_its_signal_and_is_tried_again() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let mut command = undisturbed().sweep(&out);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = child.spawn().unwrap();
    let log = out.join("logs/brain-extraction/unet/full-seed1.log");
    let started = Instant::now();
    // Two workers are running; the older is killed.
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
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let why = "killed by signal 9 (SIGKILL), which is what the kernel does when memory runs out; \
               a smaller --jobs needs less (OUT/logs/brain-extraction/unet/";
    let summary = summary(&stderr, &out);
    assert!(summary.contains(why), "{summary}");
    assert!(!records(&out).is_empty(), "the others went on");
    let again = undisturbed().resumes(&out);
    let failed = summary.lines().count() - 1;
    assert!(
        again.contains(&format!("{failed} of 3 runs left")),
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
        let (code, _, stderr) = run(command
            .arg("--cache")
            .arg(undisturbed().scratch.path().join("cache")));
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains("3 of 3 runs left"), "{stderr}");
        let line = "2 runs: training: loss is NaN at step 2 of 12: \
                    training diverged; a lower learning_rate or a gradient_clip may help; \
                    last good checkpoint: none, it starts from new weights \
                    (such as OUT/logs/brain-extraction/unet/first-seed1.log): \
                    task 1 · unet · first · seed 1; task 1 · unet · full · seed 1";
        assert!(summary(&stderr, &out).contains(line), "{stderr}");
        assert!(stderr.contains("no report: "), "{stderr}");
    }
    assert!(!out.join("tables").exists() && !out.join("report.html").exists());
    assert_eq!(files(&out, ".safetensors"), Vec::<PathBuf>::new());
}
