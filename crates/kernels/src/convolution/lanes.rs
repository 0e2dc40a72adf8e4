//! The innermost loops of the convolution, written once for all registers and number types.
//!
//! [`Arithmetic`] has the operations of a processor on a register. The loops are generic over it,
//! and [`processor`] compiles them for each of its implementations, with the instructions it needs.
//! (Crates such as `pulp` have such a trait for float32. None has the products of bf16 pairs, so we
//! would need two pieces of code.)
//!
//! A *word* is the content of one lane, which belongs to one voxel: one float32 channel, or a pair
//! of bf16 channels.
//!
//! The loops are plain `for` loops, because the compiler does not keep wide registers in closures
//! that are passed to the standard library.

#![expect(
    clippy::needless_range_loop,
    clippy::manual_memcpy,
    reason = "plain loops over indices keep the sums in registers"
)]

use crate::Value;

/// Number of output channels that are stored together.
pub(super) const OUTPUTS: usize = 8;

/// Alignment of memory in bytes: the size of a cache line and of the widest register.
const LINE: usize = 64;

/// Operations on registers of one width with numbers of one type. Its unsafe functions must only be
/// called on a processor that has the instructions.
pub(super) trait Arithmetic: Copy + 'static {
    /// A number of a feature map.
    type Value: Value + Number;
    /// [`PACK`](Self::PACK) neighbouring channels of a voxel.
    type Word: Number;
    /// A register of words, or of values of one channel.
    type Register: Copy;
    /// A register of float32 sums, one per lane.
    type Sums: Copy;

    /// Number of lanes of a register, which is the number of voxels computed at once.
    const LANES: usize;
    /// Number of channels in a word.
    const PACK: usize;
    /// Number of values of one channel in a register.
    const BLOCK: usize = Self::LANES * Self::PACK;
    /// Number of outputs computed at once.
    const AT_ONCE: usize;
    /// Largest number of registers of voxels computed at once. With more of them each weight is
    /// read less often, but all sums must fit in registers.
    const MOST: usize;

    /// Makes a word of `PACK` channels, where `value` returns the value of each.
    fn word(value: impl Fn(usize) -> f32) -> Self::Word;

    /// Puts `value` into every lane.
    unsafe fn sums(value: f32) -> Self::Sums;
    /// Puts `word` into every lane.
    unsafe fn every(word: Self::Word) -> Self::Register;
    /// Loads `LANES` words.
    unsafe fn load_words(from: *const Self::Word) -> Self::Register;
    /// Loads `BLOCK` values.
    unsafe fn load_values(from: *const Self::Value) -> Self::Register;
    /// Returns `sums` + `a` · `b` for each lane, where the product is summed over the values of the
    /// lane.
    unsafe fn add_products(sums: Self::Sums, a: Self::Register, b: Self::Register) -> Self::Sums;
    /// Adds up all lanes.
    unsafe fn total(sums: Self::Sums) -> f32;
    /// Writes the sums of `COUNT` outputs as values to `to` `[LANES, 8]`, rounded in bf16. The
    /// other outputs in `to` stay unchanged.
    unsafe fn put<const COUNT: usize>(sums: &[Self::Sums; COUNT], to: &mut [Self::Value]);

    /// Rearranges a row `[W, channels]` into words of `PACK` channels: all words of the first
    /// channels, then those of the next ones, `plane` words further on in `to`. May write zeros
    /// after each line of words, up to the end of a register.
    unsafe fn row_to_words(
        row: &[Self::Value],
        channels: usize,
        to: &mut [Self::Word],
        plane: usize,
    );
    /// Rearranges a row `[W, channels]` by channel: all voxels of the first channel, then those of
    /// the next one, `plane` values further on in `to`. May write zeros after each line of voxels,
    /// up to the end of a [`BLOCK`](Self::BLOCK).
    unsafe fn row_to_voxels(
        row: &[Self::Value],
        channels: usize,
        to: &mut [Self::Value],
        plane: usize,
    );
}

