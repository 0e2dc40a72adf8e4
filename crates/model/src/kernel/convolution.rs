//! The 3×3×3 convolution with eight outputs, forward and backward, on processors with AVX512-BF16.
//!
//! oneDNN has an output in each lane of a register, so with eight of them half of its 16 lanes
//! do nothing, and these layers, the ones at full resolution, are half of a training step's
//! arithmetic. Here a lane is a voxel: 16 neighbours along W at once, a register for each output.
//! On one thread, which is all it uses (a sweep's cells run side by side), twice as fast as oneDNN
//! (`EXPERIMENTS.md`); with 16 outputs and more oneDNN is as fast as the processor, so those layers
//! are its own.
//!
//! A register holds pairs of bf16 values, and the processor adds up their products in float32. In a
//! sum over inputs a pair is two neighbouring channels of a voxel, in a sum over voxels (the
//! weights' gradient) two neighbouring voxels of a channel. [`lanes`] turns features round
//! accordingly, a slice at a time, with a border of zeros.
//!
//! Features may come in parts, one behind the other: what a skip connection and the upsampling
//! bring need not be joined.

mod lanes;

use super::{fits, samples, samples_mut, to_bf16, values};
use lanes::{Aligned, BLOCK, OUTPUTS, Processor, Row, RowSums, pair_pitch};
use std::iter::zip;
use tch::{Kind, Tensor};

/// Taps of a 3×3×3 kernel.
const TAPS: usize = 27;

/// Blocks of voxels whose gradients stay in the fastest cache while all inputs pass by.
const STEPS: usize = 32;

/// Gradients of the loss.
pub(crate) struct Gradients {
    /// With respect to each part of the features, in its shape and order.
    pub(crate) parts: Vec<Tensor>,
    /// With respect to the weights, float32 `[8, C, 3, 3, 3]`.
    pub(crate) weight: Tensor,
    /// With respect to the bias, float32 `[8]`.
    pub(crate) bias: Tensor,
}

/// Whether [`forward`] can take features in `parts` `[N, C, D, H, W]` and weights of shape
/// `weight`.
pub(crate) fn takes(parts: &[&Tensor], weight: &[i64]) -> bool {
    let sizes: Vec<Vec<i64>> = parts.iter().map(|part| part.size()).collect();
    weight[0] == OUTPUTS as i64
        && weight[2..] == [3, 3, 3]
        && parts.iter().all(|part| fits(part))
        && sizes.iter().all(|size| size[1] % 8 == 0)
        && sizes.iter().map(|size| size[1]).sum::<i64>() == weight[1]
        && sizes
            .iter()
            .all(|size| size[0] == sizes[0][0] && size[2..] == sizes[0][2..])
        && Processor::detect().is_some()
}

/// The convolution of features in `parts`, which [`takes`] accepts, padded by zeros, with `weight`
/// float32 `[8, C, 3, 3, 3]` and `bias` `[8]`: bf16 `[N, 8, D, H, W]`, channels-last.
pub(crate) fn forward(parts: &[&Tensor], weight: &Tensor, bias: &Tensor) -> Tensor {
    let inputs = channels(parts).iter().sum();
    let kernels = values(weight);
    let weights = packed(OUTPUTS, inputs, |output, input, tap| {
        kernels[(output * inputs + input) * TAPS + tap]
    });
    let bias = values(bias);
    let output = empty_like(parts[0], OUTPUTS);
    let loops = Loops::over(parts[0]);
    for (x, y) in zip(by_sample(parts), samples_mut(&output)) {
        loops.convolve(&x, &weights, &bias, &mut [Part::new(y, OUTPUTS)]);
    }
    output
}

