//! What a released tool has beside its program: where it was built from, a citation, a changelog,
//! checks of each change. None may say another version or other checks than the code does.

use crate::commit::{commit, heads, sources};
use crate::program::{root, slicewise, succeed};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A program that was built before the last commit does not sign with it: git is not asked again.
#[test]
fn the_commit_is_that_of_the_build_whatever_git_says_now() {
    let scratch = tempfile::tempdir().unwrap();
    let git = scratch.path().join("git");
    fs::write(&git, "#!/bin/sh\necho 0123456789ab\n").unwrap();
    fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", scratch.path().display());
    let said = succeed(slicewise(&["doctor"]).env("PATH", path));
    let first = format!("slicewise  {VERSION} ({})", env!("SLICEWISE_COMMIT"));
    assert_eq!(said.lines().next(), Some(first.as_str()));
    let said = succeed(&mut slicewise(&["--version"]));
    let long = format!("slicewise {VERSION} ({})\n", env!("SLICEWISE_COMMIT"));
    assert_eq!(said, long);
}

/// Runs git in `folder`, with nothing of the machine's own settings.
fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.args(["-c", "user.name=a", "-c", "user.email=a@b.example"]);
    succeed(command.current_dir(folder).args(arguments));
}

#[test]
fn a_build_notes_the_commit_of_its_sources_and_whether_they_had_changes() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("workspace");
    let source = root.join("crates/one/src/lib.rs");
    fs::create_dir_all(source.parent().unwrap()).unwrap();
    fs::write(&source, "// one\n").unwrap();
    fs::write(root.join("README.md"), "one\n").unwrap();
    assert_eq!(commit(&root), "unknown", "an archive has no commit");
    assert!(heads(&root).is_empty());

    git(&root, &["init", "--quiet"]);
    git(&root, &["add", "."]);
    git(&root, &["commit", "--quiet", "--message", "one"]);
    let clean = commit(&root);
    assert!(
        clean.len() == 12 && clean.chars().all(|c| c.is_ascii_hexdigit()),
        "{clean}"
    );
    assert!(heads(&root).iter().any(|path| path.ends_with("HEAD")));
    assert_eq!(sources(&root), [Path::new("crates/one/src")]);

    fs::write(root.join("README.md"), "two\n").unwrap();
    assert_eq!(commit(&root), clean, "it is not built from the README");
    fs::write(&source, "// two\n").unwrap();
    assert_eq!(commit(&root), format!("{clean}-dirty"));
    git(&root, &["commit", "--quiet", "--all", "--message", "two"]);
    let second = commit(&root);
    assert!(second != clean && !second.contains("dirty"), "{second}");
    fs::write(source.with_file_name("new.rs"), "// new\n").unwrap();
    assert_eq!(commit(&root), format!("{second}-dirty"), "a new source");

    // An archive that was unpacked within another repository is not of its commit.
    let inner = root.join("inner");
    fs::create_dir_all(inner.join("crates/one/src")).unwrap();
    assert_eq!(commit(&inner), "unknown");
}

#[test]
fn changelog_and_citation_are_of_this_version() {
    let changelog = read("CHANGELOG.md");
    let versions = changelog
        .lines()
        .filter_map(|line| line.strip_prefix("## ["));
    let versions: Vec<&str> = versions
        .filter_map(|line| Some(line.split_once(']')?.0))
        .collect();
    assert_eq!(versions[..2], ["Unreleased", VERSION]);
    let citation: serde_yaml::Value = serde_yaml::from_str(&read("CITATION.cff")).unwrap();
    assert_eq!(citation["version"].as_str(), Some(VERSION));
    assert_eq!(citation["license"][0].as_str(), Some("MIT"));
    let paper = &citation["references"][0];
    assert_eq!(
        paper["identifiers"][0]["value"].as_str(),
        Some("arXiv:1906.07367")
    );
    assert_eq!(paper["authors"].as_sequence().map(Vec::len), Some(5));
}

/// Each section of `.ci/run` is a job of the workflow, and the other way round.
#[test]
fn the_workflow_runs_what_ci_run_runs() {
    let script = read(".ci/run");
    let sections = script
        .lines()
        .filter_map(|line| line.strip_prefix("section "));
    let sections: Vec<(&str, &str)> = sections.filter_map(|line| line.split_once(' ')).collect();
    assert!(sections.len() >= 5, "{sections:?}");
    let workflow: serde_yaml::Value =
        serde_yaml::from_str(&read(".github/workflows/ci.yml")).unwrap();
    let checks = workflow["jobs"]["check"]["strategy"]["matrix"]["include"].as_sequence();
    let checks = checks.unwrap().iter().map(|check| {
        let word = |key: &str| check[key].as_str().unwrap();
        (word("name"), word("run"))
    });
    assert_eq!(checks.collect::<Vec<_>>(), sections);
}
