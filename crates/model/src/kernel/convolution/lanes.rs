//! Registers of 16 lanes with bf16 pairs: the innermost loops of the convolution, and turning features
//! round for them.
//!
//! What is called in a loop is plain `for`: the compiler does not carry wide registers through closures
//! given to the standard library.

use std::arch::x86_64::*;

/// Outputs computed at once, a register of sums each.
pub(super) const OUTPUTS: usize = 8;

/// Voxels along W in a register of channel pairs.
const VOXELS: usize = 16;

/// Voxels in a register of one channel.
pub(super) const BLOCK: usize = 32;

/// The sums of products with one channel's row: `[output][tap in W]`, lanes still apart.
pub(super) type RowSums = [[__m512; 3]; OUTPUTS];

/// Before the first product.
pub(super) const NO_SUMS: RowSums = [[NOTHING; 3]; OUTPUTS];

// SAFETY: any bits are a value of this type.
const NOTHING: __m512 = unsafe { std::mem::zeroed() };

/// One row of channel pairs and its weights; both empty for a row beyond the grid.
pub(super) type Row<'a> = (&'a [u32], &'a [u32]);

/// Memory that begins where a cache line does.
pub(super) struct Aligned(Vec<__m512i>);

impl Aligned {
    /// Zeros in so many bytes, or some more.
    pub(super) fn zeros(bytes: usize) -> Self {
        // SAFETY: any bits are a value of this type.
        Self(vec![unsafe { std::mem::zeroed() }; bytes.div_ceil(64)])
    }

    pub(super) fn values(&self) -> &[u16] {
        // SAFETY: memory of its own, without gaps; any bits are a value.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 32) }
    }

    pub(super) fn values_mut(&mut self) -> &mut [u16] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 32) }
    }

    pub(super) fn pairs(&self) -> &[u32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 16) }
    }

    pub(super) fn pairs_mut(&mut self) -> &mut [u32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 16) }
    }
}

/// Pairs that a row of `width` voxels takes with its border of zeros.
pub(super) fn pair_pitch(width: usize) -> usize {
    width.next_multiple_of(VOXELS) + VOXELS
}

/// Proof that the processor has AVX512 and its bf16.
#[derive(Clone, Copy)]
pub(super) struct Processor(());

impl Processor {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bf16");
        has.then_some(Self(()))
    }
}

