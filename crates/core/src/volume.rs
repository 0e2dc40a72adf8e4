//! Volumes: voxels with their position in space.
//!
//! When a file is read, its axes are permuted and flipped to RAS: `x` grows to the right, `y` to
//! anterior, `z` to superior. Arrays are then `[z, y, x]`, and `z` is the axial (slice) axis. A task
//! that is sliced along another axis permutes them once more, so that the sliced axis is the first
//! ([`Volume::sliced_along`]). From there on "z" in a comment means the first axis of the array.

use crate::definition::SliceAxis;
use crate::matrix::{column_lengths, inverse_transposed, linear};
use crate::orientation::StoredAxes;
use ndarray::{Array3, ArrayView3};

/// Position of a voxel grid: maps voxel indices to scanner millimetres.
#[derive(Debug, Clone, PartialEq)]
pub struct Geometry {
    /// Homogeneous matrix from voxel indices `(x, y, z, 1)` to RAS millimetres, as in NIfTI.
    pub affine: [[f64; 4]; 4],
    /// Axis order of the file that the grid came from. Writing restores it.
    pub stored: StoredAxes,
}

impl Geometry {
    /// Returns an axis-aligned RAS grid with the given spacing `[z, y, x]` in mm and its origin at
    /// `(0, 0, 0)`.
    pub fn axis_aligned(spacing_mm: [f64; 3]) -> Self {
        let [z, y, x] = spacing_mm;
        Self {
            affine: [
                [x, 0.0, 0.0, 0.0],
                [0.0, y, 0.0, 0.0],
                [0.0, 0.0, z, 0.0],
                [0.0, 0.0, 0.0, 1.0],
            ],
            stored: StoredAxes::RAS,
        }
    }

    /// Returns the voxel size `[z, y, x]` in mm: the lengths of the affine's columns.
    pub fn spacing_mm(&self) -> [f64; 3] {
        let [x, y, z] = column_lengths(&linear(&self.affine));
        [z, y, x]
    }

    /// Returns the position `[x, y, z]` in RAS millimetres of a (fractional) voxel index `[z, y,
    /// x]`.
    pub fn position_mm(&self, index: [f64; 3]) -> [f64; 3] {
        let [z, y, x] = index;
        std::array::from_fn(|r| {
            let row = self.affine[r];
            row[0] * x + row[1] * y + row[2] * z + row[3]
        })
    }

    /// Returns how far the plane of a slice along the first axis lies from the origin, along its normal, in
    /// mm. 3D Slicer shows this offset in a view that is turned to the volume's plane.
    pub fn slice_offset_mm(&self, slice: usize) -> f64 {
        let normal = [0, 1, 2].map(|row: usize| self.affine[row][2]);
        let length = normal.iter().map(|value| value * value).sum::<f64>().sqrt();
        let point = self.position_mm([slice as f64, 0.0, 0.0]);
        let along: f64 = normal.iter().zip(point).map(|(n, p)| n * p).sum();
        along / length
    }

    /// Returns the (fractional) voxel index `[z, y, x]` of a position `[x, y, z]` in RAS millimetres.
    pub fn index_of(&self, position: [f64; 3]) -> [f64; 3] {
        let transposed = inverse_transposed(&linear(&self.affine));
        let offset: [f64; 3] = std::array::from_fn(|r| position[r] - self.affine[r][3]);
        let xyz: [f64; 3] =
            std::array::from_fn(|c| (0..3).map(|r| transposed[r][c] * offset[r]).sum());
        [xyz[2], xyz[1], xyz[0]]
    }

    /// Returns the grid that starts at the (fractional) voxel index `start` `[z, y, x]` of this one
    /// and whose voxels are `stride` `[z, y, x]` of this grid's voxels long.
    pub fn subgrid(&self, start: [f64; 3], stride: [f64; 3]) -> Self {
        let origin = self.position_mm(start);
        let mut affine = self.affine;
        for (row, origin) in affine.iter_mut().zip(origin) {
            row[0] *= stride[2];
            row[1] *= stride[1];
            row[2] *= stride[0];
            row[3] = origin;
        }
        Self {
            affine,
            stored: self.stored,
        }
    }
}

