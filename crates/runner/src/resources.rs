//! Free disk and memory of this machine, and the memory this process has taken, in bytes.
//!
//! On Linux the values come from `/proc`, which counts memory that caches could return, and which
//! can restart the measurement of a peak. Other systems are asked by calls that all systems have.

use anyhow::Context;
use nix::sys::resource::{UsageWho, getrusage};
use std::fs;
use std::path::Path;

/// Returns the free disk space at `path`. Not all of its folders need to exist.
pub(crate) fn free_disk(path: &Path) -> anyhow::Result<u64> {
    let path = std::path::absolute(path)?;
    let there = path.ancestors().find(|folder| folder.exists());
    let there = there.with_context(|| format!("{}: no such disk", path.display()))?;
    let disk = rustix::fs::statvfs(there).with_context(|| there.display().to_string())?;
    Ok(disk.f_bavail * disk.f_frsize)
}

/// Returns the memory that new processes may take without swapping, as the kernel estimates it.
pub(crate) fn available_memory() -> anyhow::Result<u64> {
    field("/proc/meminfo", "MemAvailable:").or_else(|_| available_elsewhere())
}

/// Returns the most memory that this process has held since it began or since [`forget_peak`].
pub(crate) fn peak_memory() -> anyhow::Result<u64> {
    field("/proc/self/status", "VmHWM:").or_else(|_| peak_elsewhere())
}

/// Restarts the measurement of [`peak_memory`].
pub(crate) fn forget_peak() {
    // Where this file does not exist, the peak stays that since the start: an estimate that is too
    // high.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Does what [`available_memory`] does, without `/proc`.
fn available_elsewhere() -> anyhow::Result<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    match system.available_memory() {
        0 => anyhow::bail!("memory: expected the system to tell what is free, got nothing"),
        bytes => Ok(bytes),
    }
}

/// Does what [`peak_memory`] does, without `/proc`.
fn peak_elsewhere() -> anyhow::Result<u64> {
    let most = getrusage(UsageWho::RUSAGE_SELF)?.max_rss();
    // The unit is a byte on macOS and KiB elsewhere.
    let unit = if cfg!(target_vendor = "apple") {
        1
    } else {
        1024
    };
    Ok(u64::try_from(most)? * unit)
}

/// Reads a line such as `NAME  12 kB` of a kernel file, in bytes.
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
        // A restarted peak is no greater than the peak since the start.
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
