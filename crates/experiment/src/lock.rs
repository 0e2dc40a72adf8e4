//! Keeps a folder to one process at a time. The [`Holder`] of a results folder is its file `sweep.lock`.

use crate::error::ExperimentError;
use crate::folder::ResultsFolder;
use crate::holder::{Holder, Taken};
use std::fs;
use std::path::{Path, PathBuf};

/// Holds the folder for this process until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    root: PathBuf,
    /// The previous holder, if it died and so left its file.
    pub before: Option<String>,
    /// Whether [`take`](Self::take) made the folder.
    made: bool,
    /// `None` while it is dropped.
    holder: Option<Holder>,
}

impl FolderLock {
    /// Locks `folder`, and makes it if there is none.
    ///
    /// # Errors
    /// Another process has locked the folder, or it cannot be made or written.
    pub fn take(folder: &ResultsFolder) -> Result<Self, ExperimentError> {
        Self::take_file(folder.root(), &folder.lock())
    }

    /// Locks the folder `root` by its file `path`, and makes it if there is none.
    ///
    /// # Errors
    /// Those of [`take`](Self::take).
    pub fn take_file(root: &Path, path: &Path) -> Result<Self, ExperimentError> {
        let made = !root.exists();
        fs::create_dir_all(root).map_err(ExperimentError::io(root))?;
        match Holder::take(path)? {
            Taken::Ours { holder, before } => Ok(Self {
                root: root.to_owned(),
                before,
                made,
                holder: Some(holder),
            }),
            Taken::Theirs(holder) => Err(ExperimentError::FolderInUse {
                path: root.to_owned(),
                holder,
            }),
        }
    }
}

impl Drop for FolderLock {
    /// Unlocks the folder. If it was made here and is empty, it is removed.
    fn drop(&mut self) {
        self.holder = None;
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
}
