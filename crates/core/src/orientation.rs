//! Converts a file's axis order to RAS and back, without changing world coordinates.
//!
//! A NIfTI file may store its axes in any of 48 orders and directions. When it is read they are
//! permuted and flipped so that `x` runs to the right, `y` to the front and `z` up. The affine is
//! changed accordingly, so every voxel keeps its place in millimetres. For oblique grids the
//! nearest order is used, as by nibabel's `as_closest_canonical`.

use ndarray::{Array3, ArrayView3, Axis};

/// The axis order of a file: which stored axis runs along each RAS axis, and in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredAxes {
    /// Stored axis (0 = i, 1 = j, 2 = k) of the RAS axes x, y, z.
    pub axis: [usize; 3],
    /// Whether each of these axes is stored from right to left, front to back or top to bottom.
    pub flipped: [bool; 3],
}

const PERMUTATIONS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

impl StoredAxes {
    /// The order used in memory: nothing is permuted or flipped.
    pub const RAS: Self = Self {
        axis: [0, 1, 2],
        flipped: [false; 3],
    };

    /// Returns the order nearest to a stored affine. Of the six permutations it takes the one whose
    /// axes are most nearly parallel to x, y and z.
    pub fn of_affine(affine: &[[f64; 4]; 4]) -> Self {
        let length: [f64; 3] =
            std::array::from_fn(|c| (0..3).map(|r| affine[r][c].powi(2)).sum::<f64>().sqrt());
        let cosine = |ras: usize, stored: usize| affine[ras][stored] / length[stored];
        let parallel = |axis: &[usize; 3]| (0..3).map(|r| cosine(r, axis[r]).powi(2)).sum::<f64>();
        let mut axis = PERMUTATIONS[0];
        for candidate in &PERMUTATIONS[1..] {
            if parallel(candidate) > parallel(&axis) + 1e-12 {
                axis = *candidate;
            }
        }
        Self {
            axis,
            flipped: std::array::from_fn(|r| cosine(r, axis[r]) < 0.0),
        }
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
        let mut view = ras;
        let mut flipped = *affine;
        for r in (0..3).filter(|&r| self.flipped[r]) {
            view.invert_axis(Axis(2 - r));
            flip_column(&mut flipped, r, view.len_of(Axis(2 - r)));
        }
        let mut order = [0; 3];
        let mut stored = flipped;
        for (r, &stored_axis) in self.axis.iter().enumerate() {
            order[2 - stored_axis] = 2 - r;
            for (row, from) in stored.iter_mut().zip(&flipped) {
                row[stored_axis] = from[r];
            }
        }
        let view = view.permuted_axes(order);
        (view.as_standard_layout().into_owned(), stored)
    }
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
