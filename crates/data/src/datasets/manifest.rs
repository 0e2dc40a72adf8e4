//! A user's own data: a CSV table with the columns
//! `case,image,label[,mask][,split]`.
//!
//! Relative paths start at the CSV and must stay below its folder, so that a table from elsewhere
//! reads only files that came with it. Absolute paths are allowed. Label values are class indices
//! (0 is background); `data.classes` names them, which every task but one of the mask needs. That
//! uses the mask ([`crate::datasets::MaskFile`]), or without one `label > 0`. `split` is `A`, `B` or empty.

use crate::config::DataConfig;
use crate::datasets::{CaseSource, Dataset, MaskFile, Source};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use serde::Deserialize;
use slicewise_core::{Labels, Part, UnknownName};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// The dataset `manifest`.
pub(crate) struct Manifest;

const COLUMNS: &[&str] = &["case", "image", "label", "mask", "split"];

#[derive(Deserialize)]
struct Row {
    case: String,
    image: PathBuf,
    #[serde(default)]
    label: Option<PathBuf>,
    #[serde(default)]
    mask: Option<PathBuf>,
    #[serde(default)]
    split: Option<String>,
}

impl Dataset for Manifest {
    fn name(&self) -> &'static str {
        "manifest"
    }

    fn summary(&self) -> &'static str {
        "a CSV with the columns case,image,label[,mask][,split], paths relative to it"
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
    let mut reader = open(path)?;
    let headers = reader
        .headers()
        .map_err(|error| at(path, Some(1), error.to_string()))?
        .clone();
    check_header(path, &headers)?;
    let mut problems = Vec::new();
    let mut cases = Vec::new();
    let mut seen = BTreeSet::new();
    for record in reader.records() {
        let row = record.map_err(|error| {
            let line = error.position().map(csv::Position::line);
            at(path, line, error.to_string())
        });
        let case = row.and_then(|record| {
            let line = record.position().map(csv::Position::line);
            let row = record
                .deserialize::<Row>(Some(&headers))
                .map_err(|error| at(path, line, error.to_string()))?;
            case_of(path, line, row, wanted)
        });
        match case {
            Ok(case) if !seen.insert(case.id.clone()) => {
                problems.push(DataError::DuplicateCase {
                    place: path.display().to_string(),
                    id: case.id,
                });
            }
            Ok(case) => cases.push(case),
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

fn open(path: &Path) -> Result<csv::Reader<std::fs::File>, DataError> {
    if !path.is_file() {
        return Err(DataError::Missing {
            path: path.to_owned(),
            expected: "a CSV file with the columns case,image,label[,mask][,split]".to_owned(),
        });
    }
    let file = std::fs::File::open(path).map_err(|source| DataError::Io {
        path: path.to_owned(),
        source,
    })?;
    Ok(csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(file))
}

fn check_header(path: &Path, headers: &csv::StringRecord) -> Result<(), DataError> {
    for name in headers {
        if !COLUMNS.contains(&name) {
            let unknown = UnknownName::new("column", name, COLUMNS.iter().copied());
            return Err(at(path, Some(1), unknown.to_string()));
        }
    }
    for required in ["case", "image"] {
        if !headers.iter().any(|name| name == required) {
            return Err(at(path, Some(1), format!("missing column \"{required}\"")));
        }
    }
    Ok(())
}

fn case_of(
    path: &Path,
    line: Option<u64>,
    row: Row,
    wanted: &Labels,
) -> Result<CaseSource, DataError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let files = [
        ("image", Some(&row.image)),
        ("label", row.label.as_ref()),
        ("mask", row.mask.as_ref()),
    ];
    for (column, file) in files {
        if let Some(file) = file.filter(|file| escapes(file)) {
            let problem = format!(
                "expected the {column} of \"{}\" below the table's folder, or an absolute path, got \"{}\"",
                row.case,
                file.display()
            );
            return Err(at(path, line, problem));
        }
    }
    let given = |file: Option<PathBuf>| {
        file.filter(|file| !file.as_os_str().is_empty())
            .map(|file| folder.join(file))
    };
    let (labels, mask) = (given(row.label), given(row.mask));
    let needed = labels.is_none() && (*wanted != Labels::Mask || mask.is_none());
    if row.case.is_empty() || row.image.as_os_str().is_empty() || needed {
        let problem = format!(
            "expected a case, an image and a label, got \"{}\"",
            row.case
        );
        return Err(at(path, line, problem));
    }
    let part = match row.split.as_deref() {
        None | Some("") => None,
        Some("A") => Some(Part::A),
        Some("B") => Some(Part::B),
        Some(other) => {
            let problem = format!("expected the split A or B, got \"{other}\"");
            return Err(at(path, line, problem));
        }
    };
    let names = [Some(&row.image), labels.as_ref(), mask.as_ref()];
    let has_control = |name: &Path| name.to_string_lossy().contains(char::is_control);
    if row.case.contains(char::is_control) || names.into_iter().flatten().any(|n| has_control(n)) {
        let problem = "expected names without line breaks and other control characters, got some";
        return Err(at(
            path,
            line,
            format!("{problem} in the row of \"{}\"", row.case),
        ));
    }
    Ok(CaseSource {
        subject: row.case.clone(),
        id: row.case,
        part,
        source: Source::Files {
            image: folder.join(row.image),
            labels,
            mask: mask.map(MaskFile::Mask),
        },
    })
}

/// Returns whether a relative path climbs above the folder that it starts in.
fn escapes(file: &Path) -> bool {
    let mut depth = 0;
    file.is_relative()
        && file.components().any(|component| {
            depth += match component {
                Component::ParentDir => -1,
                Component::Normal(_) => 1,
                _ => 0,
            };
            depth < 0
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_stays_below_the_table_unless_it_is_absolute() {
        for inside in [
            "a.nii",
            "a/b.nii",
            "./a.nii",
            "a/../b.nii",
            "/data/a.nii",
            "/a/../b.nii",
        ] {
            assert!(!escapes(Path::new(inside)), "{inside}");
        }
        for outside in ["../a.nii", "a/../../b.nii", "./../a.nii", ".."] {
            assert!(escapes(Path::new(outside)), "{outside}");
        }
    }
}
