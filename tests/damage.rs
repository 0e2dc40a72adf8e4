//! Tests files of a results folder that are damaged, held by another sweep or belong to other data.

use crate::program::{reads_as, run};
use crate::tiny::{RANDOM, summary, undisturbed, workers};
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_torn_line_is_said_and_its_round_done_again_without_its_lost_checkpoint() {
    let scratch = tempfile::tempdir().unwrap();
    let out = undisturbed().copy(scratch.path());
    let ledger = out.join(format!("records/{RANDOM}.jsonl"));
    let whole = fs::read(&ledger).unwrap();
    fs::write(&ledger, &whole[..whole.len() - 100]).unwrap();
    // The weights of round 1 were removed when round 2 ended, so they are trained again.
    assert!(
        !out.join(format!("checkpoints/{RANDOM}-round1.safetensors"))
            .exists()
    );
    let stderr = undisturbed().resumes(&out);
    let torn = format!(
        "{}: its last line was cut short and is removed; that round is done again",
        ledger.display()
    );
    assert!(stderr.lines().any(|line| line == torn), "{stderr}");
    // The chain's 4, and 4 more before the round was evaluated.
    let lost = "its 8 steps are trained again, on the same crops";
    assert!(stderr.contains(lost), "{stderr}");
    assert!(stderr.contains("1 of 3 runs left"), "{stderr}");
}

#[test]
fn a_line_that_is_no_record_is_named_and_nothing_is_run() {
    let scratch = tempfile::tempdir().unwrap();
    let out = undisturbed().copy(scratch.path());
    let ledger = out.join(format!("records/{RANDOM}.jsonl"));
    let text = fs::read_to_string(&ledger).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&ledger, format!("{}\nrubbish\n{}\n", lines[0], lines[1])).unwrap();
    let (code, _, stderr) = run(&mut undisturbed().sweep(&out));
    assert_eq!(code, 2, "{stderr}");
    let line = format!(
        "slicewise: OUT/records/{RANDOM}.jsonl, line 2: expected a record of a round, got: …; \
         delete this file and the run is trained again\n"
    );
    assert!(reads_as(&summary(&stderr, &out), &line), "{stderr}");
    fs::remove_file(&ledger).unwrap();
    undisturbed().resumes(&out);
}

#[test]
fn a_flipped_byte_in_a_checkpoint_is_found_by_its_checksum_and_made_good() {
    let scratch = tempfile::tempdir().unwrap();
    let out = undisturbed().copy(scratch.path());
    fs::remove_file(out.join(format!("records/{RANDOM}.jsonl"))).unwrap();
    let first = out.join("checkpoints/brain-extraction/unet/first-seed1-round0.safetensors");
    let mut bytes = fs::read(&first).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    fs::write(&first, bytes).unwrap();
    let stderr = undisturbed().resumes(&out);
    let line = stderr.lines().find(|line| line.contains("lost (")).unwrap();
    let start = format!(
        "task 1 · unet · random · seed 1: lost (checkpoint {}: expected values of SHA-256 ",
        first.display()
    );
    assert!(line.starts_with(&start), "{line}");
    assert!(
        line.ends_with(": the file is damaged); its 12 steps are trained again, on the same crops"),
        "{line}"
    );
}

/// A sweep that was killed between a record and the cleaning up: the same command does it, though the
/// run is whole.
#[test]
fn old_checkpoints_of_a_whole_run_are_removed_by_the_next_sweep() {
    let scratch = tempfile::tempdir().unwrap();
    let out = undisturbed().copy(scratch.path());
    let checkpoint = |end: &str| out.join(format!("checkpoints/{RANDOM}-round{end}"));
    assert!(checkpoint("2.safetensors").exists());
    let left = ["1.safetensors", "2-step2.safetensors", "2.json"];
    for end in left {
        fs::write(checkpoint(end), "left").unwrap();
    }
    let stderr = undisturbed().resumes(&out);
    assert!(stderr.contains("0 of 3 runs left"), "{stderr}");
    for end in left {
        assert!(!checkpoint(end).exists(), "{end} is left");
    }
    assert!(checkpoint("2.safetensors").exists());
}

#[test]
fn a_second_sweep_in_a_folder_is_told_who_is_there_and_a_dead_one_is_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let mut command = undisturbed().sweep(&out);
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
    let (code, _, stderr) = run(&mut undisturbed().sweep(&out));
    assert_eq!(code, 2, "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let line = summary(&stderr, &out);
    let who = format!(
        "slicewise: OUT: another sweep is at work in this folder: process {} on ",
        first.id()
    );
    assert!(line.starts_with(&who), "{line}");
    assert!(
        line.ends_with(" UTC; wait for it, end it, or choose another --out\n"),
        "{line}"
    );
    // The first sweep is killed while its workers are at work. The next waits for them and
    // continues.
    first.kill().unwrap();
    first.wait().unwrap();
    let stderr = undisturbed().resumes(&out);
    let taken = format!(
        "{}: taken over from a sweep that was killed (process {} on ",
        out.display(),
        first.id()
    );
    assert!(stderr.starts_with(&taken), "{stderr}");
    assert!(!out.join("sweep.lock").exists());
}

#[test]
fn a_sweep_goes_on_only_with_the_data_it_was_begun_on() {
    let scratch = tempfile::tempdir().unwrap();
    let out = undisturbed().copy(scratch.path());
    fs::remove_file(out.join(format!("records/{RANDOM}.jsonl"))).unwrap();
    let path = out.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    let (before, sum) = text.rsplit_once("\"sha256\": \"").unwrap();
    let (sum, after) = sum.split_at(64);
    let other = "0".repeat(64);
    fs::write(&path, format!("{before}\"sha256\": \"{other}{after}")).unwrap();
    let (code, _, stderr) = run(&mut undisturbed().sweep(&out));
    assert_eq!(code, 2, "{stderr}");
    assert_eq!(
        summary(&stderr, &out),
        format!(
            "slicewise: OUT/manifest.json: this sweep was begun on other volumes of \
             brain-extraction: expected SHA-256 {other}, got {sum}; bring them back, or choose \
             another --out\n"
        )
    );
}
