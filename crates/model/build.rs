//! Finds libtorch at run time: the linker is told the folder (rpath) that torch-sys linked
//! against, for this crate's tests here and for the program through `DEP_SLICEWISE_MODEL_*`
//! (cargo hands a build script's metadata to *direct* dependents only).

use std::path::{Path, PathBuf};

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

    println!("cargo::metadata=libtorch_lib={}", folder.display());
    println!(
        "cargo::rustc-env=SLICEWISE_LIBTORCH_LIB={}",
        folder.display()
    );
    println!(
        "cargo::rustc-env=SLICEWISE_LIBTORCH_VERSION={}",
        version(&folder)
    );
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
    if folder.join("libtorch_cuda.so").exists() {
        // Nothing in our objects names a symbol of libtorch_cuda (it registers itself when it
        // is loaded), so the linker would drop it and the program would never see a GPU.
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo::rustc-link-arg=-L{}", folder.display());
        println!("cargo::rustc-link-arg=-ltorch_cuda");
        println!("cargo::rustc-link-arg=-Wl,--as-needed");
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