/// The gradients, where `gradient` is that with respect to the output of [`forward`], in its shape
/// and order.
pub(crate) fn backward(parts: &[&Tensor], weight: &Tensor, gradient: &Tensor) -> Gradients {
    let channels = channels(parts);
    let inputs: usize = channels.iter().sum();
    let kernels = values(weight);
    // The same convolution with inputs for outputs, its kernels mirrored.
    let weights = packed(inputs, OUTPUTS, |input, output, tap| {
        kernels[(output * inputs + input) * TAPS + TAPS - 1 - tap]
    });
    let no_bias = vec![0.0; inputs];
    let of_parts: Vec<Tensor> = zip(parts, &channels)
        .map(|(part, &channels)| empty_like(part, channels))
        .collect();
    let mut fresh: Vec<_> = of_parts.iter().map(samples_mut).collect();
    let loops = Loops::over(parts[0]);
    let mut sums = Sums::zeros(inputs);
    for (x, dy) in zip(by_sample(parts), samples(gradient)) {
        let mut dx: Vec<_> = zip(&mut fresh, &channels)
            .filter_map(|(samples, &channels)| Some(Part::new(samples.next()?, channels)))
            .collect();
        let dy = Part::new(dy, OUTPUTS);
        loops.multiply(&x, &dy, &mut sums);
        loops.convolve(&[dy], &weights, &no_bias, &mut dx);
    }
    drop(fresh);
    let shape = [OUTPUTS as i64, inputs as i64, 3, 3, 3];
    Gradients {
        weight: Tensor::from_slice(&sums.of_weights(loops.processor)).view(shape),
        bias: gradient.sum_dim_intlist([0, 2, 3, 4].as_slice(), false, Kind::Float),
        parts: of_parts,
    }
}

/// Some channels of one sample, `[D, H, W, channels]`.
struct Part<V> {
    values: V,
    channels: usize,
}

impl<V> Part<V> {
    fn new(values: V, channels: usize) -> Self {
        Self { values, channels }
    }
}

/// Channels of each part.
fn channels(parts: &[&Tensor]) -> Vec<usize> {
    parts.iter().map(|part| part.size()[1] as usize).collect()
}

/// The parts of each sample.
fn by_sample<'a>(parts: &[&'a Tensor]) -> Vec<Vec<Part<&'a [u16]>>> {
    let mut all: Vec<Vec<_>> = samples(parts[0]).map(|_| Vec::new()).collect();
    for (part, channels) in zip(parts, channels(parts)) {
        for (parts, values) in zip(&mut all, samples(part)) {
            parts.push(Part::new(values, channels));
        }
    }
    all
}

/// On the grid of `features`, channels-last, its values not yet set.
fn empty_like(features: &Tensor, channels: usize) -> Tensor {
    let size = features.size();
    let size = [size[0], size[2], size[3], size[4], channels as i64];
    Tensor::empty(size, (Kind::BFloat16, features.device())).permute([0, 4, 1, 2, 3])
}

/// Weights in the order in which rows are convolved: for each eight outputs
/// `[tap in D and H][pair of inputs][tap in W][output]`. `at`: output, input, tap of 27.
fn packed(outputs: usize, inputs: usize, at: impl Fn(usize, usize, usize) -> f32) -> Vec<u32> {
    let mut all = Vec::with_capacity(outputs * inputs / 2 * TAPS);
    for first in (0..outputs).step_by(OUTPUTS) {
        for row in 0..9 {
            for pair in 0..inputs / 2 {
                for tap in 3 * row..3 * row + 3 {
                    for output in first..first + OUTPUTS {
                        let value = |input| u32::from(to_bf16(at(output, input, tap)));
                        all.push(value(2 * pair) | value(2 * pair + 1) << 16);
                    }
                }
            }
        }
    }
    all
}

/// The loops over the grid of a sample.
struct Loops {
    processor: Processor,
    depth: usize,
    height: usize,
    width: usize,
}

impl Loops {
    /// Over that of `features` `[N, C, D, H, W]`, which [`takes`] accepts.
    fn over(features: &Tensor) -> Self {
        let length = |axis: usize| features.size()[axis] as usize;
        Self {
            processor: Processor::detect().expect("asked by `takes`"),
            depth: length(2),
            height: length(3),
            width: length(4),
        }
    }

