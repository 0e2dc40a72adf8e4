//! The loops of a convolution over the grid of one sample.

use super::lanes::{Aligned, Number, OUTPUTS, Processor, Row, RowSums};
use std::iter::zip;
use tch::Tensor;

/// Number of taps (weights) of a 3×3×3 kernel.
pub(super) const TAPS: usize = 27;

/// Number of blocks of voxels whose gradients stay in the fastest cache during the loop over all
/// input channels.
const STEPS: usize = 32;

/// Some channels of one sample, `[D, H, W, channels]`.
pub(super) struct Part<V> {
    pub(super) values: V,
    pub(super) channels: usize,
}

impl<V> Part<V> {
    pub(super) fn new(values: V, channels: usize) -> Self {
        Self { values, channels }
    }
}

/// The loops over the grid of a sample, `depth` × `height` × `width` voxels.
pub(super) struct Loops<P> {
    processor: P,
    depth: usize,
    height: usize,
    width: usize,
}

impl<P: Processor> Loops<P> {
    /// Creates the loops over the grid of `features` `[N, C, D, H, W]`, which [`takes`] must
    /// accept.
    pub(super) fn over(features: &Tensor, processor: P) -> Self {
        let length = |axis: usize| features.size()[axis] as usize;
        Self {
            processor,
            depth: length(2),
            height: length(3),
            width: length(4),
        }
    }

