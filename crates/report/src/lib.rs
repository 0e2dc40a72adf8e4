//! Reads a results folder and writes what a person reads: tables, figures and one page.
//!
//! ```text
//! records ─▶ curve (points: mean Dice over cases, then over seeds)
//!                ├─▶ table      tables/*.{csv,md,parquet}
//!                ├─▶ figure     figures/*.{svg,png}
//!                ├─▶ finding    sentences, computed
//!                ├─▶ statistics, comparison, penalty     between strategies
//!                ├─▶ minimum_cost, stop                  how few slices are enough
//!                ├─▶ full_annotation, heads              between models
//!                └─▶ page       report.html
//! ```
//!
//! Every number comes from the records, save those of [`paper`], which are named as the paper's
//! wherever they appear. A sweep that is still running gives a report of what is there, with a
//! line that says what is missing.

mod agreement;
mod comparison;
mod coverage;
mod curve;
mod error;
mod figure;
mod finding;
mod full_annotation;
mod heads;
mod minimum_cost;
mod order;
mod page;
mod paired;
pub mod paper;
mod penalty;
mod picture;
mod statistics;
mod stop;
mod table;

pub use error::ReportError;

use slicewise_experiment::Results;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a report, in the order written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Paths, each inside the results folder.
    pub files: Vec<PathBuf>,
}

/// Writes `tables/`, `figures/` and `report.html` into the results folder `dir`, over those of
/// an earlier report.
///
/// # Errors
/// The folder cannot be read or written, or holds no record yet.
pub fn write(dir: &Path) -> Result<Written, ReportError> {
    let results = Results::read(dir)?;
    write_results(&results, dir)
}

/// As [`write()`], of results already read.
///
/// # Errors
/// As [`write()`].
pub fn write_results(results: &Results, dir: &Path) -> Result<Written, ReportError> {
    if results.records.is_empty() {
        return Err(ReportError::NoRecords {
            dir: dir.to_owned(),
        });
    }
    let curves = curve::Curves::of(results);
    let agreements = agreement::agreements(results);
    let statistics = statistics::statistics(results, &curves);
    let comparisons = comparison::comparisons(results);

    let mut files = Vec::new();
    let tables = folder(dir, "tables")?;
    for table in table::all(results, &curves, &agreements)? {
        files.extend(table.write(&tables)?);
    }
    for table in table::between_strategies(results, &curves, &statistics, &comparisons)? {
        files.extend(table.write(&tables)?);
    }
    let figures = folder(dir, "figures")?;
    let drawings = figure::write_all(results, &curves, &agreements, dir, &figures)?;
    files.extend(drawings.iter().flat_map(|drawing| drawing.files.clone()));
    let page = dir.join("report.html");
    let between = page::between(&statistics, &comparisons);
    let html = page::html(results, &curves, &agreements, &drawings, between);
    fs::write(&page, html).map_err(ReportError::io(&page))?;
    files.push(page);
    Ok(Written { files })
}

/// The folder `name` in `dir`, made if need be.
fn folder(dir: &Path, name: &str) -> Result<PathBuf, ReportError> {
    let path = dir.join(name);
    fs::create_dir_all(&path).map_err(ReportError::io(&path))?;
    Ok(path)
}
