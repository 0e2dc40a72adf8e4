//! Finds libtorch at run time: the linker is told where to look for it (rpath), for this crate's
//! tests here and for the program through `DEP_SLICEWISE_MODEL_*` (cargo hands a build script's
//! metadata to *direct* dependents only).
//!
//! Only libtorch's half for the CPU is linked. torch-sys names `torch_cuda` to the linker where that
//! is there, but nothing in our objects names a symbol of it, so the linker leaves it out; the
//! module `cuda` loads it when the program runs.

use std::path::{Path, PathBuf};

/// Where the program looks as well, from its own folder: libtorch may move along with it. From
/// `target/release`, from `deps` and `examples` in there, and beside a program that was copied.
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
    // Relative to the workspace when it comes from .cargo/config.toml; an rpath has to be absolute.
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
    // Where it was built goes first: the user may have said which libtorch that is.
    let mut rpaths = vec![folder.display().to_string()];
    rpaths.extend(BESIDE.map(|beside| format!("{program}/{beside}")));
    println!("cargo::metadata=rpaths={}", rpaths.join(":"));
    for rpath in rpaths {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{rpath}");
    }
}

/// libtorch's version: `build-version` in the zip from pytorch.org, `version.py` in the wheel.
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
