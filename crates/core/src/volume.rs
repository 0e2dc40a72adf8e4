//! Volumes: voxels with their position in space.
//!
//! Arrays are `[z, y, x]` everywhere, and `z` is the axial (slice) axis. When a file is read, its
//! axes are permuted and flipped to RAS: `x` grows to the right, `y` to anterior, `z` to superior.

use crate::orientation::StoredAxes;
use ndarray::Array3;

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
        let length = |c: usize| {
            (0..3)
                .map(|r| self.affine[r][c].powi(2))
                .sum::<f64>()
                .sqrt()
        };
        [length(2), length(1), length(0)]
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
