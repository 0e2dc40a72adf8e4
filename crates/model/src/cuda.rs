//! Loads libtorch's CUDA library at run time if NVIDIA's driver is installed.
//!
//! The program is linked only to the CPU libraries of libtorch. So it starts with half a gigabyte
//! of libraries, and the same program runs with and without a GPU. `libtorch_cuda` registers its
//! devices and operations when it is loaded, but libtorch asks for them only once and keeps the
//! answer. Therefore [`load`] must come before the first query for a device and before the first
//! backward pass.
//!
//! `unsafe` is needed to load libraries and to call three functions of NVIDIA's driver.

#![expect(
    unsafe_code,
    reason = "loading a library runs its initialisers; its functions have no checked types"
)]

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Result of loading `libtorch_cuda`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Whether programs can use NVIDIA's driver, and the user did not hide the GPUs.
    pub(crate) driver: bool,
    /// Why `libtorch_cuda` could not be loaded although it and the driver exist, in one line.
    pub(crate) failure: Option<String>,
}

/// Loads `libtorch_cuda` if it and the driver exist. Later calls return the result of the first.
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

/// Returns the path of `libtorch_cuda` in the folder of libtorch. The file may not exist.
pub(crate) fn library(libtorch_folder: &Path) -> PathBuf {
    libtorch_folder.join("libtorch_cuda.so")
}

/// Whether `CUDA_VISIBLE_DEVICES` hides all GPUs.
pub(crate) fn is_hidden() -> bool {
    std::env::var("CUDA_VISIBLE_DEVICES").is_ok_and(|list| matches!(list.trim(), "" | "-1"))
}

/// Returns the folder of the libtorch that this process has loaded. If the system does not say
/// which that is, returns the folder that the program was linked to.
pub(crate) fn libtorch_folder() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    folder_in(&maps).unwrap_or_else(|| PathBuf::from(env!("SLICEWISE_LIBTORCH_LIB")))
}

/// Finds the folder of `libtorch_cpu.so` in Linux's list of memory mappings, whose lines have the
/// form `ADDRESSES … INODE   PATH`.
fn folder_in(maps: &str) -> Option<PathBuf> {
    let line = maps
        .lines()
        .find(|line| line.contains("/libtorch_cpu.so"))?;
    let path = Path::new(&line[line.find('/')?..]);
    path.parent().map(Path::to_owned)
}

/// Returns the compute capability of each GPU that the driver shows, such as (7, 5). Empty if the
/// driver cannot be asked.
pub(crate) fn capabilities() -> Vec<(i32, i32)> {
    if is_hidden() {
        return Vec::new();
    }
    driver().and_then(ask_driver).unwrap_or_default()
}

/// Returns the library through which programs use NVIDIA's driver, if it is installed.
fn driver() -> Option<&'static Library> {
    static DRIVER: OnceLock<Option<Library>> = OnceLock::new();
    let found = DRIVER.get_or_init(|| {
        // SAFETY: the driver's library is made to be loaded by any process, and libtorch loads it
        // too. It is never unloaded.
        unsafe { Library::open(Some("libcuda.so.1"), RTLD_NOW | RTLD_LOCAL) }.ok()
    });
    found.as_ref()
}

/// Loads a library for the lifetime of the process, with its symbols visible to all other
/// libraries.
///
/// # Errors
/// Returns the reason in one line when the library cannot be loaded.
fn open_for_good(path: &Path) -> Result<(), String> {
    // SAFETY: the library belongs to libtorch and comes from the folder of its libraries that run
    // already. Its initialisers register operations under libtorch's own locks.
    match unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => {
            // The source of the error has the message of the system.
            let reason = error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string);
            Err(reason.replace('\n', " "))
        }
    }
}

/// Asks the driver for the compute capability of each GPU. Returns none if the driver fails. Its
/// functions are declared in `cuda.h` and return 0 on success.
fn ask_driver(driver: &Library) -> Option<Vec<(i32, i32)>> {
    const MAJOR: i32 = 75;
    const MINOR: i32 = 76;
    // SAFETY: names and types are those of `cuda.h`, unchanged since CUDA 2; `int` and enums are
    // i32. The pointers point to locals that outlive the calls.
    unsafe {
        let initialise = driver
            .get::<unsafe extern "C" fn(u32) -> i32>(b"cuInit")
            .ok()?;
        let count = driver
            .get::<unsafe extern "C" fn(*mut i32) -> i32>(b"cuDeviceGetCount")
            .ok()?;
        let attribute = driver
            .get::<unsafe extern "C" fn(*mut i32, i32, i32) -> i32>(b"cuDeviceGetAttribute")
            .ok()?;
        let mut devices = 0;
        if initialise(0) != 0 || count(&raw mut devices) != 0 {
            return None;
        }
        let value_of = |which, device| {
            let mut value = 0;
            (attribute(&raw mut value, which, device) == 0).then_some(value)
        };
        (0..devices)
            .map(|device| Some((value_of(MAJOR, device)?, value_of(MINOR, device)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_loaded_libtorch_is_found() {
        let folder = libtorch_folder();
        assert!(folder.join("libtorch_cpu.so").exists() || !cfg!(target_os = "linux"));
        let maps = "7f00-7f01 r-xp 00000000 08:01 12    /usr/lib/libc.so.6\n\
            7f02-7f03 r--p 00000000 08:01 34    /a b/torch/lib/libtorch_cpu.so\n";
        assert_eq!(folder_in(maps), Some(PathBuf::from("/a b/torch/lib")));
        assert_eq!(folder_in("7f00-7f01 rw-p 00000000 00:00 0 [heap]\n"), None);
    }

    #[test]
    fn a_file_that_is_no_library_is_refused_in_one_line() {
        let scratch = tempfile::tempdir().unwrap();
        let path = library(scratch.path());
        std::fs::write(&path, "no library").unwrap();
        let error = open_for_good(&path).unwrap_err();
        assert!(error.contains("libtorch_cuda.so"), "{error}");
    }

    #[test]
    fn a_second_load_returns_the_result_of_the_first() {
        assert!(std::ptr::eq(load(), load()));
        assert_eq!(load().failure, None);
        assert!(load().driver || capabilities().is_empty());
    }
}
