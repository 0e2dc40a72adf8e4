//! How far the surfaces of two segmentations lie apart: the 95th percentile of the Hausdorff
//! distance (HD95) and the mean surface distance, in mm.
//!
//! Definitions are those of MONAI (`compute_hausdorff_distance` with `percentile=95`, and
//! `compute_average_surface_distance` with `symmetric=True`). The surface of a class is its voxels
//! with a face neighbour that does not belong to it, and all beyond the volume does not. Distances
//! go from each surface voxel's centre to the nearest of the other surface, both ways. HD95 is the
//! *larger of the two percentiles*, one each way, between ranks linear; some programs take the
//! percentile of both ways pooled, which is smaller. The mean is over both ways pooled.
//!
//! A distance to nothing is undefined. Where a class is absent from either map, or from both, there
//! is no value; a mean over cases should say how many it has left out.

use crate::MetricsError;
use crate::distance::DistanceMap;
use crate::error::check_spacing;
use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView3, Axis};
use std::ops::Range;

/// How far two surfaces lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurfaceDistance {
    /// 95th percentile of the Hausdorff distance in mm.
    pub hd95_mm: f64,
    /// Mean distance in mm from each surface to the other, both ways.
    pub mean_mm: f64,
}

/// Returns HD95 in mm of each foreground class, `[classes - 1]`; see [`class_surface_distance`].
///
/// # Errors
/// Those of [`class_surface_distance`].
pub fn class_hd95(
    a: &Array3<u8>,
    b: &Array3<u8>,
    spacing_mm: [f64; 3],
    classes: usize,
) -> Result<Vec<Option<f64>>, MetricsError> {
    let distances = class_surface_distance(a, b, spacing_mm, classes)?;
    let hd95 = |distance: Option<SurfaceDistance>| Some(distance?.hd95_mm);
    Ok(distances.into_iter().map(hd95).collect())
}

/// Returns the distances of each foreground class, `[classes - 1]` for classes `1..classes`: `None`
/// where either map lacks the class. Classes are computed in parallel.
///
/// `a` and `b` are label maps `[z, y, x]` with values in `0..classes`; masks have two classes.
/// `spacing_mm` is `[z, y, x]`.
///
/// # Errors
/// [`MetricsError::Shapes`] if the maps differ in shape, [`MetricsError::UnknownLabel`] if either
/// has a label beyond the classes, [`MetricsError::Spacing`] if a spacing is not above 0.
pub fn class_surface_distance(
    a: &Array3<u8>,
    b: &Array3<u8>,
    spacing_mm: [f64; 3],
    classes: usize,
) -> Result<Vec<Option<SurfaceDistance>>, MetricsError> {
    if a.shape() != b.shape() {
        return Err(MetricsError::Shapes {
            left: a.shape().to_vec(),
            right: b.shape().to_vec(),
        });
    }
    check_spacing(&spacing_mm)?;
    let boxes = [boxes(a), boxes(b)];
    for label in (0..=u8::MAX).skip(classes) {
        let count = boxes.iter().map(|map| map[usize::from(label)].voxels).sum();
        if count > 0 {
            return Err(MetricsError::UnknownLabel {
                label,
                count,
                classes,
            });
        }
    }
    let distance = |class: usize| {
        let [in_a, in_b] = [&boxes[0][class], &boxes[1][class]];
        if in_a.voxels == 0 || in_b.voxels == 0 {
            return None;
        }
        // No distance leaves the box around both surfaces.
        let around = in_a.with(in_b);
        let label = class as u8;
        let surfaces = [a, b].map(|map| surface(map.view(), label, &around));
        Some(between(&surfaces, around.shape(), spacing_mm))
    };
    Ok((1..classes.min(256))
        .into_par_iter()
        .map(distance)
        .collect())
}

/// The smallest box that holds a class, and how many voxels the class has.
#[derive(Clone)]
struct Extent {
    voxels: u64,
    low: [usize; 3],
    high: [usize; 3],
}

impl Extent {
    const EMPTY: Self = Self {
        voxels: 0,
        low: [usize::MAX; 3],
        high: [0; 3],
    };

