//! Instance normalisation with the leaky rectifier after it, forward and backward, of features in
//! bf16 or float32 on the CPU whose channels come last in memory.
//!
//! libtorch's normalisation is slow in that order (`EXPERIMENTS.md`), so features would have to
//! be turned round before it and back after it, and then rectified: eight times the time of
//! these loops. They are plain Rust over slices, compiled once for each width of the processor's
//! registers. All widths add in the same order, so they give the same bits.

use crate::instructions::InstructionSet;
use crate::{Value, fits, samples, samples_mut};
use tch::{Kind, Tensor};

/// Values taken at once. The channels divide it, so that a lane always holds the same one.
const LANES: usize = 64;

/// Rows of [`LANES`] values after which sums in float32 are carried over into float64.
const ROWS: usize = 128;

/// A number for each lane: those of the channels `0, 1, …, C-1` again and again.
type Lanes = [f32; LANES];

/// Added to variances.
pub const EPSILON: f64 = 1e-5;

/// Of one sample and channel.
#[derive(Clone, Copy)]
struct Moments {
    mean: f64,
    /// 1 / standard deviation.
    precision: f64,
}

/// What the backward pass needs of the forward one, `[N][C]`.
pub(crate) struct Statistics(Vec<Vec<Moments>>);

/// Learned scale and shift of each channel, `[C]`, and the rectifier's slope below zero.
pub(crate) struct Affine {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
    pub(crate) slope: f32,
}

/// Gradients of the loss.
pub(crate) struct Gradients {
    /// With respect to the features, in their shape and order.
    pub(crate) features: Tensor,
    /// With respect to scale and shift, `[C]`.
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
}

/// Whether the loops can take `features` `[N, C, D, H, W]`.
pub fn takes(features: &Tensor) -> bool {
    fits(features) && LANES.is_multiple_of(features.size()[1] as usize)
}

/// The normalised, scaled, shifted and rectified `features`, which [`takes`] accepts, in their
/// shape and order.
pub(crate) fn forward(features: &Tensor, affine: &Affine) -> (Tensor, Statistics) {
    match features.kind() {
        Kind::Float => forward_of::<f32>(features, affine),
        _ => forward_of::<u16>(features, affine),
    }
}

/// The gradients, where `gradient` is that with respect to the output of [`forward`], in the
/// shape and order of `features`.
pub(crate) fn backward(
    features: &Tensor,
    gradient: &Tensor,
    statistics: &Statistics,
    affine: &Affine,
) -> Gradients {
    match features.kind() {
        Kind::Float => backward_of::<f32>(features, gradient, statistics, affine),
        _ => backward_of::<u16>(features, gradient, statistics, affine),
    }
}

