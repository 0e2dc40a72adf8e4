//! `slicewise pack`: compresses the records of results folders that are to be kept.

use crate::failure::{Failure, Outcome};
use slicewise_experiment::{Results, packed};
use std::path::PathBuf;

/// Packs each folder, once it reads as results, and says by how much it became smaller.
pub(crate) fn run(folders: &[PathBuf]) -> Outcome {
    for root in folders {
        Results::read(root).map_err(Failure::input)?;
        let done = packed::pack(root).map_err(Failure::input)?;
        println!(
            "{}: {} files, {:.1} MB -> {:.1} MB",
            root.display(),
            done.files,
            done.plain_bytes as f64 / 1e6,
            done.packed_bytes as f64 / 1e6
        );
    }
    Ok(())
}
