//! Our own loops over features on the CPU whose channels come last in memory. libtorch's loops are
//! slow there.
//!
//! The loops are [`normalisation`] and [`convolution`]. Each has a function `takes` that says which
//! features it accepts; libtorch computes everything else. [`Tape`] carries gradients
//! through the loops.
//!
//! Features are float32 or bf16 (`Value`). [`InstructionSet`] says which vector instructions the
//! processor has. On processors other than x86-64, libtorch computes everything.
//!
//! `unsafe` is needed for two things here: to see the memory of a tensor as a slice, and to call
//! code that was compiled for wide registers once the processor is known to have them.

#![expect(
    unsafe_code,
    reason = "tch lends no slices of tensors; code for wide registers is unsafe to call"
)]
// On other processors libtorch computes everything, so code that only the loops use is unused.
#![cfg_attr(
    not(target_arch = "x86_64"),
    allow(unused, unreachable_code, clippy::all)
)]

pub mod convolution;
pub mod instructions;
pub mod normalisation;
mod tape;

pub use instructions::InstructionSet;
pub use tape::Tape;

use tch::{Device, Kind, Tensor};

/// A number of a feature map as it is stored in memory: float32, or the bits of a bf16 number.
pub(crate) trait Value: Copy + Default + 'static {
    /// libtorch's name of this type.
    const KIND: Kind;

    /// Converts to float32, without rounding.
    fn to_f32(self) -> f32;

    /// Rounds a float32 number to the nearest value of this type.
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

/// The bits of a bf16 number, which are the upper half of the bits of a float32 number.
impl Value for u16 {
    const KIND: Kind = Kind::BFloat16;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self) << 16)
    }

    /// Rounds to the nearest bf16 number, and ties to even. NaN stays NaN.
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
        if value.is_nan() { 0x7fc0 } else { rounded }
    }
}

/// Whether the loops may accept these features, depending on the number of channels and, in bf16,
/// on the memory order. In float32 the memory order must be right already.
pub(crate) fn is_for(features: &Tensor) -> bool {
    has_known_kind(features) && (features.kind() == Kind::BFloat16 || is_channels_last(features))
}

/// Whether the loops know the number type of `features` and work on their device.
fn has_known_kind(features: &Tensor) -> bool {
    features.device() == Device::Cpu
        && match features.kind() {
            Kind::BFloat16 => true,
            // Without vector instructions libtorch's loops are as fast, and its graph stays whole.
            Kind::Float => InstructionSet::available() >= InstructionSet::Avx2,
            _ => false,
        }
}

/// Whether `features` have shape `[N, C, D, H, W]`, with no axis of length 0, and their channels
/// last in memory.
fn is_channels_last(features: &Tensor) -> bool {
    let size = features.size();
    size.len() == 5
        && size.iter().all(|&length| length > 0)
        && features.permute([0, 2, 3, 4, 1]).is_contiguous()
}

/// Whether the loops can see `features` as a slice: their number type is known and their channels
/// are last in memory.
fn fits(features: &Tensor) -> bool {
    has_known_kind(features) && is_channels_last(features)
}

/// Returns the memory of each sample of `features`, which [`fits`] must accept.
fn samples<V: Value>(features: &Tensor) -> impl Iterator<Item = &[V]> {
    assert!(
        fits(features) && features.kind() == V::KIND,
        "features to be seen as a slice"
    );
    let length = features.numel() / features.size()[0] as usize;
    // SAFETY: `fits` accepts the tensor, so it is dense in the CPU's memory and has values of this
    // type. It is borrowed for as long as the slice, and nothing writes to it meanwhile.
    let values =
        unsafe { std::slice::from_raw_parts(features.data_ptr().cast::<V>(), features.numel()) };
    values.chunks_exact(length)
}

/// Returns the memory of each sample of a new tensor that nothing else uses yet.
fn samples_mut<V: Value>(fresh: &mut Tensor) -> impl Iterator<Item = &mut [V]> {
    assert!(
        fits(fresh) && fresh.kind() == V::KIND,
        "features to be seen as a slice"
    );
    let length = fresh.numel() / fresh.size()[0] as usize;
    // SAFETY: as in `samples`. The tensor is new and has a single owner, who lends it mutably.
    let values =
        unsafe { std::slice::from_raw_parts_mut(fresh.data_ptr().cast::<V>(), fresh.numel()) };
    values.chunks_exact_mut(length)
}

/// Copies the values of a float32 parameter into a vector.
pub(crate) fn values(parameter: &Tensor) -> Vec<f32> {
    let flat = parameter.detach().reshape([-1]);
    Vec::try_from(flat).expect("a vector of float32")
}

/// Returns the same tensor `[N, C, D, H, W]` with its channels last in memory. Copies nothing if
/// they are last already.
pub fn channels_last(tensor: &Tensor) -> Tensor {
    tensor
        .permute([0, 2, 3, 4, 1])
        .contiguous()
        .permute([0, 4, 1, 2, 3])
}

/// Helpers that the tests of the loops share.
#[cfg(test)]
mod tests {
    use super::*;

    /// Returns features of shape `size` with made-up values, channels last in memory.
    pub(super) fn features(size: [i64; 5], seed: f64, kind: Kind) -> Tensor {
        let count: i64 = size.iter().product();
        let [n, c, d, h, w] = size;
        let values = (Tensor::arange(count, (Kind::Float, Device::Cpu)) * seed).sin() * 3.0 + 1.0;
        values
            .reshape([n, d, h, w, c])
            .permute([0, 4, 1, 2, 3])
            .to_kind(kind)
    }

    /// Asserts that `ours` differs from `theirs` by at most `tolerance` times the largest absolute
    /// value of `theirs`.
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

    /// Runs the tests of the loops again in a new process, which may use only a lesser
    /// instruction set than the processor has.
    #[test]
    fn on_lesser_instruction_sets_the_loops_hold_as_well() {
        for set in ["AVX512_CORE", "AVX2", "SSE41"] {
            let output = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["convolution::", "normalisation::", "bf16_rounds"])
                .args(["--skip", "lesser", "--test-threads=1"])
                .env("ONEDNN_MAX_CPU_ISA", set)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{set}: {text}");
            assert!(text.contains("5 passed"), "{set}: {text}");
        }
    }
}
