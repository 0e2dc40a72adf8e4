//! What is free on this machine, and what this process has taken: disk and memory, in bytes.

use anyhow::Context;
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
    field("/proc/meminfo", "MemAvailable:")
}

/// The most that this process has held since it began, or since [`forget_peak`].
pub(crate) fn peak_memory() -> anyhow::Result<u64> {
    field("/proc/self/status", "VmHWM:")
}

/// Begins [`peak_memory`] anew.
pub(crate) fn forget_peak() {
    // Where the kernel has no such file the peak is that of all before: an estimate too high.
    let _ = fs::write("/proc/self/clear_refs", "5");
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
    fn the_disk_of_a_folder_to_come_is_that_of_the_one_that_is_there() {
        let scratch = tempfile::tempdir().unwrap();
        let below = scratch.path().join("not/there/yet");
        assert!(free_disk(&below).unwrap() > 0);
        assert!(!below.exists());
    }
}
