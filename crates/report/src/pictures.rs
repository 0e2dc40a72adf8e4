//! The volumes that a sweep keeps for figures ([`slicewise_experiment::pictures`]): of one unseen
//! case of a task the scan and the truth, and what the primary model made of it after each round of
//! the first seed.
//!
//! A volume that is not there is left out. One that is damaged, or does not fit its scan, is an
//! error.

use crate::prelude::*;
use crate::sweep::Sweep;
use slicewise_data::error::GridCause;
use slicewise_data::{DataError, Image, SliceAxis, Volume, nifti};
use slicewise_experiment::{DataManifest, ResultsFolder, Run};
use std::path::{Path, PathBuf};

/// Class indices, `[D, H, W]`, the sliced axis first.
pub(crate) type Labels = Volume<i32>;

/// Attention is stored as whole numbers up to this.
const FULL_ATTENTION: f64 = 255.0;

/// What is kept of a round: SR1.
pub(crate) const SEGMENTATION: &str = "sr1";

/// What is kept of a round: the attention map of one class.
pub(crate) const ATTENTION: &str = "attention";

/// The kept case of one task.
pub(crate) struct Pictures<'a> {
    sweep: &'a Sweep<'a>,
    folder: ResultsFolder,
    pub(crate) data: &'a DataManifest,
    /// Case id.
    pub(crate) case: &'a str,
    /// The axis that the case is sliced along.
    pub(crate) axis: SliceAxis,
    pub(crate) scan: Image,
    pub(crate) truth: Labels,
}

impl<'a> Pictures<'a> {
    /// `None` if no scan or truth was kept, or no figures of them are wanted.
    pub(crate) fn read(sweep: &'a Sweep<'a>, data: &'a DataManifest) -> Result<Option<Self>> {
        let (Some(root), Some(case)) = (sweep.root, data.part_b.first()) else { return Ok(None) };
        let folder = ResultsFolder::new(root);
        let [image, labels] =
            ["image", "labels"].map(|what| folder.picture_of_case(data.task, what));
        if !image.is_file() || !labels.is_file() {
            return Ok(None);
        }
        let axis = data.slice_axis(case);
        let scan = nifti::read_image(&image)?.sliced_along(axis);
        let truth = fitting(&labels, (&scan, &image, axis), data.classes.len())?;
        Ok(Some(Self { sweep, folder, data, case, axis, scan, truth }))
    }

    /// The rounds of the strategy that is shown: the paper's, else the first that has any.
    pub(crate) fn strategy(&self, kept: &str) -> Vec<&'a RoundRecord> {
        let arms = self.sweep.primary().map(|round| &round.arm).filter(|arm| arm.is_strategy());
        let arms = arms.sorted_by_key(|arm| (!arm.is_proposed(), *arm));
        let mut kept = arms.map(|arm| self.rounds(arm, kept));
        kept.find(|rounds| !rounds.is_empty()).unwrap_or_default()
    }

    /// The rounds of the first seed by rising ratio, of which the segmentation and `kept` are there.
    pub(crate) fn rounds(&self, arm: &Arm, kept: &str) -> Vec<&'a RoundRecord> {
        let seed = self.sweep.results.manifest.seeds.first();
        let rounds = self.sweep.primary().filter(|round| round.longest && round.arm == *arm);
        let rounds = rounds.filter(|round| round.task == self.data.task);
        let records = rounds.flat_map(|round| round.records.iter().copied());
        let is_kept = |record: &RoundRecord, kept| self.path(record, kept).is_file();
        records
            .filter(|record| Some(&record.seed) == seed)
            .filter(|record| is_kept(record, SEGMENTATION) && is_kept(record, kept))
            .collect()
    }

    /// Class indices of the segmentation after this round.
    pub(crate) fn segmentation(&self, record: &RoundRecord) -> Result<Labels> {
        self.of_round(record, SEGMENTATION, self.data.classes.len())
    }

    /// Attention for the [pictured class](slicewise_experiment::pictures::pictured_class) in `[0, 1]` after this round.
    pub(crate) fn attention(&self, record: &RoundRecord) -> Result<Volume<f64>> {
        let stored = self.of_round(record, ATTENTION, FULL_ATTENTION as usize + 1)?;
        let share = |value| f64::from(value) / FULL_ATTENTION;
        Ok(Volume { voxels: stored.voxels.mapv(share), geometry: stored.geometry })
    }

    /// The case's scores after this round.
    pub(crate) fn scores<'r>(&self, record: &'r RoundRecord) -> Option<&'r CaseRecord> {
        record.cases.iter().find(|case| case.case == self.case)
    }

    fn path(&self, record: &RoundRecord, kept: &str) -> PathBuf {
        let (model, strategy) = (record.model.clone(), record.strategy.clone());
        let run = Run { task: record.task, model, strategy, seed: record.seed, fold: record.fold };
        self.folder.picture(&run, record.round, kept)
    }

    fn of_round(&self, record: &RoundRecord, kept: &str, classes: usize) -> Result<Labels> {
        let scan = self.folder.picture_of_case(self.data.task, "image");
        fitting(&self.path(record, kept), (&self.scan, &scan, self.axis), classes)
    }
}

/// Labels below `classes` on the grid of a scan, which comes with its file and its sliced axis.
fn fitting(
    path: &Path,
    (scan, scan_path, axis): (&Image, &Path, SliceAxis),
    classes: usize,
) -> Result<Labels> {
    let labels = nifti::read_labels(path)?.sliced_along(axis);
    let shape = |(z, y, x)| format!("{x}×{y}×{z}").into();
    if labels.voxels.dim() != scan.voxels.dim() {
        return Err(ReportError::Picture(DataError::ShapeMismatch {
            path: path.to_owned(),
            reference: scan_path.to_owned(),
            expected: shape(scan.voxels.dim()),
            got: shape(labels.voxels.dim()),
            cause: GridCause::OtherGrid,
        }));
    }
    let known = |value: i32| usize::try_from(value).is_ok_and(|value| value < classes);
    if let Some(&value) = labels.voxels.iter().find(|&&value| !known(value)) {
        return Err(ReportError::Picture(DataError::UnknownLabel {
            path: path.to_owned(),
            value,
            count: labels.voxels.iter().filter(|&&v| v == value).count(),
            expected: format!("0 to {}", classes - 1),
        }));
    }
    Ok(labels)
}
