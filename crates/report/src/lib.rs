//! Reads a results folder and writes what a person reads: tables, figures and one page.
//!
//! ```text
//! records ─▶ rounds ───────▶ sweep ─▶ section ─▶ frame     tables/*.{csv,parquet}
//!            observations    (points,    │       grid      tables/*.md, the page's tables
//!            (means,          agreement, │       figure    figures/*.{svg,png}
//!             differences)    costs)     │       sentences the page's findings
//!                                        └─▶ page          report.html
//! ```
//!
//! A section is one file in `section/` and one line in `section.rs`. Every number comes from the
//! records, save those of `paper`, which are named as the paper's wherever they appear. A sweep that
//! is still running gives a report of what is there, with a line that says what is missing.

mod agreement;
mod arm;
mod coverage;
mod error;
mod figure;
mod finding;
mod format;
mod grid;
mod observations;
mod page;
mod paper;
mod pictures;
mod prelude;
mod rounds;
mod section;
mod standing;
mod sweep;
mod table;

pub use error::ReportError;

use page::Article;
use rounds::rounds;
use section::make_all;
use slicewise_experiment::{ExperimentError, Results, replace};
use std::fs;
use std::path::{Path, PathBuf};
use sweep::Sweep;

/// Writes `tables/`, `figures/` and `report.html` into the results folder `dir`, over those of
/// an earlier report. Gives their paths, in the order written.
///
/// # Errors
/// The folder cannot be read or written, or holds no record yet.
pub fn write(dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    write_results(&Results::read(dir)?, dir)
}

/// Writes the report of results already read.
///
/// # Errors
/// Those of [`write()`].
pub fn write_results(results: &Results, dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    Ok(write_folder(results, dir)?.0)
}

/// Writes the report of each results folder in `dirs`, and one page of all of them to `out`.
///
/// # Errors
/// Those of [`write()`]; `out` cannot be written.
pub fn write_together(out: &Path, dirs: &[PathBuf]) -> Result<Vec<PathBuf>, ReportError> {
    let mut files = Vec::new();
    let mut articles = Vec::new();
    for dir in dirs {
        let (written, article) = write_folder(&Results::read(dir)?, dir)?;
        files.extend(written);
        articles.push(article);
    }
    let title = out.file_stem().unwrap_or_default().to_string_lossy();
    put(out, page::document(&title, &articles).as_bytes())?;
    files.push(out.to_owned());
    Ok(files)
}

/// Writes the report of one folder; gives its files and the page's content.
fn write_folder(results: &Results, dir: &Path) -> Result<(Vec<PathBuf>, Article), ReportError> {
    if results.records.is_empty() {
        return Err(ReportError::NoRecords { dir: dir.to_owned() });
    }
    let rounds = rounds(results);
    let sweep = Sweep::new(results, &rounds, Some(dir))?;
    let sections = make_all(&sweep)?;
    let [tables, figures] = ["tables", "figures"].map(|name| dir.join(name));
    for path in [&tables, &figures] {
        let failed = |source| ReportError::Write { path: path.clone(), source };
        fs::create_dir_all(path).map_err(failed)?;
    }
    let mut files = Vec::new();
    for (section, content) in &sections {
        for (name, bytes) in content.files(section.name, &sweep)? {
            let path = tables.join(name);
            put(&path, &bytes)?;
            files.push(path);
        }
        for figure in &content.figures {
            let path = figures.join(format!("{}.svg", figure.name));
            put(&path, figure.svg().as_bytes())?;
            files.extend([path, figure.write_png(&figures)?]);
        }
    }
    let article = page::article(&sweep, &sections);
    let page = dir.join("report.html");
    let html = page::document(&article.name, std::slice::from_ref(&article));
    put(&page, html.as_bytes())?;
    files.push(page);
    Ok((files, article))
}

/// What `slicewise verify` says of a results folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Rounds on record.
    pub records: usize,
    /// A line for each task, model and strategy that lacks a round.
    pub missing: Vec<String>,
    /// Tables compared, to the byte.
    pub tables: usize,
    /// Those that are absent or are not what the records give.
    pub stale: Vec<PathBuf>,
}

/// Makes every table of the results folder `dir` again, in memory, and compares.
///
/// # Errors
/// The folder cannot be read.
pub fn verify(dir: &Path) -> Result<Verdict, ReportError> {
    let results = Results::read(dir)?;
    let rounds = rounds(&results);
    let sweep = Sweep::new(&results, &rounds, None)?;
    let (records, missing) = (results.records.len(), coverage::missing(&sweep));
    let mut verdict = Verdict { records, missing, tables: 0, stale: Vec::new() };
    for (section, content) in make_all(&sweep)? {
        for (name, made) in content.files(section.name, &sweep)? {
            let held = dir.join("tables").join(name);
            verdict.tables += 1;
            if !fs::read(&held).is_ok_and(|bytes| bytes == made) {
                verdict.stale.push(held);
            }
        }
    }
    Ok(verdict)
}

/// Writes a file of the report, whole or not at all: a full disk leaves the one of before.
fn put(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    replace(path, bytes).map_err(|error| match error {
        ExperimentError::Io { path, source } => ReportError::Write { path, source },
        other => ReportError::Read(other),
    })
}
