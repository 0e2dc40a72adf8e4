//! A made-up case, for tests of strategies.

use crate::strategy::{QueryStrategy, StrategyError};
use crate::view::{AnnotatedLabels, CaseView};
use crate::{Choice, Prediction};
use ndarray::{Array3, Array4};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::Agreement;

/// A case with all that a strategy may ask for.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The case's id.
    pub case: String,
    /// Its place among all volumes to annotate.
    pub place: usize,
    /// Number of the query, from 1, and how many there are.
    pub round: [usize; 2],
    /// Voxel size `[z, y, x]` in mm.
    pub spacing_mm: [f64; 3],
    /// How SR1 is compared with SR2.
    pub agreement: Agreement,
    /// Intensities `[D, H, W]`.
    pub image: Array3<f32>,
    /// True classes `[D, H, W]`.
    pub truth: Array3<u8>,
    /// What the model says.
    pub prediction: Prediction,
    /// Which slices are annotated, `[D]`.
    pub annotated: Vec<bool>,
}

impl Sample {
    /// Makes a case of which a model with two classes says `sr1` `[D, H, W]` without any doubt. Its
    /// voxels are 1 mm long, its truth is background, its intensities are 0, and nothing is annotated.
    pub fn of(sr1: Array3<u8>) -> Self {
        let (depth, height, width) = sr1.dim();
        let classes = usize::from(sr1.iter().copied().max().unwrap_or(0).max(1)) + 1;
        let probabilities =
            Array4::from_shape_fn((classes, depth, height, width), |(class, z, y, x)| {
                f32::from(u8::from(usize::from(sr1[[z, y, x]]) == class))
            });
        Self {
            case: "case".to_owned(),
            place: 0,
            round: [1, 1],
            spacing_mm: [1.0; 3],
            agreement: Agreement::Dice,
            image: Array3::zeros(sr1.dim()),
            truth: Array3::zeros(sr1.dim()),
            annotated: vec![false; depth],
            prediction: Prediction {
                probabilities,
                sr1,
                ..Prediction::default()
            },
        }
    }

    /// The same with these slices annotated.
    #[must_use]
    pub fn annotated(mut self, slices: &[usize]) -> Self {
        for &slice in slices {
            self.annotated[slice] = true;
        }
        self
    }

    /// Returns what an oracle sees, or without `truth` any other strategy.
    pub fn view(&self, truth: bool) -> CaseView<'_> {
        CaseView {
            case: &self.case,
            place: self.place,
            round: self.round,
            budget: None,
            spacing_mm: self.spacing_mm,
            agreement: self.agreement,
            image: &self.image,
            labels: AnnotatedLabels::new(&self.truth, &self.annotated),
            prediction: &self.prediction,
            annotated: &self.annotated,
            truth: truth.then_some(&self.truth),
        }
    }

    /// Asks a strategy for scores, with a generator of seed 0.
    ///
    /// # Errors
    /// Those of the strategy.
    pub fn scores(&self, strategy: &dyn QueryStrategy) -> Result<Vec<f64>, StrategyError> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        strategy.scores(&self.view(strategy.is_oracle()), &mut rng)
    }

    /// Asks a strategy for `budget` slices, with a generator of this seed.
    ///
    /// # Errors
    /// Those of the strategy.
    pub fn ask(
        &self,
        strategy: &dyn QueryStrategy,
        budget: usize,
        seed: u64,
    ) -> Result<Vec<Choice>, StrategyError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let view = CaseView {
            budget: Some(budget),
            ..self.view(strategy.is_oracle())
        };
        strategy.select(&view, budget, &mut rng)
    }

    /// As [`ask`](Self::ask) with seed 0, but only the slices, in the order of the choices.
    ///
    /// # Errors
    /// Those of the strategy.
    pub fn slices(
        &self,
        strategy: &dyn QueryStrategy,
        budget: usize,
    ) -> Result<Vec<usize>, StrategyError> {
        let choices = self.ask(strategy, budget, 0)?;
        Ok(choices.iter().map(|choice| choice.slice).collect())
    }
}
