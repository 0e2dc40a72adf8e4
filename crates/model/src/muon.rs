//! Step directions of the Muon optimiser: the orthogonalised momentum of each convolution kernel.
//!
//! Source: Jordan et al. 2024 (<https://kellerjordan.github.io/posts/muon/>). A gradient that is
//! summed over the voxels of a crop has nearly low rank, so a plain step changes only a few
//! combinations of features. A step of Muon has the same length in every direction that the
//! momentum contains at all.
//!
//! Deviations from the source:
//! - The iteration runs on X·Xᵀ, which is smaller than X, for all kernels with the same number of
//!   rows at once.
//! - A step has the length of an AdamW step (Liu et al. 2025, arXiv 2502.16982), so one learning
//!   rate serves both.
//! - The first and last convolutions follow Muon like all others. Kernels of one voxel follow
//!   AdamW, like scales, shifts and biases.

use std::collections::BTreeMap;
use tch::{Kind, Tensor};

/// Coefficients a, b, c of the Newton–Schulz iteration X ← (a + b·X·Xᵀ + c·(X·Xᵀ)²)·X, from the
/// source. In [`ITERATIONS`] iterations they bring singular values between 0.001 and 1 near 1 (0.7
/// to 1.2).
const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];

/// Number of Newton–Schulz iterations, from the source.
const ITERATIONS: usize = 5;

/// Root mean square of the elements of a step at learning rate 1. It is about that of AdamW (Liu
/// et al. 2025).
const ROOT_MEAN_SQUARE: f64 = 0.2;

/// Small number added to norms, so that a momentum of zero does not divide by zero.
const EPSILON: f64 = 1e-12;

/// Position of a kernel in the flat tensor of all variables. The kernel is seen as a matrix with
/// one row per output channel (for a transposed convolution, per input channel).
pub(crate) struct Kernel {
    start: i64,
    columns: i64,
}

/// All kernels of a network that follow Muon, grouped by their number of rows.
#[derive(Default)]
pub(crate) struct Kernels(BTreeMap<i64, Vec<Kernel>>);

impl Kernels {
    /// Adds the variable of shape `shape` at position `start` of the flat tensor, if it is a kernel
    /// of more than one voxel. Ignores it otherwise.
    pub(crate) fn add(&mut self, shape: &[i64], start: i64) {
        let [rows, inputs, ..] = *shape else { return };
        let voxels: i64 = shape[2..].iter().product();
        if voxels > 1 {
            let columns = inputs * voxels;
            let kernels = self.0.entry(rows).or_default();
            kernels.push(Kernel { start, columns });
        }
    }

    /// Computes the step of each kernel from its `momentum`, and writes it to the kernel's part of
    /// `descent`. Both tensors are flat and hold all variables; other parts of `descent` stay
    /// unchanged.
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

/// Computes factors that orthogonalise matrices X, from their products X·Xᵀ `[N, rows, rows]`.
/// Multiplying X by its factor from the left brings its singular values near 1 and keeps its
/// singular vectors. The factors have the shape of the products.
fn orthogonalising(squares: &Tensor) -> Tensor {
    let [a, b, c] = COEFFICIENTS;
    let rows = squares.size()[1];
    // The trace of X·Xᵀ is the squared Frobenius norm of X, and no singular value exceeds this
    // norm.
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
    fn singular_values_become_one_and_steps_have_the_length_of_adam_w() {
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
        // If the rows are orthogonal, the product with the transpose is near the identity.
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