/// Defines functions that only those compiled for such a processor can call.
macro_rules! wide {
    ($($(#[$doc:meta])* fn $name:ident $([const $($constant:ident),*])? ($($arguments:tt)*) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$doc])*
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
        #[inline]
        fn $name$(<$(const $constant: usize),*>)?($($arguments)*) $(-> $result)? $body
    )*};
}

wide! {
    fn load_pairs(from: &[u32; VOXELS]) -> __m512i {
        // SAFETY: as many bytes as are read.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    fn load(from: &[u16; BLOCK]) -> __m512i {
        // SAFETY: as many bytes as are read.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    fn store_pairs(to: &mut [u32; VOXELS], pairs: __m512i) {
        // SAFETY: as many bytes as are written.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), pairs) }
    }

    fn store(to: &mut [u16; BLOCK], values: __m512i) {
        // SAFETY: as many bytes as are written.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), values) }
    }

    fn bf16(bits: __m512i) -> __m512bh {
        // SAFETY: both are 64 bytes of which any bits are a value.
        unsafe { std::mem::transmute(bits) }
    }

    /// 16 voxels `[16, channels]`: of eight channels from `channel` on the four pairs, a voxel a lane.
    fn turned(voxels: &[u16], channels: usize, channel: usize) -> [__m512i; 4] {
        let mut fours = [_mm512_setzero_si512(); 4];
        for (index, four) in fours.iter_mut().enumerate() {
            let mut eights = [_mm_setzero_si128(); 4];
            for (voxel, eight) in eights.iter_mut().enumerate() {
                let from = &voxels[(4 * index + voxel) * channels + channel..][..8];
                // SAFETY: as many bytes as are read.
                *eight = unsafe { _mm_loadu_si128(from.as_ptr().cast()) };
            }
            let [a, b, c, d] = eights;
            let ab = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(a), b);
            let cd = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(c), d);
            *four = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(ab), cd);
        }
        let [a, b, c, d] = fours;
        // Of eight voxels the first pairs, then the second; the third, then the fourth.
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

    /// Lanes of the first values of 32 pairs.
    fn even() -> __m512i {
        _mm512_set_epi16(
            62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40, 38, 36, 34, 32,
            30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0,
        )
    }

    /// Lanes of the second values of 32 pairs.
    fn odd() -> __m512i {
        _mm512_or_si512(even(), _mm512_set1_epi16(1))
    }

    /// The first `COUNT` times 16 voxels of a row, which see `SEEN` of each of `rows`. It must not
    /// panic on the way, or the sums go to memory after each addition.
    fn blocks_of[const COUNT, SEEN](
        rows: &[Row; 9],
        pitch: usize,
        bias: &[f32; OUTPUTS]
    ) -> [[u16; VOXELS * OUTPUTS]; COUNT] {
        let mut sums = [[_mm512_setzero_ps(); OUTPUTS]; COUNT];
        for of_block in &mut sums {
            for output in 0..OUTPUTS {
                of_block[output] = _mm512_set1_ps(bias[output]);
            }
        }
        for (pairs, weights) in rows {
            for (index, weights) in weights.as_chunks::<{ 3 * OUTPUTS }>().0.iter().enumerate() {
                let Some(seen) = pairs.get(index * pitch..).and_then(|row| row.first_chunk::<SEEN>())
                else {
                    break;
                };
                for tap in 0..3 {
                    let mut x = [bf16(_mm512_setzero_si512()); COUNT];
                    for block in 0..COUNT {
                        if let Some(voxels) = seen[VOXELS * block + tap..].first_chunk() {
                            x[block] = bf16(load_pairs(voxels));
                        }
                    }
                    for output in 0..OUTPUTS {
                        let weight = bf16(_mm512_set1_epi32(weights[tap * OUTPUTS + output].cast_signed()));
                        for block in 0..COUNT {
                            sums[block][output] = _mm512_dpbf16_ps(sums[block][output], x[block], weight);
                        }
                    }
                }
            }
        }
        let mut values = [[0; VOXELS * OUTPUTS]; COUNT];
        for block in 0..COUNT {
            values[block] = rounded(&sums[block]);
        }
        values
    }

    /// Sums of 16 voxels by output as bf16 `[16, 8]`.
    fn rounded(sums: &[__m512; OUTPUTS]) -> [u16; VOXELS * OUTPUTS] {
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
        let mut values = [0; VOXELS * OUTPUTS];
        let quarters = values.as_chunks_mut().0;
        for (half, index) in indices.into_iter().enumerate() {
            let (ab, cd) =
                (_mm512_permutex2var_epi32(a, index, b), _mm512_permutex2var_epi32(c, index, d));
            store(&mut quarters[2 * half], _mm512_permutex2var_epi64(ab, low, cd));
            store(&mut quarters[2 * half + 1], _mm512_permutex2var_epi64(ab, high, cd));
        }
        values
    }

    /// float32 as bf16, zeros above.
    fn halved(values: __m512) -> __m512i {
        // SAFETY: both are 32 bytes of which any bits are a value.
        let bits: __m256i = unsafe { std::mem::transmute(_mm512_cvtneps_pbh(values)) };
        _mm512_cvtepu16_epi32(bits)
    }
}

/// Defines methods of [`Processor`], compiled for it.
macro_rules! methods {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? $body:block)*) => {
        impl Processor {$(
            $(#[$doc])*
            pub(super) fn $name(self, $($argument: $type),*) $(-> $result)? {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
                fn wide($($argument: $type),*) $(-> $result)? $body
                // SAFETY: the processor has what it was compiled for, or there would be no `self`.
                unsafe { wide($($argument),*) }
            }
        )*}
    };
}

