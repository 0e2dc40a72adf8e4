//! The volumes that a sweep keeps for figures ([`slicewise_experiment::pictures`]): of one unseen
//! case of a task the scan and the truth, and what the primary model made of it after each round of
//! the first seed.
//!
//! A volume that is not there is left out. One that is damaged, or does not fit its scan, is an
//! error.

use crate::curve::primary;
use crate::error::ReportError;
use crate::order::{PROPOSED, is_strategy, strategy_key};
use slicewise_data::{DataError, Image, Volume, nifti};
use slicewise_experiment::{
    CaseRecord, Cell, DataManifest, Results, ResultsFolder, RoundRecord, pictures,
};
use std::path::{Path, PathBuf};

/// Class indices, `[z, y, x]`.
pub(crate) type Labels = Volume<i32>;

/// Attention is stored as whole numbers up to this.
const FULL_ATTENTION: f64 = 255.0;

/// What is kept of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// SR1.
    Segmentation,
    /// The attention map of one class.
    Attention,
}

impl Kept {
    fn name(self) -> &'static str {
        match self {
            Self::Segmentation => "sr1",
            Self::Attention => "attention",
        }
    }
}

/// The kept case of one task.
pub(crate) struct Pictures<'a> {
    results: &'a Results,
    folder: ResultsFolder,
    pub(crate) data: &'a DataManifest,
    /// Case id.
    pub(crate) case: &'a str,
    pub(crate) scan: Image,
    pub(crate) truth: Labels,
}

impl<'a> Pictures<'a> {
    /// `None` if no scan or truth was kept in the results folder `root`.
    pub(crate) fn read(
        results: &'a Results,
        root: &Path,
        data: &'a DataManifest,
    ) -> Result<Option<Self>, ReportError> {
        let folder = ResultsFolder::new(root);
        let [image, labels] =
            ["image", "labels"].map(|what| folder.picture_of_case(data.task, what));
        let Some(case) = data.part_b.first() else {
            return Ok(None);
        };
        if !image.is_file() || !labels.is_file() {
            return Ok(None);
        }
        let scan = nifti::read_image(&image)?;
        let truth = fitting(&labels, &scan, &image, data.classes.len())?;
        Ok(Some(Self {
            results,
            folder,
            data,
            case,
            scan,
            truth,
        }))
    }

    /// Index and name of the class whose attention was kept.
    pub(crate) fn class(&self) -> Option<(usize, &'a str)> {
        pictures::pictured_class(&self.data.classes)
    }

    /// The strategy whose rounds are shown: the paper's, else the first that has any.
    pub(crate) fn strategy(&self, kept: Kept) -> Option<&'a str> {
        let names = primary(self.results).map(|record| record.strategy.as_str());
        names
            .filter(|name| is_strategy(name) && !self.rounds(name, kept).is_empty())
            .min_by_key(|name| (*name != PROPOSED, strategy_key(name)))
    }

    /// Records of the first seed by rising round, of which the segmentation and `kept` are there.
    pub(crate) fn rounds(&self, strategy: &str, kept: Kept) -> Vec<&'a RoundRecord> {
        let seed = self.results.manifest.seeds.first();
        let mut records: Vec<_> = primary(self.results)
            .filter(|record| record.task == self.data.task && Some(&record.seed) == seed)
            .filter(|record| record.strategy == strategy)
            .filter(|record| {
                [Kept::Segmentation, kept]
                    .iter()
                    .all(|kept| self.path(record, *kept).is_file())
            })
            .collect();
        records.sort_by_key(|record| record.round);
        records
    }

    /// Class indices of the segmentation after this round.
    pub(crate) fn segmentation(&self, record: &RoundRecord) -> Result<Labels, ReportError> {
        self.of_round(record, Kept::Segmentation, self.data.classes.len())
    }

    /// Attention for [`Pictures::class`] in `[0, 1]` after this round.
    pub(crate) fn attention(&self, record: &RoundRecord) -> Result<Volume<f64>, ReportError> {
        let stored = self.of_round(record, Kept::Attention, FULL_ATTENTION as usize + 1)?;
        let share = |value| f64::from(value) / FULL_ATTENTION;
        Ok(Volume {
            voxels: stored.voxels.mapv(share),
            geometry: stored.geometry,
        })
    }

    /// The case's scores after this round.
    pub(crate) fn scores<'r>(&self, record: &'r RoundRecord) -> Option<&'r CaseRecord> {
        record.cases.iter().find(|case| case.case == self.case)
    }

    fn path(&self, record: &RoundRecord, kept: Kept) -> PathBuf {
        let cell = Cell {
            task: record.task,
            model: record.model.clone(),
            strategy: record.strategy.clone(),
            seed: record.seed,
        };
        self.folder.picture(&cell, record.round, kept.name())
    }

    fn of_round(
        &self,
        record: &RoundRecord,
        kept: Kept,
        classes: usize,
    ) -> Result<Labels, ReportError> {
        let scan = self.folder.picture_of_case(self.data.task, "image");
        fitting(&self.path(record, kept), &self.scan, &scan, classes)
    }
}

/// Labels below `classes` on the grid of `scan`.
fn fitting(
    path: &Path,
    scan: &Image,
    scan_path: &Path,
    classes: usize,
) -> Result<Labels, ReportError> {
    let labels = nifti::read_labels(path)?;
    let shape = |(z, y, x)| format!("{x}×{y}×{z}");
    if labels.voxels.dim() != scan.voxels.dim() {
        return Err(ReportError::Picture(DataError::ShapeMismatch {
            path: path.to_owned(),
            reference: scan_path.to_owned(),
            expected: shape(scan.voxels.dim()),
            got: shape(labels.voxels.dim()),
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