/// Sums of products with a row of one input channel: `[output][tap in W]`, one sum per lane.
pub(super) type RowSums<A> = [[<A as Arithmetic>::Sums; 3]; OUTPUTS];

/// A row of words and its weights. Both are empty for a row outside the grid.
pub(super) type Row<'a, W> = (&'a [W], &'a [W]);

/// A processor that has the instructions of an [`Arithmetic`], with the loops compiled for it.
pub(super) trait Processor: Arithmetic {
    /// Calls [`Arithmetic::row_to_words`].
    fn to_words(self, row: &[Self::Value], channels: usize, to: &mut [Self::Word], plane: usize);
    /// Calls [`Arithmetic::row_to_voxels`].
    fn to_voxels(self, row: &[Self::Value], channels: usize, to: &mut [Self::Value], plane: usize);
    /// Calls [`convolve`].
    fn convolve(
        self,
        rows: &[Row<Self::Word>; 9],
        plane: usize,
        bias: &[f32; OUTPUTS],
        to: &mut [Self::Value],
    );
    /// Calls [`add_products`].
    fn multiply(self, x: &[Self::Value], dy: &[Self::Value], total: &mut RowSums<Self>);
    /// Calls [`Arithmetic::total`] for each of three registers.
    fn totals(self, lanes: &[Self::Sums; 3]) -> [f32; 3];
    /// Returns sums of zero.
    fn no_sums(self) -> RowSums<Self>;
}

/// Compiles the loops for an [`Arithmetic`] of values `$value` and words `$word`, with the
/// instructions `$features`. A value of type `$arithmetic` may exist only where the processor has
/// these instructions.
macro_rules! processor {
    ($arithmetic:ident, $value:ty, $word:ty, $features:literal) => {
        $crate::convolution::lanes::compiled! {$arithmetic, $features,
            fn to_words(row: &[$value], channels: usize, to: &mut [$word], plane: usize)
                = <$arithmetic as Arithmetic>::row_to_words;
            fn to_voxels(row: &[$value], channels: usize, to: &mut [$value], plane: usize)
                = <$arithmetic as Arithmetic>::row_to_voxels;
            fn convolve(
                rows: &[Row<$word>; 9],
                plane: usize,
                bias: &[f32; OUTPUTS],
                to: &mut [$value]
            ) = lanes::convolve::<$arithmetic>;
            fn multiply(x: &[$value], dy: &[$value], total: &mut RowSums<$arithmetic>)
                = lanes::add_products::<$arithmetic>;
            fn totals(lanes: &[<$arithmetic as Arithmetic>::Sums; 3]) -> [f32; 3]
                = lanes::totals::<$arithmetic>;
            fn no_sums() -> RowSums<$arithmetic> = lanes::no_sums::<$arithmetic>;
        }
    };
}
pub(super) use processor;

/// Defines the methods for [`processor`].
macro_rules! compiled {
    ($arithmetic:ident, $features:literal,
     $(fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $loop:expr;)*) => {
        impl $crate::convolution::lanes::Processor for $arithmetic {$(
            fn $name(self, $($argument: $type),*) $(-> $result)? {
                #[target_feature(enable = $features)]
                fn wide($($argument: $type),*) $(-> $result)? {
                    // SAFETY: this is called only where the processor has the features.
                    unsafe { ($loop)($($argument),*) }
                }
                // SAFETY: `self` exists only where the processor has the features.
                unsafe { wide($($argument),*) }
            }
        )*}
    };
}
pub(super) use compiled;

