//! A project's folder: which file is where, who may write it, and its history.
//!
//! ```text
//! slicewise.yaml  scans.csv       edited by hand
//! history.jsonl                   every event; what the project is follows from it
//! scans/SHA256.nii.gz             the scans as they joined; what is drawn belongs to these
//! annotations/SHA256.nii.gz       drawn slices as they were accepted, never changed; 255 elsewhere
//! submitted/SHA256.*              the files that came back, untouched
//! handed-out/SHA256.nii.gz        the labels that were handed out with a task
//! tasks/r02-anna/                 what is handed out
//! drawing/r02-anna/               what is being drawn in the browser, every save
//! models/ predictions/            can be made again
//! ```

use crate::error::ProjectError;
use crate::history::{Event, History};
use crate::state::State;
use slicewise_core::write::{folder_of, write_whole};
use slicewise_experiment::FolderLock;
use std::fs;
use std::path::{Path, PathBuf};

/// Knows the paths of all files of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFolder {
    root: PathBuf,
}

impl ProjectFolder {
    /// Names the project at `root`, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Finds the project that the folder `from` belongs to: its own, or that of a folder above it.
    ///
    /// # Errors
    /// There is none.
    pub fn find(from: &Path) -> Result<Self, ProjectError> {
        let found = from.ancestors().map(Self::new);
        let mut found = found.filter(|folder| folder.history().is_file());
        found.next().ok_or_else(|| {
            ProjectError::Input(format!(
                "expected a project in {} or a folder above it, got none; begin one with `slicewise init \
                 SCANS`, or go to its folder",
                from.display()
            ))
        })
    }

    /// Path of the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Path of the settings.
    pub fn settings(&self) -> PathBuf {
        self.root.join("slicewise.yaml")
    }

    /// Path of the list of scans.
    pub fn scans(&self) -> PathBuf {
        self.root.join("scans.csv")
    }

    /// Path of the project's copy of a scan. `ending` is `.nii.gz` or `.nii`.
    pub fn scan(&self, sha256: &str, ending: &str) -> PathBuf {
        self.scan_file(&format!("{sha256}{ending}"))
    }

    /// Path of the project's copy of a scan, by its name.
    pub fn scan_file(&self, name: &str) -> PathBuf {
        self.root.join("scans").join(name)
    }

    /// Path of the history.
    pub fn history(&self) -> PathBuf {
        self.root.join("history.jsonl")
    }

    /// Path of labels that were accepted.
    pub fn annotation(&self, sha256: &str) -> PathBuf {
        let name = format!("{sha256}.nii.gz");
        self.root.join("annotations").join(name)
    }

    /// Path of a file as it came back. `ending` is `.nii.gz`, for instance.
    pub fn submitted(&self, sha256: &str, ending: &str) -> PathBuf {
        let name = format!("{sha256}{ending}");
        self.root.join("submitted").join(name)
    }

    /// Path of the labels that were handed out with a task.
    pub fn handed_out(&self, sha256: &str) -> PathBuf {
        let name = format!("{sha256}.nii.gz");
        self.root.join("handed-out").join(name)
    }

    /// Path of the tasks.
    pub fn tasks(&self) -> PathBuf {
        self.root.join("tasks")
    }

    /// Path of a task.
    pub fn task(&self, name: &str) -> PathBuf {
        self.tasks().join(name)
    }

    /// Path of a model's folder.
    pub fn model(&self, id: &str) -> PathBuf {
        self.root.join("models").join(id)
    }

    /// Path of a model's segmentation of a case; `what` is `labels` or `uncertainty`.
    pub fn prediction(&self, model: &str, case: &str, what: &str) -> PathBuf {
        let folder = self.root.join("predictions").join(model);
        folder.join(format!("{case}-{what}.nii.gz"))
    }
}

/// Writes a file that is never changed afterwards, and its folder, unless it is there already.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn keep(path: &Path, bytes: &[u8]) -> Result<(), ProjectError> {
    if path.exists() {
        return Ok(());
    }
    make_parent(path)?;
    write_whole(path, bytes).map_err(ProjectError::io(path))
}

/// Makes the folder that contains `path`.
pub(crate) fn make_parent(path: &Path) -> Result<(), ProjectError> {
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(ProjectError::io(folder))
}

/// Removes what a process that was killed left half written. Files whose names are their SHA-256 are
/// written under another name first.
fn remove_leftovers(folder: &ProjectFolder) {
    for kept in ["scans", "annotations", "submitted", "handed-out"] {
        for entry in fs::read_dir(folder.root.join(kept))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".partial") || name.starts_with("new") {
                // That it cannot be removed is no reason to stop: nothing reads it.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A project that this process alone may change.
#[derive(Debug)]
pub struct Project {
    /// Where its files are.
    pub folder: ProjectFolder,
    /// Who works with it.
    pub who: String,
    history: History,
    state: State,
    _lock: FolderLock,
}

impl Project {
    /// Locks a project and reads its history. A project that has none yet is empty.
    ///
    /// # Errors
    /// Another process is at work in it, or its history is damaged.
    pub fn open(folder: ProjectFolder, who: &str) -> Result<Self, ProjectError> {
        let lock = FolderLock::take_file(folder.root(), &folder.root().join(".slicewise.lock"))?;
        let history = History::open(&folder.history())?;
        remove_leftovers(&folder);
        Ok(Self {
            state: State::of(history.lines()),
            history,
            folder,
            who: who.to_owned(),
            _lock: lock,
        })
    }

    /// What the project is now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Writes down that something happened.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn record(&mut self, event: Event) -> Result<(), ProjectError> {
        self.history.append(&self.who, event)?;
        if let Some(line) = self.history.lines().last() {
            self.state.apply(line);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_found_from_below_and_has_one_writer() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("heads");
        let below = root.join("tasks/r01");
        std::fs::create_dir_all(&below).unwrap();
        let missing = ProjectFolder::find(&below).unwrap_err().to_string();
        assert!(missing.contains("slicewise init SCANS"), "{missing}");
        let mut project = Project::open(ProjectFolder::new(&root), "anna").unwrap();
        let classes = vec!["background".to_owned(), "cyst".to_owned()];
        project.record(Event::Init { classes }).unwrap();
        assert_eq!(ProjectFolder::find(&below).unwrap().root(), root);
        let half = root.join("scans/ab-1.partial");
        std::fs::create_dir_all(root.join("scans")).unwrap();
        std::fs::write(&half, "").unwrap();
        let second = Project::open(ProjectFolder::new(&root), "ben").unwrap_err();
        assert!(matches!(second, ProjectError::InUse { .. }), "{second}");
        let id = project.state().id.clone();
        assert_eq!(id.len(), 12);
        drop(project);
        let again = Project::open(ProjectFolder::new(&root), "ben").unwrap();
        assert!(!half.exists(), "what a kill left is removed");
        assert_eq!(again.state().id, id);
    }
}
