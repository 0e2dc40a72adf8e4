//! Loads libtorch's half for CUDA while the program runs, where NVIDIA's driver is.
//!
//! The program is linked to libtorch's half for the CPU alone, so that it starts from half a
//! gigabyte of libraries, and the same program runs with and without a GPU. `libtorch_cuda` registers
//! its devices and operations when it is loaded, but libtorch asks for them once and keeps the
//! answer: [`load`] goes before the first question for a device and before the first backward pass.
//!
//! `unsafe` stands here to load libraries and to call three functions of NVIDIA's driver.

#![expect(
    unsafe_code,
    reason = "loading a library runs its initialisers; its functions have no checked types"
)]

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What came of loading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Whether NVIDIA's driver is there for programs, and the user did not hide its GPUs.
    pub(crate) driver: bool,
    /// Why libtorch's half could not be loaded although it and the driver are there.
    pub(crate) failure: Option<String>,
}

/// Loads `libtorch_cuda` once, if it is there and the driver too.
pub(crate) fn load() -> &'static Loaded {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    LOADED.get_or_init(|| {
        if is_hidden() || driver().is_none() {
            return Loaded::default();
        }
        let path = library(&libtorch_folder());
        let failure = path.exists().then(|| open_for_good(&path).err()).flatten();
        Loaded {
            driver: true,
            failure,
        }
    })
}

/// Where libtorch's half for CUDA is, if this libtorch has one.
pub(crate) fn library(libtorch_folder: &Path) -> PathBuf {
    libtorch_folder.join("libtorch_cuda.so")
}

/// Whether `CUDA_VISIBLE_DEVICES` says that no GPU is to be used.
pub(crate) fn is_hidden() -> bool {
    std::env::var("CUDA_VISIBLE_DEVICES").is_ok_and(|list| matches!(list.trim(), "" | "-1"))
}

/// The folder of the libtorch that this process has loaded; where the system does not tell, the one
/// it was linked to.
pub(crate) fn libtorch_folder() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    folder_in(&maps).unwrap_or_else(|| PathBuf::from(env!("SLICEWISE_LIBTORCH_LIB")))
}

/// The folder of `libtorch_cpu.so` in Linux's list of what is mapped: `ADDRESSES … INODE   PATH`.
fn folder_in(maps: &str) -> Option<PathBuf> {
    let line = maps
        .lines()
        .find(|line| line.contains("/libtorch_cpu.so"))?;
    let path = Path::new(&line[line.find('/')?..]);
    path.parent().map(Path::to_owned)
}

/// Compute capability (7, 5) of each GPU that the driver shows; none where it cannot be asked.
pub(crate) fn capabilities() -> Vec<(i32, i32)> {
    if is_hidden() {
        return Vec::new();
    }
    driver().and_then(asked).unwrap_or_default()
}

/// NVIDIA's driver as programs use it.
fn driver() -> Option<&'static Library> {
    static DRIVER: OnceLock<Option<Library>> = OnceLock::new();
    let found = DRIVER.get_or_init(|| {
        // SAFETY: the driver's library is made to be loaded by any process, libtorch's does so too;
        // it is never unloaded.
        unsafe { Library::open(Some("libcuda.so.1"), RTLD_NOW | RTLD_LOCAL) }.ok()
    });
    found.as_ref()
}

/// Loads a library whose names all others see, and never unloads it; or why not, in one line.
fn open_for_good(path: &Path) -> Result<(), String> {
    // SAFETY: it is libtorch's own, from the folder of the half that runs already; its initialisers
    // register operations under libtorch's own locks.
    match unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => {
            // The system's words stand in the source.
            let reason = error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string);
            Err(reason.replace('\n', " "))
        }
    }
}

/// Asks the driver (`cuda.h`); all its functions return 0 when they could.
fn asked(driver: &Library) -> Option<Vec<(i32, i32)>> {
    const MAJOR: i32 = 75;
    const MINOR: i32 = 76;
    // SAFETY: names and types are those of `cuda.h`, unchanged since CUDA 2; `int` and enums are
    // i32. The pointers are to locals that outlive the calls.
    unsafe {
        let start = driver
            .get::<unsafe extern "C" fn(u32) -> i32>(b"cuInit")
            .ok()?;
        let count = driver
            .get::<unsafe extern "C" fn(*mut i32) -> i32>(b"cuDeviceGetCount")
            .ok()?;
        let attribute = driver
            .get::<unsafe extern "C" fn(*mut i32, i32, i32) -> i32>(b"cuDeviceGetAttribute")
            .ok()?;
        let mut devices = 0;
        if start(0) != 0 || count(&raw mut devices) != 0 {
            return None;
        }
        let of = |which, device| {
            let mut value = 0;
            (attribute(&raw mut value, which, device) == 0).then_some(value)
        };
        (0..devices)
            .map(|device| Some((of(MAJOR, device)?, of(MINOR, device)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_that_of_the_library_in_use() {
        let folder = libtorch_folder();
        assert!(folder.join("libtorch_cpu.so").exists() || !cfg!(target_os = "linux"));
        let maps = "7f00-7f01 r-xp 00000000 08:01 12    /usr/lib/libc.so.6\n\
            7f02-7f03 r--p 00000000 08:01 34    /a b/torch/lib/libtorch_cpu.so\n";
        assert_eq!(folder_in(maps), Some(PathBuf::from("/a b/torch/lib")));
        assert_eq!(folder_in("7f00-7f01 rw-p 00000000 00:00 0 [heap]\n"), None);
    }

    #[test]
    fn a_library_that_is_not_one_is_refused_in_one_line() {
        let scratch = tempfile::tempdir().unwrap();
        let path = library(scratch.path());
        std::fs::write(&path, "no library").unwrap();
        let error = open_for_good(&path).unwrap_err();
        assert!(error.contains("libtorch_cuda.so"), "{error}");
    }

    #[test]
    fn loading_twice_is_loading_once() {
        assert!(std::ptr::eq(load(), load()));
        assert_eq!(load().failure, None);
        assert!(load().driver || capabilities().is_empty());
    }
}
