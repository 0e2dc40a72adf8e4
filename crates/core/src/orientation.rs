//! Converts a file's axis order to RAS and back, without changing world coordinates.
//!
//! A NIfTI file may store its axes in any of 48 orders and directions. When it is read they are
//! permuted and flipped so that `x` runs to the right, `y` to the front and `z` up. The affine is
//! changed accordingly, so every voxel keeps its place in millimetres. For oblique grids the
//! nearest order is used, the same as nibabel's `as_closest_canonical` takes.

use crate::matrix::{linear, nearest_rotation};
use ndarray::{Array3, ArrayView3, Axis};

/// The axis order of a file: which stored axis runs along each RAS axis, and in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredAxes {
    /// Stored axis (0 = i, 1 = j, 2 = k) of the RAS axes x, y, z.
    pub axis: [usize; 3],
    /// Whether each of these axes is stored from right to left, front to back or top to bottom.
    pub flipped: [bool; 3],
}

impl StoredAxes {
    /// The order used in memory: nothing is permuted or flipped.
    pub const RAS: Self = Self {
        axis: [0, 1, 2],
        flipped: [false; 3],
    };

    /// Returns the order nearest to a stored affine, as nibabel's `io_orientation` does: without shear
    /// ([`nearest_rotation`]), the stored axis that is most nearly parallel to one of x, y and z takes
    /// it first, then the next takes one of those that are left. Of equals the first counts.
    pub fn of_affine(affine: &[[f64; 4]; 4]) -> Self {
        let rotation = nearest_rotation(&linear(affine));
        let parallel = |ras: usize, stored: usize| rotation[ras][stored].abs();
        let clearest = |stored: usize| (0..3).map(|r| parallel(r, stored)).fold(0.0, f64::max);
        let (mut ras_left, mut stored_left) = (vec![0, 1, 2], vec![0, 1, 2]);
        let mut order = Self::RAS;
        while !stored_left.is_empty() {
            let stored = take_largest(&mut stored_left, clearest);
            let ras = take_largest(&mut ras_left, |ras| parallel(ras, stored));
            order.axis[ras] = stored;
            order.flipped[ras] = rotation[ras][stored] < 0.0;
        }
        order
    }

    /// Returns the usual code, such as `LAS`: the direction in which each stored axis i, j, k runs.
    pub fn code(self) -> String {
        (0..3)
            .map(|stored| {
                let ras = (0..3).find(|&r| self.axis[r] == stored).unwrap_or(stored);
                [['R', 'L'], ['A', 'P'], ['S', 'I']][ras][usize::from(self.flipped[ras])]
            })
            .collect()
    }

    /// Reorders stored voxels `[k, j, i]` and their affine to RAS `[z, y, x]`.
    pub fn to_ras<T: Clone>(
        self,
        stored: ArrayView3<T>,
        affine: &[[f64; 4]; 4],
    ) -> (Array3<T>, [[f64; 4]; 4]) {
        let [x, y, z] = self.axis;
        let mut view = stored.permuted_axes([2 - z, 2 - y, 2 - x]);
        let mut ras = *affine;
        for (r, &stored_axis) in self.axis.iter().enumerate() {
            for (row, from) in ras.iter_mut().zip(affine) {
                row[r] = from[stored_axis];
            }
        }
        for r in (0..3).filter(|&r| self.flipped[r]) {
            view.invert_axis(Axis(2 - r));
            flip_column(&mut ras, r, view.len_of(Axis(2 - r)));
        }
        (view.as_standard_layout().into_owned(), ras)
    }

    /// Undoes [`to_ras`](Self::to_ras).
    pub fn from_ras<T: Clone>(
        self,
        ras: ArrayView3<T>,
        affine: &[[f64; 4]; 4],
    ) -> (Array3<T>, [[f64; 4]; 4]) {
        let stored = self.affine_from_ras(affine, ras.dim().into());
        let mut view = ras;
        for r in (0..3).filter(|&r| self.flipped[r]) {
            view.invert_axis(Axis(2 - r));
        }
        let mut order = [0; 3];
        for (r, &stored_axis) in self.axis.iter().enumerate() {
            order[2 - stored_axis] = 2 - r;
        }
        let view = view.permuted_axes(order);
        (view.as_standard_layout().into_owned(), stored)
    }

    /// Returns the stored affine of RAS voxels of this shape `[z, y, x]` and affine.
    pub fn affine_from_ras(self, affine: &[[f64; 4]; 4], shape: [usize; 3]) -> [[f64; 4]; 4] {
        let mut flipped = *affine;
        for r in (0..3).filter(|&r| self.flipped[r]) {
            flip_column(&mut flipped, r, shape[2 - r]);
        }
        let mut stored = flipped;
        for (r, &stored_axis) in self.axis.iter().enumerate() {
            for (row, from) in stored.iter_mut().zip(&flipped) {
                row[stored_axis] = from[r];
            }
        }
        stored
    }
}

/// Cosines that differ by less than this are equal, so that rounding does not decide where a grid is
/// turned by exactly 45°.
const SAME_COSINE: f64 = 1e-9;

/// Removes and returns the first of the largest.
fn take_largest(left: &mut Vec<usize>, size: impl Fn(usize) -> f64) -> usize {
    let mut best = 0;
    for place in 1..left.len() {
        if size(left[place]) > size(left[best]) + SAME_COSINE {
            best = place;
        }
    }
    left.remove(best)
}

