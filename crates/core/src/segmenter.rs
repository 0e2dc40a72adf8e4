//! What the round loop asks of a model. `slicewise-model` implements it with libtorch; tests of
//! the round loop use a fake that answers in microseconds.

use crate::case::Case;
use crate::prediction::{Prediction, Wanted};
use ndarray::Array3;
use std::ops::{ControlFlow, Range};
use std::path::Path;

/// Any failure of a model, with the model's own message.
pub type SegmenterError = Box<dyn std::error::Error + Send + Sync>;

/// One Part A volume as the trainer sees it.
#[derive(Debug, Clone, Copy)]
pub struct TrainingCase<'a> {
    /// Normalised intensities, `[D, H, W]`.
    pub image: &'a Array3<f32>,
    /// True classes, `[D, H, W]`, or [`IGNORE`](crate::IGNORE). Only annotated slices may be read.
    pub labels: &'a Array3<u8>,
    /// Which slices are annotated, `[D]`. Voxels of the others carry no loss.
    pub annotated: &'a [bool],
}

impl<'a> TrainingCase<'a> {
    /// Joins a case with its annotated slices, `[D]`.
    pub fn of(case: &'a Case, annotated: &'a [bool]) -> Self {
        Self {
            image: &case.image.voxels,
            labels: &case.labels.voxels,
            annotated,
        }
    }
}

/// A model that can be trained, queried for predictions, saved and loaded.
pub trait Segmenter {
    /// Whether predictions contain SR2.
    fn has_attention(&self) -> bool;

    /// Number of trainable parameters; `None` if the model does not say.
    fn parameters(&self) -> Option<u64> {
        None
    }

    /// SHA-256, in hexadecimal, of the command and the files of a model that is a program of the user's
    /// own; `None` for every other.
    fn program_sha256(&self) -> Option<String> {
        None
    }

    /// Trains the steps `steps` of a round that has `of` steps in total. Training continues from
    /// the current weights. Crops are drawn from `seed` such that a round trained in pieces ends
    /// like one trained at once. After each step `progress` is called with the number of the
    /// round's steps done and the step's loss; a break ends the call.
    ///
    /// # Errors
    /// A loss is not finite, or the backend failed.
    fn train(
        &mut self,
        cases: &[TrainingCase],
        steps: Range<usize>,
        of: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), SegmenterError>;

    /// Trains those members of the committee that are networks of their own: from new weights,
    /// `steps` steps each, with weights and crops that follow from `seed`. Predictions with a committee
    /// ask them until they are trained anew. After each step `go_on` is called; a break ends the call.
    /// Without such members nothing happens.
    ///
    /// # Errors
    /// As for [`train`](Self::train).
    fn train_members(
        &mut self,
        _cases: &[TrainingCase],
        _steps: usize,
        _seed: u64,
        _go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<(), SegmenterError> {
        Ok(())
    }

    /// Segments one volume of normalised intensities, `[D, H, W]`.
    ///
    /// # Errors
    /// The backend failed.
    fn predict(&self, image: &Array3<f32>) -> Result<Prediction, SegmenterError>;

    /// As [`predict`](Self::predict), with what else is `wanted`. The model is afterwards as it was
    /// before.
    ///
    /// # Errors
    /// The backend failed, or the model cannot give what is wanted.
    fn predict_with(
        &mut self,
        image: &Array3<f32>,
        wanted: Wanted,
    ) -> Result<Prediction, SegmenterError> {
        if wanted == Wanted::default() {
            return self.predict(image);
        }
        Err("this model gives neither features nor a committee".into())
    }

    /// Writes the weights, and all else that training needs to continue, to `path`.
    ///
    /// # Errors
    /// The file cannot be written.
    fn save(&self, path: &Path) -> Result<(), SegmenterError>;

    /// Reads what [`save`](Self::save) wrote. If it fails, the model has not changed.
    ///
    /// # Errors
    /// The file cannot be read or holds another model.
    fn load(&mut self, path: &Path) -> Result<(), SegmenterError>;
}
