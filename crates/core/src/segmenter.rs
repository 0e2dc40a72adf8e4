//! What the round loop asks of a model. `slicewise-model` implements it with libtorch; tests of
//! the round loop use a fake that answers in microseconds.

use crate::case::Case;
use crate::prediction::Prediction;
use ndarray::Array3;
use std::ops::{ControlFlow, Range};
use std::path::Path;

/// Any failure of a model, with its own message.
pub type SegmenterError = Box<dyn std::error::Error + Send + Sync>;

/// One Part A volume as the trainer sees it.
#[derive(Debug, Clone, Copy)]
pub struct TrainingCase<'a> {
    /// Normalised intensities `[D, H, W]`.
    pub image: &'a Array3<f32>,
    /// True classes `[D, H, W]`; only annotated slices may be read.
    pub labels: &'a Array3<u8>,
    /// `[D]`: annotated axial slices; voxels of all others carry no loss.
    pub annotated: &'a [bool],
}

impl<'a> TrainingCase<'a> {
    /// A case with its annotated slices, `[D]`.
    pub fn of(case: &'a Case, annotated: &'a [bool]) -> Self {
        Self {
            image: &case.image.voxels,
            labels: &case.labels.voxels,
            annotated,
        }
    }
}

/// A model that can be trained, asked, saved and loaded.
pub trait Segmenter {
    /// Whether predictions hold SR2.
    fn has_attention(&self) -> bool;

    /// Trains the steps `steps` of a round that has `of` (fine-tuning, never restarting), with
    /// crops drawn from `seed`: a round trained in pieces ends as one trained at once. Calls
    /// `progress` after each step with the steps of the round done and the step's loss; a break
    /// ends the call.
    ///
    /// # Errors
    /// A loss that is not finite, or the backend's failure.
    fn train(
        &mut self,
        cases: &[TrainingCase],
        steps: Range<usize>,
        of: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), SegmenterError>;

    /// Segments one volume `[D, H, W]`.
    ///
    /// # Errors
    /// The backend's failure.
    fn predict(&self, image: &Array3<f32>) -> Result<Prediction, SegmenterError>;

    /// Writes the weights, and what training needs to go on, to `path`.
    ///
    /// # Errors
    /// The file cannot be written.
    fn save(&self, path: &Path) -> Result<(), SegmenterError>;

    /// Reads what [`save`](Self::save) wrote. After an error nothing has changed.
    ///
    /// # Errors
    /// The file cannot be read or holds another model.
    fn load(&mut self, path: &Path) -> Result<(), SegmenterError>;
}
