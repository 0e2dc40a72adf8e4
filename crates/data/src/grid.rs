//! Puts a label map or a mask on the grid of its scan, if it lies there.
//!
//! Programs round positions in many ways: through float32, through quaternions, by taking a shear
//! out. So the grids of a scan and its labels are allowed to differ by a share of a voxel; then the
//! voxels are taken as they are, and the scan's position counts for both.

use crate::error::{DataError, GridCause};
use slicewise_core::matrix::{Matrix, inverse_transposed, linear};
use slicewise_core::{Geometry, StoredAxes, Volume};
use std::path::Path;

/// A scan's grid, which those of its labels and mask are compared with.
pub(crate) struct Grid<'a> {
    /// The scan's file, for messages.
    pub(crate) file: &'a Path,
    /// Position of the grid.
    pub(crate) geometry: &'a Geometry,
    /// Number of voxels `[z, y, x]`.
    pub(crate) shape: [usize; 3],
    /// How far another grid may lie from it: the root mean square distance of the eight corners, in
    /// voxels of this grid.
    pub(crate) tolerance_voxels: f64,
}

/// Distances up to this, in voxels, look like rounding and not like another grid.
const NEAR_VOXELS: f64 = 0.5;

impl Grid<'_> {
    /// Returns the voxels of another file of the case on this grid, in the order of its axes. The file's
    /// axes may be stored in another order. Near a tilt of 45° they may also have been read in
    /// another one, so the order is found anew, relative to this grid.
    ///
    /// # Errors
    /// The file lies on another grid.
    pub(crate) fn take<T: Clone>(
        &self,
        other: Volume<T>,
        file: &Path,
    ) -> Result<Volume<T>, DataError> {
        let own_shape = other.voxels.dim().into();
        let moved = relative(&self.geometry.affine, &other.geometry.affine);
        let order = StoredAxes::of_affine(&moved);
        let (voxels, moved) = if order == StoredAxes::RAS {
            (other.voxels, moved)
        } else {
            order.to_ras(other.voxels.view(), &moved)
        };
        let shape = voxels.dim().into();
        if shape != self.shape {
            let write = |[z, y, x]: [usize; 3]| format!("{x}×{y}×{z}").into();
            return Err(DataError::ShapeMismatch {
                path: file.to_owned(),
                reference: self.file.to_owned(),
                expected: write(self.shape),
                got: write(shape),
                cause: self.cause(&other.geometry, own_shape, f64::INFINITY),
            });
        }
        let [z, y, x] = shape;
        let offsets = offsets(&moved, [x, y, z]);
        let distance_voxels = root_mean_square(offsets);
        if distance_voxels <= self.tolerance_voxels {
            return Ok(Volume {
                voxels,
                geometry: self.geometry.clone(),
            });
        }
        let matrix = linear(&self.geometry.affine);
        Err(DataError::AffineMismatch {
            path: file.to_owned(),
            reference: self.file.to_owned(),
            tolerance_voxels: self.tolerance_voxels,
            distance_voxels,
            distance_mm: root_mean_square(offsets.map(|offset| times(&matrix, offset))),
            cause: self.cause(&other.geometry, own_shape, distance_voxels),
        })
    }

    /// Returns what the difference to another grid of this shape `[z, y, x]` most likely comes from.
    /// Both are looked at as they are stored, since a file that lost its position kept its array.
    fn cause(&self, other: &Geometry, other_shape: [usize; 3], distance_voxels: f64) -> GridCause {
        if distance_voxels <= NEAR_VOXELS {
            return GridCause::Rounding;
        }
        let (affine, shape) = as_stored(self.geometry, self.shape);
        let (other_affine, other_shape) = as_stored(other, other_shape);
        if shape != other_shape {
            return GridCause::OtherGrid;
        }
        let lost = lost_position(&affine, shape);
        let other_lost = lost_position(&other_affine, shape);
        match (lost, other_lost) {
            (false, true) => GridCause::NoPosition,
            (true, false) => GridCause::NoPositionOfScan,
            _ if is_shifted(&affine, &other_affine, shape) => GridCause::Shift,
            _ => GridCause::OtherGrid,
        }
    }
}

