//! Directions of Muon: a kernel's momentum made orthogonal.
//!
//! Source: Jordan et al. 2024 (<https://kellerjordan.github.io/posts/muon/>). A gradient summed over
//! the voxels of a crop is nearly of low rank: few combinations of features get nearly all of a
//! step. Muon's step is as long in every direction that the momentum has at all.
//!
//! Deviations: the iteration runs on X·Xᵀ, which is smaller than X, of all kernels with as many
//! rows at once; a step is as long as AdamW's (Liu et al. 2025, arXiv 2502.16982), so that one rate
//! serves both; first and last convolutions follow Muon like all others, kernels of one voxel
//! follow AdamW, like scales, shifts and biases.

use std::collections::BTreeMap;
use tch::{Kind, Tensor};

/// Of Newton and Schulz's iteration X ← (a + b·X·Xᵀ + c·(X·Xᵀ)²)·X: the source's, which bring
/// singular values from 0.001 to 1 near 1 (0.7 to 1.2) in [`ITERATIONS`].
const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];

/// The source's.
const ITERATIONS: usize = 5;

/// Root mean square of an element of a step of rate 1, about AdamW's (Liu et al. 2025).
const ROOT_MEAN_SQUARE: f64 = 0.2;

/// Keeps the direction of a momentum of zero defined.
const EPSILON: f64 = 1e-12;

/// Where a kernel lies among all variables: a matrix with a row for each of its outputs (of a
/// transposed convolution, of its inputs).
pub(crate) struct Kernel {
    start: i64,
    columns: i64,
}

/// The kernels of a network that follow Muon, by their number of rows.
#[derive(Default)]
pub(crate) struct Kernels(BTreeMap<i64, Vec<Kernel>>);

impl Kernels {
    /// Adds the variable of this shape that starts there, if it is a kernel of more than a voxel.
    pub(crate) fn add(&mut self, shape: &[i64], start: i64) {
        let [rows, inputs, ..] = *shape else { return };
        let voxels: i64 = shape[2..].iter().product();
        if voxels > 1 {
            let columns = inputs * voxels;
            let of_rows = self.0.entry(rows).or_default();
            of_rows.push(Kernel { start, columns });
        }
    }

    /// Writes to the parts of the kernels in `descent` a step along those in `momentum`; both hold
    /// all variables.
    pub(crate) fn descend(&self, momentum: &Tensor, rate: f64, descent: &Tensor) {
        for (&rows, kernels) in &self.0 {
            let part = |all: &Tensor, kernel: &Kernel| {
                let part = all.narrow(0, kernel.start, rows * kernel.columns);
                part.view([rows, kernel.columns])
            };
            let squares: Vec<Tensor> = kernels
                .iter()
                .map(|kernel| part(momentum, kernel))
                .map(|x| x.matmul(&x.tr()))
                .collect();
            let factors = orthogonalising(&Tensor::stack(&squares, 0));
            for (kernel, factor) in kernels.iter().zip(factors.unbind(0)) {
                let length = rate * ROOT_MEAN_SQUARE * (rows.max(kernel.columns) as f64).sqrt();
                let direction = factor.matmul(&part(momentum, kernel)) * length;
                part(descent, kernel).copy_(&direction);
            }
        }
    }
}

/// Products X·Xᵀ `[N, rows, rows]` of matrices X → what each X is to be multiplied by from the left
/// for singular values near 1, its singular vectors staying what they are.
fn orthogonalising(squares: &Tensor) -> Tensor {
    let [a, b, c] = COEFFICIENTS;
    let rows = squares.size()[1];
    // The trace of X·Xᵀ is the squared norm of X, which no singular value exceeds.
    let trace = squares
        .diagonal(0, 1, 2)
        .sum_dim_intlist([1].as_slice(), true, Kind::Float);
    let norms = trace.sqrt().unsqueeze(2) + EPSILON;
    let mut square = squares / norms.square();
    let identity = Tensor::eye(rows, (Kind::Float, squares.device()));
    let mut factor = &identity / norms;
    for _ in 0..ITERATIONS {
        let polynomial = &identity * a + &square * b + square.bmm(&square) * c;
        factor = polynomial.bmm(&factor);
        square = polynomial.bmm(&square).bmm(&polynomial);
    }
    factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn singular_values_become_one_and_steps_as_long_as_adam_w_s() {
        let count = 4 * 3 * 27;
        let all = (Tensor::arange(count + 5, (Kind::Float, Device::Cpu)) * 0.7).sin() * 1e-4;
        let all = &all * (Tensor::arange(count + 5, (Kind::Float, Device::Cpu)) * 1.3).cos();
        let out = all.zeros_like();
        let mut kernels = Kernels::default();
        kernels.add(&[4, 3, 1, 1, 1], 0);
        kernels.add(&[5], 0);
        kernels.add(&[4, 3, 3, 3, 3], 5);
        kernels.descend(&all, 1.0, &out);
        assert_eq!(out.narrow(0, 0, 5).abs().max().double_value(&[]), 0.0);
        let direction = out.narrow(0, 5, count).view([4, 81]) / (ROOT_MEAN_SQUARE * 9.0);
        // Orthogonal rows: the product with its transpose is near the identity.
        let square = direction.matmul(&direction.tr());
        let eigenvalues = square.linalg_eigvalsh("L");
        let (low, high) = (eigenvalues.min(), eigenvalues.max());
        assert!(low.double_value(&[]) > 0.4, "{low}");
        assert!(high.double_value(&[]) < 1.6, "{high}");
    }

    #[test]
    fn a_momentum_of_zero_has_no_direction() {
        let all = Tensor::zeros([216], (Kind::Float, Device::Cpu));
        let out = all.ones_like();
        let mut kernels = Kernels::default();
        kernels.add(&[4, 2, 3, 3, 3], 0);
        kernels.descend(&all, 1.0, &out);
        assert_eq!(out.abs().max().double_value(&[]), 0.0);
    }
}
