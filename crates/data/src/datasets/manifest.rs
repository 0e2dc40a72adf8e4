//! A user's own data: a CSV table with the columns
//! `case,image,label[,mask][,split][,subject]`, separated by commas, semicolons or tabs.
//!
//! Relative paths start at the CSV and must stay below its folder, so that a table from elsewhere
//! reads only files that came with it. Absolute paths are allowed. Label values are class indices
//! (0 is background); `data.classes` names them, which every task but one of the mask needs. That
//! uses the mask ([`MaskFile`]), or without one `label > 0`. `split` is `A`, `B` or empty. Cases
//! of one `subject` stay together; without that column BIDS names say who it is ([`subject_of`]).

use crate::config::DataConfig;
use crate::datasets::{CaseSource, Dataset, MaskFile, Source, escapes, subject_of};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use crate::text;
use slicewise_core::{Labels, Part, UnknownName};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The dataset `manifest`.
pub(crate) struct Manifest;

const COLUMNS: &[&str] = &["case", "image", "label", "mask", "split", "subject"];

/// What separates columns. Spreadsheets write semicolons where the comma is the decimal sign.
const SEPARATORS: &[u8] = b",;\t";

/// The cells of a row; empty where there is no such column.
struct Row {
    case: String,
    image: PathBuf,
    label: PathBuf,
    mask: PathBuf,
    split: String,
    subject: String,
}

impl Dataset for Manifest {
    fn name(&self) -> &'static str {
        "manifest"
    }

    fn summary(&self) -> &'static str {
        "a CSV with the columns case,image,label[,mask][,split][,subject], paths relative to it"
    }

    fn list(
        &self,
        config: &DataConfig,
        labels: &Labels,
    ) -> Result<Vec<CaseSource>, Vec<DataError>> {
        match rows(&config.root(), labels) {
            Ok((cases, problems)) if problems.is_empty() => Ok(cases),
            Ok((_, problems)) => Err(problems),
            Err(problem) => Err(vec![problem]),
        }
    }

    fn sound(&self, config: &DataConfig, labels: &Labels) -> Vec<CaseSource> {
        rows(&config.root(), labels).map_or_else(|_| Vec::new(), |(cases, _)| cases)
    }

    fn classes(&self, config: &DataConfig) -> Result<LabelGrouping, DataError> {
        let setting = |problem: &str| DataError::Setting {
            field: "classes",
            problem: problem.to_owned(),
        };
        let classes = config.classes.as_ref().ok_or_else(|| {
            setting("expected the class names, background first (dataset manifest), got none")
        })?;
        let unique: BTreeSet<&String> = classes.iter().collect();
        if !(2..=255).contains(&classes.len()) || unique.len() < classes.len() {
            return Err(setting(
                "expected 2 to 255 different names, background first",
            ));
        }
        let values: Vec<i32> = (0..classes.len() as i32).collect();
        let foreground = classes.iter().zip(values.chunks(1)).skip(1);
        Ok(LabelGrouping::new(
            &[0],
            foreground.map(|(name, value)| (name.as_str(), value)),
        ))
    }
}

