//! How sure the model is of the voxels that it calls foreground.

use crate::{CaseView, StrategyError};
use ndarray::{ArrayView1, Axis, Zip};
use slicewise_metrics::MetricsError;

/// Returns the mean of `doubt` over the voxels of each slice that SR1 calls foreground, `[D]`, and 0
/// where it calls none so. `doubt` is given a voxel's class probabilities `[C]`. `strategy` is the
/// caller's name.
///
/// A mean and not a sum: a sum follows the area of the organ more than the model's doubt.
pub(crate) fn mean_doubt(
    view: &CaseView,
    strategy: &str,
    doubt: impl Fn(ArrayView1<f32>) -> f64,
) -> Result<Vec<f64>, StrategyError> {
    let (probabilities, sr1) = (&view.prediction.probabilities, &view.prediction.sr1);
    if probabilities.shape()[1..] != *sr1.shape() {
        let shapes = MetricsError::Shapes {
            left: probabilities.shape()[1..].to_vec(),
            right: sr1.shape().to_vec(),
        };
        return Err(view.failed(strategy, shapes));
    }
    let mean = |(z, classes): (usize, ndarray::ArrayView2<u8>)| {
        let (mut sum, mut voxels) = (0.0, 0_usize);
        Zip::from(probabilities.index_axis(Axis(1), z).lanes(Axis(0)))
            .and(classes)
            .for_each(|probabilities, &class| {
                if class != 0 {
                    sum += doubt(probabilities);
                    voxels += 1;
                }
            });
        if voxels == 0 {
            0.0
        } else {
            sum / voxels as f64
        }
    };
    Ok(sr1.outer_iter().enumerate().map(mean).collect())
}

/// Returns the highest and the second highest of a voxel's probabilities. Both are NaN if any is, so
/// that the caller sees it.
pub(crate) fn highest_two(probabilities: ArrayView1<f32>) -> [f64; 2] {
    let mut two = [f64::NEG_INFINITY; 2];
    for &p in probabilities {
        let p = f64::from(p);
        if p.is_nan() {
            return [f64::NAN; 2];
        }
        if p > two[0] {
            two = [p, two[0]];
        } else if p > two[1] {
            two[1] = p;
        }
    }
    two
}
