//! What the experiment sees of a dataset: cases ready for training, in two parts.

use crate::definition::TaskDefinition;
use crate::hash::hex;
use crate::task::Task;
use crate::volume::{Image, LabelMap};
use ndarray::Array3;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// The label of a voxel on an annotated slice that its annotator was unsure of. It is no class: such a
/// voxel carries no loss.
pub const IGNORE: u8 = u8::MAX;

/// The part of the dataset that a case belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Part {
    /// Training volumes, annotated on some slices and scored on all.
    A,
    /// Unseen test volumes.
    B,
}

/// One preprocessed case of one task.
#[derive(Debug, Clone)]
pub struct Case {
    /// The case's id, unique within the dataset.
    pub id: String,
    /// Whether the case is in Part A or B.
    pub part: Part,
    /// Normalised intensities `[D, H, W]`, where D is the sliced axis: `[z, y, x]` for axial
    /// slices, see [`SliceAxis`](crate::SliceAxis).
    pub image: Image,
    /// True classes `[D, H, W]`, values `0..classes.len()`, or [`IGNORE`] where nobody drew.
    pub labels: LabelMap,
    /// True classes on the scan's own voxels `[D, H, W]`, cropped as `image` and with the same axis
    /// first. `None` if the case was not resampled, because `labels` are on the scan's own voxels then.
    pub own: Option<LabelMap>,
    /// The scan's own slice, counted from 0 in the whole scan, that the crop begins with.
    pub first_slice: usize,
}

impl Case {
    /// Returns the true classes `[D, H, W]`, with background where nobody drew.
    pub fn drawn_labels(&self) -> Cow<'_, Array3<u8>> {
        let labels = &self.labels.voxels;
        match labels.iter().any(|&class| class == IGNORE) {
            true => Cow::Owned(labels.mapv(|class| if class == IGNORE { 0 } else { class })),
            false => Cow::Borrowed(labels),
        }
    }

    /// Returns the scan's own slice, counted from 0 in the whole scan at the inferior, left or posterior
    /// end, that the centre of a slice lies in.
    pub fn scan_slice(&self, slice: usize) -> usize {
        let grid = match &self.own {
            Some(own) => &own.geometry,
            None => &self.image.geometry,
        };
        let centre = self.image.geometry.position_mm([slice as f64, 0.0, 0.0]);
        self.first_slice + grid.index_of(centre)[0].round().max(0.0) as usize
    }
}

/// How the intensities of all cases of a task become what a network sees: clipped, then shifted and
/// scaled by the same numbers in every case. All are in the unit of the scans, which is HU for CT.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntensityScale {
    /// Intensities below become this one.
    pub low: f64,
    /// Intensities above become this one.
    pub high: f64,
    /// The intensity that becomes 0.
    pub zero: f64,
    /// The difference of intensities that becomes 1, above 0.
    pub unit: f64,
}

impl IntensityScale {
    /// Returns what a network sees of an intensity.
    pub fn apply(&self, intensity: f32) -> f32 {
        let clipped = f64::from(intensity).max(self.low).min(self.high);
        ((clipped - self.zero) / self.unit) as f32
    }
}

/// The data of one task: its cases and the meaning of their labels.
#[derive(Debug, Clone)]
pub struct TaskData {
    /// The task.
    pub task: Task,
    /// What its labels are.
    pub definition: TaskDefinition,
    /// Class names by class index; `classes[0]` is background.
    pub classes: Vec<String>,
    /// How intensities were scaled, the same in every case. `None` if each case was standardised by
    /// its own mean and standard deviation.
    pub intensities: Option<IntensityScale>,
    /// All cases that are trained on or scored, sorted by id.
    pub cases: Vec<Case>,
    /// Cases of Part A, sorted by id, that are neither: their Dice along the training is in the
    /// learning curves and nowhere else.
    pub held_out: Vec<Case>,
}

impl TaskData {
    /// Returns the SHA-256, in hexadecimal, of everything that an experiment can see: task,
    /// definition (unless it is the paper's), classes, and each case's id, part, grid, intensities and labels,
    /// after all others those of cases that are held out.
    /// The labels on the scan's own voxels are left out: they are for scores alone, and those that
    /// train follow from them.
    pub fn sha256(&self) -> String {
        let mut hasher = Sha256::new();
        // Each text is preceded by its length, so that no two datasets give the same bytes.
        let text = |hasher: &mut Sha256, text: &str| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        text(&mut hasher, self.task.name());
        if self.task.preset().is_none() {
            text(&mut hasher, &self.definition.to_string());
        }
        hasher.update((self.classes.len() as u64).to_le_bytes());
        for class in &self.classes {
            text(&mut hasher, class);
        }
        let held_out = self.held_out.iter().map(|case| (case, "held out"));
        let cases = self.cases.iter().map(|case| match case.part {
            Part::A => (case, "A"),
            Part::B => (case, "B"),
        });
        for (case, part) in cases.chain(held_out) {
            text(&mut hasher, &case.id);
            text(&mut hasher, part);
            for &length in case.image.voxels.shape() {
                hasher.update((length as u64).to_le_bytes());
            }
            for value in case.image.geometry.affine.iter().flatten() {
                hasher.update(value.to_le_bytes());
            }
            let intensities = case.image.voxels.iter();
            let bytes: Vec<u8> = intensities.flat_map(|value| value.to_le_bytes()).collect();
            hasher.update(bytes);
            let labels: Vec<u8> = case.labels.voxels.iter().copied().collect();
            hasher.update(labels);
        }
        hex(&hasher.finalize())
    }
}
