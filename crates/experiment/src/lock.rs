//! Keeps a folder to one process at a time, by a lock file; that of a results folder is `sweep.lock`. The
//! operating system locks this file for as long as the process lives. The file holds one line that says
//! which process that is.
//!
//! Only the system's lock counts; the line is for messages. The lock ends with its process, however
//! that ends, so a line without a lock was left by a process that was killed.

use crate::error::ExperimentError;
use crate::folder::ResultsFolder;
use chrono::DateTime;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Holds the folder for this process until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    root: PathBuf,
    /// The lock file in it.
    path: PathBuf,
    /// The previous holder, if it was killed and so left its line.
    pub before: Option<String>,
    /// Whether [`take`](Self::take) made the folder.
    made: bool,
    /// The lock ends when this file is closed.
    _file: File,
}

impl FolderLock {
    /// Locks `folder`, and makes it if there is none.
    ///
    /// # Errors
    /// Another process has locked the folder, or it cannot be made or written.
    pub fn take(folder: &ResultsFolder) -> Result<Self, ExperimentError> {
        Self::take_file(folder.root(), folder.lock())
    }

    /// Locks the folder `root` by its file `path`, and makes it if there is none.
    ///
    /// # Errors
    /// Those of [`take`](Self::take).
    pub fn take_file(root: &Path, path: PathBuf) -> Result<Self, ExperimentError> {
        let failed = |source| ExperimentError::io(path.clone())(source);
        let made = !root.exists();
        fs::create_dir_all(root).map_err(ExperimentError::io(root))?;
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(failed)?;
            let locked = file.try_lock();
            let mut held = String::new();
            // Only the message depends on this text.
            let _ = file.read_to_string(&mut held);
            match locked {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(ExperimentError::FolderInUse {
                        path: root.to_owned(),
                        holder: held.trim().to_owned(),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            // The previous holder may have removed the file between the two calls. The lock is then
            // on a file without a name, and another process could take the name.
            let same = |at: fs::Metadata| file.metadata().is_ok_and(|own| own.ino() == at.ino());
            if !fs::metadata(&path).is_ok_and(same) {
                continue;
            }
            fs::write(&path, this_process() + "\n").map_err(failed)?;
            return Ok(Self {
                root: root.to_owned(),
                path,
                made,
                before: Some(held.trim().to_owned()).filter(|held| !held.is_empty()),
                _file: file,
            });
        }
    }
}

impl Drop for FolderLock {
    /// Unlocks the folder. If it was made here and is empty, it is removed.
    fn drop(&mut self) {
        // If the file cannot be removed, the next process still sees that nobody holds the lock.
        let _ = fs::remove_file(&self.path);
        if self.made {
            let _ = fs::remove_dir(&self.root);
        }
    }
}

impl ResultsFolder {
    /// Path of the folder's lock file.
    pub fn lock(&self) -> PathBuf {
        self.root().join("sweep.lock")
    }
}

/// Returns a line such as `process 12 on HOST, since 2026-11-25 02:40:12 UTC`.
fn this_process() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let since = DateTime::from_timestamp(i64::try_from(now.as_secs()).unwrap_or(0), 0)
        .unwrap_or_default()
        .format("%F %T UTC");
    let host = match host.trim() {
        "" => "this host",
        host => host,
    };
    format!("process {} on {host}, since {since}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_and_is_left_as_it_was() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::new(scratch.path().join("new/results"));
        let lock = FolderLock::take(&folder).unwrap();
        assert_eq!(lock.before, None);
        let error = FolderLock::take(&folder).unwrap_err().to_string();
        let (before, after) = error.split_once(", since 20").unwrap();
        assert!(
            before.starts_with(&format!(
                "{}: another sweep is at work in this folder: process {} on ",
                folder.root().display(),
                std::process::id()
            )),
            "{error}"
        );
        assert!(
            after.ends_with("UTC; wait for it, end it, or choose another --out"),
            "{error}"
        );
        drop(lock);
        assert!(!folder.root().exists(), "nothing was written in it");

        fs::create_dir_all(folder.root()).unwrap();
        fs::write(folder.config(), "held").unwrap();
        drop(FolderLock::take(&folder).unwrap());
        assert!(folder.config().exists() && !folder.lock().exists());
    }

    #[test]
    fn the_lock_of_a_process_that_is_gone_is_taken_over_and_named() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::new(scratch.path());
        let gone = "process 1 on elsewhere, since 2026-01-02 03:04:05 UTC";
        fs::write(folder.lock(), format!("{gone}\n")).unwrap();
        let lock = FolderLock::take(&folder).unwrap();
        assert_eq!(lock.before.as_deref(), Some(gone));
        let text = fs::read_to_string(folder.lock()).unwrap();
        assert!(text.starts_with(&format!("process {} on ", std::process::id())));
    }
}
