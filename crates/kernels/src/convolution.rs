//! The 3×3×3 convolution with eight outputs, forward and backward: in bf16 on processors with
//! AVX512-BF16, in float32 on those with AVX-512 or AVX2.
//!
//! oneDNN has an output in each lane of a register, so with eight of them half of AVX-512's 16 lanes
//! do nothing, and these layers, the ones at full resolution, are half of a training step's
//! arithmetic. Here a lane is a voxel: 16 neighbours along W at once (eight with AVX2), a register for
//! each output. It uses one thread (a sweep's cells run side by side). How much that gains on which
//! processor is in `results/bench`. With 16 outputs and more oneDNN is as fast as the processor, so
//! those layers are its own. Where there is AMX, oneDNN keeps the bf16 layers of eight outputs as well: an
//! eighth of a tile's products is of use then, which is still four times what Intel's AVX512-BF16
//! multiplies in that time. (By the processors' manuals; no AMX was at hand.)
//!
//! [`lanes`] holds the loops, over whatever a register holds: in bf16 pairs of values, in float32
//! single ones. It turns features round accordingly, a slice at a time, with a border of zeros.
//!
//! Features may come in parts, one behind the other: what a skip connection and the upsampling
//! bring need not be joined.

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

/// Taps of a 3×3×3 kernel.
const TAPS: usize = 27;

/// Blocks of voxels whose gradients stay in the fastest cache while all inputs pass by.
const STEPS: usize = 32;

/// Gradients of the loss.
pub(crate) struct Gradients {
    /// With respect to each part of the features, in its shape and order.
    pub(crate) parts: Vec<Tensor>,
    /// With respect to the weights, float32 `[O, C, 3, 3, 3]`.
    pub(crate) weight: Tensor,
    /// With respect to the bias, float32 `[O]`.
    pub(crate) bias: Tensor,
}

/// The processor's registers for features of one kind.
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
    #[cfg(target_arch = "x86_64")]
    fn of(kind: Kind) -> Option<Self> {
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
    fn of(_kind: Kind) -> Option<Self> {
        None
    }

    /// The most outputs with which the loops are faster than oneDNN. AVX2's registers are full with
    /// eight, so there only oneDNN's backward pass is slow, and with 16 outputs as well.
    fn most_outputs(self) -> i64 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Bf16Avx512(_) | Self::Float32Avx512(_) => 8,
            #[cfg(target_arch = "x86_64")]
            Self::Float32Avx2(_) => 16,
        }
    }
}

/// Whether [`forward`] can take features in `parts` `[N, C, D, H, W]` and weights of shape
/// `weight`. A part has a multiple of eight channels, or in float32 the one of an image.
pub fn takes(parts: &[&Tensor], weight: &[i64]) -> bool {
    let sizes: Vec<Vec<i64>> = parts.iter().map(|part| part.size()).collect();
    let is_image = weight[1] == 1 && parts[0].kind() == Kind::Float;
    let Some(registers) = Registers::of(parts[0].kind()) else {
        return false;
    };
    // libtorch does not give oneDNN one small sample in float32: its own loops are slower than these.
    let is_alone = sizes[0].first() == Some(&1) && parts[0].kind() == Kind::Float;
    weight[0] % OUTPUTS as i64 == 0
        && (weight[0] <= registers.most_outputs() || is_alone)
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

/// Calls `$function` with the registers for features of `$kind` and the arguments.
macro_rules! with_registers {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match Registers::of($kind).expect("asked by `takes`") {
            #[cfg(target_arch = "x86_64")]
            Registers::Bf16Avx512(registers) => $function(registers, $($argument),*),
            #[cfg(target_arch = "x86_64")]
            Registers::Float32Avx512(registers) => $function(registers, $($argument),*),
            #[cfg(target_arch = "x86_64")]
            Registers::Float32Avx2(registers) => $function(registers, $($argument),*),
        }
    };
}

