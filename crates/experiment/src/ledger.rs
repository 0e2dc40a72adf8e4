//! The ledger of one run: an append-only file with one line of JSON for each round.
//!
//! A line counts once its newline is on disk. A process that is killed while writing leaves a torn
//! last line. [`read`] ignores that line and reports it; [`open`] removes it before the next
//! append. Whoever writes a run's ledger holds the run ([`crate::holder`]).

use crate::error::ExperimentError;
use crate::folder::{json, make_parent};
use crate::record::RoundRecord;
use crate::schema;
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, Write};
use std::path::Path;

/// Content of a ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// The whole records, in the order of their rounds.
    pub records: Vec<RoundRecord>,
    /// Length of the whole records in bytes.
    pub whole_bytes: u64,
    /// Whether a torn line follows them.
    pub torn: bool,
}

/// Reads the ledger at `path`.
///
/// # Errors
/// The file cannot be read, or a whole line is no record or has a schema that is not known. This
/// function does not check that the rounds are those of the plan; [`crate::run`] does.
pub fn read(path: &Path) -> Result<Contents, ExperimentError> {
    parse(path, &fs::read(path).map_err(ExperimentError::io(path))?)
}

/// Reads the records in `text`, the content of the file at `path`.
pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Contents, ExperimentError> {
    let whole = text
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    let mut records = Vec::new();
    let mut rest = &text[..whole];
    while !rest.is_empty() {
        let from_here = rest;
        // This finds the line's end many bytes at a time, which splitting a slice does not.
        let length = rest.skip_until(b'\n').map_err(ExperimentError::io(path))?;
        let line = &from_here[..length];
        let malformed = |problem| ExperimentError::Malformed {
            path: path.to_owned(),
            line: Some(records.len() + 1),
            problem,
        };
        let record = schema::read(line).map_err(malformed)?;
        records.push(record);
    }
    Ok(Contents {
        records,
        whole_bytes: whole as u64,
        torn: whole < text.len(),
    })
}

/// Opens the ledger at `path` for appending, and makes it if there is none. Removes a torn last
/// line. Returns the file and its content.
///
/// # Errors
/// Those of [`read`]; the file cannot be written.
pub fn open(path: &Path) -> Result<(File, Contents), ExperimentError> {
    make_parent(path)?;
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(ExperimentError::io(path))?;
    let contents = read(path)?;
    if contents.torn {
        file.set_len(contents.whole_bytes)
            .map_err(ExperimentError::io(path))?;
    }
    Ok((file, contents))
}

/// Appends `value` as one line of JSON and waits until it is on disk.
///
/// # Errors
/// The file cannot be written.
pub fn append(file: &mut File, path: &Path, value: &impl Serialize) -> Result<(), ExperimentError> {
    let mut line = json(path, value)?;
    line.push(b'\n');
    file.write_all(&line)
        .and_then(|()| file.sync_data())
        .map_err(ExperimentError::io(path))
}