impl Geometry {
    /// Returns this grid `[z, y, x]` with its axes in the order `order`: axis `i` of the new array
    /// is axis `order[i]` of the old. What is written to a file is in the file's order as before.
    fn permuted(&self, order: [usize; 3]) -> Self {
        let mut new = self.clone();
        for (axis, from) in order.into_iter().enumerate() {
            // Columns of the affine are x, y, z; axes of the array z, y, x.
            let (column, from) = (2 - axis, 2 - from);
            for (row, old) in new.affine.iter_mut().zip(&self.affine) {
                row[column] = old[from];
            }
            new.stored.axis[column] = self.stored.axis[from];
            new.stored.flipped[column] = self.stored.flipped[from];
        }
        new
    }

    /// Returns this grid `[z, y, x]` with the sliced axis first.
    pub fn sliced_along(&self, axis: SliceAxis) -> Self {
        self.permuted(axis.order())
    }

    /// Returns the axis that the grid is sliced along, which is never
    /// [`Thickest`](SliceAxis::Thickest).
    pub fn slice_axis(&self) -> SliceAxis {
        let [x, y, _] = StoredAxes::of_affine(&self.affine).axis;
        match (x, y) {
            (2, _) => SliceAxis::Sagittal,
            (_, 2) => SliceAxis::Coronal,
            _ => SliceAxis::Axial,
        }
    }
}

/// Returns voxels `[z, y, x]` with the sliced axis first.
pub fn slices_first<T: Clone>(voxels: ArrayView3<T>, axis: SliceAxis) -> Array3<T> {
    let view = voxels.permuted_axes(axis.order());
    view.as_standard_layout().into_owned()
}

impl<T: Clone> Volume<T> {
    /// Returns a volume `[z, y, x]` with the sliced axis first.
    pub fn sliced_along(&self, axis: SliceAxis) -> Self {
        Self {
            voxels: slices_first(self.voxels.view(), axis),
            geometry: self.geometry.sliced_along(axis),
        }
    }
}

/// A voxel grid `[z, y, x]` and its geometry.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume<T> {
    /// Voxel values `[z, y, x]`.
    pub voxels: Array3<T>,
    /// Position of the grid in space.
    pub geometry: Geometry,
}

/// A scan with intensities as float32.
pub type Image = Volume<f32>;

/// A segmentation with class indices; 0 is background.
pub type LabelMap = Volume<u8>;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every voxel's value is its place in millimetres, x + 100 y + 10000 z.
    fn volume(stored: StoredAxes) -> Volume<f32> {
        let mut geometry = Geometry::axis_aligned([3.0, 2.0, 1.0]);
        geometry.stored = stored;
        let voxels =
            Array3::from_shape_fn((2, 3, 4), |(z, y, x)| (x + 200 * y + 30_000 * z) as f32);
        Volume { voxels, geometry }
    }

    #[test]
    fn voxels_keep_their_place_whatever_axis_comes_first() {
        let stored = StoredAxes {
            axis: [1, 2, 0],
            flipped: [true, false, true],
        };
        let plain = volume(stored);
        for (axis, shape, spacing) in [
            (SliceAxis::Axial, [2, 3, 4], [3.0, 2.0, 1.0]),
            (SliceAxis::Sagittal, [4, 2, 3], [1.0, 3.0, 2.0]),
            (SliceAxis::Coronal, [3, 2, 4], [2.0, 3.0, 1.0]),
        ] {
            let sliced = plain.sliced_along(axis);
            assert_eq!(sliced.voxels.shape(), shape);
            assert_eq!(sliced.geometry.spacing_mm(), spacing);
            assert_eq!(sliced.geometry.slice_axis(), axis);
            for ((i, j, k), value) in sliced.voxels.indexed_iter() {
                let [x, y, z] = sliced
                    .geometry
                    .position_mm([i, j, k].map(|index| index as f64));
                assert_eq!(f64::from(*value), x + 100.0 * y + 10_000.0 * z);
                let index = sliced.geometry.index_of([x, y, z]);
                let same = [i, j, k].into_iter().zip(index);
                assert!(same.into_iter().all(|(a, b)| (a as f64 - b).abs() < 1e-9));
            }
            // What a file gets is the same.
            let write = |volume: &Volume<f32>| {
                let geometry = &volume.geometry;
                geometry
                    .stored
                    .from_ras(volume.voxels.view(), &geometry.affine)
            };
            assert_eq!(write(&sliced), write(&plain), "{axis:?}");
        }
    }
}