    /// Returns the box around both.
    fn with(&self, other: &Self) -> Self {
        Self {
            voxels: self.voxels + other.voxels,
            low: std::array::from_fn(|axis| self.low[axis].min(other.low[axis])),
            high: std::array::from_fn(|axis| self.high[axis].max(other.high[axis])),
        }
    }

    fn shape(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.high[axis] - self.low[axis])
    }

    fn range(&self, axis: usize) -> Range<usize> {
        self.low[axis]..self.high[axis]
    }
}

/// Returns the box of each label, `[256]`, in one pass over a label map `[D, H, W]`.
fn boxes(labels: &Array3<u8>) -> Vec<Extent> {
    let mut boxes = vec![Extent::EMPTY; 256];
    let labels = labels.as_standard_layout();
    for (z, slice) in labels.axis_iter(Axis(0)).enumerate() {
        for (y, row) in slice.axis_iter(Axis(0)).enumerate() {
            let mut x = 0;
            // A row of a row-major array is a slice.
            for run in row.as_slice().unwrap_or_default().chunk_by(|l, r| l == r) {
                let known = &mut boxes[usize::from(run[0])];
                let end = x + run.len();
                *known = known.with(&Extent {
                    voxels: run.len() as u64,
                    low: [z, y, x],
                    high: [z + 1, y + 1, end],
                });
                x = end;
            }
        }
    }
    boxes
}

/// Returns the surface voxels of a class as indices into the box, in row-major order.
fn surface(labels: ArrayView3<u8>, class: u8, around: &Extent) -> Vec<usize> {
    let inside = |z, y, x| labels.get([z, y, x]) == Some(&class);
    let [_, height, width] = around.shape();
    let mut surface = Vec::new();
    for z in around.range(0) {
        for y in around.range(1) {
            for x in around.range(2) {
                // An index below 0 wraps, and lies beyond the volume too.
                let is_inner = || {
                    inside(z, y, x.wrapping_sub(1))
                        && inside(z, y, x + 1)
                        && inside(z, y.wrapping_sub(1), x)
                        && inside(z, y + 1, x)
                        && inside(z.wrapping_sub(1), y, x)
                        && inside(z + 1, y, x)
                };
                if inside(z, y, x) && !is_inner() {
                    let [z, y, x] = [z - around.low[0], y - around.low[1], x - around.low[2]];
                    surface.push((z * height + y) * width + x);
                }
            }
        }
    }
    surface
}

/// Returns the distances between two surfaces, neither of them empty.
fn between(surfaces: &[Vec<usize>; 2], shape: [usize; 3], spacing_mm: [f64; 3]) -> SurfaceDistance {
    let [a, b] = surfaces;
    let mut ways = [(a, b), (b, a)].map(|(from, to)| {
        let distances = DistanceMap::new(to, shape, spacing_mm);
        from.iter()
            .map(|&voxel| distances.squared_mm2(voxel).sqrt())
            .collect::<Vec<f64>>()
    });
    let sum: f64 = ways.iter().map(|way| way.iter().sum::<f64>()).sum();
    SurfaceDistance {
        mean_mm: sum / (a.len() + b.len()) as f64,
        hd95_mm: ways
            .iter_mut()
            .map(|way| percentile_95(way))
            .fold(0.0, f64::max),
    }
}

