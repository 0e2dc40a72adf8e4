//! Voxels with their place in space.
//!
//! Arrays are `[z, y, x]` everywhere, `z` being the axial (slice) axis. On load the axes are
//! permuted and flipped to RAS: `x` grows towards the right, `y` anterior, `z` superior.

use crate::orientation::StoredAxes;
use ndarray::Array3;

/// Where a voxel grid lies: voxel indices to scanner millimetres.
#[derive(Debug, Clone, PartialEq)]
pub struct Geometry {
    /// Homogeneous matrix from voxel indices `(x, y, z, 1)` to RAS millimetres, as in NIfTI.
    pub affine: [[f64; 4]; 4],
    /// How the file that the grid came from orders its axes; a save restores that order.
    pub stored: StoredAxes,
}

impl Geometry {
    /// An axis-aligned RAS grid of the given spacing `[z, y, x]` in mm, origin at `(0, 0, 0)`.
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

    /// Voxel size `[z, y, x]` in mm: the lengths of the affine's columns.
    pub fn spacing_mm(&self) -> [f64; 3] {
        let length = |c: usize| {
            (0..3)
                .map(|r| self.affine[r][c].powi(2))
                .sum::<f64>()
                .sqrt()
        };
        [length(2), length(1), length(0)]
    }

    /// Millimetre position of a (fractional) voxel index `[z, y, x]`, as `[x, y, z]` in RAS.
    pub fn position_mm(&self, index: [f64; 3]) -> [f64; 3] {
        let [z, y, x] = index;
        std::array::from_fn(|r| {
            let row = self.affine[r];
            row[0] * x + row[1] * y + row[2] * z + row[3]
        })
    }

    /// The grid that starts at the (fractional) voxel index `start` `[z, y, x]` of this one and
    /// whose voxels are `stride` `[z, y, x]` of this one's long.
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
    /// Place of the grid in space.
    pub geometry: Geometry,
}

/// A scan: intensities as float32.
pub type Image = Volume<f32>;

/// A segmentation: class indices, 0 being background.
pub type LabelMap = Volume<u8>;
