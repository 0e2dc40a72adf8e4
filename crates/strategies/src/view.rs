//! What a strategy may see of one case.

use crate::StrategyError;
use ndarray::{Array3, Array4, ArrayView2, Axis};
use slicewise_core::Prediction;
use slicewise_metrics::{Agreement, slice_agreement};

/// All that a strategy may know about one case.
#[derive(Debug, Clone, Copy)]
pub struct CaseView<'a> {
    /// The case's id.
    pub case: &'a str,
    /// The case's place, from 0, among all volumes to annotate, sorted by id.
    pub place: usize,
    /// Number of the query, from 1, and how many the run has in all.
    pub round: [usize; 2],
    /// Number of slices of this case to choose; `None` if all volumes share one budget.
    pub budget: Option<usize>,
    /// Voxel size `[z, y, x]` in mm.
    pub spacing_mm: [f64; 3],
    /// How the task compares SR1 with SR2: P-DSC in Task 1, P-accuracy in Task 2.
    pub agreement: Agreement,
    /// Normalised intensities `[D, H, W]`.
    pub image: &'a Array3<f32>,
    /// The labels of the slices annotated so far.
    pub labels: AnnotatedLabels<'a>,
    /// The current model's prediction.
    pub prediction: &'a Prediction,
    /// Whether each slice is annotated already, `[D]`.
    pub annotated: &'a [bool],
    /// True classes `[D, H, W]`; `None` for every strategy but an oracle.
    pub truth: Option<&'a Array3<u8>>,
}

/// The labels of one case, of which only annotated slices can be read.
#[derive(Debug, Clone, Copy)]
pub struct AnnotatedLabels<'a> {
    labels: &'a Array3<u8>,
    annotated: &'a [bool],
}

impl<'a> AnnotatedLabels<'a> {
    /// Joins true classes `[D, H, W]` with what may be read of them, `[D]`.
    pub fn new(labels: &'a Array3<u8>, annotated: &'a [bool]) -> Self {
        Self { labels, annotated }
    }

    /// Which slices can be read, `[D]`: those that are drawn.
    pub(crate) fn drawn(&self) -> &'a [bool] {
        self.annotated
    }

    /// Returns the classes `[H, W]` of a slice, or `None` if it is not annotated.
    pub fn slice(&self, slice: usize) -> Option<ArrayView2<'a, u8>> {
        let readable = self.annotated.get(slice).is_some_and(|&yes| yes);
        (readable && slice < self.labels.dim().0).then(|| self.labels.index_axis(Axis(0), slice))
    }

    /// Returns the classes `[D, H, W]`, with `other` in place of those on slices that are not
    /// annotated.
    pub fn with(&self, other: u8) -> Array3<u8> {
        self.over(Array3::from_elem(self.labels.dim(), other))
    }

    /// Returns `others` `[D, H, W]` with the drawn classes on annotated slices.
    pub(crate) fn over(&self, mut others: Array3<u8>) -> Array3<u8> {
        for (slice, mut classes) in others.outer_iter_mut().enumerate() {
            if let Some(drawn) = self.slice(slice) {
                classes.assign(&drawn);
            }
        }
        others
    }
}

impl<'a> CaseView<'a> {
    /// Number of slices.
    pub fn depth(&self) -> usize {
        self.annotated.len()
    }

    /// Area of a pixel in mm².
    pub fn pixel_mm2(&self) -> f64 {
        self.spacing_mm[1] * self.spacing_mm[2]
    }

    /// Returns P of each slice, `[D]`: the agreement of SR1 with SR2 (paper, section 2.2).
    /// `strategy` is the caller's name, for error messages.
    ///
    /// # Errors
    /// The model has no attention map, or SR1 and SR2 differ in shape.
    pub fn p(&self, strategy: &str) -> Result<Vec<f64>, StrategyError> {
        let sr2 = self.prediction.sr2.as_ref();
        let sr2 = sr2.ok_or_else(|| self.lacks(strategy, "a model with an attention map"))?;
        self.agreement_with(sr2, strategy)
    }

    /// Returns the agreement of SR1 with `other` `[D, H, W]` in each slice, `[D]`. `strategy` is the
    /// caller's name, for error messages.
    ///
    /// # Errors
    /// The two differ in shape.
    pub fn agreement_with(
        &self,
        other: &Array3<u8>,
        strategy: &str,
    ) -> Result<Vec<f64>, StrategyError> {
        slice_agreement(&self.prediction.sr1, other, self.agreement)
            .map_err(|source| self.failed(strategy, source))
    }

    /// Returns the true classes `[D, H, W]`, for an oracle. `strategy` is the caller's name.
    ///
    /// # Errors
    /// The case comes without ground truth.
    pub fn truth(&self, strategy: &str) -> Result<&'a Array3<u8>, StrategyError> {
        self.truth
            .ok_or_else(|| self.lacks(strategy, "the true labels, which only an oracle gets"))
    }

    /// Returns the decoder's last features `[F, D, H, W]`. `strategy` is the caller's name.
    ///
    /// # Errors
    /// The model gives none.
    pub fn features(&self, strategy: &str) -> Result<&'a Array4<f32>, StrategyError> {
        let features = self.prediction.features.as_ref();
        features.ok_or_else(|| self.lacks(strategy, "a model that shows its features"))
    }

    /// Returns the class probabilities `[C, D, H, W]` of each member of the committee, at least two.
    /// `strategy` is the caller's name.
    ///
    /// # Errors
    /// There are fewer.
    pub fn members(&self, strategy: &str) -> Result<&'a [Array4<f32>], StrategyError> {
        match &self.prediction.members[..] {
            [] | [_] => Err(self.lacks(strategy, "a committee of two members or more")),
            members => Ok(members),
        }
    }

    /// Returns the error that `strategy` needs `what`, which this case does not come with.
    pub fn lacks(&self, strategy: &str, what: &'static str) -> StrategyError {
        StrategyError::Lacks {
            strategy: strategy.to_owned(),
            case: self.case.to_owned(),
            what,
        }
    }

    /// Returns the error that a measure that `strategy` takes failed.
    pub fn failed(&self, strategy: &str, source: slicewise_metrics::MetricsError) -> StrategyError {
        StrategyError::Metrics {
            strategy: strategy.to_owned(),
            case: self.case.to_owned(),
            source,
        }
    }
}
