//! Loops of our own over features in bf16 on the CPU whose channels come last in memory, where
//! libtorch's are slow: [`normalisation`] and [`convolution`]. Each says what it takes; all else
//! is libtorch's. [`crate::tape`] carries gradients through them.
//!
//! This is the one place of the workspace with `unsafe`: to see the memory of a tensor as a slice,
//! and to call what was compiled for wide registers once the processor is known to have them.

#![expect(
    unsafe_code,
    reason = "tch lends no slices of tensors; code for wide registers is unsafe to call"
)]

pub(crate) mod convolution;
pub(crate) mod normalisation;

use tch::{Device, Kind, Tensor};

/// Whether features are such that the loops take them, if channels and order fit.
pub(crate) fn is_for(features: &Tensor) -> bool {
    features.kind() == Kind::BFloat16 && features.device() == Device::Cpu
}

/// Whether `features` are [`is_for`], `[N, C, D, H, W]`, none of these 0, and channels-last.
fn fits(features: &Tensor) -> bool {
    let size = features.size();
    is_for(features)
        && size.len() == 5
        && size.iter().all(|&length| length > 0)
        && features.permute([0, 2, 3, 4, 1]).is_contiguous()
}

/// The memory of each sample of features that [`fits`].
fn samples(features: &Tensor) -> impl Iterator<Item = &[u16]> {
    assert!(fits(features), "features to be seen as a slice");
    let length = features.numel() / features.size()[0] as usize;
    // SAFETY: it fits: the tensor is dense in the CPU's memory, two bytes a value. It
    // is borrowed for as long as the slice, and nothing writes to it meanwhile.
    let values =
        unsafe { std::slice::from_raw_parts(features.data_ptr().cast::<u16>(), features.numel()) };
    values.chunks_exact(length)
}

/// The memory of each sample of a tensor that nothing else has seen yet.
fn samples_mut(fresh: &Tensor) -> impl Iterator<Item = &mut [u16]> {
    assert!(fits(fresh), "features to be seen as a slice");
    let length = fresh.numel() / fresh.size()[0] as usize;
    // SAFETY: as in `samples`; made just now in that order, it has one owner.
    let values =
        unsafe { std::slice::from_raw_parts_mut(fresh.data_ptr().cast::<u16>(), fresh.numel()) };
    values.chunks_exact_mut(length)
}

/// The values of a parameter, flat.
pub(crate) fn values(parameter: &Tensor) -> Vec<f32> {
    let flat = parameter.detach().reshape([-1]);
    Vec::try_from(flat).expect("a vector of float32")
}

/// bf16 is the upper half of a float32.
#[inline(always)]
fn to_f32(value: u16) -> f32 {
    f32::from_bits(u32::from(value) << 16)
}

/// Rounded to the nearest, ties to even. NaN stays NaN.
#[inline(always)]
fn to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
    if value.is_nan() { 0x7fc0 } else { rounded }
}

/// What the tests of the loops share.
#[cfg(test)]
mod tests {
    use super::*;

    /// Features of made-up values, channels last.
    pub(super) fn features(size: [i64; 5], seed: f64) -> Tensor {
        let count: i64 = size.iter().product();
        let [n, c, d, h, w] = size;
        let values = (Tensor::arange(count, (Kind::Float, Device::Cpu)) * seed).sin() * 3.0 + 1.0;
        values
            .reshape([n, d, h, w, c])
            .permute([0, 4, 1, 2, 3])
            .to_kind(Kind::BFloat16)
    }

    /// `ours` is within `tolerance` of the largest of `theirs`.
    pub(super) fn assert_close(ours: &Tensor, theirs: &Tensor, tolerance: f64) {
        assert_eq!(ours.size(), theirs.size());
        let difference = (ours.to_kind(Kind::Float) - theirs).abs().max();
        let size = theirs.abs().max().double_value(&[]);
        assert!(
            difference.double_value(&[]) <= tolerance * size,
            "{difference:?} of {size}"
        );
    }

    #[test]
    fn bf16_rounds_to_the_nearest_and_keeps_nan() {
        for value in [
            0.0_f32,
            -1.5,
            1.003_906_3,
            3.0e38,
            f32::INFINITY,
            1.011_718_8,
        ] {
            let theirs = Tensor::from_slice(&[value]).to_kind(Kind::BFloat16);
            let theirs = theirs.to_kind(Kind::Float).double_value(&[0]) as f32;
            assert_eq!(to_f32(to_bf16(value)), theirs, "{value}");
        }
        assert!(to_f32(to_bf16(f32::NAN)).is_nan());
    }
}
