//! Makes `slicewise` start without LD_LIBRARY_PATH: it passes the libtorch folders that
//! slicewise-model's build script names to the linker, as places to search at run time. It also
//! stores the compiler's version, for the manifests.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=SLICEWISE_RUSTC={}", rustc());
    let Ok(rpaths) = std::env::var("DEP_SLICEWISE_MODEL_RPATHS") else {
        println!("cargo::error=slicewise-model did not say where libtorch is");
        return;
    };
    for rpath in rpaths.split(':').filter(|rpath| !rpath.is_empty()) {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{rpath}");
    }
}

/// Returns the compiler's name and version.
fn rustc() -> String {
    let named = std::env::var_os("RUSTC")
        .and_then(|rustc| Command::new(rustc).arg("--version").output().ok())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    named.map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}
