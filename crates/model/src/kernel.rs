//! Loops of our own over features on the CPU whose channels come last in memory, where libtorch's are
//! slow: [`normalisation`] and [`convolution`]. Each says what it takes; libtorch computes all else.
//! [`crate::tape`] carries gradients through them.
//!
//! Features are float32 or bf16 ([`Value`]). Which vector instructions there are is
//! [`InstructionSet`]'s to say. On processors other than x86-64 libtorch computes everything.
//!
//! There is `unsafe` here to see the memory of a tensor as a slice, and to call what was compiled for
//! wide registers once the processor is known to have them.

#![expect(
    unsafe_code,
    reason = "tch lends no slices of tensors; code for wide registers is unsafe to call"
)]
// Elsewhere libtorch computes everything, and nothing calls what only the loops use.
#![cfg_attr(
    not(target_arch = "x86_64"),
    allow(unused, unreachable_code, clippy::all)
)]

pub(crate) mod convolution;
pub(crate) mod normalisation;

use crate::instructions::InstructionSet;
use tch::{Device, Kind, Tensor};

/// A number of a feature map as it lies in memory.
pub(crate) trait Value: Copy + Default + 'static {
    /// libtorch's name of it.
    const KIND: Kind;

    fn to_f32(self) -> f32;

    /// The nearest one.
    fn from_f32(value: f32) -> Self;
}

impl Value for f32 {
    const KIND: Kind = Kind::Float;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
}

/// The bits of a bf16 number: the upper half of a float32's.
impl Value for u16 {
    const KIND: Kind = Kind::BFloat16;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self) << 16)
    }

    /// Ties round to even. NaN stays NaN.
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
        if value.is_nan() { 0x7fc0 } else { rounded }
    }
}

/// Whether features are such that the loops take them, if channels and order fit; in float32 the
/// order has to fit here already.
pub(crate) fn is_for(features: &Tensor) -> bool {
    is_of_a_kind(features) && (features.kind() == Kind::BFloat16 || is_channels_last(features))
}

/// Whether the loops know the kind of `features` on their device.
fn is_of_a_kind(features: &Tensor) -> bool {
    features.device() == Device::Cpu
        && match features.kind() {
            Kind::BFloat16 => true,
            // Without vector instructions libtorch's own are as good, and its graph is whole.
            Kind::Float => InstructionSet::available() >= InstructionSet::Avx2,
            _ => false,
        }
}

/// Whether `features` are `[N, C, D, H, W]`, none of these 0, with the channels last in memory.
fn is_channels_last(features: &Tensor) -> bool {
    let size = features.size();
    size.len() == 5
        && size.iter().all(|&length| length > 0)
        && features.permute([0, 2, 3, 4, 1]).is_contiguous()
}

/// Whether the loops see `features` as a slice: [`is_of_a_kind`] and [`is_channels_last`].
fn fits(features: &Tensor) -> bool {
    is_of_a_kind(features) && is_channels_last(features)
}

/// The memory of each sample of features that [`fits`].
fn samples<V: Value>(features: &Tensor) -> impl Iterator<Item = &[V]> {
    assert!(
        fits(features) && features.kind() == V::KIND,
        "features to be seen as a slice"
    );
    let length = features.numel() / features.size()[0] as usize;
    // SAFETY: it fits: the tensor is dense in the CPU's memory and has values of this kind. It
    // is borrowed for as long as the slice, and nothing writes to it meanwhile.
    let values =
        unsafe { std::slice::from_raw_parts(features.data_ptr().cast::<V>(), features.numel()) };
    values.chunks_exact(length)
}

/// The memory of each sample of a tensor that nothing else has seen yet.
fn samples_mut<V: Value>(fresh: &mut Tensor) -> impl Iterator<Item = &mut [V]> {
    assert!(
        fits(fresh) && fresh.kind() == V::KIND,
        "features to be seen as a slice"
    );
    let length = fresh.numel() / fresh.size()[0] as usize;
    // SAFETY: as in `samples`; made just now in that order, it has one owner, who lends it.
    let values =
        unsafe { std::slice::from_raw_parts_mut(fresh.data_ptr().cast::<V>(), fresh.numel()) };
    values.chunks_exact_mut(length)
}

/// The values of a parameter, flat.
pub(crate) fn values(parameter: &Tensor) -> Vec<f32> {
    let flat = parameter.detach().reshape([-1]);
    Vec::try_from(flat).expect("a vector of float32")
}

/// What the tests of the loops share.
#[cfg(test)]
mod tests {
    use super::*;

    /// Features of made-up values, channels last.
    pub(super) fn features(size: [i64; 5], seed: f64, kind: Kind) -> Tensor {
        let count: i64 = size.iter().product();
        let [n, c, d, h, w] = size;
        let values = (Tensor::arange(count, (Kind::Float, Device::Cpu)) * seed).sin() * 3.0 + 1.0;
        values
            .reshape([n, d, h, w, c])
            .permute([0, 4, 1, 2, 3])
            .to_kind(kind)
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
            assert_eq!(u16::from_f32(value).to_f32(), theirs, "{value}");
        }
        assert!(u16::from_f32(f32::NAN).to_f32().is_nan());
    }

    /// Starts this program again, held to less than the processor has.
    #[test]
    fn on_lesser_instruction_sets_the_loops_hold_as_well() {
        for set in ["AVX512_CORE", "AVX2", "SSE41"] {
            let held = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["kernel::", "--skip", "lesser", "--test-threads=1"])
                .env("ONEDNN_MAX_CPU_ISA", set)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&held.stdout);
            assert!(held.status.success(), "{set}: {said}");
            assert!(said.contains("5 passed"), "{set}: {said}");
        }
    }
}