/// Reads the table: the cases of its good rows, and the problems of the others.
fn rows(path: &Path, wanted: &Labels) -> Result<(Vec<CaseSource>, Vec<DataError>), DataError> {
    let text = text::read(
        path,
        "a CSV file with the columns case,image,label[,mask][,split][,subject]",
    )?;
    let (mut reader, headers) = open(&text, path)?;
    check_header(path, &headers)?;
    let mut problems = Vec::new();
    let mut cases = Vec::new();
    let mut seen = BTreeSet::new();
    for record in reader.records() {
        let record = record.map_err(|error| at(path, line_of(&error), error.to_string()));
        let case = record.and_then(|record| {
            let line = record.position().map(csv::Position::line);
            // Spreadsheets write rows of separators alone below a table.
            if record.iter().all(str::is_empty) {
                return Ok(None);
            }
            let row = row_of(&record, &headers).map_err(|problem| at(path, line, problem))?;
            case_of(path, line, row, wanted).map(Some)
        });
        match case {
            Ok(Some(case)) if !seen.insert(case.id.clone()) => {
                problems.push(DataError::DuplicateCase {
                    place: path.display().to_string(),
                    id: case.id,
                });
            }
            Ok(Some(case)) => cases.push(case),
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    if cases.is_empty() && problems.is_empty() {
        problems.push(at(
            path,
            None,
            "expected at least one case, got none".to_owned(),
        ));
    }
    Ok((cases, problems))
}

fn at(path: &Path, line: Option<u64>, problem: String) -> DataError {
    DataError::Table {
        path: path.to_owned(),
        line,
        problem,
    }
}

fn line_of(error: &csv::Error) -> Option<u64> {
    error.position().map(csv::Position::line)
}

/// Returns a reader of the rows and the header, split by the separator that gives most known columns.
fn open<'a>(
    text: &'a str,
    path: &Path,
) -> Result<(csv::Reader<&'a [u8]>, csv::StringRecord), DataError> {
    let mut best = None;
    for &separator in SEPARATORS {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let headers = reader.headers();
        let headers = headers.map_err(|error| at(path, Some(1), error.to_string()))?;
        let known = headers.iter().filter(|name| COLUMNS.contains(name)).count();
        if best.as_ref().is_none_or(|(most, _, _)| known > *most) {
            best = Some((known, headers.clone(), reader));
        }
    }
    let nothing = || at(path, None, "expected a header, got none".to_owned());
    best.map(|(_, headers, reader)| (reader, headers))
        .ok_or_else(nothing)
}

fn check_header(path: &Path, headers: &csv::StringRecord) -> Result<(), DataError> {
    let mut seen = BTreeSet::new();
    // Spreadsheets write empty columns beside a table.
    for name in headers.iter().filter(|name| !name.is_empty()) {
        let problem = if !COLUMNS.contains(&name) {
            let lower = name.to_lowercase();
            match COLUMNS.iter().find(|column| **column == lower) {
                Some(column) => format!("unknown column {name:?}; did you mean {column:?}?"),
                None => UnknownName::new("column", name, COLUMNS.iter().copied()).to_string(),
            }
        } else if !seen.insert(name) {
            format!("column \"{name}\" appears twice")
        } else {
            continue;
        };
        return Err(at(path, Some(1), problem));
    }
    for required in ["case", "image"] {
        if !seen.contains(required) {
            return Err(at(path, Some(1), format!("missing column \"{required}\"")));
        }
    }
    Ok(())
}

/// Returns the cells of a row. Cells beside the table's columns must be empty.
fn row_of(record: &csv::StringRecord, headers: &csv::StringRecord) -> Result<Row, String> {
    let named = |place: usize| headers.get(place).is_some_and(|name| !name.is_empty());
    let expected = (0..headers.len())
        .rev()
        .find(|&place| named(place))
        .map_or(0, |last| last + 1);
    if record.len() < expected {
        let got = record.len();
        return Err(format!(
            "expected {expected} fields, as the header has, got {got}"
        ));
    }
    let mut cells = record.iter().enumerate();
    if let Some((_, cell)) = cells.find(|(place, cell)| !named(*place) && !cell.is_empty()) {
        return Err(format!(
            "expected no field without a column, got \"{cell}\""
        ));
    }
    let cell = |column: &str| {
        let place = headers.iter().position(|name| name == column);
        let cell = place.and_then(|place| record.get(place));
        cell.unwrap_or_default().to_owned()
    };
    Ok(Row {
        case: cell("case"),
        image: cell("image").into(),
        label: cell("label").into(),
        mask: cell("mask").into(),
        split: cell("split"),
        subject: cell("subject"),
    })
}

fn case_of(
    path: &Path,
    line: Option<u64>,
    row: Row,
    wanted: &Labels,
) -> Result<CaseSource, DataError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let files = [
        ("image", &row.image),
        ("label", &row.label),
        ("mask", &row.mask),
    ];
    for (column, file) in files {
        if escapes(file) {
            let problem = format!(
                "expected the {column} of \"{}\" below the table's folder, or an absolute path, got \"{}\"",
                row.case,
                file.display()
            );
            return Err(at(path, line, problem));
        }
    }
    let given = |file: PathBuf| (!file.as_os_str().is_empty()).then(|| folder.join(file));
    let (labels, mask) = (given(row.label), given(row.mask));
    let needed = labels.is_none() && (*wanted != Labels::Mask || mask.is_none());
    if row.case.is_empty() || row.image.as_os_str().is_empty() || needed {
        let problem = format!(
            "expected a case, an image and a label, got \"{}\"",
            row.case
        );
        return Err(at(path, line, problem));
    }
    let part = match row.split.as_str() {
        "" => None,
        "A" => Some(Part::A),
        "B" => Some(Part::B),
        other => {
            let problem = format!("expected the split A or B, got \"{other}\"");
            return Err(at(path, line, problem));
        }
    };
    let names = [Some(&row.image), labels.as_ref(), mask.as_ref()];
    let has_control = |name: &Path| name.to_string_lossy().contains(char::is_control);
    if [&row.case, &row.subject]
        .iter()
        .any(|name| name.contains(char::is_control))
        || names.into_iter().flatten().any(|n| has_control(n))
    {
        let problem = "expected names without line breaks and other control characters, got some";
        return Err(at(
            path,
            line,
            format!("{problem} in the row of \"{}\"", row.case),
        ));
    }
    Ok(CaseSource {
        subject: match row.subject.is_empty() {
            true => subject_of(&row.case, &row.image),
            false => row.subject,
        },
        id: row.case,
        part,
        source: Source::Files {
            image: folder.join(row.image),
            labels,
            mask: mask.map(MaskFile::Mask),
        },
    })
}
