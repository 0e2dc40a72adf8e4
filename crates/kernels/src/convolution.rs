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
//! `lanes` has the loops. They are generic over the contents of a register: pairs of values in
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
mod loops;

use crate::instructions::InstructionSet;
use crate::{Value, fits, samples, samples_mut, values};
use lanes::{OUTPUTS, Processor};
use loops::{Loops, Part, Sums, TAPS};
use std::iter::zip;
use tch::{Kind, Tensor};

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

/// Whether `forward` accepts features in `parts` `[N, C, D, H, W]` and weights of shape `weight`.
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

#[cfg(test)]
mod tests;
