//! Instance normalisation followed by a leaky rectifier, forward and backward, for features in
//! bf16 or float32 on the CPU whose channels come last in memory.
//!
//! libtorch's normalisation is slow in this memory order (`EXPERIMENTS.md`). The features would
//! have to be reordered before it and after it, and then rectified, which takes eight times as
//! long as these loops. The loops are plain Rust over slices, compiled once for each register
//! width. All widths add in the same order, so they give the same bits.

use crate::instructions::InstructionSet;
use crate::{Value, fits, samples, samples_mut};
use tch::{Kind, Tensor};

/// Number of values in a row, which are processed together. The number of channels divides it, so
/// each lane (a position in the row) always holds the same channel.
const LANES: usize = 64;

/// Number of rows of [`LANES`] values after which float32 sums are added to float64 sums.
const ROWS: usize = 128;

/// One number per lane, repeating the numbers of the channels `0, 1, …, C-1`.
type Lanes = [f32; LANES];

/// Small number added to variances, so that a constant feature map does not divide by zero.
pub const EPSILON: f64 = 1e-5;

/// Statistics of one channel of one sample.
#[derive(Clone, Copy)]
struct Moments {
    /// Mean.
    mean: f64,
    /// 1 / standard deviation.
    precision: f64,
}

/// Statistics of the forward pass that the backward pass needs, `[N][C]`.
pub(crate) struct Statistics(Vec<Vec<Moments>>);

/// Parameters of the operations after the normalisation.
pub(crate) struct Affine {
    /// Learned scale of each channel, `[C]`.
    pub(crate) scale: Vec<f32>,
    /// Learned shift of each channel, `[C]`.
    pub(crate) shift: Vec<f32>,
    /// Slope of the rectifier below zero.
    pub(crate) slope: f32,
}

/// Gradients of the loss.
pub(crate) struct Gradients {
    /// Gradient with respect to the features, in their shape and memory order.
    pub(crate) features: Tensor,
    /// Gradient with respect to the scale, `[C]`.
    pub(crate) scale: Vec<f32>,
    /// Gradient with respect to the shift, `[C]`.
    pub(crate) shift: Vec<f32>,
}

/// Whether the loops accept `features` `[N, C, D, H, W]`.
pub fn takes(features: &Tensor) -> bool {
    fits(features) && LANES.is_multiple_of(features.size()[1] as usize)
}

/// Normalises, scales, shifts and rectifies `features`, which [`takes`] must accept. Returns the
/// result in their shape and memory order, with the statistics.
pub(crate) fn forward(features: &Tensor, affine: &Affine) -> (Tensor, Statistics) {
    match features.kind() {
        Kind::Float => forward_with::<f32>(features, affine),
        _ => forward_with::<u16>(features, affine),
    }
}

/// Computes the gradients from the `gradient` with respect to the output of [`forward`], which has
/// the shape and memory order of `features`.
pub(crate) fn backward(
    features: &Tensor,
    gradient: &Tensor,
    statistics: &Statistics,
    affine: &Affine,
) -> Gradients {
    match features.kind() {
        Kind::Float => backward_with::<f32>(features, gradient, statistics, affine),
        _ => backward_with::<u16>(features, gradient, statistics, affine),
    }
}

/// Does the work of [`forward`] for features with values of type `V`.
fn forward_with<V: Value>(features: &Tensor, affine: &Affine) -> (Tensor, Statistics) {
    let channels = affine.scale.len();
    let mut output = features.detach().empty_like();
    let values = samples::<V>(features).zip(samples_mut(&mut output));
    let moments = values.map(|(x, y)| {
        let (sums, squares) = sums(x);
        let count = (x.len() / channels) as f64;
        let squares = by_channel(&squares, channels);
        let moments: Vec<Moments> = by_channel(&sums, channels)
            .into_iter()
            .zip(squares)
            .map(|(sum, square)| {
                let mean = sum / count;
                let variance = (square / count - mean * mean).max(0.0);
                Moments {
                    mean,
                    precision: 1.0 / (variance + EPSILON).sqrt(),
                }
            })
            .collect();
        let (scale, shift) = line(&moments, affine);
        rectified_line(x, y, &scale, &shift, affine.slope);
        moments
    });
    let statistics = Statistics(moments.collect());
    (output, statistics)
}