/// Computes eight outputs of a line of voxels, `to` `[voxel, output]`.
///
/// The result is `bias` plus the sum over `rows` `[inputs / PACK, plane]` times their weights
/// `[inputs / PACK][tap in W][output]`. The length of the line is a multiple of a register, and
/// each row is at least two words longer than the line.
#[inline(always)]
pub(super) unsafe fn convolve<A: Arithmetic>(
    rows: &[Row<A::Word>; 9],
    plane: usize,
    bias: &[f32; OUTPUTS],
    to: &mut [A::Value],
) {
    let blocks = to.len() / (A::LANES * OUTPUTS);
    let mut block = 0;
    while block < blocks {
        let first = block * A::LANES;
        // Four blocks are done as two and two.
        let count = match blocks - block {
            1 => 1,
            2 | 4 => 2,
            _ => A::MOST,
        };
        let to = &mut to[first * OUTPUTS..][..count * A::LANES * OUTPUTS];
        for output in (0..OUTPUTS).step_by(A::AT_ONCE) {
            // SAFETY: the caller's processor has what `A` needs.
            unsafe {
                match (A::AT_ONCE, count) {
                    (8, 1) => convolve_blocks::<A, 1, 8>(rows, first, plane, bias, output, to),
                    (8, 2) => convolve_blocks::<A, 2, 8>(rows, first, plane, bias, output, to),
                    (8, _) => convolve_blocks::<A, 3, 8>(rows, first, plane, bias, output, to),
                    (_, 1) => convolve_blocks::<A, 1, 4>(rows, first, plane, bias, output, to),
                    (_, 2) => convolve_blocks::<A, 2, 4>(rows, first, plane, bias, output, to),
                    (_, _) => convolve_blocks::<A, 3, 4>(rows, first, plane, bias, output, to),
                }
            }
        }
        block += count;
    }
}

/// Computes `OUT` outputs, the first of them `output`, for `COUNT` registers of voxels, which begin
/// at voxel `first` of a line. Writes them to `to` `[COUNT · LANES, 8]`. The inner loops must not
/// be able to panic: otherwise the compiler writes the sums to memory after each addition.
#[inline(always)]
unsafe fn convolve_blocks<A: Arithmetic, const COUNT: usize, const OUT: usize>(
    rows: &[Row<A::Word>; 9],
    first: usize,
    plane: usize,
    bias: &[f32; OUTPUTS],
    output: usize,
    to: &mut [A::Value],
) {
    let words_read = COUNT * A::LANES + 2;
    // SAFETY: the caller's processor has what `A` needs. All reads lie within `words` and
    // `weights`, by the checks of their lengths.
    unsafe {
        let mut sums = [[A::sums(0.0); OUT]; COUNT];
        for block_sums in &mut sums {
            for index in 0..OUT {
                block_sums[index] = A::sums(bias[output + index]);
            }
        }
        for (words, weights) in rows {
            for (index, weights) in weights.as_chunks::<{ 3 * OUTPUTS }>().0.iter().enumerate() {
                let start = index * plane + first;
                if words.len() < start + words_read {
                    break;
                }
                let words = words.as_ptr().add(start);
                let weights = weights.as_ptr().add(output);
                for tap in 0..3 {
                    let mut x = [A::every(A::Word::default()); COUNT];
                    for block in 0..COUNT {
                        x[block] = A::load_words(words.add(A::LANES * block + tap));
                    }
                    for index in 0..OUT {
                        let weight = A::every(*weights.add(tap * OUTPUTS + index));
                        for block in 0..COUNT {
                            sums[block][index] =
                                A::add_products(sums[block][index], x[block], weight);
                        }
                    }
                }
            }
        }
        for block in 0..COUNT {
            A::put(&sums[block], &mut to[block * A::LANES * OUTPUTS + output..]);
        }
    }
}

/// Adds to `total` the products of `dy` `[block][output][BLOCK]` with `x`, for the three taps in W:
/// with the value of `x` at the same position, one further and two further.
#[inline(always)]
pub(super) unsafe fn add_products<A: Arithmetic>(
    x: &[A::Value],
    dy: &[A::Value],
    total: &mut RowSums<A>,
) {
    // SAFETY: the caller's processor has what `A` needs.
    unsafe {
        if A::AT_ONCE == OUTPUTS {
            add_products_from::<A, 8>(x, dy, total, 0);
        } else {
            add_products_from::<A, 4>(x, dy, total, 0);
            add_products_from::<A, 4>(x, dy, total, 4);
        }
    }
}