/// Returns the 95th percentile of at least one value, linear between ranks as in numpy.
fn percentile_95(values: &mut [f64]) -> f64 {
    let rank = 0.95 * (values.len() - 1) as f64;
    let below = rank.floor();
    let (_, &mut low, above) = values.select_nth_unstable_by(below as usize, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    low + (rank - below) * (high - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACING_MM: [f64; 3] = [2.0, 0.5, 1.5];

    /// Boxes of two classes, `size` voxels long, that start at `start`.
    fn cuboid(start: [usize; 3], size: [usize; 3]) -> Array3<u8> {
        let within = |place: [usize; 3]| {
            (0..3).all(|axis| (start[axis]..start[axis] + size[axis]).contains(&place[axis]))
        };
        Array3::from_shape_fn((12, 14, 13), |(z, y, x)| u8::from(within([z, y, x])))
    }

    fn distance(a: &Array3<u8>, b: &Array3<u8>) -> SurfaceDistance {
        class_surface_distance(a, b, SPACING_MM, 2).unwrap()[0].unwrap()
    }

    #[test]
    fn a_plate_that_moves_lies_as_far_away_as_it_moved() {
        // A plate is all surface, and each voxel's nearest is the one that it moved to.
        for axis in 0..3 {
            let mut size = [8, 8, 8];
            size[axis] = 1;
            for voxels in 0..4 {
                let mut moved = [2, 2, 2];
                moved[axis] += voxels;
                let got = distance(&cuboid([2, 2, 2], size), &cuboid(moved, size));
                let expected = voxels as f64 * SPACING_MM[axis];
                assert_eq!(got.hd95_mm, expected);
                assert!((got.mean_mm - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_box_that_moves_lies_as_far_away_as_it_moved() {
        // Each end is more than 5 % of the box, and nothing lies nearer than the way it moved.
        for axis in 0..3 {
            let mut size = [6, 6, 6];
            size[axis] = 8;
            let mut moved = [1, 1, 1];
            moved[axis] += 3;
            let got = distance(&cuboid([1, 1, 1], size), &cuboid(moved, size));
            assert_eq!(got.hd95_mm, 3.0 * SPACING_MM[axis], "axis {axis}");
        }
    }

    #[test]
    fn equal_masks_lie_at_zero_and_order_does_not_matter() {
        let (a, b) = (cuboid([1, 2, 3], [5, 6, 4]), cuboid([3, 2, 1], [7, 4, 9]));
        let zero = SurfaceDistance {
            hd95_mm: 0.0,
            mean_mm: 0.0,
        };
        assert_eq!(distance(&a, &a), zero);
        assert!(distance(&a, &b).hd95_mm > 1.0);
        assert_eq!(distance(&a, &b), distance(&b, &a));
    }

    #[test]
    fn axes_may_change_places_with_their_spacing() {
        let (a, b) = (cuboid([1, 2, 3], [5, 6, 4]), cuboid([3, 2, 1], [7, 4, 9]));
        let expected = distance(&a, &b);
        for axes in [[1, 0, 2], [2, 1, 0], [1, 2, 0]] {
            let turned = [&a, &b].map(|map| map.clone().permuted_axes(axes));
            let spacing_mm = axes.map(|axis| SPACING_MM[axis]);
            let got = class_surface_distance(&turned[0], &turned[1], spacing_mm, 2).unwrap();
            let got = got[0].unwrap();
            assert!((got.hd95_mm - expected.hd95_mm).abs() < 1e-12);
            assert!((got.mean_mm - expected.mean_mm).abs() < 1e-12);
        }
    }

    #[test]
    fn a_few_far_voxels_do_not_count() {
        let a = cuboid([2, 2, 2], [6, 6, 6]);
        let mut b = a.clone();
        b[[11, 13, 12]] = 1;
        assert_eq!(distance(&a, &b).hd95_mm, 0.0);
        assert!(distance(&a, &b).mean_mm > 0.0);
    }

    #[test]
    fn a_class_absent_from_either_map_has_no_distance() {
        let a = cuboid([2, 2, 2], [3, 3, 3]);
        let none = Array3::zeros(a.raw_dim());
        let absent = |a, b| class_hd95(a, b, SPACING_MM, 3).unwrap();
        assert_eq!(absent(&a, &none), [None, None]);
        assert_eq!(absent(&none, &a), [None, None]);
        assert_eq!(absent(&none, &none), [None, None]);
        assert_eq!(absent(&a, &a), [Some(0.0), None]);
    }

    #[test]
    fn impossible_input_is_refused() {
        let a = cuboid([2, 2, 2], [3, 3, 3]);
        let narrow = Array3::zeros((12, 14, 12));
        let error = class_hd95(&a, &narrow, SPACING_MM, 2);
        assert!(matches!(error, Err(MetricsError::Shapes { .. })));
        let error = class_hd95(&a, &a, SPACING_MM, 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "label 1 in 54 voxels, expected 0..1 (1 classes)"
        );
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = class_hd95(&a, &a, [1.0, wrong, 1.0], 2);
            assert!(matches!(error, Err(MetricsError::Spacing { axis: 1, .. })));
        }
    }
}