methods! {
    /// A row `[W, channels]` as pairs of channels `[channels / 2, pitch]`, voxel w at w + 1, zeros
    /// before and after. `channels` is a multiple of 8; `to` is at least that long, and zeros
    /// where no voxel comes to lie.
    fn to_pairs(row: &[u16], channels: usize, to: &mut [u32], pitch: usize) {
        let mut last = Vec::new();
        for (block, voxels) in row.chunks(VOXELS * channels).enumerate() {
            let voxels = filled(voxels, VOXELS * channels, &mut last);
            for channel in (0..channels).step_by(8) {
                let pairs = turned(voxels, channels, channel);
                for (index, pairs) in pairs.into_iter().enumerate() {
                    let start = (channel / 2 + index) * pitch + VOXELS * block + 1;
                    if let Some(to) = to[start..].first_chunk_mut() {
                        store_pairs(to, pairs);
                    }
                }
            }
        }
    }

    /// A row `[W, channels]` as voxels of each channel, those of the next `plane` values
    /// further. May write up to [`BLOCK`] zeros behind each.
    fn to_voxels(row: &[u16], channels: usize, to: &mut [u16], plane: usize) {
        let mut last = Vec::new();
        for (block, voxels) in row.chunks(BLOCK * channels).enumerate() {
            let voxels = filled(voxels, BLOCK * channels, &mut last);
            let (first, second) = voxels.split_at(VOXELS * channels);
            for channel in (0..channels).step_by(8) {
                let (first, second) = (turned(first, channels, channel), turned(second, channels, channel));
                for pair in 0..4 {
                    for (of_pair, index) in [even(), odd()].into_iter().enumerate() {
                        let values = _mm512_permutex2var_epi16(first[pair], index, second[pair]);
                        let start = (channel + 2 * pair + of_pair) * plane + BLOCK * block;
                        if let Some(to) = to[start..].first_chunk_mut() {
                            store(to, values);
                        }
                    }
                }
            }
        }
    }

    /// Eight outputs of a row: `to` `[W, channels]` from `channel` on ← `bias` + `rows`, each
    /// `[inputs / 2, pitch]`, times their weights `[inputs / 2][tap in W][output]`.
    fn convolve(
        rows: &[Row; 9],
        pitch: usize,
        bias: &[f32; OUTPUTS],
        to: &mut [u16],
        channels: usize,
        channel: usize
    ) {
        let mut rows = *rows;
        let mut put = |first: usize, blocks: &[[u16; VOXELS * OUTPUTS]]| {
            let values = blocks.as_flattened().as_chunks::<OUTPUTS>().0;
            let voxels = to.chunks_exact_mut(channels).skip(first);
            for (to, values) in voxels.zip(values) {
                to[channel..channel + OUTPUTS].copy_from_slice(values);
            }
        };
        let blocks = pitch / VOXELS - 1;
        let mut block = 0;
        while block < blocks {
            let first = block * VOXELS;
            // The more of a row at once, the fewer times a weight is read; of four two and two.
            block += match blocks - block {
                1 => {
                    put(first, &blocks_of::<1, { VOXELS + 2 }>(&rows, pitch, bias));
                    1
                }
                2 | 4 => {
                    put(first, &blocks_of::<2, { 2 * VOXELS + 2 }>(&rows, pitch, bias));
                    2
                }
                _ => {
                    put(first, &blocks_of::<3, { 3 * VOXELS + 2 }>(&rows, pitch, bias));
                    3
                }
            };
            for (pairs, _) in &mut rows {
                *pairs = pairs.get(block * VOXELS - first..).unwrap_or(&[]);
            }
        }
    }

    /// Adds the products of `dy` with `x`, with the value after it and with the one after that.
    fn add_products(x: &[u16], dy: &[[u16; OUTPUTS * BLOCK]], total: &mut RowSums) {
        let mut sums = *total;
        for (step, dy) in dy.iter().enumerate() {
            let Some(seen) = x.get(BLOCK * step..).and_then(|x| x.first_chunk::<{ BLOCK + 2 }>())
            else {
                break;
            };
            let mut taps = [bf16(_mm512_setzero_si512()); 3];
            for tap in 0..3 {
                if let Some(voxels) = seen[tap..].first_chunk() {
                    taps[tap] = bf16(load(voxels));
                }
            }
            for (sums, dy) in sums.iter_mut().zip(dy.as_chunks().0) {
                let dy = bf16(load(dy));
                for tap in 0..3 {
                    sums[tap] = _mm512_dpbf16_ps(sums[tap], taps[tap], dy);
                }
            }
        }
        *total = sums;
    }

    /// The sum over lanes.
    fn total(lanes: __m512) -> f32 {
        _mm512_reduce_add_ps(lanes)
    }
}

/// `voxels` as they are if they are `count` values, else with zeros behind them.
fn filled<'a>(voxels: &'a [u16], count: usize, last: &'a mut Vec<u16>) -> &'a [u16] {
    if voxels.len() == count {
        return voxels;
    }
    last.clear();
    last.extend_from_slice(voxels);
    last.resize(count, 0);
    last
}