/// Does the work of [`backward`] for features with values of type `V`.
fn backward_with<V: Value>(
    features: &Tensor,
    gradient: &Tensor,
    statistics: &Statistics,
    affine: &Affine,
) -> Gradients {
    let channels = affine.scale.len();
    let mut output = features.detach().empty_like();
    let (mut scale_gradient, mut shift_gradient) = (vec![0.0; channels], vec![0.0; channels]);
    let all_samples = samples::<V>(features)
        .zip(samples::<V>(gradient))
        .zip(samples_mut::<V>(&mut output))
        .zip(&statistics.0);
    for (((x, dy), dx), moments) in all_samples {
        let (scale, shift) = line(moments, affine);
        // Sums of the gradient dz before the rectifier, and of its product with the features.
        let (sums, products) = gradient_sums(x, dy, &scale, &shift, affine.slope);
        let count = (x.len() / channels) as f64;
        let (mut by_value, mut constant) = (Vec::new(), Vec::new());
        let products = by_channel(&products, channels);
        for (channel, (sum, product)) in by_channel(&sums, channels)
            .into_iter()
            .zip(products)
            .enumerate()
        {
            let Moments { mean, precision } = moments[channel];
            let with_normalised = precision * (product - mean * sum);
            scale_gradient[channel] += with_normalised as f32;
            shift_gradient[channel] += sum as f32;
            // dx = s·dz − s·Σdz/V − s·x̂·Σ(dz·x̂)/V with s = scale·precision, V voxels and the
            // normalised features x̂. The terms are collected by powers of x.
            let s = f64::from(affine.scale[channel]) * precision;
            let factor = -s * precision * with_normalised / count;
            by_value.push(factor as f32);
            constant.push((-s * sum / count - factor * mean) as f32);
        }
        let terms = [&lanes(&by_value), &lanes(&constant)];
        gradient_of_features(x, dy, dx, [&scale, &shift], terms, affine.slope);
    }
    Gradients {
        features: output,
        scale: scale_gradient,
        shift: shift_gradient,
    }
}

/// Combines normalisation, learned scale and learned shift into one scale and shift per lane.
fn line(moments: &[Moments], affine: &Affine) -> (Lanes, Lanes) {
    let scale: Vec<f32> = moments
        .iter()
        .zip(&affine.scale)
        .map(|(moments, &scale)| (f64::from(scale) * moments.precision) as f32)
        .collect();
    let shift: Vec<f32> = moments
        .iter()
        .zip(scale.iter().zip(&affine.shift))
        .map(|(moments, (&scale, &shift))| {
            (f64::from(shift) - moments.mean * f64::from(scale)) as f32
        })
        .collect();
    (lanes(&scale), lanes(&shift))
}

/// Repeats the numbers `[C]` of the channels over all lanes.
fn lanes(by_channel: &[f32]) -> Lanes {
    std::array::from_fn(|lane| by_channel[lane % by_channel.len()])
}

/// Adds up the lanes of each channel. Returns `[C]`.
fn by_channel(sums: &[f64; LANES], channels: usize) -> Vec<f64> {
    (0..channels)
        .map(|channel| sums.iter().skip(channel).step_by(channels).sum())
        .collect()
}

/// Returns the gradient with respect to z, the input of the rectifier, given the gradient `dy` with
/// respect to its output.
#[inline(always)]
fn before_rectifier<V: Value>(dy: V, z: f32, slope: f32) -> f32 {
    dy.to_f32() * if z > 0.0 { 1.0 } else { slope }
}

/// Adds two float32 sums per lane to the two float64 sums per lane in `total`.
#[inline(always)]
fn carry_over(total: &mut [[f64; LANES]; 2], sums: &[Lanes; 2]) {
    for (total, sums) in total.iter_mut().zip(sums) {
        for lane in 0..LANES {
            total[lane] += f64::from(sums[lane]);
        }
    }
}

