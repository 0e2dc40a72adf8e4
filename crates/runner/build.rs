//! Finds libtorch at run time: passes on to the linker the folder that slicewise-model's
//! build script found (see there), so that `slicewise` starts without LD_LIBRARY_PATH.
//! Notes the compiler, for the manifests.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=SLICEWISE_RUSTC={}", rustc());
    let Ok(folder) = std::env::var("DEP_SLICEWISE_MODEL_LIBTORCH_LIB") else {
        println!("cargo::error=slicewise-model did not say where libtorch is");
        return;
    };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    if Path::new(&folder).join("libtorch_cuda.so").exists() {
        // Keeps libtorch_cuda although nothing names its symbols: it registers the GPU.
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo::rustc-link-arg=-L{folder}");
        println!("cargo::rustc-link-arg=-ltorch_cuda");
        println!("cargo::rustc-link-arg=-Wl,--as-needed");
    }
}

/// The compiler's name and version, for the manifests.
fn rustc() -> String {
    let named = std::env::var_os("RUSTC")
        .and_then(|rustc| Command::new(rustc).arg("--version").output().ok())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    named.map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}
