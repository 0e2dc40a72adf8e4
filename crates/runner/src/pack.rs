//! `slicewise pack`: compresses the records of results folders that are to be kept.

use crate::failure::{Failure, Outcome};
use slicewise_experiment::{Results, ResultsFolder, packed};
use std::path::PathBuf;

/// Packs each folder, once it reads as results, and says by how much it became smaller; or, to `undo` it,
/// unpacks each and says so.
pub(crate) fn run(folders: &[PathBuf], undo: bool) -> Outcome {
    for root in folders {
        Results::read(root).map_err(Failure::input)?;
        let folder = ResultsFolder::new(root);
        if undo {
            packed::unpack(&folder).map_err(Failure::input)?;
            println!("{}: each run has its own file of records", root.display());
            continue;
        }
        let done = packed::pack(&folder).map_err(Failure::input)?;
        println!(
            "{}: {} runs, {:.1} MB -> {:.1} MB",
            root.display(),
            done.ledgers,
            done.plain_bytes as f64 / 1e6,
            done.packed_bytes as f64 / 1e6
        );
    }
    Ok(())
}