/// Defines a function over values of type `V` that is compiled for three register widths. A call
/// uses the widest one that the processor has.
macro_rules! for_all_widths {
    ($(#[$doc:meta])* fn $name:ident<V>($($argument:ident: $type:ty),*) $(-> $result:ty)? $body:block) => {
        $(#[$doc])*
        fn $name<V: Value>($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn any<V: Value>($($argument: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn widest<V: Value>($($argument: $type),*) $(-> $result)? { any($($argument),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn wide<V: Value>($($argument: $type),*) $(-> $result)? { any($($argument),*) }
            match InstructionSet::available() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the processor has the instructions that the function was compiled for.
                set if set >= InstructionSet::Avx512 => unsafe { widest($($argument),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                InstructionSet::Avx2 => unsafe { wide($($argument),*) },
                _ => any($($argument),*),
            }
        }
    };
}

for_all_widths! {
    /// Returns the sums of the values and of their squares, per lane.
    fn sums<V>(x: &[V]) -> ([f64; LANES], [f64; LANES]) {
        let mut total = [[0.0; LANES]; 2];
        for part in x.chunks(ROWS * LANES) {
            let mut sums = [[0.0_f32; LANES]; 2];
            let mut add = |lane: usize, x: V| {
                let x = x.to_f32();
                sums[0][lane] += x;
                sums[1][lane] += x * x;
            };
            let (rows, rest) = part.as_chunks::<LANES>();
            for row in rows {
                for (lane, &x) in row.iter().enumerate() {
                    add(lane, x);
                }
            }
            for (lane, &x) in rest.iter().enumerate() {
                add(lane, x);
            }
            carry_over(&mut total, &sums);
        }
        let [sums, squares] = total;
        (sums, squares)
    }
}

for_all_widths! {
    /// Computes y ← rectifier(x·scale + shift).
    fn rectified_line<V>(x: &[V], y: &mut [V], scale: &Lanes, shift: &Lanes, slope: f32) {
        let rectified = |lane: usize, x: V| {
            let z = x.to_f32() * scale[lane] + shift[lane];
            V::from_f32(if z > 0.0 { z } else { z * slope })
        };
        let (rows, rest) = x.as_chunks::<LANES>();
        let (rows_of_y, rest_of_y) = y.as_chunks_mut::<LANES>();
        for (x, y) in rows.iter().zip(rows_of_y) {
            for lane in 0..LANES {
                y[lane] = rectified(lane, x[lane]);
            }
        }
        for (lane, (&x, y)) in rest.iter().zip(rest_of_y).enumerate() {
            *y = rectified(lane, x);
        }
    }
}

for_all_widths! {
    /// Returns the sums of the gradient before the rectifier, and of its products with x, per lane.
    fn gradient_sums<V>(
        x: &[V],
        dy: &[V],
        scale: &Lanes,
        shift: &Lanes,
        slope: f32
    ) -> ([f64; LANES], [f64; LANES]) {
        let mut total = [[0.0; LANES]; 2];
        for (x, dy) in x.chunks(ROWS * LANES).zip(dy.chunks(ROWS * LANES)) {
            let mut sums = [[0.0_f32; LANES]; 2];
            let mut add = |lane: usize, x: V, dy: V| {
                let x = x.to_f32();
                let z = x * scale[lane] + shift[lane];
                let dz = before_rectifier(dy, z, slope);
                sums[0][lane] += dz;
                sums[1][lane] += dz * x;
            };
            let ((rows, rest), (rows_of_dy, rest_of_dy)) =
                (x.as_chunks::<LANES>(), dy.as_chunks::<LANES>());
            for (x, dy) in rows.iter().zip(rows_of_dy) {
                for lane in 0..LANES {
                    add(lane, x[lane], dy[lane]);
                }
            }
            for (lane, (&x, &dy)) in rest.iter().zip(rest_of_dy).enumerate() {
                add(lane, x, dy);
            }
            carry_over(&mut total, &sums);
        }
        let [sums, products] = total;
        (sums, products)
    }
}

for_all_widths! {
    /// Computes dx ← scale·dz + by_value·x + constant, where dz is the gradient before the
    /// rectifier.
    fn gradient_of_features<V>(
        x: &[V],
        dy: &[V],
        dx: &mut [V],
        line: [&Lanes; 2],
        terms: [&Lanes; 2],
        slope: f32
    ) {
        let ([scale, shift], [by_value, constant]) = (line, terms);
        let gradient = |lane: usize, x: V, dy: V| {
            let x = x.to_f32();
            let z = x * scale[lane] + shift[lane];
            let dz = before_rectifier(dy, z, slope);
            V::from_f32(dz * scale[lane] + x * by_value[lane] + constant[lane])
        };
        let (rows, rest) = x.as_chunks::<LANES>();
        let (rows_of_dy, rest_of_dy) = dy.as_chunks::<LANES>();
        let (rows_of_dx, rest_of_dx) = dx.as_chunks_mut::<LANES>();
        for ((x, dy), dx) in rows.iter().zip(rows_of_dy).zip(rows_of_dx) {
            for lane in 0..LANES {
                dx[lane] = gradient(lane, x[lane], dy[lane]);
            }
        }
        for (lane, ((&x, &dy), dx)) in rest.iter().zip(rest_of_dy).zip(rest_of_dx).enumerate() {
            *dx = gradient(lane, x, dy);
        }
    }
}

#[cfg(test)]
mod tests;
