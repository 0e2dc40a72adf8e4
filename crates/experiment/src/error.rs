//! Why a sweep, a run or a results folder failed.

use slicewise_core::SegmenterError;
use slicewise_data::DataError;
use slicewise_data::annotation::AnnotationError;
use slicewise_data::line::one_line;
use slicewise_strategies::StrategyError;
use std::path::PathBuf;

/// Any failure of this crate. Messages say what was expected, what was found, and in which file or
/// case.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file of a results folder is malformed.
    #[error("{path}{at}: {}", one_line(problem), path = path.display(), at = line.map(|n| format!(", line {n}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line number from 1, where the file has lines.
        line: Option<usize>,
        /// What is wrong with it.
        problem: String,
    },
    /// The folder holds another experiment.
    #[error("{path}: holds another experiment: {difference}; choose another --out, or delete the folder", path = path.display())]
    OtherConfig {
        /// The folder's `config.yaml`.
        path: PathBuf,
        /// The first line that differs.
        difference: String,
    },
    /// Another sweep is writing in the folder.
    #[error("{path}: another sweep is at work in this folder: {holder}; wait for it, end it, or choose another --out", path = path.display())]
    FolderInUse {
        /// The folder.
        path: PathBuf,
        /// Which process holds it, on which host, since when.
        holder: String,
    },
    /// Another process is writing the same run.
    #[error("{path}: another slicewise is writing this run: {holder}; wait for it, or end it", path = path.display())]
    InUse {
        /// The run's ledger.
        path: PathBuf,
        /// Which process holds it, on which host, since when.
        holder: String,
    },
    /// This process was not seen for long, and another one took its place.
    #[error("{path}: another process has taken this over, because this one did not renew it for a minute (did the host stand still, or lose the file system?); nothing more is written here", path = path.display())]
    TakenOver {
        /// The holder's file.
        path: PathBuf,
    },
    /// The training was asked to stop. It has been saved.
    #[error("stopped; the same command goes on from here")]
    Stopped,
    /// The shared first round, from which the run should continue, has not been trained.
    #[error("{path}: expected the shared first round's checkpoint; train `first` of this task, model and seed first", path = path.display())]
    NoFirstRound {
        /// Where its checkpoint should be.
        path: PathBuf,
    },
    /// The plan asks for something impossible.
    #[error("{0}")]
    Plan(String),
    /// The training of a round failed.
    #[error("training: {source}; last good checkpoint: {}", checkpoint.as_ref().map_or_else(|| "none, it starts from new weights".to_owned(), |path| path.display().to_string()))]
    Training {
        /// The model's error.
        source: SegmenterError,
        /// The checkpoint that the next attempt continues from.
        checkpoint: Option<PathBuf>,
    },
    /// The model failed.
    #[error("{doing}: {source}")]
    Segmenter {
        /// What it was doing.
        doing: String,
        /// The model's error.
        source: SegmenterError,
    },
    /// A volume could not be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A slice cannot be annotated.
    #[error(transparent)]
    Annotation(#[from] AnnotationError),
    /// The strategy failed.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
}

impl ExperimentError {
    /// Returns a function that wraps a system error with the path it concerns, for `map_err`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
