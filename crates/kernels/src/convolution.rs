//! 3×3×3 convolution with eight output channels, forward and backward: in bf16 on processors with
//! AVX512-BF16, in float32 on processors with AVX-512 or AVX2.
//!
//! oneDNN puts one output channel into each lane of a register. With eight outputs, half of the 16
//! lanes of AVX-512 are then idle. The layers with eight outputs are those at full resolution, and
//! they make up half of the arithmetic of a training step. Here a lane is a voxel instead: a
//! register holds one output channel of 16 neighbours along W (eight with AVX2). `results/bench`
//! gives the gain on several processors. The loops use one thread, because a sweep runs several
//! processes at once.
//!
//! oneDNN computes the layers with 16 outputs and more, because it is as fast as the processor
//! allows there ([`takes`] has the exceptions). On processors with AMX it also computes the bf16
//! layers with eight outputs: it then uses only an eighth of the products of a tile, but that is
//! still four times what Intel's AVX512-BF16 multiplies in the same time. (This is by the manuals
//! of the processors; we had none with AMX.)
//!
//! [`lanes`] has the loops. They are generic over the contents of a register: pairs of values in
//! bf16, single values in float32. The features are rearranged accordingly, one slice at a time,
//! with a border of zeros.
//!
//! The channels of the features may come in several parts. So the features of a skip connection and
//! of the upsampling need not be concatenated.

#[cfg(target_arch = "x86_64")]
mod bf16;
#[cfg(target_arch = "x86_64")]
mod float32;
mod lanes;

use crate::instructions::InstructionSet;
use crate::{Value, fits, samples, samples_mut, values};
use lanes::{Aligned, Number, OUTPUTS, Processor, Row, RowSums};
use std::iter::zip;
use tch::{Kind, Tensor};

/// Number of taps (weights) of a 3×3×3 kernel.
const TAPS: usize = 27;

/// Number of blocks of voxels whose gradients stay in the fastest cache during the loop over all
/// input channels.
const STEPS: usize = 32;

/// Gradients of the loss.
pub(crate) struct Gradients {
    /// Gradient with respect to each part of the features, in its shape and memory order.
    pub(crate) parts: Vec<Tensor>,
    /// Gradient with respect to the weights, float32 `[O, C, 3, 3, 3]`.
    pub(crate) weight: Tensor,
    /// Gradient with respect to the bias, float32 `[O]`.
    pub(crate) bias: Tensor,
}

/// The registers of the processor for features of one number type.
#[derive(Clone, Copy)]
enum Registers {
    #[cfg(target_arch = "x86_64")]
    Bf16Avx512(bf16::Avx512),
    #[cfg(target_arch = "x86_64")]
    Float32Avx512(float32::Avx512),
    #[cfg(target_arch = "x86_64")]
    Float32Avx2(float32::Avx2),
}

impl Registers {
    /// Returns the registers for features of this number type, if the loops should be used.
    #[cfg(target_arch = "x86_64")]
    fn for_kind(kind: Kind) -> Option<Self> {
        match kind {
            Kind::BFloat16 if InstructionSet::available() == InstructionSet::AmxBf16 => None,
            Kind::BFloat16 => bf16::Avx512::detect().map(Self::Bf16Avx512),
            Kind::Float => float32::Avx512::detect()
                .map(Self::Float32Avx512)
                .or_else(|| float32::Avx2::detect().map(Self::Float32Avx2)),
            _ => None,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn for_kind(_kind: Kind) -> Option<Self> {
        None
    }

    /// Returns the largest number of outputs for which the loops are faster than oneDNN. Eight
    /// outputs fill the registers of AVX2, so there only oneDNN's backward pass is slow, and it is
    /// slow for 16 outputs as well.
    fn most_outputs(self) -> i64 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Bf16Avx512(_) | Self::Float32Avx512(_) => 8,
            #[cfg(target_arch = "x86_64")]
            Self::Float32Avx2(_) => 16,
        }
    }
}