/// Returns affine and shape along i, j and k as a file stores them, of a grid `[z, y, x]`.
fn as_stored(geometry: &Geometry, shape: [usize; 3]) -> ([[f64; 4]; 4], [usize; 3]) {
    let stored = geometry.stored;
    let affine = stored.affine_from_ras(&geometry.affine, shape);
    let mut stored_shape = [0; 3];
    for (ras, axis) in stored.axis.into_iter().enumerate() {
        stored_shape[axis] = shape[2 - ras];
    }
    (affine, stored_shape)
}

/// Whether an affine is what a program writes that was given an array and no position: unturned,
/// with the first voxel at 0 (nibabel, ITK) or with the centre there (a header without sform and
/// qform).
fn lost_position(affine: &[[f64; 4]; 4], shape: [usize; 3]) -> bool {
    let unturned = (0..3).all(|r| (0..3).all(|c| r == c || affine[r][c] == 0.0));
    let first_at_0 = affine.iter().take(3).all(|row| row[3] == 0.0);
    let centre_at_0 = (0..3).all(|r| {
        let half = (shape[r] as f64 - 1.0) / 2.0;
        (affine[r][3] + affine[r][r] * half).abs() < 1e-6 * affine[r][r].abs()
    });
    unturned && (first_at_0 || centre_at_0)
}

/// Whether two grids of one shape differ by their origin alone.
fn is_shifted(affine: &[[f64; 4]; 4], other: &[[f64; 4]; 4], shape: [usize; 3]) -> bool {
    let mut moved = relative(affine, other);
    for row in moved.iter_mut().take(3) {
        row[3] = 0.0;
    }
    root_mean_square(offsets(&moved, shape)) <= NEAR_VOXELS
}

/// Returns how far the eight corners of a grid lie apart by two affines, in voxels of the first. The
/// grid has `shape` voxels along i, j and k.
pub(crate) fn corner_offsets(
    first: &[[f64; 4]; 4],
    second: &[[f64; 4]; 4],
    shape: [usize; 3],
) -> [[f64; 3]; 8] {
    offsets(&relative(first, second), shape)
}

/// Returns the affine from voxels of the second grid to voxels of the first.
fn relative(first: &[[f64; 4]; 4], second: &[[f64; 4]; 4]) -> [[f64; 4]; 4] {
    let transposed = inverse_transposed(&linear(first));
    let inverse = std::array::from_fn(|r| std::array::from_fn(|c| transposed[c][r]));
    let mut moved = [[0.0; 4]; 4];
    moved[3][3] = 1.0;
    for c in 0..4 {
        let from = if c == 3 { 1.0 } else { 0.0 };
        let column = std::array::from_fn(|r| second[r][c] - from * first[r][3]);
        let column = times(&inverse, column);
        (0..3).for_each(|r| moved[r][c] = column[r]);
    }
    moved
}

/// Returns how far an affine moves the corners of a grid.
fn offsets(moved: &[[f64; 4]; 4], shape: [usize; 3]) -> [[f64; 3]; 8] {
    std::array::from_fn(|corner| {
        let index: [f64; 3] = std::array::from_fn(|axis| {
            let last = shape[axis].saturating_sub(1) as f64;
            if corner >> axis & 1 == 1 { last } else { 0.0 }
        });
        let to = times(&linear(moved), index);
        std::array::from_fn(|r| to[r] + moved[r][3] - index[r])
    })
}

fn times(matrix: &Matrix, vector: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|r| (0..3).map(|c| matrix[r][c] * vector[c]).sum())
}

/// Returns the root mean square length of eight vectors.
fn root_mean_square(vectors: [[f64; 3]; 8]) -> f64 {
    let squares = vectors.into_iter().flatten().map(|value| value * value);
    (squares.sum::<f64>() / 8.0).sqrt()
}
