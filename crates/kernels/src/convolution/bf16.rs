//! Registers of 16 lanes with pairs of bf16 values. The processor adds up their products in
//! float32.
//!
//! In a sum over input channels, a pair is two neighbouring channels of a voxel. In a sum over
//! voxels (the gradient of the weights), it is two neighbouring voxels of a channel.

use super::lanes::{self, Arithmetic, OUTPUTS, Row, RowSums, filled, processor};
use crate::Value;
use crate::instructions::InstructionSet;
use std::arch::x86_64::*;

/// Number of voxels along W in a register of channel pairs.
const VOXELS: usize = 16;

/// Number of voxels in a register of one channel.
const BLOCK: usize = 32;

/// Proof that the processor has AVX-512 and AVX512-BF16.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    /// Returns the proof if the processor has the instructions.
    pub(super) fn detect() -> Option<Self> {
        InstructionSet::available().has_bf16().then_some(Self(()))
    }
}

processor!(
    Avx512,
    u16,
    u32,
    "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"
);

impl Arithmetic for Avx512 {
    type Value = u16;
    type Word = u32;
    type Register = __m512i;
    type Sums = __m512;

    const LANES: usize = VOXELS;
    const PACK: usize = 2;
    const AT_ONCE: usize = OUTPUTS;
    const MOST: usize = 3;

    fn word(value: impl Fn(usize) -> f32) -> u32 {
        let bits = |channel| u32::from(u16::from_f32(value(channel)));
        bits(0) | bits(1) << 16
    }

    #[inline(always)]
    unsafe fn sums(value: f32) -> __m512 {
        // SAFETY: the caller's processor has the instructions, here and below.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn every(word: u32) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_set1_epi32(word.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn load_words(from: *const u32) -> __m512i {
        // SAFETY: as above; the caller provides 16 words at `from`.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_values(from: *const u16) -> __m512i {
        // SAFETY: as above; the caller provides 32 values at `from`.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn add_products(sums: __m512, a: __m512i, b: __m512i) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_dpbf16_ps(sums, bf16(a), bf16(b)) }
    }

    #[inline(always)]
    unsafe fn total(sums: __m512) -> f32 {
        // SAFETY: as above.
        unsafe { _mm512_reduce_add_ps(sums) }
    }

    #[inline(always)]
    unsafe fn put<const COUNT: usize>(sums: &[__m512; COUNT], to: &mut [u16]) {
        // `COUNT` is always eight here, because `AT_ONCE` is.
        if let (Ok(sums), Some(to)) = (sums.as_slice().try_into(), to.first_chunk_mut()) {
            // SAFETY: as above.
            unsafe { rounded(sums, to) }
        }
    }

