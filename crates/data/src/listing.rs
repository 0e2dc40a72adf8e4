//! Cases as a dataset lists them: names of files, which nobody has read yet.

use slicewise_core::Part;
use std::path::{Path, PathBuf};

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