/// The convolution of features in `parts`, which [`takes`] accepts, padded by zeros, with `weight`
/// float32 `[O, C, 3, 3, 3]` and `bias` `[O]`: `[N, O, D, H, W]`, channels-last, of the parts' kind.
pub(crate) fn forward(parts: &[&Tensor], weight: &Tensor, bias: &Tensor) -> Tensor {
    with_registers!(parts[0].kind(), forward_with(parts, weight, bias))
}

/// The gradients, where `gradient` is that with respect to the output of [`forward`], in its shape
/// and order. Those of a part of one channel, an image, are not computed: they are zeros.
pub(crate) fn backward(parts: &[&Tensor], weight: &Tensor, gradient: &Tensor) -> Gradients {
    with_registers!(parts[0].kind(), backward_with(parts, weight, gradient))
}

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
    // The same convolution with inputs for outputs, its kernels mirrored.
    let weights = packed::<P>(inputs, outputs, |input, output, tap| {
        kernels[(output * inputs + input) * TAPS + TAPS - 1 - tap]
    });
    let no_bias = vec![0.0; inputs];
    let mut of_parts: Vec<Tensor> = zip(parts, &channels)
        .map(|(part, &channels)| match channels {
            1 => part.zeros_like(),
            _ => empty_like(part, channels),
        })
        .collect();
    let mut fresh: Vec<_> = of_parts.iter_mut().map(samples_mut).collect();
    let loops = Loops::over(parts[0], processor);
    let mut sums = Sums(vec![[processor.no_sums(); 9]; inputs * outputs / OUTPUTS]);
    for (x, dy) in zip(by_sample(parts), samples(gradient)) {
        let mut dx: Vec<_> = zip(&mut fresh, &channels)
            .filter_map(|(samples, &channels)| Some(Part::new(samples.next()?, channels)))
            .collect();
        let dy = Part::new(dy, outputs);
        loops.multiply(&x, &dy, &mut sums);
        if channels != [1] {
            loops.convolve(&[dy], &weights, &no_bias, &mut dx);
        }
    }
    drop(fresh);
    let shape = [outputs as i64, inputs as i64, 3, 3, 3];
    Gradients {
        weight: Tensor::from_slice(&sums.of_weights(processor, inputs)).view(shape),
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
fn by_sample<'a, V: Value>(parts: &[&'a Tensor]) -> Vec<Vec<Part<&'a [V]>>> {
    let mut all: Vec<Vec<_>> = samples::<V>(parts[0]).map(|_| Vec::new()).collect();
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
    Tensor::empty(size, (features.kind(), features.device())).permute([0, 4, 1, 2, 3])
}

/// Weights in the order in which rows are convolved: for each eight outputs
/// `[tap in D and H][word of inputs][tap in W][output]`. `at`: output, input, tap of 27. Outputs beyond
/// the last multiple of eight have none.
fn packed<P: Processor>(
    outputs: usize,
    inputs: usize,
    at: impl Fn(usize, usize, usize) -> f32,
) -> Vec<P::Word> {
    let mut all = Vec::with_capacity(outputs * inputs / P::PACK * TAPS);
    for first in (0..outputs / OUTPUTS * OUTPUTS).step_by(OUTPUTS) {
        for row in 0..9 {
            for word in 0..inputs / P::PACK {
                for tap in 3 * row..3 * row + 3 {
                    for output in first..first + OUTPUTS {
                        all.push(P::word(|index| at(output, P::PACK * word + index, tap)));
                    }
                }
            }
        }
    }
    all
}

/// The loops over the grid of a sample.
struct Loops<P> {
    processor: P,
    depth: usize,
    height: usize,
    width: usize,
}

impl<P: Processor> Loops<P> {
    /// Over that of `features` `[N, C, D, H, W]`, which [`takes`] accepts.
    fn over(features: &Tensor, processor: P) -> Self {
        let length = |axis: usize| features.size()[axis] as usize;
        Self {
            processor,
            depth: length(2),
            height: length(3),
            width: length(4),
        }
    }

