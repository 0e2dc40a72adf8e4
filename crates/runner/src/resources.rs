//! What is free on this machine, and what this process has taken: disk and memory, in bytes.
//!
//! Linux's kernel is asked by its files in `/proc`, which count what a cache could give back and can
//! begin a peak anew; any other system by what all have.

use anyhow::Context;
use nix::sys::resource::{UsageWho, getrusage};
use std::fs;
use std::path::Path;

/// What may be written below `path`, of which not all folders need to exist.
pub(crate) fn free_disk(path: &Path) -> anyhow::Result<u64> {
    let path = std::path::absolute(path)?;
    let there = path.ancestors().find(|folder| folder.exists());
    let there = there.with_context(|| format!("{}: no such disk", path.display()))?;
    let disk = rustix::fs::statvfs(there).with_context(|| there.display().to_string())?;
    Ok(disk.f_bavail * disk.f_frsize)
}

/// What new processes may take without swapping, as the kernel estimates it.
pub(crate) fn available_memory() -> anyhow::Result<u64> {
    field("/proc/meminfo", "MemAvailable:").or_else(|_| available_elsewhere())
}

/// The most that this process has held since it began, or since [`forget_peak`].
pub(crate) fn peak_memory() -> anyhow::Result<u64> {
    field("/proc/self/status", "VmHWM:").or_else(|_| peak_elsewhere())
}

/// Begins [`peak_memory`] anew.
pub(crate) fn forget_peak() {
    // Where the kernel has no such file the peak is that of all before: an estimate too high.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// As [`available_memory`], without `/proc`.
fn available_elsewhere() -> anyhow::Result<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    match system.available_memory() {
        0 => anyhow::bail!("memory: expected the system to tell what is free, got nothing"),
        bytes => Ok(bytes),
    }
}

/// As [`peak_memory`], without `/proc`.
fn peak_elsewhere() -> anyhow::Result<u64> {
    let most = getrusage(UsageWho::RUSAGE_SELF)?.max_rss();
    // macOS counts bytes, all others KiB.
    let unit = if cfg!(target_vendor = "apple") {
        1
    } else {
        1024
    };
    Ok(u64::try_from(most)? * unit)
}

/// A line `NAME  12 kB` of a file of the kernel.
fn field(path: &str, name: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(path).with_context(|| path.to_owned())?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(number.with_context(|| format!("{path}: expected a line {name} with kB"))? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_what_was_held() {
        forget_peak();
        let before = peak_memory().unwrap();
        let held = vec![1_u8; 64 << 20];
        let with = peak_memory().unwrap();
        assert!(held.iter().all(|&byte| byte == 1));
        assert!(with >= before + (60 << 20), "{before} {with}");
        assert!(available_memory().unwrap() > 0);
    }

    #[test]
    fn what_every_system_tells_is_what_proc_tells() {
        if !Path::new("/proc/meminfo").exists() {
            return;
        }
        let held = vec![1_u8; 64 << 20];
        let (peak, elsewhere) = (peak_memory().unwrap(), peak_elsewhere().unwrap());
        assert!(held.iter().all(|&byte| byte == 1));
        // A peak begun anew is no greater than that of all before.
        assert!(elsewhere + (8 << 20) >= peak, "{peak} {elsewhere}");
        let (free, elsewhere) = (available_memory().unwrap(), available_elsewhere().unwrap());
        assert!(
            elsewhere > free / 2 && elsewhere / 2 < free,
            "{free} {elsewhere}"
        );
    }

    #[test]
    fn the_disk_of_a_folder_to_come_is_that_of_the_one_that_is_there() {
        let scratch = tempfile::tempdir().unwrap();
        let below = scratch.path().join("not/there/yet");
        assert!(free_disk(&below).unwrap() > 0);
        assert!(!below.exists());
    }
}
