//! Helpers that start the program, and tests of the commands that need no sweep.

use crate::tiny::TINY;
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

/// Whether `text` reads as `pattern`, in which `…` stands for any words: for those that are another
/// library's or the system's.
pub(crate) fn reads_as(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// How this system words the error of that number.
pub(crate) fn system_says(error: i32) -> String {
    std::io::Error::from_raw_os_error(error).to_string()
}

#[test]
fn a_pattern_leaves_open_what_is_not_ours() {
    for (text, pattern, expected) in [
        (
            "a.gz: broken after 7 bytes (xyz)",
            "a.gz: broken after … bytes (…)",
            true,
        ),
        (
            "a.gz: broken after 7 bytes",
            "a.gz: broken after … bytes (…)",
            false,
        ),
        (
            "b.gz: broken after 7 bytes (xyz)",
            "a.gz: broken after … bytes (…)",
            false,
        ),
        ("ab", "ab", true),
        ("abc", "ab", false),
        ("ab", "ab…b", false),
        ("", "…", true),
    ] {
        assert_eq!(reads_as(text, pattern), expected, "{text} {pattern}");
    }
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
fn doctor_says_the_same_as_json() {
    let said = succeed(&mut slicewise(&["doctor", "--json", "--device", "cpu"]));
    let found: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found["device"], "cpu");
    assert_eq!(found["problem"], serde_json::Value::Null);
    assert!(
        found["environment"]["cores"].as_u64().unwrap() > 0,
        "{said}"
    );
    let precision = found["precision"].as_str().unwrap();
    assert!(["float32", "bfloat16"].contains(&precision), "{said}");

    let mut command = slicewise(&["doctor", "--json", "--device", "cuda:77"]);
    let (code, said, stderr) = run(&mut command);
    assert_eq!(code, 1);
    let found: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(found["device"], serde_json::Value::Null);
    let problem = found["problem"].as_str().unwrap();
    assert!(problem.starts_with("no run could start: "), "{problem}");
    assert_eq!(stderr, format!("slicewise: {problem}\n"));
}

#[test]
fn shells_get_completions_of_all_that_is_not_hidden() {
    let scratch = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = succeed(&mut slicewise(&["completions", shell]));
        for word in ["sweep", "doctor", "completions", "jobs"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
        // The hidden subcommand `worker` is none of a user's.
        let hidden = script.lines().find(|line| line.contains("worker"));
        assert_eq!(hidden, None, "{shell}");
        let file = scratch.path().join(shell);
        std::fs::write(&file, script).unwrap();
        // Where that shell is there, it reads the script; in zsh a function of the completion system
        // would have to be loaded before.
        if shell != "zsh" && Command::new(shell).arg("--version").output().is_ok() {
            succeed(Command::new(shell).arg(&file));
        }
    }
}

#[test]
fn the_schema_and_its_page_are_printed() {
    let schema = succeed(&mut slicewise(&["schema"]));
    let kept = std::fs::read_to_string(root().join("experiments/schema.json")).unwrap();
    assert!(schema == kept, "run ./just configuration");
    let page = succeed(&mut slicewise(&["schema", "--markdown"]));
    assert!(page.starts_with("# Configuration\n"), "{page}");
}

#[test]
fn quiet_says_nothing_but_what_was_asked_for_and_what_failed() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("phantoms");
    let heads = ["--subjects", "1", "--spacing-mm", "8"];
    for (quiet, lines) in [(None, 1), (Some("--quiet"), 0)] {
        let mut command = slicewise(&["phantom"]);
        let (code, said, notices) = run(command.arg(&out).args(heads).args(quiet));
        assert_eq!(code, 0, "{notices}");
        assert_eq!(said, format!("{}\n", out.join("manifest.csv").display()));
        assert_eq!(notices.lines().count(), lines, "{notices}");
    }
    let (code, said, error) = run(slicewise(&["-q", "report"]).arg(&out));
    assert_eq!((code, said.as_str()), (2, ""));
    assert!(error.starts_with("slicewise: "), "{error}");
}

/// The runs at work have two checkpoints within a round and one half written; not those of each task
/// and model by turns.
#[test]
fn check_counts_the_checkpoints_of_runs_at_work_once() {
    let scratch = tempfile::tempdir().unwrap();
    let one = "  unet: {architecture: unet, base_width: 4, levels: 2}\n";
    let disk = |models: &str| {
        let yaml = scratch.path().join("tiny.yaml");
        std::fs::write(&yaml, TINY.replace(one, models)).unwrap();
        let mut command = slicewise(&["check"]);
        command.arg(&yaml).args(["--jobs", "3", "--cache"]);
        let said = succeed(command.arg(scratch.path().join("cache")));
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix("disk: about "));
        let line = line.unwrap_or_else(|| panic!("{said}"));
        let (size, unit) = line.split_once(" of ").unwrap().0.split_once(' ').unwrap();
        assert_eq!(unit, "MiB", "{line}");
        size.parse::<f64>().unwrap()
    };
    // About 1 MiB a checkpoint, three runs of each model, 16 MiB for the report.
    let wide = "  a: {architecture: unet, base_width: 16, levels: 2}\n";
    let single = disk(wide);
    let double = disk(&format!("{wide}{}", wide.replace("a:", "b:")));
    assert!(double > single, "{single} {double}");
    assert!(double - single < 0.25 * single, "{single} {double}");
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
        memory.contains(" for 2 run(s) side by side, as measured; ")
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
        "slicewise: {}: {}\n",
        scratch.path().join("config.yaml").display(),
        system_says(2)
    );
    assert_eq!(stderr, expected);
}

#[cfg(unix)]
#[test]
fn whoever_closes_the_pipe_early_is_told_nothing() {
    for command in [
        "schema",
        "list strategies",
        "check experiments/smoke.yaml --all",
    ] {
        // `true` reads nothing, so that whatever is written is too much.
        let script = format!("{{ sleep 0.2; \"$0\" {command}; echo $? >&2; }} | true");
        let mut shell = Command::new("sh");
        shell.current_dir(root());
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_slicewise")]);
        let (_, _, told) = run(&mut shell);
        assert_eq!(told.lines().last(), Some("141"), "{command}: {told}");
        assert!(!told.contains("Broken pipe"), "{command}: {told}");
    }
}