    /// Rows `[W, channels]` of slice `z`.
    fn rows<'a>(
        &self,
        part: &Part<&'a [P::Value]>,
        z: usize,
    ) -> impl Iterator<Item = &'a [P::Value]> + use<'a, P> {
        let row = self.width * part.channels;
        part.values[z * self.height * row..][..self.height * row].chunks_exact(row)
    }

    /// Calls `visit` with each slice's index and the slices that it sees, `turn`ed round into so many
    /// numbers: slice z of the sample is at z % 3.
    fn each_slice<T: Number>(
        &self,
        count: usize,
        turn: impl Fn(usize, &mut [T]),
        mut visit: impl FnMut(usize, [&[T]; 3]),
    ) {
        let mut slices = [(); 3].map(|()| Aligned::zeros::<T>(count));
        turn(0, slices[0].of_mut());
        for z in 0..self.depth {
            if z + 1 < self.depth {
                turn(z + 1, slices[(z + 1) % 3].of_mut());
            }
            visit(z, slices.each_ref().map(Aligned::of));
        }
    }

    /// `y` ← `x` convolved with [`packed`] `weights`, plus `bias`.
    ///
    /// As in [`multiply`](Self::multiply), a channel's slice is one line of voxels, with a zero between
    /// its rows, a row of zeros before and one after them, so that each tap is the same line some
    /// voxels further. What is computed of the zeros between is dropped.
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
        let turn = |z: usize, to: &mut [P::Word]| {
            let mut first = 0;
            for part in x {
                for (h, values) in self.rows(part, z).enumerate() {
                    let to = &mut to[first + (h + 1) * pitch + 1..];
                    self.processor.to_words(values, part.channels, to, plane);
                }
                first += part.channels / P::PACK * plane;
            }
        };
        let of_tap = words * 3 * OUTPUTS;
        let mut outputs = Aligned::zeros::<P::Value>(line * OUTPUTS);
        let outputs = &mut outputs.of_mut()[..line * OUTPUTS];
        self.each_slice(words * plane, turn, |z, slices| {
            let mut groups = zip(weights.chunks_exact(9 * of_tap), bias.as_chunks().0);
            for part in &mut *y {
                let channels = part.channels;
                let slice = self.height * self.width * channels;
                let to = &mut part.values[z * slice..][..slice];
                for channel in (0..channels / OUTPUTS * OUTPUTS).step_by(OUTPUTS) {
                    let Some((weights, bias)) = groups.next() else {
                        break;
                    };
                    let mut rows: [Row<P::Word>; 9] = [(&[], &[]); 9];
                    for (tap, weights) in weights.chunks_exact(of_tap).enumerate() {
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
    /// see it.
    ///
    /// A channel's slice is one line of voxels, with zeros between its rows, so that each tap is the
    /// same line some voxels further.
    fn multiply(&self, x: &[Part<&[P::Value]>], dy: &Part<&[P::Value]>, sums: &mut Sums<P>) {
        let block = P::BLOCK;
        let pitch = self.width + 2;
        let blocks = (self.height * pitch).div_ceil(block);
        // A line of x begins a row and a voxel earlier and ends as much later.
        let line = (blocks + 2) * block + 2 * pitch;
        let inputs = x.iter().map(|part| part.channels).sum::<usize>();
        let turn = |z: usize, to: &mut [P::Value]| {
            let mut first = 0;
            for part in x {
                for (h, values) in self.rows(part, z).enumerate() {
                    let to = &mut to[first + (h + 1) * pitch + 1..];
                    self.processor.to_voxels(values, part.channels, to, line);
                }
                first += part.channels * line;
            }
        };
        let mut of_outputs = Aligned::zeros::<P::Value>(dy.channels * line);
        // Of eight outputs `[block][output][voxel]`: one after the other, as they are read.
        let group = OUTPUTS * block * blocks;
        let mut gradients = Aligned::zeros::<P::Value>(dy.channels / OUTPUTS * group);
        self.each_slice(inputs * line, turn, |z, slices| {
            for (h, values) in self.rows(dy, z).enumerate() {
                let to = &mut of_outputs.of_mut()[h * pitch..];
                self.processor.to_voxels(values, dy.channels, to, line);
            }
            let gradients = gradients.of_mut();
            let lines = of_outputs.of::<P::Value>().chunks_exact(line);
            for (output, voxels) in lines.take(dy.channels).enumerate() {
                for (to, voxels) in zip(
                    gradients[output / OUTPUTS * group..][..group]
                        .chunks_exact_mut(OUTPUTS * block),
                    voxels.chunks_exact(block),
                ) {
                    to[output % OUTPUTS * block..][..block].copy_from_slice(voxels);
                }
            }
            for (gradients, of_group) in zip(
                gradients.chunks_exact(group),
                sums.0.chunks_exact_mut(inputs),
            ) {
                for (index, gradients) in gradients.chunks(STEPS * OUTPUTS * block).enumerate() {
                    for (input, of_input) in of_group.iter_mut().enumerate() {
                        for (tap, sums) in of_input.iter_mut().enumerate() {
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

/// The slice or row that `tap` (0 to 2) of one at `index` falls on, if it is among `count`.
fn neighbour(index: usize, tap: usize, count: usize) -> Option<usize> {
    (index + tap).checked_sub(1).filter(|&index| index < count)
}

/// The weights' gradient: `[eight outputs][input][tap in D and H]`, the rest within.
struct Sums<P: Processor>(Vec<[RowSums<P>; 9]>);

impl<P: Processor> Sums<P> {
    /// `[output, input, 27]`, flat.
    fn of_weights(&self, processor: P, inputs: usize) -> Vec<f32> {
        let mut all = Vec::with_capacity(OUTPUTS * self.0.len() * TAPS);
        for of_group in self.0.chunks_exact(inputs) {
            for output in 0..OUTPUTS {
                for of_input in of_group {
                    for sums in of_input {
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

    /// Against libtorch's own in float32. Values in bf16 round to 2⁻⁸ of their size.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn values_and_gradients_are_libtorch_s() {
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

    #[cfg(target_arch = "x86_64")]
    fn compare<P: Processor>(registers: P, tolerance: f64, of_weights: f64) {
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
            let of = |channels: i64, seed| {
                features([2, channels, grid[0], grid[1], grid[2]], seed, kind)
            };
            let parts: Vec<Tensor> = inputs.iter().map(|&c| of(c, 0.37 / c as f64)).collect();
            let parts: Vec<&Tensor> = parts.iter().collect();
            let count: i64 = inputs.iter().sum();
            // As bf16 has them, so that they are the same in both.
            let outputs = if kind == Kind::Float && count == 16 {
                24
            } else {
                8
            };
            let weight =
                (Tensor::arange(outputs * count * 27, (Kind::Float, tch::Device::Cpu)) * 0.7).sin();
            let weight = weight
                .reshape([outputs, count, 3, 3, 3])
                .to_kind(Kind::BFloat16)
                .to_kind(Kind::Float);
            let bias = (Tensor::arange(outputs, (Kind::Float, tch::Device::Cpu)) * 0.9).cos();
            assert!(outputs > 8 || takes(&parts, &weight.size()));
            let gradient = of(outputs, 0.71);
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
            assert_close(&ours.weight, &weight.grad(), of_weights);
            assert_close(&ours.bias, &bias.grad(), 1e-5);
        }
    }

    #[test]
    fn what_the_loops_cannot_take_is_refused() {
        for kind in [Kind::BFloat16, Kind::Float] {
            let of = |channels, width| features([1, channels, 4, 4, width], 0.1, kind);
            let good = of(8, 4);
            assert_eq!(
                takes(&[&good], &[8, 8, 3, 3, 3]),
                Registers::of(kind).is_some()
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
            assert!(!takes(&[&good, &of(8, 2)], &[8, 16, 3, 3, 3]));
            assert!(!takes(&[&good.contiguous()], &[8, 8, 3, 3, 3]));
            assert!(!takes(&[&good.to_kind(Kind::Double)], &[8, 8, 3, 3, 3]));
            assert!(!takes(&[&of(12, 4)], &[8, 12, 3, 3, 3]));
            let other = features([1, 8, 4, 4, 4], 0.1, Kind::Float);
            assert!(kind == Kind::Float || !takes(&[&good, &other], &[8, 16, 3, 3, 3]));
        }
    }
}
