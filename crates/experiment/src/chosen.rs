//! The slices that a round is trained on, kept beside its checkpoints. A run that is stopped within a
//! round goes on with them: to ask its strategy again could give others, if the strategy is a program
//! that has been mended since, or on a GPU, and the weights would then belong to neither.

use crate::error::ExperimentError;
use crate::folder::{json, make_parent, replace};
use crate::record::QueryRecord;
use crate::run::PreparedRun;
use serde::{Deserialize, Serialize};
use std::fs;

/// What a strategy chose for a round.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chosen {
    /// Slices of each case.
    pub(crate) queries: Vec<QueryRecord>,
    /// SHA-256 of the program that chose them; `None` if slicewise did.
    pub(crate) program_sha256: Option<String>,
}

impl PreparedRun<'_> {
    /// Writes what was chosen for `round`, before its training.
    pub(crate) fn keep_chosen(&self, round: usize, chosen: &Chosen) -> Result<(), ExperimentError> {
        let path = self.folder.chosen(self.id, round);
        make_parent(&path)?;
        replace(&path, &json(&path, chosen)?)
    }

    /// Returns what was chosen for `round` before the run was stopped in it; `None` if it was not, or if
    /// the file is damaged. Then the strategy is asked, and the round is trained from its start.
    pub(crate) fn kept_chosen(&self, round: usize) -> Option<Chosen> {
        let text = fs::read(self.folder.chosen(self.id, round)).ok()?;
        let chosen = serde_json::from_slice(&text).ok();
        if chosen.is_none() {
            // Its steps may have been trained on other slices.
            let _ = fs::remove_file(self.folder.training(self.id, round));
        }
        chosen
    }
}
