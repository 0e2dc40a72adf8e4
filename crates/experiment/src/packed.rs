//! The records of all runs in one compressed file, `records.jsonl.zst`, for results that are kept.
//!
//! Records are numbers as text, and the runs of a sweep repeat each other's, so together they take a
//! quarter of their size. A sweep writes a ledger for each run, line after line; [`pack`] moves
//! these lines into one file. Everything that reads results takes either. A sweep that goes on in
//! such a folder unpacks it first.
//!
//! The packed file counts wherever it is. It is written whole before the ledgers go, and goes after
//! they are back, so a kill at any moment loses nothing.

use crate::error::ExperimentError;
use crate::folder::{ResultsFolder, ledgers, make_parent, replace};
use crate::holder;
use crate::ledger;
use crate::plan::Run;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// zstd's level: the best but for three that need more memory to read.
const LEVEL: i32 = 19;
/// Matches are sought in the last 2²⁷ bytes, which is more than the records of most sweeps.
const WINDOW_LOG: u32 = 27;

/// Result of [`pack`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed {
    /// Number of ledgers that were packed.
    pub ledgers: usize,
    /// Their size in bytes.
    pub plain_bytes: u64,
    /// Size of the packed file in bytes.
    pub packed_bytes: u64,
}

/// Moves the ledgers of a results folder into one compressed file. Does nothing if there are none.
///
/// # Errors
/// A sweep is at work in the folder, a ledger is malformed, or a file cannot be read or written.
pub fn pack(folder: &ResultsFolder) -> Result<Packed, ExperimentError> {
    let paths = ledgers(folder.root())?;
    if paths.is_empty() || folder.packed_records().exists() {
        return Ok(Packed::default());
    }
    let mut text = Vec::new();
    for path in &paths {
        if let Some(found) = holder::live(&path.with_extension("holder")) {
            return Err(ExperimentError::InUse {
                path: path.clone(),
                holder: found.name(),
            });
        }
        let bytes = fs::read(path).map_err(ExperimentError::io(path))?;
        let whole = ledger::parse(path, &bytes)?.whole_bytes as usize;
        text.extend_from_slice(&bytes[..whole]);
    }
    let path = folder.packed_records();
    let packed = compress(&text).map_err(ExperimentError::io(&path))?;
    replace(&path, &packed)?;
    remove_ledgers(&paths)?;
    Ok(Packed {
        ledgers: paths.len(),
        plain_bytes: text.len() as u64,
        packed_bytes: packed.len() as u64,
    })
}

/// Writes the ledgers of a packed folder again and removes the packed file. Does nothing if there is
/// none.
///
/// # Errors
/// The packed file is damaged, or a file cannot be written.
pub fn unpack(folder: &ResultsFolder) -> Result<(), ExperimentError> {
    let Some(text) = read(folder)? else {
        return Ok(());
    };
    let path = folder.packed_records();
    let records = ledger::parse(&path, &text)?.records;
    let mut texts: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for (record, line) in records
        .iter()
        .zip(text.split_inclusive(|&byte| byte == b'\n'))
    {
        let run = Run {
            task: record.task,
            model: record.model.clone(),
            strategy: record.strategy.clone(),
            seed: record.seed,
            fold: record.fold,
        };
        texts.entry(folder.records(&run)).or_default().extend(line);
    }
    for (ledger, text) in texts {
        make_parent(&ledger)?;
        replace(&ledger, &text)?;
    }
    fs::remove_file(&path).map_err(ExperimentError::io(path))
}

/// Returns the lines of the packed file, or `None` if there is none.
pub(crate) fn read(folder: &ResultsFolder) -> Result<Option<Vec<u8>>, ExperimentError> {
    let path = folder.packed_records();
    let packed = match fs::read(&path) {
        Ok(packed) => packed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ExperimentError::io(path)(error)),
    };
    match decompress(&packed) {
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(ExperimentError::Malformed {
            path,
            line: None,
            problem: format!(
                "expected records compressed by `slicewise pack`, got: {error}; take the file from \
                 where it was kept, or delete it and run the sweep again"
            ),
        }),
    }
}

fn compress(text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.window_log(WINDOW_LOG)?;
    encoder.include_checksum(true)?;
    std::io::Write::write_all(&mut encoder, text)?;
    encoder.finish()
}

fn decompress(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut decoder = zstd::Decoder::new(packed)?;
    decoder.window_log_max(WINDOW_LOG)?;
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut decoder, &mut text)?;
    Ok(text)
}

/// Removes the ledgers and the folders that they leave empty.
fn remove_ledgers(paths: &[PathBuf]) -> Result<(), ExperimentError> {
    for path in paths {
        fs::remove_file(path).map_err(ExperimentError::io(path))?;
        for folder in path.ancestors().skip(1).take(3) {
            // A folder that still holds something stays.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
    Ok(())
}
