//! Reads a results folder back, for reports.

use crate::error::ExperimentError;
use crate::folder::{ResultsFolder, ledgers};
use crate::ledger;
use crate::manifest::Manifest;
use crate::packed;
use crate::record::RoundRecord;
use rayon::prelude::*;
use std::fs;
use std::path::Path;

/// The content of a results folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// The manifest: provenance of the sweep.
    pub manifest: Manifest,
    /// The text of `config.yaml`.
    pub config: String,
    /// All whole records, sorted by task, model, strategy, seed, fold and round.
    pub records: Vec<RoundRecord>,
}

impl Results {
    /// Reads the folder at `root`. A torn last line of a ledger, left by a process that was killed
    /// while writing, is ignored.
    ///
    /// # Errors
    /// A file is missing or malformed, or records have another schema.
    pub fn read(root: &Path) -> Result<Self, ExperimentError> {
        let folder = ResultsFolder::new(root);
        let path = folder.config();
        let config = fs::read_to_string(&path).map_err(ExperimentError::io(path))?;
        let manifest = Manifest::read(&folder.manifest())?;
        let mut records = Vec::new();
        if let Some(text) = packed::read(&folder)? {
            records = ledger::parse(&folder.packed_records(), &text)?.records;
        } else {
            // Ledgers are read in parallel: reading takes longer than making the report from them.
            let ledgers: Vec<_> = ledgers(root)?
                .par_iter()
                .map(|path| ledger::read(path))
                .collect();
            for ledger in ledgers {
                records.extend(ledger?.records);
            }
        }
        records.sort_by_cached_key(|r: &RoundRecord| {
            let (model, strategy) = (r.model.clone(), r.strategy.clone());
            (r.task, model, strategy, r.seed, r.fold, r.round)
        });
        Ok(Self {
            manifest,
            config,
            records,
        })
    }
}
