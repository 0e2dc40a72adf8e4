//! Propagation: slices on which the prediction differs most from labels interpolated between the
//! annotated slices. Two guesses that share no error are seldom wrong in the same place. Ours, after
//! HealthML's active-segmentation, which propagates masks between drawn slices; the interpolation is by
//! signed distances (`slicewise_metrics::interpolation`).

use crate::area::differing_mm2;
use crate::{CaseView, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::interpolated_labels;

/// Scores a slice by the area in mm² on which interpolated labels and SR1 differ. Beyond the first
/// and the last annotated slice interpolated labels are background.
pub struct Propagation;

impl QueryStrategy for Propagation {
    fn name(&self) -> &'static str {
        "propagation"
    }

    fn summary(&self) -> &'static str {
        "largest area on which interpolated labels differ from the prediction"
    }

    fn source(&self) -> &'static str {
        "ours, after HealthML/active-segmentation"
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let [_, y_mm, x_mm] = view.spacing_mm;
        let classes = view.prediction.probabilities.dim().0;
        let labels = view.labels.with(0);
        // In a project slices wait to be drawn; they are annotated for a query, and have no labels yet.
        let drawn = view.labels.drawn();
        let between = interpolated_labels(&labels, drawn, [y_mm, x_mm], classes)
            .map_err(|source| view.failed(self.name(), source))?;
        Ok(differing_mm2(view, &between))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::Array3;

    #[test]
    fn where_the_prediction_leaves_the_drawn_shape() {
        // Drawn on slices 0 and 4: the same 4 × 4 square, which interpolation repeats. The model sees it
        // too, but a row less on slice 2 and a pixel less on slice 3.
        let square = |y: usize, x: usize| (2..6).contains(&y) && (2..6).contains(&x);
        let sr1 = Array3::from_shape_fn((5, 8, 8), |(z, y, x)| {
            let lost = (z == 2 && y == 5) || (z == 3 && (y, x) == (5, 5));
            u8::from(square(y, x) && !lost)
        });
        let mut sample = Sample::of(sr1).annotated(&[0, 4]);
        sample.truth = Array3::from_shape_fn((5, 8, 8), |(_, y, x)| u8::from(square(y, x)));
        sample.spacing_mm = [3.0, 0.5, 0.5];
        assert_eq!(
            sample.scores(&Propagation).unwrap(),
            [0.0, 0.0, 1.0, 0.25, 0.0]
        );
        // What is not drawn is not read.
        sample.truth.index_axis_mut(ndarray::Axis(0), 2).fill(0);
        assert_eq!(sample.scores(&Propagation).unwrap()[2], 1.0);
    }
}
