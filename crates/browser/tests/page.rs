//! People who draw, played in a headless Chromium by `page.py`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The path that `scripts/chromium.sh` prints, or the line that says why there is none.
///
/// It is only looked for: a test that installs a browser would be a surprise. `./just test-packages`
/// installs one where it may.
fn chromium(root: &Path) -> Result<String, String> {
    let said = Command::new(root.join("scripts/chromium.sh"))
        .arg("--find")
        .output();
    let said = said.map_err(|problem| format!("scripts/chromium.sh: {problem}"))?;
    let bytes = if said.status.success() {
        &said.stdout
    } else {
        &said.stderr
    };
    let line = String::from_utf8_lossy(bytes).trim().to_owned();
    if said.status.success() {
        Ok(line)
    } else {
        Err(line)
    }
}

/// The example, which cargo builds beside the tests.
fn desk() -> PathBuf {
    let test = env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap();
    let desk = built.join("examples").join("desk");
    assert!(
        desk.exists(),
        "expected the example in {}; run: cargo build --release --locked --workspace --example desk",
        desk.display()
    );
    desk
}

#[test]
fn people_draw() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let root = tests.ancestors().nth(3).unwrap();
    let chromium = match chromium(root) {
        Ok(path) => path,
        Err(line) => {
            eprintln!("SKIPPED: the page for drawing is not tried out: {line}");
            return;
        }
    };
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: the page for drawing is not tried out: python3 not found on PATH");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let played = Command::new("python3")
        .arg("-B")
        .arg(tests.join("page.py"))
        .args([
            desk().as_os_str(),
            chromium.as_ref(),
            folder.path().as_os_str(),
        ])
        // What it looked like, for a person: SLICEWISE_PICTURES=FOLDER.
        .args(env::var_os("SLICEWISE_PICTURES"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&played.stderr);
    assert!(played.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&played.stdout).trim(), "all played");
}
