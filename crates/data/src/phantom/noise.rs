//! Smooth pseudo-random fields: value noise on a cubic lattice, with its exact gradient.
//!
//! Only additions, multiplications and integer hashes are used, so the bits are the same on every
//! machine.

/// A point or direction in millimetres, `[x, y, z]` (right, anterior, superior).
pub(super) type Point = [f64; 3];

/// An orthonormal matrix of rationals that turns the lattice away from the body axes, so that
/// lattice planes never coincide with slices.
const TURN: [[f64; 3]; 3] = [
    [2.0 / 3.0, -1.0 / 3.0, 2.0 / 3.0],
    [2.0 / 3.0, 2.0 / 3.0, -1.0 / 3.0],
    [-1.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0],
];

/// A field with values in `[-1, 1]` that varies over about `cell_mm`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    seed: u32,
    cell_mm: f64,
}

impl Noise {
    /// Makes the field number `seed` with lattice spacing `cell_mm`.
    pub(super) fn new(seed: u32, cell_mm: f64) -> Self {
        Self { seed, cell_mm }
    }

    /// Returns the value at `p`, in `[-1, 1]`.
    pub(super) fn value(&self, p: Point) -> f64 {
        self.value_and_gradient(p).0
    }

    /// Returns the value at `p` and its gradient per mm.
    pub(super) fn value_and_gradient(&self, p: Point) -> (f64, Point) {
        let mut cell = [0i32; 3];
        let mut weight = [0.0; 3];
        let mut slope = [0.0; 3];
        for axis in 0..3 {
            let row = TURN[axis];
            let q = (row[0] * p[0] + row[1] * p[1] + row[2] * p[2]) / self.cell_mm;
            let floor = q.floor();
            let t = q - floor;
            cell[axis] = floor as i32;
            // Perlin's quintic: its first and second derivatives vanish at the lattice points.
            weight[axis] = t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
            slope[axis] = 30.0 * t * t * (t - 1.0) * (t - 1.0);
        }
        let corner = |i: i32, j: i32, k: i32| {
            lattice_value(self.seed, cell[0] + i, cell[1] + j, cell[2] + k)
        };
        let [u, v, w] = weight;
        let c = [
            [
                [corner(0, 0, 0), corner(0, 0, 1)],
                [corner(0, 1, 0), corner(0, 1, 1)],
            ],
            [
                [corner(1, 0, 0), corner(1, 0, 1)],
                [corner(1, 1, 0), corner(1, 1, 1)],
            ],
        ];
        let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
        // Values are mixed along w first, then v, then u. Differences on the way are the partial
        // derivatives.
        let along_w = |i: usize, j: usize| mix(c[i][j][0], c[i][j][1], w);
        let step_w = |i: usize, j: usize| c[i][j][1] - c[i][j][0];
        let (a0, a1) = (
            mix(along_w(0, 0), along_w(0, 1), v),
            mix(along_w(1, 0), along_w(1, 1), v),
        );
        let value = mix(a0, a1, u);
        let du = a1 - a0;
        let dv = mix(
            along_w(0, 1) - along_w(0, 0),
            along_w(1, 1) - along_w(1, 0),
            u,
        );
        let dw = mix(
            mix(step_w(0, 0), step_w(0, 1), v),
            mix(step_w(1, 0), step_w(1, 1), v),
            u,
        );
        let lattice = [du * slope[0], dv * slope[1], dw * slope[2]];
        let mut gradient = [0.0; 3];
        for axis in 0..3 {
            gradient[axis] = (TURN[0][axis] * lattice[0]
                + TURN[1][axis] * lattice[1]
                + TURN[2][axis] * lattice[2])
                / self.cell_mm;
        }
        (value, gradient)
    }
}

/// Returns the hash of a lattice point, mapped to `[-1, 1]`.
fn lattice_value(seed: u32, i: i32, j: i32, k: i32) -> f64 {
    let mut h = seed
        ^ (i as u32).wrapping_mul(0x9E37_79B1)
        ^ (j as u32).wrapping_mul(0x85EB_CA77).rotate_left(11)
        ^ (k as u32).wrapping_mul(0xC2B2_AE3D).rotate_left(22);
    h = (h ^ (h >> 16)).wrapping_mul(0x7FEB_352D);
    h = (h ^ (h >> 15)).wrapping_mul(0x846C_A68B);
    h ^= h >> 16;
    f64::from(h) / f64::from(u32::MAX) * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_value() {
        let noise = Noise::new(7, 9.0);
        let step = 1e-5;
        for n in 0..200 {
            let p = [
                f64::from(n) * 0.37 - 30.0,
                f64::from(n) * -0.61,
                f64::from(n) * 0.29 + 5.0,
            ];
            let (value, gradient) = noise.value_and_gradient(p);
            assert!(value.abs() <= 1.0);
            for axis in 0..3 {
                let mut q = p;
                q[axis] += step;
                let slope = (noise.value(q) - value) / step;
                assert!(
                    (slope - gradient[axis]).abs() < 1e-4,
                    "axis {axis} at {p:?}"
                );
            }
        }
    }
}