fn forward_of<V: Value>(features: &Tensor, affine: &Affine) -> (Tensor, Statistics) {
    let channels = affine.scale.len();
    let mut output = features.detach().empty_like();
    let values = samples::<V>(features).zip(samples_mut(&mut output));
    let each = values.map(|(x, y)| {
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
    let statistics = Statistics(each.collect());
    (output, statistics)
}

fn backward_of<V: Value>(
    features: &Tensor,
    gradient: &Tensor,
    statistics: &Statistics,
    affine: &Affine,
) -> Gradients {
    let channels = affine.scale.len();
    let mut output = features.detach().empty_like();
    let (mut of_scale, mut of_shift) = (vec![0.0; channels], vec![0.0; channels]);
    let each = samples::<V>(features)
        .zip(samples::<V>(gradient))
        .zip(samples_mut::<V>(&mut output))
        .zip(&statistics.0);
    for (((x, dy), dx), moments) in each {
        let (scale, shift) = line(moments, affine);
        // Of the gradient before the rectifier, and of its product with the features.
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
            of_scale[channel] += with_normalised as f32;
            of_shift[channel] += sum as f32;
            // dx = s·dz − s·Σdz/V − s·x̂·Σ(dz·x̂)/V with s = scale·precision, gathered by x.
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
        scale: of_scale,
        shift: of_shift,
    }
}

/// Normalisation and the learned line as one: scale and shift of each lane.
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

/// `[C]` repeated.
fn lanes(of_channels: &[f32]) -> Lanes {
    std::array::from_fn(|lane| of_channels[lane % of_channels.len()])
}

/// Sums over the lanes of each channel, `[C]`.
fn by_channel(sums: &[f64; LANES], channels: usize) -> Vec<f64> {
    (0..channels)
        .map(|channel| sums.iter().skip(channel).step_by(channels).sum())
        .collect()
}

/// The gradient with respect to z of what has gradient `dy` after the rectifier.
#[inline(always)]
fn before_rectifier<V: Value>(dy: V, z: f32, slope: f32) -> f32 {
    dy.to_f32() * if z > 0.0 { 1.0 } else { slope }
}

/// Adds two sums in float32, by lane, to those in float64.
#[inline(always)]
fn carry_over(total: &mut [[f64; LANES]; 2], sums: &[Lanes; 2]) {
    for (total, sums) in total.iter_mut().zip(sums) {
        for lane in 0..LANES {
            total[lane] += f64::from(sums[lane]);
        }
    }
}

/// Defines a function over values of a kind, compiled for three widths of registers, of which it takes
/// the widest that there is.
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
                // SAFETY: the processor has what it was compiled for.
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
    /// Sums of values and of their squares, by lane.
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
    /// y ← rectified x·scale + shift.
    fn rectified_line<V>(x: &[V], y: &mut [V], scale: &Lanes, shift: &Lanes, slope: f32) {
        let of = |lane: usize, x: V| {
            let z = x.to_f32() * scale[lane] + shift[lane];
            V::from_f32(if z > 0.0 { z } else { z * slope })
        };
        let (rows, rest) = x.as_chunks::<LANES>();
        let (rows_of_y, rest_of_y) = y.as_chunks_mut::<LANES>();
        for (x, y) in rows.iter().zip(rows_of_y) {
            for lane in 0..LANES {
                y[lane] = of(lane, x[lane]);
            }
        }
        for (lane, (&x, y)) in rest.iter().zip(rest_of_y).enumerate() {
            *y = of(lane, x);
        }
    }
}

for_all_widths! {
    /// Sums of the gradient before the rectifier, and of its products with x, by lane.
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
    /// dx ← scale·dz + by_value·x + constant, dz being the gradient before the rectifier.
    fn gradient_of_features<V>(
        x: &[V],
        dy: &[V],
        dx: &mut [V],
        line: [&Lanes; 2],
        terms: [&Lanes; 2],
        slope: f32
    ) {
        let ([scale, shift], [by_value, constant]) = (line, terms);
        let of = |lane: usize, x: V, dy: V| {
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
                dx[lane] = of(lane, x[lane], dy[lane]);
            }
        }
        for (lane, ((&x, &dy), dx)) in rest.iter().zip(rest_of_dy).zip(rest_of_dx).enumerate() {
            *dx = of(lane, x, dy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::is_for;
    use crate::tests::{assert_close, features};

    /// Against libtorch's own in float32: values round to bf16, 2⁻⁸ of their size.
    #[test]
    fn values_and_gradients_are_libtorch_s() {
        for (kind, tolerance) in [(Kind::BFloat16, 0.005), (Kind::Float, 1e-5)] {
            for (size, slope) in [
                ([2, 8, 5, 7, 3], 0.01),
                ([1, 16, 4, 4, 4], 0.01),
                ([3, 64, 2, 3, 1], 1.0),
                ([2, 1, 9, 30, 31], 0.01),
            ] {
                let channels = size[1];
                let affine = Affine {
                    scale: (0..channels).map(|c| 0.5 + 0.1 * c as f32).collect(),
                    shift: (0..channels).map(|c| 0.3 - 0.05 * c as f32).collect(),
                    slope,
                };
                let (x, weight) = (features(size, 0.37, kind), features(size, 0.71, kind));
                if !is_for(&x) {
                    eprintln!("no loops for {kind:?} here");
                    continue;
                }
                assert!(takes(&x) && takes(&weight));
                let (y, statistics) = forward(&x, &affine);
                let ours = backward(&x, &weight, &statistics, &affine);

                let leaf = |t: Tensor| t.set_requires_grad(true);
                let x = leaf(x.to_kind(Kind::Float).copy());
                let scale = leaf(Tensor::from_slice(&affine.scale));
                let shift = leaf(Tensor::from_slice(&affine.shift));
                let contiguous = x.contiguous();
                let z = contiguous.group_norm(channels, Some(&scale), Some(&shift), EPSILON, false);
                let theirs = z.clamp_min(0.0) + z.clamp_max(0.0) * f64::from(slope);
                (&theirs * weight.to_kind(Kind::Float))
                    .sum(Kind::Float)
                    .backward();
                assert_close(&y, &theirs, tolerance);
                assert_close(&ours.features, &x.grad(), tolerance);
                assert_close(&Tensor::from_slice(&ours.scale), &scale.grad(), 1e-4);
                assert_close(&Tensor::from_slice(&ours.shift), &shift.grad(), 1e-4);
            }
        }
    }

    #[test]
    fn what_the_loops_cannot_take_is_refused() {
        for kind in [Kind::BFloat16, Kind::Float] {
            let good = features([1, 8, 4, 4, 4], 0.1, kind);
            assert_eq!(takes(&good), is_for(&good));
            assert!(!takes(&good.to_kind(Kind::Double)));
            assert!(!takes(&good.contiguous()));
            assert!(!takes(&features([1, 12, 4, 4, 4], 0.1, kind)));
            assert!(!takes(&good.narrow(4, 1, 2)));
        }
    }
}