    /// Returns the rows `[W, channels]` of slice `z`.
    fn rows<'a>(
        &self,
        part: &Part<&'a [P::Value]>,
        z: usize,
    ) -> impl Iterator<Item = &'a [P::Value]> + use<'a, P> {
        let row = self.width * part.channels;
        part.values[z * self.height * row..][..self.height * row].chunks_exact(row)
    }

    /// Calls `visit` for each slice with its index and three rearranged slices: its own and its
    /// neighbours. Slice z of the sample is at index z % 3. `rearrange` writes a slice, given its
    /// index, to an array of at least `count` numbers.
    fn each_slice<T: Number>(
        &self,
        count: usize,
        rearrange: impl Fn(usize, &mut [T]),
        mut visit: impl FnMut(usize, [&[T]; 3]),
    ) {
        let mut slices = [(); 3].map(|()| Aligned::zeros::<T>(count));
        rearrange(0, slices[0].as_mut_slice());
        for z in 0..self.depth {
            if z + 1 < self.depth {
                rearrange(z + 1, slices[(z + 1) % 3].as_mut_slice());
            }
            visit(z, slices.each_ref().map(Aligned::as_slice));
        }
    }

    /// Computes `y` ← `x` convolved with [`packed`] `weights`, plus `bias`.
    ///
    /// As in [`multiply`](Self::multiply), each slice of a channel is stored as one line of voxels.
    /// The line has a zero between its rows, and a row of zeros before and after them. So each tap
    /// reads the same line, shifted by some voxels. The outputs at the zeros between rows are
    /// dropped.
    pub(super) fn convolve(
        &self,
        x: &[Part<&[P::Value]>],
        weights: &[P::Word],
        bias: &[f32],
        y: &mut [Part<&mut [P::Value]>],
    ) {
        let words = x.iter().map(|part| part.channels / P::PACK).sum::<usize>();
        let pitch = self.width + 1;
        let line = (self.height * pitch).next_multiple_of(P::LANES);
        let plane = line + 2 * pitch + 2 + P::LANES;
        let rearrange = |z: usize, to: &mut [P::Word]| {
            let mut first = 0;
            for part in x {
                for (h, values) in self.rows(part, z).enumerate() {
                    let to = &mut to[first + (h + 1) * pitch + 1..];
                    self.processor.to_words(values, part.channels, to, plane);
                }
                first += part.channels / P::PACK * plane;
            }
        };
        let row_weights = words * 3 * OUTPUTS;
        let mut outputs = Aligned::zeros::<P::Value>(line * OUTPUTS);
        let outputs = &mut outputs.as_mut_slice()[..line * OUTPUTS];
        self.each_slice(words * plane, rearrange, |z, slices| {
            let mut groups = zip(weights.chunks_exact(9 * row_weights), bias.as_chunks().0);
            for part in &mut *y {
                let channels = part.channels;
                let slice = self.height * self.width * channels;
                let to = &mut part.values[z * slice..][..slice];
                for channel in (0..channels / OUTPUTS * OUTPUTS).step_by(OUTPUTS) {
                    let Some((weights, bias)) = groups.next() else {
                        break;
                    };
                    let mut rows: [Row<P::Word>; 9] = [(&[], &[]); 9];
                    for (tap, weights) in weights.chunks_exact(row_weights).enumerate() {
                        if let Some(z) = neighbour(z, tap / 3, self.depth) {
                            rows[tap] = (&slices[z % 3][tap % 3 * pitch..], weights);
                        }
                    }
                    self.processor.convolve(&rows, plane, bias, outputs);
                    for (row, to) in zip(
                        outputs.chunks(pitch * OUTPUTS),
                        to.chunks_exact_mut(self.width * channels),
                    ) {
                        let voxels = row.as_chunks::<OUTPUTS>().0;
                        for (voxel, to) in zip(voxels, to.chunks_exact_mut(channels)) {
                            to[channel..channel + OUTPUTS].copy_from_slice(voxel);
                        }
                    }
                }
            }
        });
    }

    /// Adds to `sums` the products of each value of `x` with the gradients `dy` of the outputs that
    /// depend on it.
    ///
    /// Each slice of a channel is stored as one line of voxels with zeros between its rows. So each
    /// tap reads the same line, shifted by some voxels.
    pub(super) fn multiply(
        &self,
        x: &[Part<&[P::Value]>],
        dy: &Part<&[P::Value]>,
        sums: &mut Sums<P>,
    ) {
        let block = P::BLOCK;
        let pitch = self.width + 2;
        let blocks = (self.height * pitch).div_ceil(block);
        // A line of x begins one row and one voxel before a line of dy, and ends as much later.
        let line = (blocks + 2) * block + 2 * pitch;
        let inputs = x.iter().map(|part| part.channels).sum::<usize>();
        let rearrange = |z: usize, to: &mut [P::Value]| {
            let mut first = 0;
            for part in x {
                for (h, values) in self.rows(part, z).enumerate() {
                    let to = &mut to[first + (h + 1) * pitch + 1..];
                    self.processor.to_voxels(values, part.channels, to, line);
                }
                first += part.channels * line;
            }
        };
        let mut output_lines = Aligned::zeros::<P::Value>(dy.channels * line);
        // Each group of eight outputs is stored as `[block][output][voxel]`, the order of reading.
        let group = OUTPUTS * block * blocks;
        let mut gradients = Aligned::zeros::<P::Value>(dy.channels / OUTPUTS * group);
        self.each_slice(inputs * line, rearrange, |z, slices| {
            for (h, values) in self.rows(dy, z).enumerate() {
                let to = &mut output_lines.as_mut_slice()[h * pitch..];
                self.processor.to_voxels(values, dy.channels, to, line);
            }
            let gradients = gradients.as_mut_slice();
            let lines = output_lines.as_slice::<P::Value>().chunks_exact(line);
            for (output, voxels) in lines.take(dy.channels).enumerate() {
                for (to, voxels) in zip(
                    gradients[output / OUTPUTS * group..][..group]
                        .chunks_exact_mut(OUTPUTS * block),
                    voxels.chunks_exact(block),
                ) {
                    to[output % OUTPUTS * block..][..block].copy_from_slice(voxels);
                }
            }
            for (gradients, group_sums) in zip(
                gradients.chunks_exact(group),
                sums.0.chunks_exact_mut(inputs),
            ) {
                for (index, gradients) in gradients.chunks(STEPS * OUTPUTS * block).enumerate() {
                    for (input, input_sums) in group_sums.iter_mut().enumerate() {
                        for (tap, sums) in input_sums.iter_mut().enumerate() {
                            if let Some(z) = neighbour(z, tap / 3, self.depth) {
                                let start = input * line + tap % 3 * pitch + index * STEPS * block;
                                self.processor
                                    .multiply(&slices[z % 3][start..], gradients, sums);
                            }
                        }
                    }
                }
            }
        });
    }
}

/// Returns the index of the slice or row that `tap` (0 to 2) of the one at `index` reads. Returns
/// none if it lies outside the grid, which has `count` of them.
fn neighbour(index: usize, tap: usize, count: usize) -> Option<usize> {
    (index + tap).checked_sub(1).filter(|&index| index < count)
}

/// Gradient of the weights while it is summed: `[group of eight outputs][input][tap in D and H]`,
/// with output and tap in W inside [`RowSums`].
pub(super) struct Sums<P: Processor>(pub(super) Vec<[RowSums<P>; 9]>);

impl<P: Processor> Sums<P> {
    /// Adds up the lanes. Returns the gradient of the weights `[output, input, 27]`, flat.
    pub(super) fn totals(&self, processor: P, inputs: usize) -> Vec<f32> {
        let mut all = Vec::with_capacity(OUTPUTS * self.0.len() * TAPS);
        for group_sums in self.0.chunks_exact(inputs) {
            for output in 0..OUTPUTS {
                for input_sums in group_sums {
                    for sums in input_sums {
                        all.extend(processor.totals(&sums[output]));
                    }
                }
            }
        }
        all
    }
}
