//! The segmentation tasks.

use serde::{Deserialize, Serialize};

/// The two tasks of the paper (its section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Task 1: segment the brain in the whole image.
    BrainExtraction,
    /// Task 2: segment the tissues inside the brain.
    TissueSegmentation,
}

impl Task {
    /// Returns the paper's number of the task: 1 or 2.
    pub fn number(self) -> u8 {
        match self {
            Task::BrainExtraction => 1,
            Task::TissueSegmentation => 2,
        }
    }

    /// Returns the name of the task in YAML, records and paths.
    pub fn name(self) -> &'static str {
        match self {
            Task::BrainExtraction => "brain-extraction",
            Task::TissueSegmentation => "tissue-segmentation",
        }
    }
}
