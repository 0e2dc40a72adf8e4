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

use slicewise_experiment::{ExperimentError, Results};
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
    let (mut files, article) = tables_and_figures(results, dir)?;
    files.push(write_page(dir, &article)?);
    Ok(Written { files })
}

/// Writes the report of each results folder in `dirs`, and one page of all of them to `out`.
///
/// # Errors
/// As [`write()`]; `out` cannot be written.
pub fn write_together(out: &Path, dirs: &[PathBuf]) -> Result<Written, ReportError> {
    let mut files = Vec::new();
    let mut articles = Vec::new();
    for dir in dirs {
        let results = Results::read(dir)?;
        let (written, article) = tables_and_figures(&results, dir)?;
        files.extend(written);
        files.push(write_page(dir, &article)?);
        articles.push(article);
    }
    let title = out.file_stem().unwrap_or_default().to_string_lossy();
    put(out, page::document(&title, &articles).as_bytes())?;
    files.push(out.to_owned());
    Ok(Written { files })
}

/// Writes `report.html` of one sweep.
fn write_page(dir: &Path, article: &page::Article) -> Result<PathBuf, ReportError> {
    let page = dir.join("report.html");
    let html = page::document(&article.name, std::slice::from_ref(article));
    put(&page, html.as_bytes())?;
    Ok(page)
}

/// Writes all of a report but its page, and returns that page's content.
fn tables_and_figures(
    results: &Results,
    dir: &Path,
) -> Result<(Vec<PathBuf>, page::Article), ReportError> {
    if results.records.is_empty() {
        return Err(ReportError::NoRecords {
            dir: dir.to_owned(),
        });
    }
    let numbers = Numbers::of(results);
    let mut files = write_tables(results, &numbers, &folder(dir, "tables")?)?;
    let Numbers {
        curves,
        agreements,
        statistics,
        comparisons,
    } = numbers;
    let figures = folder(dir, "figures")?;
    let drawings = figure::write_all(results, &curves, &agreements, dir, &figures)?;
    files.extend(drawings.iter().flat_map(|drawing| drawing.files.clone()));
    let between = page::between(&statistics, &comparisons);
    let article = page::article(results, &curves, &agreements, &drawings, between);
    Ok((files, article))
}

/// All that tables, figures and page say in numbers.
struct Numbers {
    curves: curve::Curves,
    agreements: Vec<agreement::PrAgreement>,
    statistics: Vec<statistics::Statistic>,
    comparisons: Vec<comparison::Comparison>,
}

impl Numbers {
    fn of(results: &Results) -> Self {
        let curves = curve::Curves::of(results);
        Self {
            agreements: agreement::agreements(results),
            statistics: statistics::statistics(results, &curves),
            comparisons: comparison::comparisons(results),
            curves,
        }
    }
}

/// Writes every table into the folder `tables`.
fn write_tables(
    results: &Results,
    numbers: &Numbers,
    tables: &Path,
) -> Result<Vec<PathBuf>, ReportError> {
    let Numbers {
        curves,
        agreements,
        statistics,
        comparisons,
    } = numbers;
    let mut files = Vec::new();
    for table in table::all(results, curves, agreements)? {
        files.extend(table.write(tables)?);
    }
    for table in table::between_strategies(results, curves, statistics, comparisons)? {
        files.extend(table.write(tables)?);
    }
    if curves.has_rounds() {
        let short = tables.join("table2-short.md");
        put(
            &short,
            table::Layout::short(curves).markdown(results).as_bytes(),
        )?;
        files.push(short);
    }
    Ok(files)
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

/// Makes every table of the results folder `dir` again, elsewhere, and compares.
///
/// # Errors
/// The folder cannot be read, or there is no place for temporary files.
pub fn verify(dir: &Path) -> Result<Verdict, ReportError> {
    let results = Results::read(dir)?;
    let scratch = tempfile::tempdir().map_err(ReportError::io(&std::env::temp_dir()))?;
    let made = write_tables(&results, &Numbers::of(&results), scratch.path())?;
    let same = |made: &Path, held: &Path| matches!((fs::read(made), fs::read(held)), (Ok(a), Ok(b)) if a == b);
    let held = made.iter().map(|made| {
        let name = made.file_name().unwrap_or_default();
        (made, dir.join("tables").join(name))
    });
    Ok(Verdict {
        records: results.records.len(),
        missing: coverage::missing(&results),
        tables: made.len(),
        stale: held
            .filter(|(made, held)| !same(made, held))
            .map(|(_, held)| held)
            .collect(),
    })
}

/// The folder `name` in `dir`, made if need be.
fn folder(dir: &Path, name: &str) -> Result<PathBuf, ReportError> {
    let path = dir.join(name);
    fs::create_dir_all(&path).map_err(ReportError::io(&path))?;
    Ok(path)
}

/// Writes a file of the report, whole or not at all: a full disk leaves the one of before.
fn put(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    slicewise_experiment::results::replace(path, bytes).map_err(|error| match error {
        ExperimentError::Io { path, source } => ReportError::Write { path, source },
        other => ReportError::Read(other),
    })
}
