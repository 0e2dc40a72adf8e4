//! Registers of float32 values: 16 with AVX-512, eight with AVX2 and FMA.
//!
//! A word is one channel of a voxel. Each output voxel is computed by one chain of fused
//! multiply-adds over inputs and taps. The order is the same for both register widths, so both give
//! the same bits. The gradient of the weights is summed per lane, so its bits differ.

use super::lanes::{self, Arithmetic, OUTPUTS, Row, RowSums, filled, processor};
use crate::instructions::InstructionSet;
use std::arch::x86_64::*;

/// Proof that the processor has AVX-512.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

/// Proof that the processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx512 {
    /// Returns the proof if the processor has the instructions.
    pub(super) fn detect() -> Option<Self> {
        (InstructionSet::available() >= InstructionSet::Avx512).then_some(Self(()))
    }
}

impl Avx2 {
    /// Returns the proof if the processor has the instructions.
    pub(super) fn detect() -> Option<Self> {
        (InstructionSet::available() >= InstructionSet::Avx2).then_some(Self(()))
    }
}

processor!(Avx512, f32, f32, "avx512f,avx512bw,avx512dq,avx512vl,fma");
processor!(Avx2, f32, f32, "avx2,fma");

/// Implements [`Arithmetic`] for float32 registers, given the names of their instructions.
macro_rules! float32 {
    ($arithmetic:ident, $register:ty, $lanes:literal, $at_once:literal, $most:literal,
     $every:ident, $load:ident, $store:ident, $multiply_add:ident, $total:path) => {
        impl Arithmetic for $arithmetic {
            type Value = f32;
            type Word = f32;
            type Register = $register;
            type Sums = $register;

            const LANES: usize = $lanes;
            const PACK: usize = 1;
            const AT_ONCE: usize = $at_once;
            const MOST: usize = $most;

            fn word(value: impl Fn(usize) -> f32) -> f32 {
                value(0)
            }

            #[inline(always)]
            unsafe fn sums(value: f32) -> $register {
                // SAFETY: the caller's processor has the instructions, here and below.
                unsafe { $every(value) }
            }

            #[inline(always)]
            unsafe fn every(word: f32) -> $register {
                // SAFETY: as above.
                unsafe { $every(word) }
            }

            #[inline(always)]
            unsafe fn load_words(from: *const f32) -> $register {
                // SAFETY: as above; the caller provides a register of values at `from`.
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn load_values(from: *const f32) -> $register {
                // SAFETY: as above; the caller provides a register of values at `from`.
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn add_products(sums: $register, a: $register, b: $register) -> $register {
                // SAFETY: as above.
                unsafe { $multiply_add(a, b, sums) }
            }

            #[inline(always)]
            unsafe fn total(sums: $register) -> f32 {
                // SAFETY: as above.
                unsafe { $total(sums) }
            }

            #[inline(always)]
            unsafe fn put<const COUNT: usize>(sums: &[$register; COUNT], to: &mut [f32]) {
                let mut by_output = [[0.0; $lanes]; OUTPUTS];
                for (sums, to) in sums.iter().zip(&mut by_output) {
                    // SAFETY: as above; the array has as many values as are written.
                    unsafe { $store(to.as_mut_ptr(), *sums) }
                }
                transpose(by_output.as_flattened(), $lanes, COUNT, $lanes, to, OUTPUTS);
            }

            #[inline(always)]
            unsafe fn row_to_words(row: &[f32], channels: usize, to: &mut [f32], plane: usize) {
                transpose_row(row, channels, to, plane);
            }

            #[inline(always)]
            unsafe fn row_to_voxels(row: &[f32], channels: usize, to: &mut [f32], plane: usize) {
                transpose_row(row, channels, to, plane);
            }
        }
    };
}

float32!(
    Avx512,
    __m512,
    16,
    8,
    3,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_reduce_add_ps
);
// AVX2 has half as many registers. The sums of four outputs and two blocks fit; with three blocks
// they spill to memory.
float32!(
    Avx2,
    __m256,
    8,
    4,
    2,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps,
    total_of_eight
);

/// Adds up the eight lanes of a register.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn total_of_eight(lanes: __m256) -> f32 {
    let four = _mm_add_ps(
        _mm256_castps256_ps128(lanes),
        _mm256_extractf128_ps::<1>(lanes),
    );
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

/// Rearranges a row `[W, channels]` by channel: all voxels of the first channel, then those of the
/// next one, `plane` values further on in `to`. Writes up to three zeros after each.
#[inline(always)]
fn transpose_row(row: &[f32], channels: usize, to: &mut [f32], plane: usize) {
    if channels == 1 {
        to[..row.len()].copy_from_slice(row);
        return;
    }
    let width = row.len() / channels;
    let whole = width / 4 * 4;
    transpose(row, channels, whole, channels, to, plane);
    if whole < width {
        let mut last = Vec::new();
        let rest = filled(&row[whole * channels..], 4 * channels, &mut last);
        transpose(rest, channels, 4, channels, &mut to[whole..], plane);
    }
}

/// Transposes `from` `[rows, from_pitch]` into `to` `[columns, to_pitch]`, in blocks of four by
/// four values.
#[inline(always)]
fn transpose(
    from: &[f32],
    from_pitch: usize,
    rows: usize,
    columns: usize,
    to: &mut [f32],
    to_pitch: usize,
) {
    for row in (0..rows).step_by(4) {
        for column in (0..columns).step_by(4) {
            let from = &from[row * from_pitch + column..][..3 * from_pitch + 4];
            let to = &mut to[column * to_pitch + row..][..3 * to_pitch + 4];
            // SAFETY: every x86-64 processor has SSE, and the slices cover all reads and writes.
            unsafe {
                let four = |index| _mm_loadu_ps(from.as_ptr().add(index * from_pitch));
                let (mut a, mut b, mut c, mut d) = (four(0), four(1), four(2), four(3));
                _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
                for (index, four) in [a, b, c, d].into_iter().enumerate() {
                    _mm_storeu_ps(to.as_mut_ptr().add(index * to_pitch), four);
                }
            }
        }
    }
}