    /// Rows `[W, channels]` of slice `z`.
    fn rows<'a>(&self, part: &Part<&'a [u16]>, z: usize) -> impl Iterator<Item = &'a [u16]> {
        let row = self.width * part.channels;
        part.values[z * self.height * row..][..self.height * row].chunks_exact(row)
    }

    /// Calls `visit` with each slice's index and the slices that it sees, `turn`ed round into so many
    /// `bytes`: slice z of the sample is at z % 3.
    fn each_slice(
        &self,
        bytes: usize,
        turn: impl Fn(usize, &mut Aligned),
        mut visit: impl FnMut(usize, &[Aligned; 3]),
    ) {
        let mut slices = [(); 3].map(|()| Aligned::zeros(bytes));
        turn(0, &mut slices[0]);
        for z in 0..self.depth {
            if z + 1 < self.depth {
                turn(z + 1, &mut slices[(z + 1) % 3]);
            }
            visit(z, &slices);
        }
    }

    /// `y` ← `x` convolved with [`packed`] `weights`, plus `bias`.
    fn convolve(
        &self,
        x: &[Part<&[u16]>],
        weights: &[u32],
        bias: &[f32],
        y: &mut [Part<&mut [u16]>],
    ) {
        let pairs = x.iter().map(|part| part.channels / 2).sum::<usize>();
        let pitch = pair_pitch(self.width);
        let row = pairs * pitch;
        let turn = |z: usize, to: &mut Aligned| {
            let mut first = 0;
            for part in x {
                for (values, to) in zip(self.rows(part, z), to.pairs_mut().chunks_exact_mut(row)) {
                    self.processor
                        .to_pairs(values, part.channels, &mut to[first..], pitch);
                }
                first += part.channels / 2 * pitch;
            }
        };
        let of_row = pairs * 3 * OUTPUTS;
        self.each_slice(4 * self.height * row, turn, |z, slices| {
            for h in 0..self.height {
                let mut groups = zip(weights.chunks_exact(9 * of_row), bias.as_chunks().0);
                for part in &mut *y {
                    let channels = part.channels;
                    let start = (z * self.height + h) * self.width * channels;
                    let to = &mut part.values[start..][..self.width * channels];
                    for channel in (0..channels).step_by(OUTPUTS) {
                        let Some((weights, bias)) = groups.next() else {
                            break;
                        };
                        let mut rows: [Row; 9] = [(&[], &[]); 9];
                        for (tap, weights) in weights.chunks_exact(of_row).enumerate() {
                            if let Some(z) = neighbour(z, tap / 3, self.depth)
                                && let Some(h) = neighbour(h, tap % 3, self.height)
                            {
                                rows[tap] = (&slices[z % 3].pairs()[h * row..][..row], weights);
                            }
                        }
                        self.processor
                            .convolve(&rows, pitch, bias, to, channels, channel);
                    }
                }
            }
        });
    }

    /// Adds to `sums` the products of each value of `x` with the gradients `dy` of the outputs that
    /// see it.
    ///
    /// A channel's slice is one line of voxels, with zeros between its rows, so that each tap is the
    /// same line some voxels further.
    fn multiply(&self, x: &[Part<&[u16]>], dy: &Part<&[u16]>, sums: &mut Sums) {
        let pitch = self.width + 2;
        let blocks = (self.height * pitch).div_ceil(BLOCK);
        // A line of x begins a row and a voxel earlier and ends as much later.
        let line = (blocks + 2) * BLOCK + 2 * pitch;
        let inputs = x.iter().map(|part| part.channels).sum::<usize>();
        let turn = |z: usize, to: &mut Aligned| {
            let mut first = 0;
            for part in x {
                for (h, values) in self.rows(part, z).enumerate() {
                    let to = &mut to.values_mut()[first + (h + 1) * pitch + 1..];
                    self.processor.to_voxels(values, part.channels, to, line);
                }
                first += part.channels * line;
            }
        };
        let mut of_outputs = Aligned::zeros(2 * OUTPUTS * line);
        let mut gradients = Aligned::zeros(2 * OUTPUTS * BLOCK * blocks);
        self.each_slice(2 * inputs * line, turn, |z, slices| {
            for (h, values) in self.rows(dy, z).enumerate() {
                let to = &mut of_outputs.values_mut()[h * pitch..];
                self.processor.to_voxels(values, OUTPUTS, to, line);
            }
            // `[block][output][voxel]`: one after the other, as they are read.
            let gradients = gradients.values_mut().as_chunks_mut().0;
            for (output, voxels) in of_outputs
                .values()
                .chunks_exact(line)
                .take(OUTPUTS)
                .enumerate()
            {
                for (to, voxels) in zip(&mut *gradients, voxels.as_chunks::<BLOCK>().0) {
                    to.as_chunks_mut().0[output] = *voxels;
                }
            }
            for (index, gradients) in gradients.chunks(STEPS).enumerate() {
                for (of_input, input) in zip(&mut sums.0, 0..inputs) {
                    for (tap, sums) in of_input.iter_mut().enumerate() {
                        if let Some(z) = neighbour(z, tap / 3, self.depth) {
                            let start = input * line + tap % 3 * pitch + index * STEPS * BLOCK;
                            let x = &slices[z % 3].values()[start..];
                            self.processor.add_products(x, gradients, sums);
                        }
                    }
                }
            }
        });
    }
}

