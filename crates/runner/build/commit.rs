//! The commit that the program is built from. The build script and its test share this file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files and folders from which the program is built, seen from the workspace at `root`.
pub(crate) fn sources(root: &Path) -> Vec<PathBuf> {
    let shared = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"];
    let mut found = shared.map(PathBuf::from).to_vec();
    let crates = fs::read_dir(root.join("crates")).into_iter().flatten();
    for name in crates.flatten().map(|entry| entry.file_name()) {
        let folder = Path::new("crates").join(name);
        let parts = ["Cargo.toml", "build.rs", "build", "src", "fonts"];
        found.extend(parts.map(|part| folder.join(part)));
    }
    // Cargo runs a build script again and again where a file that it names is not there.
    found.retain(|path| root.join(path).exists());
    found.sort();
    found
}

/// Files that change when another commit is checked out or made.
pub(crate) fn heads(root: &Path) -> Vec<PathBuf> {
    let branch = git(root, &["symbolic-ref", "--quiet", "HEAD"]);
    let names = ["HEAD", "logs/HEAD"].into_iter().chain(branch.as_deref());
    let found = names.filter_map(|name| git(root, &["rev-parse", "--git-path", name]));
    let found = found.map(|path| root.join(path));
    found.filter(|path| path.exists()).collect()
}

/// The commit that is checked out at `root`: 12 digits, then `-dirty` where the [`sources`] differ
/// from it. `unknown` where `root` is not the top of a git repository: in an unpacked archive, say.
pub(crate) fn commit(root: &Path) -> String {
    let above = git(root, &["rev-parse", "--show-prefix"]);
    let head = git(root, &["rev-parse", "--short=12", "HEAD"]);
    let (Some(""), Some(head)) = (above.as_deref(), head) else {
        return "unknown".to_owned();
    };
    let sources = sources(root);
    let paths = sources.iter().filter_map(|path| path.to_str());
    let status = ["status", "--porcelain", "--"];
    let status: Vec<&str> = status.into_iter().chain(paths).collect();
    match git(root, &status).as_deref() {
        Some("") => head,
        _ => format!("{head}-dirty"),
    }
}

/// What git prints in the folder `root`; nothing where it fails, or is not there.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    // A build within a hook of git has these of another folder.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command.arg("--no-optional-locks").arg("-C").arg(root);
    let output = command.args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
