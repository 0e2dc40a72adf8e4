//! Tells the linker where the program looks for libtorch at run time (rpath).
//!
//! For the tests of this crate it does so directly. For the program it passes the folders on
//! through `DEP_SLICEWISE_MODEL_*`, because cargo hands the metadata of a build script to *direct*
//! dependents only.
//!
//! Only the CPU libraries of libtorch are linked. torch-sys names `torch_cuda` to the linker if it
//! exists, but our objects use none of its symbols, so the linker leaves it out. The module `cuda`
//! loads it at run time.

use std::path::{Path, PathBuf};

/// Further folders in which the program looks for libtorch, relative to its own folder, so that
/// both can be moved together. The first is for `target/release`, the second for its `deps` and
/// `examples`, and the others are for a program that was copied elsewhere.
const BESIDE: [&str; 4] = [
    "../../.libtorch/torch/lib",
    "../../../.libtorch/torch/lib",
    "torch/lib",
    "lib",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") else {
        println!(
            "cargo::error=torch-sys did not say where libtorch is: set LIBTORCH to a folder that holds lib/libtorch.so"
        );
        return;
    };
    // A folder from .cargo/config.toml is relative to the workspace, but an rpath must be absolute.
    let folder = std::fs::canonicalize(&folder).unwrap_or_else(|_| PathBuf::from(&folder));

    println!(
        "cargo::rustc-env=SLICEWISE_LIBTORCH_LIB={}",
        folder.display()
    );
    println!(
        "cargo::rustc-env=SLICEWISE_LIBTORCH_VERSION={}",
        version(&folder)
    );
    let program = match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos") => "@loader_path",
        _ => "$ORIGIN",
    };
    // The libtorch that the program was built with comes first: the user may have chosen it.
    let mut rpaths = vec![folder.display().to_string()];
    rpaths.extend(BESIDE.map(|beside| format!("{program}/{beside}")));
    println!("cargo::metadata=rpaths={}", rpaths.join(":"));
    for rpath in rpaths {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{rpath}");
    }
}

/// Returns the version of libtorch. It stands in `build-version` in the zip from pytorch.org, and
/// in `version.py` in the wheel.
fn version(lib: &Path) -> String {
    let root = lib.parent().unwrap_or(lib);
    if let Ok(text) = std::fs::read_to_string(root.join("build-version")) {
        return text.trim().to_owned();
    }
    std::fs::read_to_string(root.join("version.py"))
        .ok()
        .and_then(|text| {
            let line = text
                .lines()
                .find(|line| line.starts_with("__version__ ="))?;
            Some(line.split('\'').nth(1)?.to_owned())
        })
        .unwrap_or_else(|| "unknown".to_owned())
}
