//! Tests sweeps on a GPU. Each test needs a CUDA device and runs only with `--ignored`
//! (docs/gpu.md).

use crate::program::{run, slicewise, succeed};
use crate::tiny::{TINY, records, workers};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Returns whether the program sees a GPU. Prints a line if it does not, and fails if one is
/// required.
fn gpu() -> bool {
    let (_, out, stderr) = run(&mut slicewise(&["doctor"]));
    let seen = [out, stderr].iter().any(|text| text.contains("cuda:0"));
    let required = std::env::var_os("SLICEWISE_REQUIRE_GPU").is_some_and(|value| value == "1");
    assert!(
        seen || !required,
        "SLICEWISE_REQUIRE_GPU=1, but `slicewise doctor` names no cuda:0"
    );
    if !seen {
        eprintln!("SKIPPED: the program sees no GPU");
    }
    seen
}

/// Writes `text` as an experiment on `device`. Returns the command that runs it, and its folder.
fn sweep(scratch: &Path, text: &str, device: &str, name: &str) -> (Command, PathBuf) {
    let experiment = scratch.join(format!("{name}.yaml"));
    let text = match text.contains("device: cpu\n") {
        true => text.replace("device: cpu\n", &format!("device: {device}\n")),
        false => format!("device: {device}\n{text}"),
    };
    fs::write(&experiment, text).unwrap();
    let out = scratch.join(name);
    let mut command = slicewise(&["sweep"]);
    command.arg(experiment).args(["--jobs", "2", "--out"]);
    command.arg(&out).arg("--cache").arg(scratch.join("cache"));
    (command, out)
}

/// Returns the mean Dice of all cases in all rounds.
fn mean_dice(out: &Path) -> f64 {
    let mut all = Vec::new();
    for path in crate::tiny::files(&out.join("records"), ".jsonl") {
        for line in fs::read_to_string(path).unwrap().lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let cases = record["cases"].as_array().unwrap();
            all.extend(cases.iter().map(|case| case["mean_dice"].as_f64().unwrap()));
        }
    }
    assert!(!all.is_empty(), "{}: no records", out.display());
    all.iter().sum::<f64>() / all.len() as f64
}

#[test]
#[ignore = "needs a CUDA device"]
fn gpu_the_smoke_sweep_reaches_the_dice_of_the_cpus() {
    if !gpu() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let text = include_str!("../experiments/smoke.yaml");
    let dice = ["cpu", "cuda:0"].map(|device| {
        let (mut command, out) = sweep(scratch.path(), text, device, &device.replace(':', ""));
        succeed(&mut command);
        mean_dice(&out)
    });
    let [on_cpu, on_gpu] = dice;
    assert!((on_cpu - on_gpu).abs() < 0.03, "{on_gpu} against {on_cpu}");
}

#[test]
#[ignore = "needs a CUDA device"]
fn gpu_a_worker_that_is_killed_costs_its_run_alone_and_the_sweep_goes_on() {
    if !gpu() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let (mut command, out) = sweep(scratch.path(), TINY, "cuda:0", "killed");
    let sweep = command.stderr(Stdio::null()).stdout(Stdio::null());
    let mut sweep = sweep.spawn().unwrap();
    let begun = Instant::now();
    let victim = loop {
        if let Some(worker) = workers(sweep.id()).pop() {
            break worker;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no worker");
        thread::sleep(Duration::from_millis(20));
    };
    succeed(Command::new("kill").args(["-KILL", &victim]));
    assert_eq!(sweep.wait().unwrap().code(), Some(1));
    let (code, _, stderr) = run(&mut command);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(records(&out).len(), 3, "{stderr}");
}

#[test]
#[ignore = "needs a CUDA device"]
fn gpu_a_model_too_large_for_its_memory_fails_alone() {
    if !gpu() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let small = "  unet: {architecture: unet, base_width: 4, levels: 2}\n";
    let large = "  large: {architecture: unet, base_width: 256, levels: 4}\n";
    let text = TINY.replace(small, &format!("{small}{large}"));
    let (mut command, out) = sweep(scratch.path(), &text, "cuda:0", "large");
    // Limits the program to one fiftieth of the card's memory. The second name is that of libtorch
    // before 2.9.
    let limit = "per_process_memory_fraction:0.02";
    command.env("PYTORCH_ALLOC_CONF", limit);
    command.env("PYTORCH_CUDA_ALLOC_CONF", limit);
    let (code, _, stderr) = run(&mut command);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("out of memory: CUDA out of memory"),
        "{stderr}"
    );
    assert!(stderr.contains("3 of 6 runs failed"), "{stderr}");
    assert_eq!(records(&out).len(), 3, "{stderr}");
}