/// Whether [`forward`] accepts features in `parts` `[N, C, D, H, W]` and weights of shape `weight`.
/// Each part must have a multiple of eight channels. In float32 it may also be an image of one
/// channel.
pub fn takes(parts: &[&Tensor], weight: &[i64]) -> bool {
    let sizes: Vec<Vec<i64>> = parts.iter().map(|part| part.size()).collect();
    let is_image = weight[1] == 1 && parts[0].kind() == Kind::Float;
    let Some(registers) = Registers::for_kind(parts[0].kind()) else {
        return false;
    };
    // libtorch does not use oneDNN for a single small sample in float32, and its own loops are
    // slower than these.
    let is_single = sizes[0].first() == Some(&1) && parts[0].kind() == Kind::Float;
    weight[0] % OUTPUTS as i64 == 0
        && (weight[0] <= registers.most_outputs() || is_single)
        && weight[2..] == [3, 3, 3]
        && parts
            .iter()
            .all(|part| fits(part) && part.kind() == parts[0].kind())
        && (is_image || sizes.iter().all(|size| size[1] % 8 == 0))
        && sizes.iter().map(|size| size[1]).sum::<i64>() == weight[1]
        && sizes
            .iter()
            .all(|size| size[0] == sizes[0][0] && size[2..] == sizes[0][2..])
}

/// Calls `$function` with the registers for features of number type `$kind` and the arguments.
macro_rules! with_registers {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match Registers::for_kind($kind).expect("asked by `takes`") {
            #[cfg(target_arch = "x86_64")]
            Registers::Bf16Avx512(registers) => $function(registers, $($argument),*),
            #[cfg(target_arch = "x86_64")]
            Registers::Float32Avx512(registers) => $function(registers, $($argument),*),
            #[cfg(target_arch = "x86_64")]
            Registers::Float32Avx2(registers) => $function(registers, $($argument),*),
        }
    };
}

/// Convolves features in `parts`, which [`takes`] must accept, with `weight` float32
/// `[O, C, 3, 3, 3]` and `bias` `[O]`, padded by zeros. Returns `[N, O, D, H, W]`, channels-last,
/// of the same number type as the parts.
pub(crate) fn forward(parts: &[&Tensor], weight: &Tensor, bias: &Tensor) -> Tensor {
    with_registers!(parts[0].kind(), forward_with(parts, weight, bias))
}

/// Computes the gradients from the `gradient` with respect to the output of [`forward`], which has
/// the output's shape and memory order. The gradient of an image (a part of one channel) is not
/// computed and is returned as zeros.
pub(crate) fn backward(parts: &[&Tensor], weight: &Tensor, gradient: &Tensor) -> Gradients {
    with_registers!(parts[0].kind(), backward_with(parts, weight, gradient))
}

/// Does the work of [`forward`] with the registers of `processor`.
fn forward_with<P: Processor>(
    processor: P,
    parts: &[&Tensor],
    weight: &Tensor,
    bias: &Tensor,
) -> Tensor {
    let inputs = channels(parts).iter().sum();
    let kernels = values(weight);
    let outputs = weight.size()[0] as usize;
    let weights = packed::<P>(outputs, inputs, |output, input, tap| {
        kernels[(output * inputs + input) * TAPS + tap]
    });
    let bias = values(bias);
    let mut output = empty_like(parts[0], outputs);
    let loops = Loops::over(parts[0], processor);
    for (x, y) in zip(by_sample(parts), samples_mut(&mut output)) {
        loops.convolve(&x, &weights, &bias, &mut [Part::new(y, outputs)]);
    }
    output
}

