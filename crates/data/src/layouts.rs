//! Data sets as they lie on disk, behind one interface: one small file and one line in
//! `layouts/registry.rs` each.
//!
//! A layout only *names* files, from what is there, and says what label values mean. Whether the
//! files exist and fit is found on reading, so one check sees all problems at once and nothing
//! vanishes silently.

mod registry;

pub use registry::{DATASETS, find};

use crate::config::DataConfig;
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use slicewise_core::{Part, Task};
use std::path::PathBuf;

/// One way of laying out a data set.
pub trait DatasetLayout: Sync {
    /// The name in YAML.
    fn name(&self) -> &'static str;

    /// One line for `slicewise list datasets`.
    fn summary(&self) -> &'static str;

    /// The cases that the data set has for a task, in any order.
    ///
    /// # Errors
    /// Every problem of the folder or table itself.
    fn list(&self, config: &DataConfig, task: Task) -> Result<Vec<CaseSource>, Vec<DataError>>;

    /// Those that can be read although [`list`](Self::list) finds fault with others, so that one
    /// check sees the problems of their files too.
    fn sound(&self, config: &DataConfig, task: Task) -> Vec<CaseSource> {
        self.list(config, task).unwrap_or_default()
    }

    /// What the label values mean in the tissue task.
    ///
    /// # Errors
    /// A table that does not say so.
    fn tissues(&self, config: &DataConfig) -> Result<LabelGrouping, DataError>;
}

/// One case before it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseSource {
    /// Unique name within the data set, the same in both tasks.
    pub id: String,
    /// Whose brain it is: sessions of one subject stay in one part.
    pub subject: String,
    /// The part that the data set itself assigns.
    pub part: Option<Part>,
    /// Where the voxels come from.
    pub source: Source,
}

/// Where a case's voxels come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// NIfTI files of one grid.
    Files {
        /// The scan.
        image: PathBuf,
        /// The label map; brain extraction does without where there is a mask.
        labels: Option<PathBuf>,
        /// The brain: voxels above 0. The task's content is inside it, see
        /// [`crate::preprocess`].
        mask: Option<PathBuf>,
    },
    /// A procedural newborn.
    Phantom {
        /// Seed of the population.
        seed: u64,
        /// Which subject, from 0.
        subject: usize,
        /// Voxel size in mm.
        spacing_mm: f64,
    },
}

/// Names in a folder, sorted; the folder must exist.
pub(crate) fn entries(folder: &std::path::Path, expected: &str) -> Result<Vec<String>, DataError> {
    if !folder.is_dir() {
        return Err(DataError::Missing {
            path: folder.to_owned(),
            expected: expected.to_owned(),
        });
    }
    let fail = |source| DataError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        names.push(
            entry
                .map_err(fail)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    names.sort();
    Ok(names)
}
