//! Keeps volumes for the figures that show segmentations (the paper's Figs. 3 and 6), so that the
//! figures can be drawn without training again. The files are NIfTI, which any viewer reads.
//!
//! For each task one unseen case is kept, the first of Part B. The attention map is kept for one
//! class: the ventricles, as in the paper, or else the first foreground class.

use crate::error::ExperimentError;
use crate::folder::{ResultsFolder, make_parent};
use crate::plan::Run;
use slicewise_core::Prediction;
use slicewise_data::{Case, LabelMap, Part, TaskData, nifti};
use std::path::Path;

/// Name of the class whose attention map the paper shows.
const VENTRICLES: &str = "ventricles";

/// Returns the case whose volumes are kept: the first of Part B, if there is one.
pub fn pictured_case(data: &TaskData) -> Option<&Case> {
    data.cases.iter().find(|case| case.part == Part::B)
}

/// Returns index and name of the class whose attention map is kept. `classes` starts with
/// background.
pub fn pictured_class(classes: &[String]) -> Option<(usize, &str)> {
    let foreground = || classes.iter().map(String::as_str).enumerate().skip(1);
    foreground()
        .find(|(_, name)| *name == VENTRICLES)
        .or_else(|| foreground().next())
}

/// Writes the scan and ground truth of `case`, unless the files exist.
pub(crate) fn save_case(
    folder: &ResultsFolder,
    run: &Run,
    case: &Case,
) -> Result<(), ExperimentError> {
    let path = folder.picture_of_case(run.task, "image");
    if !path.exists() {
        make_parent(&path)?;
        nifti::write_image(&path, &case.image)?;
    }
    let path = folder.picture_of_case(run.task, "labels");
    if path.exists() {
        return Ok(());
    }
    let labels = LabelMap {
        voxels: case.drawn_labels().into_owned(),
        geometry: case.labels.geometry.clone(),
    };
    Ok(nifti::write_labels(&path, &labels)?)
}

/// Writes SR1 and the attention map of one round. The map's values are multiplied by 255 and
/// rounded.
pub(crate) fn save_round(
    folder: &ResultsFolder,
    run: &Run,
    round: usize,
    case: &Case,
    classes: &[String],
    prediction: &Prediction,
) -> Result<(), ExperimentError> {
    let write = |path: &Path, voxels| {
        make_parent(path)?;
        let geometry = case.labels.geometry.clone();
        nifti::write_labels(path, &LabelMap { voxels, geometry }).map_err(ExperimentError::from)
    };
    write(&folder.picture(run, round, "sr1"), prediction.sr1.clone())?;
    if let Some(attention) = &prediction.attention
        && let Some((class, _)) = pictured_class(classes)
    {
        let values = attention.index_axis(ndarray::Axis(0), class);
        let bytes = values.mapv(|value| (value * 255.0).round() as u8);
        write(&folder.picture(run, round, "attention"), bytes)?;
    }
    Ok(())
}
