//! Why something could not be done with a project.

use slicewise_core::SegmenterError;
use slicewise_data::{DataError, GridError};
use slicewise_experiment::ExperimentError;
use slicewise_strategies::StrategyError;
use std::path::PathBuf;

/// Any failure of this crate. A message says what was expected, what was found, in which file, and what
/// to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// What was asked for cannot be done, in one line. Nothing was changed.
    #[error("{0}")]
    Input(String),
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The history was changed by something other than this program.
    #[error(
        "{path}, line {line}: {problem}; put back the line as it was (a backup, or `git checkout`), since \
         the history is what the project is", path = path.display()
    )]
    History {
        /// The history.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// What is wrong with the line.
        problem: String,
    },
    /// Another process is at work in the project.
    #[error("{path}: another slicewise is at work in this project: {holder}; wait for it, or end it", path = path.display())]
    InUse {
        /// The project's folder.
        path: PathBuf,
        /// Which process it is, on which host, since when.
        holder: String,
    },
    /// The training was asked to stop. It has been saved.
    #[error("stopped; the same command goes on from here")]
    Stopped,
    /// A volume could not be read or written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A prediction could not be brought to the scan's own voxels.
    #[error("case {case}: {source}")]
    Grid {
        /// The case's id.
        case: String,
        /// Why it could not.
        source: GridError,
    },
    /// The strategy failed.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// The model failed.
    #[error("{doing}: {source}")]
    Segmenter {
        /// What it was doing.
        doing: String,
        /// The model's error.
        source: SegmenterError,
    },
    /// The training failed.
    #[error(transparent)]
    Experiment(ExperimentError),
}

impl From<ExperimentError> for ProjectError {
    fn from(error: ExperimentError) -> Self {
        match error {
            ExperimentError::Stopped => Self::Stopped,
            ExperimentError::Io { path, source } => Self::Io { path, source },
            ExperimentError::FolderInUse { path, holder } => Self::InUse { path, holder },
            other => Self::Experiment(other),
        }
    }
}

impl ProjectError {
    /// Returns a function that wraps a system error with the path it concerns, for `map_err`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
