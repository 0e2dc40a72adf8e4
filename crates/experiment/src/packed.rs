//! Records kept compressed: `NAME.jsonl.gz` in place of `NAME.jsonl`.
//!
//! Records are text that repeats itself, a tenth of their size as gzip. A sweep writes them plain,
//! line after line; [`pack`] compresses those of a folder that is to be kept. Everything that reads
//! records takes both, and a sweep that goes on in such a folder unpacks what it appends to.

use crate::error::ExperimentError;
use crate::ledger;
use crate::results::{files_below, replace};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// What [`pack`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed {
    /// Files that were compressed.
    pub files: usize,
    /// Bytes before.
    pub plain_bytes: u64,
    /// Bytes after.
    pub packed_bytes: u64,
}

/// Compresses all records of the results folder at `root`. The same records give the same bytes.
///
/// # Errors
/// A sweep is at work in the folder, or a file cannot be read or written. Each ledger is then either
/// plain or compressed, and whole.
pub fn pack(root: &Path) -> Result<Packed, ExperimentError> {
    let mut done = Packed::default();
    for path in files_below(&root.join("records"))? {
        if is_packed(&path) {
            continue;
        }
        if ledger::in_use(&path) {
            return Err(ExperimentError::InUse { path });
        }
        let plain = fs::read(&path).map_err(ExperimentError::io(&path))?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let packed = encoder
            .write_all(&plain)
            .and_then(|()| encoder.finish())
            .map_err(ExperimentError::io(&path))?;
        replace(&packed_path(&path), &packed)?;
        fs::remove_file(&path).map_err(ExperimentError::io(&path))?;
        done.files += 1;
        done.plain_bytes += plain.len() as u64;
        done.packed_bytes += packed.len() as u64;
    }
    Ok(done)
}

/// The path of the compressed form of the ledger at `plain`.
pub(crate) fn packed_path(plain: &Path) -> PathBuf {
    plain.with_extension("jsonl.gz")
}

/// Whether `path` names a compressed ledger.
pub(crate) fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "gz")
}

/// The bytes of the ledger at `path`, decompressed if it is compressed.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ExperimentError> {
    let bytes = fs::read(path).map_err(ExperimentError::io(path))?;
    if !is_packed(path) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    match MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain) {
        Ok(_) => Ok(plain),
        Err(error) => Err(ExperimentError::Malformed {
            path: path.to_owned(),
            line: None,
            problem: format!(
                "expected records compressed as gzip, got: {error}; delete this file and the run \
                 is trained again"
            ),
        }),
    }
}

/// The path of the plain form of the ledger at `path`, which is decompressed first if need be.
pub(crate) fn unpack(path: &Path) -> Result<PathBuf, ExperimentError> {
    if !is_packed(path) {
        return Ok(path.to_owned());
    }
    let plain = path.with_extension("");
    // The plain file counts as soon as it is there, so a kill in between loses nothing.
    replace(&plain, &read(path)?)?;
    fs::remove_file(path).map_err(ExperimentError::io(path))?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger_in(folder: &Path) -> PathBuf {
        let path = folder.join("records/brain-extraction/unet/random-seed1.jsonl");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "{\"round\": 0}\n".repeat(400)).unwrap();
        path
    }

    #[test]
    fn records_are_the_same_after_packing_and_unpacking() {
        let scratch = tempfile::tempdir().unwrap();
        let path = ledger_in(scratch.path());
        let plain = fs::read(&path).unwrap();
        let done = pack(scratch.path()).unwrap();
        assert_eq!((done.files, done.plain_bytes), (1, plain.len() as u64));
        assert!(done.packed_bytes * 10 < done.plain_bytes);
        let packed = packed_path(&path);
        assert!(!path.exists() && packed.exists());
        assert_eq!(read(&packed).unwrap(), plain);
        assert_eq!(
            pack(scratch.path()).unwrap(),
            Packed::default(),
            "nothing is left to pack"
        );
        assert_eq!(unpack(&packed).unwrap(), path);
        assert!(path.exists() && !packed.exists());
        assert_eq!(fs::read(&path).unwrap(), plain);
    }

    #[test]
    fn a_damaged_file_says_what_to_do() {
        let scratch = tempfile::tempdir().unwrap();
        let path = ledger_in(scratch.path());
        pack(scratch.path()).unwrap();
        let packed = packed_path(&path);
        let bytes = fs::read(&packed).unwrap();
        for damaged in [&bytes[..bytes.len() / 2], b"no gzip", b""] {
            fs::write(&packed, damaged).unwrap();
            let message = read(&packed).unwrap_err().to_string();
            assert!(
                message.contains("expected records compressed as gzip")
                    && message.contains("delete this file and the run is trained again"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_folder_at_work_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let path = ledger_in(scratch.path());
        fs::write(&path, "").unwrap();
        let held = ledger::open(&path).unwrap();
        assert!(matches!(
            pack(scratch.path()),
            Err(ExperimentError::InUse { .. })
        ));
        drop(held);
        assert!(path.exists());
    }
}