/// Does the same as [`add_products`] for `OUT` outputs, the first of them `output`.
#[inline(always)]
unsafe fn add_products_from<A: Arithmetic, const OUT: usize>(
    x: &[A::Value],
    dy: &[A::Value],
    total: &mut RowSums<A>,
    output: usize,
) {
    // SAFETY: the caller's processor has what `A` needs. All reads lie within `x` and `dy`.
    unsafe {
        let mut sums = [[A::sums(0.0); 3]; OUT];
        for index in 0..OUT {
            sums[index] = total[output + index];
        }
        for (step, dy) in dy.chunks_exact(OUTPUTS * A::BLOCK).enumerate() {
            let start = step * A::BLOCK;
            if x.len() < start + A::BLOCK + 2 {
                break;
            }
            let x = x.as_ptr().add(start);
            let dy = dy.as_ptr().add(output * A::BLOCK);
            let taps = [
                A::load_values(x),
                A::load_values(x.add(1)),
                A::load_values(x.add(2)),
            ];
            for index in 0..OUT {
                let dy = A::load_values(dy.add(index * A::BLOCK));
                for tap in 0..3 {
                    sums[index][tap] = A::add_products(sums[index][tap], taps[tap], dy);
                }
            }
        }
        for index in 0..OUT {
            total[output + index] = sums[index];
        }
    }
}

/// Calls [`Arithmetic::total`] for each of three registers.
#[inline(always)]
pub(super) unsafe fn totals<A: Arithmetic>(lanes: &[A::Sums; 3]) -> [f32; 3] {
    // SAFETY: the caller's processor has what `A` needs.
    unsafe { [A::total(lanes[0]), A::total(lanes[1]), A::total(lanes[2])] }
}

/// Returns sums of zero.
#[inline(always)]
pub(super) unsafe fn no_sums<A: Arithmetic>() -> RowSums<A> {
    // SAFETY: the caller's processor has what `A` needs.
    unsafe { [[A::sums(0.0); 3]; OUTPUTS] }
}

/// A number type that can be stored in [`Aligned`] memory.
///
/// # Safety
/// Every pattern of bits must be a valid value of the type, and all bits zero must mean zero.
pub(super) unsafe trait Number: Copy + Default {}
// SAFETY: every pattern of bits is an integer, and all bits zero mean zero.
unsafe impl Number for u16 {}
// SAFETY: every pattern of bits is an integer, and all bits zero mean zero.
unsafe impl Number for u32 {}
// SAFETY: every pattern of bits is a float32 number or NaN, and all bits zero mean zero.
unsafe impl Number for f32 {}

/// Memory that begins at the start of a cache line.
pub(super) struct Aligned(Vec<Line>);

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

impl Aligned {
    /// Allocates zeros, with room for at least `count` numbers.
    pub(super) fn zeros<T: Number>(count: usize) -> Self {
        Self(vec![
            Line([0; LINE]);
            (count * size_of::<T>()).div_ceil(LINE)
        ])
    }

    /// Returns the whole memory as a slice of numbers.
    pub(super) fn as_slice<T: Number>(&self) -> &[T] {
        let count = self.0.len() * LINE / size_of::<T>();
        // SAFETY: `self` owns the memory, which has no gaps, and any bits are a valid number.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), count) }
    }

    /// Returns the whole memory as a mutable slice of numbers.
    pub(super) fn as_mut_slice<T: Number>(&mut self) -> &mut [T] {
        let count = self.0.len() * LINE / size_of::<T>();
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), count) }
    }
}

/// Returns `voxels` if they are `count` values. Otherwise copies them to `last`, appends zeros and
/// returns that.
pub(super) fn filled<'a, V: Number>(
    voxels: &'a [V],
    count: usize,
    last: &'a mut Vec<V>,
) -> &'a [V] {
    if voxels.len() == count {
        return voxels;
    }
    last.clear();
    last.extend_from_slice(voxels);
    last.resize(count, V::default());
    last
}
