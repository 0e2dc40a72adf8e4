//! Areas of a slice that strategies score by.

use crate::CaseView;
use ndarray::{Array2, Array3, Axis};

/// Returns the area in mm² of each slice that SR1 calls foreground, `[D]`.
pub(crate) fn foreground_mm2(view: &CaseView) -> Vec<f64> {
    let slices = view.prediction.sr1.axis_iter(Axis(0));
    let voxels = slices.map(|slice| slice.iter().filter(|&&class| class != 0).count());
    voxels
        .map(|voxels| voxels as f64 * view.pixel_mm2())
        .collect()
}

/// Returns the area in mm² of each slice where SR1 differs from `other` `[D, H, W]`, `[D]`.
pub(crate) fn differing_mm2(view: &CaseView, other: &Array3<u8>) -> Vec<f64> {
    let slices = view
        .prediction
        .sr1
        .axis_iter(Axis(0))
        .zip(other.axis_iter(Axis(0)));
    let voxels = slices.map(|(sr1, other)| sr1.iter().zip(other).filter(|(a, b)| a != b).count());
    voxels
        .map(|voxels| voxels as f64 * view.pixel_mm2())
        .collect()
}

/// Returns the number of voxels of each foreground class on each slice, `[D, C − 1]`, from a label map
/// `[D, H, W]` with classes below C. Labels from C on count for nothing.
pub(crate) fn class_voxels(labels: &Array3<u8>, classes: usize) -> Array2<f64> {
    let mut voxels = Array2::zeros((labels.dim().0, classes.saturating_sub(1)));
    for (slice, mut row) in labels.outer_iter().zip(voxels.outer_iter_mut()) {
        for &class in slice {
            if let Some(count) = usize::from(class)
                .checked_sub(1)
                .and_then(|c| row.get_mut(c))
            {
                *count += 1.0;
            }
        }
    }
    voxels
}
