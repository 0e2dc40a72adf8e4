//! Makes `slicewise` start without LD_LIBRARY_PATH: it passes the libtorch folders that
//! slicewise-model's build script names to the linker, as places to search at run time. It also
//! stores the compiler's version and the commit, for the manifests.
//!
//! It runs again when a source of the program or the commit changes. Then this crate alone is
//! compiled again: no other has a build script that knows of commits.

mod commit;

use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rustc-env=SLICEWISE_RUSTC={}", rustc());
    note_commit();
    let Ok(rpaths) = std::env::var("DEP_SLICEWISE_MODEL_RPATHS") else {
        println!("cargo::error=slicewise-model did not say where libtorch is");
        return;
    };
    for rpath in rpaths.split(':').filter(|rpath| !rpath.is_empty()) {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{rpath}");
    }
}

/// Hands the commit to the program as `SLICEWISE_COMMIT`.
fn note_commit() {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let root = PathBuf::from(package).join("../..");
    let sources = commit::sources(&root);
    let sources = sources.iter().map(|path| root.join(path));
    for path in sources.chain(commit::heads(&root)) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    println!(
        "cargo::rustc-env=SLICEWISE_COMMIT={}",
        commit::commit(&root)
    );
}

/// Returns the compiler's name and version.
fn rustc() -> String {
    let named = std::env::var_os("RUSTC")
        .and_then(|rustc| Command::new(rustc).arg("--version").output().ok())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    named.map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}