/// Does the work of [`backward`] with the registers of `processor`.
fn backward_with<P: Processor>(
    processor: P,
    parts: &[&Tensor],
    weight: &Tensor,
    gradient: &Tensor,
) -> Gradients {
    let channels = channels(parts);
    let inputs: usize = channels.iter().sum();
    let kernels = values(weight);
    let outputs = weight.size()[0] as usize;
    // The gradient of the features is a convolution too, from outputs to inputs, with mirrored
    // kernels.
    let weights = packed::<P>(inputs, outputs, |input, output, tap| {
        kernels[(output * inputs + input) * TAPS + TAPS - 1 - tap]
    });
    let no_bias = vec![0.0; inputs];
    let mut part_gradients: Vec<Tensor> = zip(parts, &channels)
        .map(|(part, &channels)| match channels {
            1 => part.zeros_like(),
            _ => empty_like(part, channels),
        })
        .collect();
    let mut part_samples: Vec<_> = part_gradients.iter_mut().map(samples_mut).collect();
    let loops = Loops::over(parts[0], processor);
    let mut sums = Sums(vec![[processor.no_sums(); 9]; inputs * outputs / OUTPUTS]);
    for (x, dy) in zip(by_sample(parts), samples(gradient)) {
        let mut dx: Vec<_> = zip(&mut part_samples, &channels)
            .filter_map(|(samples, &channels)| Some(Part::new(samples.next()?, channels)))
            .collect();
        let dy = Part::new(dy, outputs);
        loops.multiply(&x, &dy, &mut sums);
        if channels != [1] {
            loops.convolve(&[dy], &weights, &no_bias, &mut dx);
        }
    }
    drop(part_samples);
    let shape = [outputs as i64, inputs as i64, 3, 3, 3];
    Gradients {
        weight: Tensor::from_slice(&sums.totals(processor, inputs)).view(shape),
        bias: gradient.sum_dim_intlist([0, 2, 3, 4].as_slice(), false, Kind::Float),
        parts: part_gradients,
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

/// Returns the number of channels of each part.
fn channels(parts: &[&Tensor]) -> Vec<usize> {
    parts.iter().map(|part| part.size()[1] as usize).collect()
}

/// Returns the parts of each sample of the batch.
fn by_sample<'a, V: Value>(parts: &[&'a Tensor]) -> Vec<Vec<Part<&'a [V]>>> {
    let mut all: Vec<Vec<_>> = samples::<V>(parts[0]).map(|_| Vec::new()).collect();
    for (part, channels) in zip(parts, channels(parts)) {
        for (parts, values) in zip(&mut all, samples(part)) {
            parts.push(Part::new(values, channels));
        }
    }
    all
}

/// Creates a channels-last tensor of `channels` channels on the grid of `features`. Its values are
/// not set.
fn empty_like(features: &Tensor, channels: usize) -> Tensor {
    let size = features.size();
    let size = [size[0], size[2], size[3], size[4], channels as i64];
    Tensor::empty(size, (features.kind(), features.device())).permute([0, 4, 1, 2, 3])
}

/// Arranges weights in the order in which the loops read them: for each group of eight outputs
/// `[tap in D and H][word of inputs][tap in W][output]`. `weight` returns the weight of an output,
/// an input and a tap (0 to 26). Outputs after the last multiple of eight are left out.
fn packed<P: Processor>(
    outputs: usize,
    inputs: usize,
    weight: impl Fn(usize, usize, usize) -> f32,
) -> Vec<P::Word> {
    let mut all = Vec::with_capacity(outputs * inputs / P::PACK * TAPS);
    for first in (0..outputs / OUTPUTS * OUTPUTS).step_by(OUTPUTS) {
        for row in 0..9 {
            for word in 0..inputs / P::PACK {
                for tap in 3 * row..3 * row + 3 {
                    for output in first..first + OUTPUTS {
                        all.push(P::word(|index| weight(output, P::PACK * word + index, tap)));
                    }
                }
            }
        }
    }
    all
}

/// The loops over the grid of a sample, `depth` × `height` × `width` voxels.
struct Loops<P> {
    processor: P,
    depth: usize,
    height: usize,
    width: usize,
}