/// The slice or row that `tap` (0 to 2) of one at `index` falls on, if it is among `count`.
fn neighbour(index: usize, tap: usize, count: usize) -> Option<usize> {
    (index + tap).checked_sub(1).filter(|&index| index < count)
}

/// The weights' gradient: `[input][tap in D and H]`, the rest within.
struct Sums(Vec<[RowSums; 9]>);

impl Sums {
    fn zeros(inputs: usize) -> Self {
        Self(vec![[lanes::NO_SUMS; 9]; inputs])
    }

    /// `[output, input, 27]`, flat.
    fn of_weights(&self, processor: Processor) -> Vec<f32> {
        let mut all = Vec::with_capacity(OUTPUTS * self.0.len() * TAPS);
        for output in 0..OUTPUTS {
            for of_input in &self.0 {
                for sums in of_input {
                    all.extend(sums[output].map(|lanes| processor.total(lanes)));
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::tests::{assert_close, features};

    /// Against libtorch's own in float32: values round to bf16, 2⁻⁸ of their size.
    #[test]
    fn values_and_gradients_are_libtorch_s() {
        if Processor::detect().is_none() {
            return;
        }
        for (grid, inputs) in [
            ([3, 5, 7], vec![8]),
            ([2, 4, 16], vec![8, 8]),
            ([1, 3, 33], vec![16]),
            ([4, 1, 48], vec![8, 16]),
            ([2, 2, 70], vec![24]),
            ([1, 1, 1], vec![8]),
        ] {
            let of = |channels: i64, seed| features([2, channels, grid[0], grid[1], grid[2]], seed);
            let parts: Vec<Tensor> = inputs.iter().map(|&c| of(c, 0.37 / c as f64)).collect();
            let parts: Vec<&Tensor> = parts.iter().collect();
            let count: i64 = inputs.iter().sum();
            // As bf16 has them, so that they are the same in both.
            let weight =
                (Tensor::arange(8 * count * 27, (Kind::Float, tch::Device::Cpu)) * 0.7).sin();
            let weight = weight
                .reshape([8, count, 3, 3, 3])
                .to_kind(Kind::BFloat16)
                .to_kind(Kind::Float);
            let bias = Tensor::from_slice(&[0.5_f32, -1.0, 0.0, 2.0, 0.1, 0.2, 0.3, -0.4]);
            assert!(takes(&parts, &weight.size()));
            let gradient = of(8, 0.71);
            let y = forward(&parts, &weight, &bias);
            let ours = backward(&parts, &weight, &gradient);

            let leaf = |t: &Tensor| t.to_kind(Kind::Float).copy().set_requires_grad(true);
            let leaves: Vec<Tensor> = parts.iter().map(|part| leaf(part)).collect();
            let (weight, bias) = (leaf(&weight), leaf(&bias));
            let theirs =
                Tensor::cat(&leaves, 1).conv3d(&weight, Some(&bias), [1; 3], [1; 3], [1; 3], 1);
            (&theirs * gradient.to_kind(Kind::Float))
                .sum(Kind::Float)
                .backward();
            assert_close(&y, &theirs, 0.005);
            for (ours, leaf) in zip(&ours.parts, &leaves) {
                assert_close(ours, &leaf.grad(), 0.005);
            }
            assert_close(&ours.weight, &weight.grad(), 1e-5);
            assert_close(&ours.bias, &bias.grad(), 1e-5);
        }
    }

    #[test]
    fn what_the_loops_cannot_take_is_refused() {
        let good = features([1, 8, 4, 4, 4], 0.1);
        assert_eq!(
            takes(&[&good], &[8, 8, 3, 3, 3]),
            Processor::detect().is_some()
        );
        assert!(!takes(&[&good], &[16, 8, 3, 3, 3]));
        assert!(!takes(&[&good], &[8, 8, 1, 1, 1]));
        assert!(!takes(&[&good], &[8, 16, 3, 3, 3]));
        assert!(!takes(
            &[&good, &features([1, 8, 4, 4, 2], 0.1)],
            &[8, 16, 3, 3, 3]
        ));
        assert!(!takes(&[&good.contiguous()], &[8, 8, 3, 3, 3]));
        assert!(!takes(&[&good.to_kind(Kind::Float)], &[8, 8, 3, 3, 3]));
        assert!(!takes(
            &[&features([1, 12, 4, 4, 4], 0.1)],
            &[8, 12, 3, 3, 3]
        ));
    }
}
