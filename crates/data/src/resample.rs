//! Resamples to a grid of another voxel size: linear interpolation, with antialiasing where the grid becomes
//! coarser.
//!
//! Along each axis an output voxel is a weighted mean of input voxels, with triangular weights. The
//! triangle's half width is one input voxel if the grid becomes finer (linear interpolation) and
//! one *output* voxel if it becomes coarser. So every input voxel contributes, and fine structure
//! is averaged instead of skipped. PIL and PyTorch call this antialiased bilinear interpolation.
//! Labels use the same weights for each class, and then the class with the largest weight (of equal
//! weights the lower class).

use ndarray::{Array3, Axis};
use slicewise_core::{Geometry, IGNORE};

/// Weights for resampling from one grid to another with the same field of view.
pub(crate) struct Resampling {
    /// For each axis `[z, y, x]` and output index: the first input index, and weights with sum 1.
    weights: [Vec<(usize, Vec<f32>)>; 3],
    /// Centre of the first output voxel, in input voxels `[z, y, x]`.
    start: [f64; 3],
    /// Length of an output voxel, in input voxels `[z, y, x]`.
    stride: [f64; 3],
}

impl Resampling {
    /// Computes the weights from `shape` `[z, y, x]` voxels of `spacing_mm` to voxels of
    /// `target_mm`, both along the same axes. The centre of the grid stays where it is; its extent is rounded to whole output
    /// voxels.
    pub(crate) fn new(shape: [usize; 3], spacing_mm: [f64; 3], target_mm: [f64; 3]) -> Self {
        let stride: [f64; 3] = std::array::from_fn(|a| target_mm[a] / spacing_mm[a]);
        let counts: [usize; 3] =
            std::array::from_fn(|a| ((shape[a] as f64 / stride[a]).round() as usize).max(1));
        let start = std::array::from_fn(|a| {
            (shape[a] as f64 - 1.0 - (counts[a] as f64 - 1.0) * stride[a]) / 2.0
        });
        Self {
            weights: std::array::from_fn(|a| {
                triangle_weights(shape[a], counts[a], start[a], stride[a])
            }),
            start,
            stride,
        }
    }

    /// Returns the geometry of the new grid.
    pub(crate) fn geometry(&self, geometry: &Geometry) -> Geometry {
        geometry.subgrid(self.start, self.stride)
    }

    /// Resamples intensities `[z, y, x]`.
    pub(crate) fn linear(&self, voxels: &Array3<f32>) -> Array3<f32> {
        let mut current = voxels.to_owned();
        for (axis, rows) in self.weights.iter().enumerate() {
            let mut shape = current.raw_dim();
            shape[axis] = rows.len();
            let mut next = Array3::zeros(shape);
            for (mut slice, (first, weights)) in next.axis_iter_mut(Axis(axis)).zip(rows) {
                for (offset, &weight) in weights.iter().enumerate() {
                    slice.scaled_add(weight, &current.index_axis(Axis(axis), first + offset));
                }
            }
            current = next;
        }
        current
    }

    /// Resamples classes `[z, y, x]`, all below `count` or [`IGNORE`], which counts as one of them.
    pub(crate) fn majority(&self, classes: &Array3<u8>, count: usize) -> Array3<u8> {
        let shape = [0, 1, 2].map(|axis: usize| self.weights[axis].len());
        let mut winner = Array3::zeros(shape);
        let mut largest = Array3::<f32>::zeros(shape);
        for class in (0..count as u8).chain([IGNORE]) {
            if !classes.iter().any(|&other| other == class) {
                continue;
            }
            let share = self.linear(&classes.mapv(|other| f32::from(u8::from(other == class))));
            ndarray::Zip::from(&mut winner)
                .and(&mut largest)
                .and(&share)
                .for_each(|winner, largest, &share| {
                    if share > *largest {
                        *winner = class;
                        *largest = share;
                    }
                });
        }
        winner
    }
}

