//! Helpers that start the program, and tests of the commands that need no sweep.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Returns the workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Returns a command that starts the program in the workspace's root with `arguments`.
pub(crate) fn slicewise(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slicewise"));
    command.current_dir(root()).args(arguments);
    command
}

/// Runs a command. Returns exit code, standard output and standard error.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// Runs a command that must succeed. Returns its standard output.
pub(crate) fn succeed(command: &mut Command) -> String {
    let (code, stdout, stderr) = run(command);
    assert_eq!(code, 0, "{command:?}\n{stdout}\n{stderr}");
    stdout
}

#[test]
fn list_names_every_registry_entry() {
    let strategies = succeed(&mut slicewise(&["list", "strategies"]));
    for name in [
        "random",
        "equal-interval",
        "uncertainty",
        "attention-guided",
        "spacing-aware",
    ] {
        assert!(
            strategies
                .lines()
                .any(|line| line.starts_with(&format!("{name} "))),
            "{strategies}"
        );
    }
    let models = succeed(&mut slicewise(&["list", "models"]));
    for name in ["attention-unet", "unet", "v-net"] {
        assert!(
            models
                .lines()
                .any(|line| line.starts_with(&format!("{name} "))),
            "{models}"
        );
    }
    let datasets = succeed(&mut slicewise(&["list", "datasets"]));
    for name in ["manifest", "dhcp", "neonates", "msd", "phantom"] {
        assert!(
            datasets
                .lines()
                .any(|line| line.starts_with(&format!("{name} "))),
            "{datasets}"
        );
    }
}

#[test]
fn doctor_names_libtorch_and_fails_without_the_device() {
    let stdout = succeed(&mut slicewise(&["doctor"]));
    for word in [
        "libtorch   2.11.0",
        "CUDA",
        "cuDNN",
        "cores",
        "our loops",
        "bf16",
        "device",
        "a network answered, and took a training step",
    ] {
        assert!(stdout.contains(word), "{word}: {stdout}");
    }
    let (code, _, stderr) = run(&mut slicewise(&["doctor", "--device", "cuda:77"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("no run could start"), "{stderr}");
}

#[test]
fn check_estimates_every_experiment_that_needs_no_data() {
    let cache = tempfile::tempdir().unwrap();
    let stdout =
        succeed(slicewise(&["check", "experiments/smoke.yaml", "--cache"]).arg(cache.path()));
    for word in [
        "brain-extraction: 3 cases in Part A, 1 in Part B",
        "s a step",
        "disk:",
        "time:",
        "no problem found",
    ] {
        assert!(stdout.contains(word), "{word}: {stdout}");
    }
}

#[test]
fn check_compares_what_a_sweep_needs_with_what_is_free() {
    let scratch = tempfile::tempdir().unwrap();
    let check = |out: &Path| {
        let mut command = slicewise(&["check", "experiments/smoke.yaml", "--jobs", "2"]);
        command.arg("--cache").arg(scratch.path().join("cache"));
        run(command.arg("--out").arg(out))
    };
    let (code, stdout, _) = check(&scratch.path().join("out"));
    assert_eq!(code, 0, "{stdout}");
    let line = |start: &str| {
        let line = stdout.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("{stdout}")).to_owned()
    };
    assert!(line("disk: about ").ends_with(" free"));
    let memory = line("memory: about ");
    assert!(
        memory.contains(" for 2 cell(s) side by side, as measured; ")
            && memory.ends_with(" available"),
        "{memory}"
    );
    // A disk without any free space, which the kernel provides.
    let (code, stdout, stderr) = check(Path::new("/proc/results"));
    assert_eq!(code, 2, "{stdout}");
    let row = stdout.lines().last().unwrap();
    assert!(
        row.starts_with("| /proc/results | expected about ")
            && row.ends_with(" of free disk, got 0 B | Make room, or choose another --out. |"),
        "{row}"
    );
    assert_eq!(
        stderr,
        "slicewise: experiments/smoke.yaml: 1 problem(s), listed above\n"
    );
}

#[test]
fn report_of_no_results_folder_says_so_once() {
    let scratch = tempfile::tempdir().unwrap();
    let (code, _, stderr) = run(slicewise(&["report"]).arg(scratch.path()));
    assert_eq!(code, 2);
    let expected = format!(
        "slicewise: {}: No such file or directory (os error 2)\n",
        scratch.path().join("config.yaml").display()
    );
    assert_eq!(stderr, expected);
}
