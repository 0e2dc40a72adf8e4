//! The project's scans as a network sees them, with what was drawn on them.

use crate::annotations::drawn_slices;
use crate::error::ProjectError;
use crate::folder::ProjectFolder;
use crate::settings::Settings;
use crate::state::State;
use rayon::prelude::*;
use slicewise_core::{LabelMap, TrainingCase};
use slicewise_data::PreparedScan;
use slicewise_data::scan::{prepare_scan, scale_of};
use std::path::PathBuf;

/// One case, ready for a network.
#[derive(Debug)]
pub struct ProjectCase {
    /// The case's id.
    pub id: String,
    /// The prepared scan.
    pub scan: PreparedScan,
    /// What was drawn, on the network's grid `[D, H, W]`: classes, or
    /// [`IGNORE`](slicewise_core::IGNORE).
    pub labels: LabelMap,
    /// Which slices of that grid are annotated, `[D]`.
    pub annotated: Vec<bool>,
}

impl ProjectCase {
    /// Returns the case as a trainer sees it.
    pub fn training(&self) -> TrainingCase<'_> {
        TrainingCase {
            image: &self.scan.image.voxels,
            labels: &self.labels.voxels,
            annotated: &self.annotated,
        }
    }
}

/// Loads all cases, sorted by id.
///
/// # Errors
/// A scan or a drawing cannot be read.
pub fn load_cases(
    folder: &ProjectFolder,
    state: &State,
    settings: &Settings,
) -> Result<Vec<ProjectCase>, ProjectError> {
    let scans: Vec<(&String, PathBuf)> = state
        .scans
        .iter()
        .map(|(case, scan)| (case, folder.scan_file(&scan.file)))
        .collect();
    let paths = scans.iter().map(|(_, path)| path.as_path());
    let scale = scale_of(paths, settings.axis, &settings.preparation)?;
    let classes = settings.classes.len();
    let loaded = scans.par_iter().map(|(case, path)| {
        let scan = prepare_scan(path, settings.axis, &settings.preparation, scale.as_ref())?;
        let drawn = drawn_slices(folder, state, case)?;
        let (labels, annotated) = scan.annotation(&drawn, classes);
        Ok(ProjectCase {
            id: (*case).clone(),
            scan,
            labels,
            annotated,
        })
    });
    loaded.collect()
}