fn triangle_weights(
    length: usize,
    count: usize,
    start: f64,
    stride: f64,
) -> Vec<(usize, Vec<f32>)> {
    let half_width = stride.max(1.0);
    let row = |output: usize| {
        let centre = start + output as f64 * stride;
        let first = (centre - half_width).ceil().max(0.0) as usize;
        let last = ((centre + half_width).floor() as usize).min(length - 1);
        let weights: Vec<f64> = (first..=last)
            .map(|input| (1.0 - (input as f64 - centre).abs() / half_width).max(0.0))
            .collect();
        let sum: f64 = weights.iter().sum();
        let weights = weights.iter().map(|weight| (weight / sum) as f32);
        (first, weights.collect())
    };
    (0..count).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ramp of world positions keeps its values at their places, away from the border. The match
    /// is exact for a finer grid, and within 0.05 input voxels for a grid coarser by a fraction,
    /// because the triangle is sampled and not integrated.
    #[test]
    fn a_ramp_stays_in_place() {
        let geometry = Geometry::axis_aligned([1.5, 1.0, 0.8]);
        let shape = [20, 24, 30];
        let place = |g: &Geometry, (z, y, x): (usize, usize, usize)| {
            g.position_mm([z as f64, y as f64, x as f64])
        };
        for (target_mm, tolerance) in [(0.7, 1e-4), (2.1, 0.05)] {
            let resampling = Resampling::new(shape, geometry.spacing_mm(), [target_mm; 3]);
            let grid = resampling.geometry(&geometry);
            assert!(
                grid.spacing_mm()
                    .iter()
                    .all(|s| (s - target_mm).abs() < 1e-12)
            );
            for (r, spacing_mm) in [0.8, 1.0, 1.5].into_iter().enumerate() {
                let ramp = Array3::from_shape_fn(shape, |index| place(&geometry, index)[r] as f32);
                let out = resampling.linear(&ramp);
                let last = out.dim();
                for (index, &value) in out.indexed_iter() {
                    let inner = |i: usize, n: usize| i >= 2 && i + 2 < n;
                    if inner(index.0, last.0) && inner(index.1, last.1) && inner(index.2, last.2) {
                        let shift = (f64::from(value) - place(&grid, index)[r]) / spacing_mm;
                        assert!(shift.abs() < tolerance, "{shift} voxels at {index:?}");
                    }
                }
            }
        }
    }

    /// Compares with PyTorch's `interpolate(mode="bilinear", antialias=True)`; see
    /// `fixtures/make_resample.py`.
    #[test]
    fn values_are_those_of_pytorch() {
        let golden: std::collections::BTreeMap<String, Vec<f32>> =
            serde_json::from_str(include_str!("../tests/fixtures/resample.json")).unwrap();
        let image = Array3::from_shape_vec((1, 14, 21), golden["image"].clone()).unwrap();
        for (name, stride) in [("coarser", 1.4), ("finer", 0.5)] {
            let spacing_mm = [stride, 1.0, 1.0];
            let out = Resampling::new([1, 14, 21], spacing_mm, [stride; 3]).linear(&image);
            assert_eq!(out.len(), golden[name].len(), "{name}");
            for (ours, theirs) in out.iter().zip(&golden[name]) {
                assert!((ours - theirs).abs() < 1e-4, "{name}: {ours} {theirs}");
            }
        }
    }

    #[test]
    fn the_centre_of_the_grid_stays() {
        let geometry = Geometry::axis_aligned([1.0, 0.9, 0.5]);
        let shape = [11, 17, 30];
        let resampling = Resampling::new(shape, geometry.spacing_mm(), [1.3; 3]);
        let out = resampling.linear(&Array3::ones(shape));
        let centre = |g: &Geometry, s: &[usize]| {
            g.position_mm(std::array::from_fn(|a| (s[a] as f64 - 1.0) / 2.0))
        };
        let before = centre(&geometry, &shape);
        let after = centre(&resampling.geometry(&geometry), out.shape());
        for (a, b) in before.iter().zip(after) {
            assert!((a - b).abs() < 1e-12);
        }
        assert!(out.iter().all(|value| (value - 1.0).abs() < 1e-6));
    }

    #[test]
    fn coarsening_averages_every_voxel() {
        // To half the voxels: a triangle of half width 2 around the middle of each pair weighs 1 3
        // 3 1 over 8.
        let mut line = Array3::zeros((1, 1, 8));
        line[[0, 0, 3]] = 8.0;
        let out = Resampling::new([1, 1, 8], [2.0, 2.0, 1.0], [2.0; 3]).linear(&line);
        assert_eq!(out.as_slice().unwrap(), &[0.0, 3.0, 1.0, 0.0]);
    }

    #[test]
    fn a_class_wins_by_its_share_and_ties_go_to_the_lower() {
        let classes = Array3::from_shape_vec((1, 1, 8), vec![0, 0, 0, 3, 3, 3, 3, 3]).unwrap();
        let out = Resampling::new([1, 1, 8], [2.0, 2.0, 1.0], [2.0; 3]).majority(&classes, 4);
        assert_eq!(out.as_slice().unwrap(), &[0, 0, 3, 3]);
        let tie = Array3::from_shape_vec((1, 1, 2), vec![2, 1]).unwrap();
        let out = Resampling::new([1, 1, 2], [2.0, 2.0, 1.0], [2.0; 3]).majority(&tie, 3);
        assert_eq!(out.as_slice().unwrap(), &[1]);
    }
}