/// Reverses voxel axis `c`, which has `length` voxels. The origin moves to the other end.
fn flip_column(affine: &mut [[f64; 4]; 4], c: usize, length: usize) {
    for row in affine.iter_mut().take(3) {
        row[3] += row[c] * (length as f64 - 1.0);
        row[c] = -row[c];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERMUTATIONS: [[usize; 3]; 6] = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];

    /// In all 48 orders, voxels in RAS keep their world position, and the way back is exact.
    #[test]
    fn every_order_goes_to_ras_and_back() {
        for axis in PERMUTATIONS {
            for signs in 0..8u8 {
                let flipped = std::array::from_fn(|r| signs >> r & 1 == 1);
                let order = StoredAxes { axis, flipped };
                let mut affine = [[0.0; 4]; 4];
                affine[3][3] = 1.0;
                for r in 0..3 {
                    affine[r][axis[r]] = if flipped[r] { -1.5 } else { 1.5 };
                    affine[r][3] = 10.0 * (r as f64 + 1.0);
                }
                assert_eq!(StoredAxes::of_affine(&affine), order);
                // Each voxel's value is its own world position.
                let stored = Array3::from_shape_fn((2, 3, 4), |(k, j, i)| {
                    world(&affine, [i as f64, j as f64, k as f64])
                });
                let (ras, ras_affine) = order.to_ras(stored.view(), &affine);
                for ((z, y, x), position) in ras.indexed_iter() {
                    assert_eq!(
                        *position,
                        world(&ras_affine, [x as f64, y as f64, z as f64])
                    );
                }
                for (r, row) in ras_affine.iter().enumerate().take(3) {
                    assert_eq!(row[r], 1.5, "diagonal and positive after {}", order.code());
                }
                let (back, back_affine) = order.from_ras(ras.view(), &ras_affine);
                assert_eq!(back, stored);
                assert_eq!(back_affine, affine);
            }
        }
    }

    /// Grids tilted by 45° to 60°, every second one sheared, and the codes that nibabel 5.4.2 gives
    /// them (`aff2axcodes`). Each has another code by the permutation with the largest sum of squared
    /// cosines.
    #[test]
    fn tilted_grids_have_the_axes_of_nibabel() {
        let golden = [
            (
                [
                    [1.77, -0.66, -1.45],
                    [0.47, 1.99, -0.58],
                    [1.84, 0.13, 1.54],
                ],
                "SAL",
            ),
            (
                [[1.8, 0.96, 0.46], [-1.03, 0.6, -1.07], [-1.57, 0.16, 1.23]],
                "PRS",
            ),
            (
                [
                    [2.16, 0.05, 0.48],
                    [-0.63, 0.91, 0.92],
                    [-0.49, -0.92, 0.94],
                ],
                "RIA",
            ),
            (
                [
                    [1.79, 0.58, 0.55],
                    [-0.89, 0.42, -1.58],
                    [-1.13, 0.16, 2.12],
                ],
                "PRS",
            ),
            (
                [[1.52, 0.86, -1.34], [-1.47, 1.41, 0.39], [1.83, 0.42, 1.43]],
                "RAS",
            ),
            (
                [[0.52, -0.18, 0.57], [0.3, 1.98, -0.92], [-0.02, 1.85, 1.04]],
                "RSP",
            ),
        ];
        for (rows, code) in golden {
            let mut affine = [[0.0; 4]; 4];
            for (row, values) in affine.iter_mut().zip(rows) {
                row[..3].copy_from_slice(&values);
            }
            let stored = StoredAxes::of_affine(&affine);
            assert_eq!(stored.code(), code);
            // What is in RAS stays there.
            let voxels = Array3::<u8>::zeros((2, 3, 4));
            let (_, ras) = stored.to_ras(voxels.view(), &affine);
            assert_eq!(StoredAxes::of_affine(&ras), StoredAxes::RAS, "{code}");
        }
    }

    /// Two axes turned by exactly 45°: rounding must not decide.
    #[test]
    fn of_equal_axes_the_first_counts() {
        let half = f64::from(0.5f32.sqrt());
        for noise in [0.0, 1e-12, -1e-12] {
            let mut affine = [[0.0; 4]; 4];
            affine[0] = [half + noise, -half, 0.0, 0.0];
            affine[1] = [half, half - noise, 0.0, 0.0];
            affine[2] = [0.0, 0.0, 1.0, 0.0];
            assert_eq!(StoredAxes::of_affine(&affine).code(), "RAS", "{noise}");
        }
    }

    #[test]
    fn codes_are_those_of_the_field() {
        let las = StoredAxes {
            axis: [0, 1, 2],
            flipped: [true, false, false],
        };
        assert_eq!(las.code(), "LAS");
        // The axes are i → left, j → inferior, k → anterior.
        let lia = StoredAxes {
            axis: [0, 2, 1],
            flipped: [true, false, true],
        };
        assert_eq!(lia.code(), "LIA");
        assert_eq!(StoredAxes::RAS.code(), "RAS");
    }

    fn world(affine: &[[f64; 4]; 4], index: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|r| (0..3).map(|c| affine[r][c] * index[c]).sum::<f64>() + affine[r][3])
    }
}
