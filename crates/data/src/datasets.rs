//! Which datasets can be read. Each is one small file and one line in
//! `datasets/registry.rs`.
//!
//! It only *names* the files that are there and says what label values mean. Whether the
//! files exist and fit together is found when they are read. So one check reports all problems at
//! once, and no case vanishes silently.

mod registry;

pub use registry::{DATASETS, find};

use crate::config::DataConfig;
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use slicewise_core::{Labels, Part};
use std::path::{Path, PathBuf};

/// A dataset, or a way in which datasets lie on disk (`manifest`, `msd`).
pub trait Dataset: Sync {
    /// The dataset's name in YAML.
    fn name(&self) -> &'static str;

    /// One line about it for `slicewise list datasets`.
    fn summary(&self) -> &'static str;

    /// Lists the cases that the dataset has for a task with such labels, in any order.
    ///
    /// # Errors
    /// Every problem of the folder or table itself.
    fn list(&self, config: &DataConfig, labels: &Labels)
    -> Result<Vec<CaseSource>, Vec<DataError>>;

    /// Lists the cases that can be read even though [`list`](Self::list) fails because of others. A
    /// check can then report the problems of their files too.
    fn sound(&self, config: &DataConfig, labels: &Labels) -> Vec<CaseSource> {
        self.list(config, labels).unwrap_or_default()
    }

    /// Returns what the label values mean: all classes that a task can have.
    ///
    /// # Errors
    /// A table of the dataset, or a setting, does not say so.
    fn classes(&self, config: &DataConfig) -> Result<LabelGrouping, DataError>;
}

/// One case before it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseSource {
    /// The case's id, unique within the dataset and the same in all tasks.
    pub id: String,
    /// The subject. All sessions of one subject must be in the same part.
    pub subject: String,
    /// The part that the dataset itself assigns, if it does.
    pub part: Option<Part>,
    /// Where the voxels come from.
    pub source: Source,
}

/// Where a case's voxels come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// NIfTI files on one voxel grid.
    Files {
        /// The scan.
        image: PathBuf,
        /// The label map. A task of the mask does not need it if there is a mask.
        labels: Option<PathBuf>,
        /// The brain mask. The task's content lies inside it, see [`crate::preprocess`].
        mask: Option<MaskFile>,
    },
    /// A procedural newborn.
    Phantom {
        /// Seed of the population.
        seed: u64,
        /// Number of the subject, from 0.
        subject: usize,
        /// Voxel size in mm.
        spacing_mm: f64,
    },
}

/// A file that says where the brain is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskFile {
    /// A mask: 0 outside, a whole number above 0 inside; or a soft one of values from 0 to 1, which
    /// is cut at 0.5.
    Mask(PathBuf),
    /// A scan that was stripped to the brain: 0 outside, any value above 0 inside.
    StrippedScan(PathBuf),
}

impl MaskFile {
    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Mask(path) | Self::StrippedScan(path) => path,
        }
    }
}

/// Lists the names in a folder, sorted. The folder must exist.
pub(crate) fn entries(folder: &Path, expected: &str) -> Result<Vec<String>, DataError> {
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