impl<P: Processor> Loops<P> {
    /// Creates the loops over the grid of `features` `[N, C, D, H, W]`, which [`takes`] must
    /// accept.
    fn over(features: &Tensor, processor: P) -> Self {
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
    fn convolve(
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
    fn multiply(&self, x: &[Part<&[P::Value]>], dy: &Part<&[P::Value]>, sums: &mut Sums<P>) {
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
struct Sums<P: Processor>(Vec<[RowSums<P>; 9]>);

impl<P: Processor> Sums<P> {
    /// Adds up the lanes. Returns the gradient of the weights `[output, input, 27]`, flat.
    fn totals(&self, processor: P, inputs: usize) -> Vec<f32> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{assert_close, features};

    /// Compares with libtorch's convolution in float32. In bf16, values are rounded to 2⁻⁸ of their
    /// size.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn values_and_gradients_equal_libtorch_s() {
        if let Some(registers) = bf16::Avx512::detect() {
            compare(registers, 0.005, 1e-5);
        }
        if let Some(registers) = float32::Avx512::detect() {
            compare(registers, 1e-5, 1e-5);
        }
        if let Some(registers) = float32::Avx2::detect() {
            compare(registers, 1e-5, 1e-5);
        }
    }

    /// Asserts that values and gradients agree with libtorch's, within `tolerance`. The gradient of
    /// the weights must agree within `weight_tolerance`.
    #[cfg(target_arch = "x86_64")]
    fn compare<P: Processor>(registers: P, tolerance: f64, weight_tolerance: f64) {
        let kind = P::Value::KIND;
        for (grid, inputs) in [
            ([3, 5, 7], vec![8]),
            ([2, 4, 16], vec![8, 8]),
            ([1, 3, 33], vec![16]),
            ([4, 1, 48], vec![8, 16]),
            ([2, 2, 70], vec![24]),
            ([1, 1, 1], vec![8]),
            ([3, 5, 21], vec![1]),
        ] {
            if inputs == [1] && kind != Kind::Float {
                continue;
            }
            let on_grid = |channels: i64, seed| {
                features([2, channels, grid[0], grid[1], grid[2]], seed, kind)
            };
            let parts: Vec<Tensor> = inputs
                .iter()
                .map(|&c| on_grid(c, 0.37 / c as f64))
                .collect();
            let parts: Vec<&Tensor> = parts.iter().collect();
            let count: i64 = inputs.iter().sum();
            let outputs = if kind == Kind::Float && count == 16 {
                24
            } else {
                8
            };
            let weight =
                (Tensor::arange(outputs * count * 27, (Kind::Float, tch::Device::Cpu)) * 0.7).sin();
            // The weights are rounded to bf16, so that they are the same in both computations.
            let weight = weight
                .reshape([outputs, count, 3, 3, 3])
                .to_kind(Kind::BFloat16)
                .to_kind(Kind::Float);
            let bias = (Tensor::arange(outputs, (Kind::Float, tch::Device::Cpu)) * 0.9).cos();
            assert!(outputs > 8 || takes(&parts, &weight.size()));
            let gradient = on_grid(outputs, 0.71);
            let y = forward_with(registers, &parts, &weight, &bias);
            let ours = backward_with(registers, &parts, &weight, &gradient);

            let leaf = |t: &Tensor| t.to_kind(Kind::Float).copy().set_requires_grad(true);
            let leaves: Vec<Tensor> = parts.iter().map(|part| leaf(part)).collect();
            let (weight, bias) = (leaf(&weight), leaf(&bias));
            let theirs =
                Tensor::cat(&leaves, 1).conv3d(&weight, Some(&bias), [1; 3], [1; 3], [1; 3], 1);
            (&theirs * gradient.to_kind(Kind::Float))
                .sum(Kind::Float)
                .backward();
            assert_close(&y, &theirs, tolerance);
            if inputs != [1] {
                for (ours, leaf) in zip(&ours.parts, &leaves) {
                    assert_close(ours, &leaf.grad(), tolerance);
                }
            }
            assert_close(&ours.weight, &weight.grad(), weight_tolerance);
            assert_close(&ours.bias, &bias.grad(), 1e-5);
        }
    }

    #[test]
    fn unsuitable_features_are_refused() {
        for kind in [Kind::BFloat16, Kind::Float] {
            let part = |channels, width| features([1, channels, 4, 4, width], 0.1, kind);
            let good = part(8, 4);
            assert_eq!(
                takes(&[&good], &[8, 8, 3, 3, 3]),
                Registers::for_kind(kind).is_some()
            );
            assert!(!takes(&[&good], &[12, 8, 3, 3, 3]));
            assert_eq!(
                takes(&[&good], &[24, 8, 3, 3, 3]),
                kind == Kind::Float && takes(&[&good], &[8, 8, 3, 3, 3])
            );
            let two = features([2, 8, 4, 4, 4], 0.1, kind);
            assert!(!takes(&[&two], &[24, 8, 3, 3, 3]));
            assert!(!takes(&[&good], &[8, 8, 1, 1, 1]));
            assert!(!takes(&[&good], &[8, 16, 3, 3, 3]));
            assert!(!takes(&[&good, &part(8, 2)], &[8, 16, 3, 3, 3]));
            assert!(!takes(&[&good.contiguous()], &[8, 8, 3, 3, 3]));
            assert!(!takes(&[&good.to_kind(Kind::Double)], &[8, 8, 3, 3, 3]));
            assert!(!takes(&[&part(12, 4)], &[8, 12, 3, 3, 3]));
            let other = features([1, 8, 4, 4, 4], 0.1, Kind::Float);
            assert!(kind == Kind::Float || !takes(&[&good, &other], &[8, 16, 3, 3, 3]));
        }
    }
}