    #[inline(always)]
    unsafe fn row_to_words(row: &[u16], channels: usize, to: &mut [u32], plane: usize) {
        let mut last = Vec::new();
        for (block, voxels) in row.chunks(VOXELS * channels).enumerate() {
            let voxels = filled(voxels, VOXELS * channels, &mut last);
            for channel in (0..channels).step_by(8) {
                // SAFETY: as above.
                let pairs = unsafe { channel_pairs(voxels, channels, channel) };
                for (index, pairs) in pairs.into_iter().enumerate() {
                    let start = (channel / 2 + index) * plane + VOXELS * block;
                    if let Some(to) = to[start..].first_chunk_mut() {
                        // SAFETY: as above.
                        unsafe { store_pairs(to, pairs) };
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn row_to_voxels(row: &[u16], channels: usize, to: &mut [u16], plane: usize) {
        let mut last = Vec::new();
        for (block, voxels) in row.chunks(BLOCK * channels).enumerate() {
            let voxels = filled(voxels, BLOCK * channels, &mut last);
            let (first, second) = voxels.split_at(VOXELS * channels);
            for channel in (0..channels).step_by(8) {
                // SAFETY: as above.
                let (first, second, indices) = unsafe {
                    (
                        channel_pairs(first, channels, channel),
                        channel_pairs(second, channels, channel),
                        [even(), odd()],
                    )
                };
                for pair in 0..4 {
                    for (parity, index) in indices.into_iter().enumerate() {
                        let start = (channel + 2 * pair + parity) * plane + BLOCK * block;
                        if let Some(to) = to[start..].first_chunk_mut() {
                            // SAFETY: as above.
                            unsafe {
                                let values =
                                    _mm512_permutex2var_epi16(first[pair], index, second[pair]);
                                store(to, values);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Changes the type of a register to that of the bf16 instructions.
#[inline(always)]
fn bf16(bits: __m512i) -> __m512bh {
    // SAFETY: both types have 64 bytes, and any bits are a valid value.
    unsafe { std::mem::transmute(bits) }
}

/// Defines functions that are compiled for such a processor. Only code compiled for it can call
/// them without `unsafe`.
macro_rules! wide {
    ($($(#[$doc:meta])* fn $name:ident($($arguments:tt)*) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$doc])*
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
        #[inline]
        fn $name($($arguments)*) $(-> $result)? $body
    )*};
}

wide! {
    /// Stores 16 pairs.
    fn store_pairs(to: &mut [u32; VOXELS], pairs: __m512i) {
        // SAFETY: the array has as many bytes as are written.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), pairs) }
    }

    /// Stores 32 values.
    fn store(to: &mut [u16; BLOCK], values: __m512i) {
        // SAFETY: the array has as many bytes as are written.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), values) }
    }

    /// Gathers eight channels of 16 voxels `[16, channels]`, from `channel` on, as four registers.
    /// Each register holds one pair of channels, with one voxel per lane.
    fn channel_pairs(voxels: &[u16], channels: usize, channel: usize) -> [__m512i; 4] {
        let mut fours = [_mm512_setzero_si512(); 4];
        for (index, four) in fours.iter_mut().enumerate() {
            let mut eights = [_mm_setzero_si128(); 4];
            for (voxel, eight) in eights.iter_mut().enumerate() {
                let from = &voxels[(4 * index + voxel) * channels + channel..][..8];
                // SAFETY: the slice has as many bytes as are read.
                *eight = unsafe { _mm_loadu_si128(from.as_ptr().cast()) };
            }
            let [a, b, c, d] = eights;
            let ab = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(a), b);
            let cd = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(c), d);
            *four = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(ab), cd);
        }
        let [a, b, c, d] = fours;
        // `low` takes the first pairs of eight voxels, then their second pairs. `high` takes the
        // third pairs, then the fourth.
        let low = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
        let high = _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
        let (ab, cd) = (_mm512_permutex2var_epi32(a, low, b), _mm512_permutex2var_epi32(c, low, d));
        let (ab_high, cd_high) =
            (_mm512_permutex2var_epi32(a, high, b), _mm512_permutex2var_epi32(c, high, d));
        [
            _mm512_shuffle_i64x2::<0x44>(ab, cd),
            _mm512_shuffle_i64x2::<0xee>(ab, cd),
            _mm512_shuffle_i64x2::<0x44>(ab_high, cd_high),
            _mm512_shuffle_i64x2::<0xee>(ab_high, cd_high),
        ]
    }

    /// Returns the indices of the first values of 32 pairs.
    fn even() -> __m512i {
        _mm512_set_epi16(
            62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40, 38, 36, 34, 32,
            30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0,
        )
    }

    /// Returns the indices of the second values of 32 pairs.
    fn odd() -> __m512i {
        _mm512_or_si512(even(), _mm512_set1_epi16(1))
    }

    /// Rounds the sums of 16 voxels for each of eight outputs to bf16, and stores them as
    /// `[16, 8]`.
    fn rounded(sums: &[__m512; OUTPUTS], values: &mut [u16; VOXELS * OUTPUTS]) {
        let mut pairs = [_mm512_setzero_si512(); 4];
        for (index, pair) in pairs.iter_mut().enumerate() {
            *pair = _mm512_or_si512(
                halved(sums[2 * index]),
                _mm512_slli_epi32::<16>(halved(sums[2 * index + 1])),
            );
        }
        let [a, b, c, d] = pairs;
        let indices = [
            _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
            _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
        ];
        let low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
        let high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
        let quarters = values.as_chunks_mut().0;
        for (half, index) in indices.into_iter().enumerate() {
            let (ab, cd) =
                (_mm512_permutex2var_epi32(a, index, b), _mm512_permutex2var_epi32(c, index, d));
            store(&mut quarters[2 * half], _mm512_permutex2var_epi64(ab, low, cd));
            store(&mut quarters[2 * half + 1], _mm512_permutex2var_epi64(ab, high, cd));
        }
    }

    /// Rounds float32 numbers to bf16, in the lower half of each lane. The upper half is zero.
    fn halved(values: __m512) -> __m512i {
        // SAFETY: both types have 32 bytes, and any bits are a valid value.
        let bits: __m256i = unsafe { std::mem::transmute(_mm512_cvtneps_pbh(values)) };
        _mm512_cvtepu16_epi32(bits)
    }
}
