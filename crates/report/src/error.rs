//! Why a report cannot be written.

use polars::error::PolarsError;
use slicewise_data::DataError;
use slicewise_experiment::ExperimentError;
use slicewise_figure::FigureError;
use std::path::PathBuf;

/// What this crate gives, if nothing goes wrong.
pub(crate) type Result<T, E = ReportError> = std::result::Result<T, E>;

/// What went wrong, and with which file.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The results folder cannot be read.
    #[error(transparent)]
    Read(#[from] ExperimentError),
    /// There is nothing to report yet.
    #[error("{}: no record yet; a report needs at least one finished round", dir.display())]
    NoRecords {
        /// The results folder.
        dir: PathBuf,
    },
    /// A volume kept for the figures is damaged or does not fit the others.
    #[error("{0} (a volume kept for figures; a report without pictures/ leaves them out)")]
    Picture(#[from] DataError),
    /// A file of the report cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// polars refused a table.
    #[error("table {name}: {source}")]
    Table {
        /// The table's name.
        name: &'static str,
        /// polars' reason.
        source: PolarsError,
    },
    /// A figure cannot be drawn or written.
    #[error(transparent)]
    Figure(#[from] FigureError),
}
