//! Checks that the program finds libtorch where it was built and relative to itself, and starts
//! without libtorch's CUDA half.

use crate::program::{root, run, succeed};
use std::fs;
use std::process::Command;

/// glibc's loader prints which folders it searches and which files it takes.
#[cfg(target_os = "linux")]
#[test]
fn libtorch_is_sought_beside_the_program_and_its_half_for_cuda_is_not_needed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path().join("target/release");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("slicewise");
    fs::copy(env!("CARGO_BIN_EXE_slicewise"), &program).unwrap();
    let mut command = Command::new(&program);
    let (code, _, told) = run(command.arg("--version").env("LD_DEBUG", "libs,files"));
    assert_eq!(code, 0, "{told}");
    if !told.contains("calling init") {
        eprintln!("SKIPPED: this system's loader tells nothing");
        return;
    }
    for beside in ["../../.libtorch/torch/lib", "torch/lib", "lib"] {
        let sought = folder.join(beside);
        assert!(
            told.contains(&*sought.to_string_lossy()),
            "{beside}: {told}"
        );
    }
    assert!(told.contains("libtorch_cpu.so"), "{told}");
    assert!(!told.contains("libtorch_cuda.so"), "{told}");
}

/// A GPU that the user hides counts as none, and nothing is said about it.
#[test]
fn a_hidden_gpu_is_left_alone() {
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_slicewise"));
    let stdout = succeed(
        doctor
            .arg("doctor")
            .current_dir(root())
            .env("CUDA_VISIBLE_DEVICES", ""),
    );
    assert!(stdout.contains("device     cpu"), "{stdout}");
    assert!(!stdout.contains("is not used"), "{stdout}");
}
