//! Lets this crate's tests find libtorch at run time. `crates/model/build.rs` does the same for the
//! program.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") else {
        println!("cargo::error=torch-sys did not say where libtorch is: set LIBTORCH");
        return;
    };
    // Relative to the workspace when it comes from .cargo/config.toml; an rpath has to be absolute.
    let folder = std::fs::canonicalize(&folder).unwrap_or_else(|_| folder.into());
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
}
