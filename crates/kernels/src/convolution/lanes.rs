//! The innermost loops of the convolution, once for all registers and arithmetics.
//!
//! [`Arithmetic`] is what a processor does with a register. The loops are written over it and are
//! compiled by [`processor`] for each of its implementations, with the instructions that it needs.
//! (Crates such as `pulp` have such a trait for float32; none has the products of bf16 pairs, so
//! there would be two pieces of code.)
//!
//! A *word* is what a lane holds of one voxel: one float32 channel, or a pair of bf16 channels.
//!
//! What is called in a loop is plain `for`: the compiler does not carry wide registers through closures
//! given to the standard library.

#![expect(
    clippy::needless_range_loop,
    clippy::manual_memcpy,
    reason = "plain loops over indices keep the sums in registers"
)]

use crate::Value;

/// Outputs of the convolution.
pub(super) const OUTPUTS: usize = 8;

/// Bytes from which on memory is aligned: a cache line, and the widest register.
const LINE: usize = 64;

/// Registers of one width with numbers of one kind. Its functions are unsafe to call on a processor
/// that lacks the instructions.
pub(super) trait Arithmetic: Copy + 'static {
    /// A number of a feature map.
    type Value: Value + Number;
    /// [`PACK`](Self::PACK) channels of a voxel.
    type Word: Number;
    /// A register of words, or of values of one channel.
    type Register: Copy;
    /// A register of float32 sums, one a lane.
    type Sums: Copy;

    /// Lanes of a register: voxels computed at once.
    const LANES: usize;
    /// Channels in a word.
    const PACK: usize;
    /// Values of one channel in a register.
    const BLOCK: usize = Self::LANES * Self::PACK;
    /// Outputs computed at once.
    const AT_ONCE: usize;
    /// Registers of voxels computed at once: the more, the fewer times a weight is read, but all sums
    /// have to fit in registers.
    const MOST: usize;

    /// The word of `PACK` neighbouring channels, of which `value` gives each.
    fn word(value: impl Fn(usize) -> f32) -> Self::Word;

    /// `value` in every lane.
    unsafe fn sums(value: f32) -> Self::Sums;
    /// `word` in every lane.
    unsafe fn every(word: Self::Word) -> Self::Register;
    /// `LANES` words.
    unsafe fn load_words(from: *const Self::Word) -> Self::Register;
    /// `BLOCK` values.
    unsafe fn load_values(from: *const Self::Value) -> Self::Register;
    /// `sums` + `a` · `b`, lane by lane, over the values of a lane.
    unsafe fn add_products(sums: Self::Sums, a: Self::Register, b: Self::Register) -> Self::Sums;
    /// The sum over lanes.
    unsafe fn total(sums: Self::Sums) -> f32;
    /// Sums of `COUNT` outputs as values `[LANES, 8]`, of which the other outputs stay as they are.
    unsafe fn put<const COUNT: usize>(sums: &[Self::Sums; COUNT], to: &mut [Self::Value]);

    /// A row `[W, channels]` as words of `PACK` channels each, those of the next `plane` words
    /// further. May write zeros up to a register behind each.
    unsafe fn row_to_words(
        row: &[Self::Value],
        channels: usize,
        to: &mut [Self::Word],
        plane: usize,
    );
    /// A row `[W, channels]` as voxels of each channel, those of the next `plane` values
    /// further. May write zeros up to a [`BLOCK`](Self::BLOCK) behind each.
    unsafe fn row_to_voxels(
        row: &[Self::Value],
        channels: usize,
        to: &mut [Self::Value],
        plane: usize,
    );
}

/// The sums of products with one channel's row: `[output][tap in W]`, lanes still apart.
pub(super) type RowSums<A> = [[<A as Arithmetic>::Sums; 3]; OUTPUTS];

/// One row of words and its weights; both empty for a row beyond the grid.
pub(super) type Row<'a, W> = (&'a [W], &'a [W]);

/// A processor known to have what an [`Arithmetic`] needs, with the loops compiled for it.
pub(super) trait Processor: Arithmetic {
    /// [`Arithmetic::row_to_words`].
    fn to_words(self, row: &[Self::Value], channels: usize, to: &mut [Self::Word], plane: usize);
    /// [`Arithmetic::row_to_voxels`].
    fn to_voxels(self, row: &[Self::Value], channels: usize, to: &mut [Self::Value], plane: usize);
    /// [`convolve`].
    fn convolve(
        self,
        rows: &[Row<Self::Word>; 9],
        plane: usize,
        bias: &[f32; OUTPUTS],
        to: &mut [Self::Value],
    );
    /// [`add_products`].
    fn multiply(self, x: &[Self::Value], dy: &[Self::Value], total: &mut RowSums<Self>);
    /// [`Arithmetic::total`] of each.
    fn totals(self, lanes: &[Self::Sums; 3]) -> [f32; 3];
    /// Before the first product.
    fn no_sums(self) -> RowSums<Self>;
}

/// Compiles the loops for an [`Arithmetic`] of values `$value` and words `$word` with the instructions
/// `$features`, which whoever makes an `$arithmetic` has found.
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

/// The methods of [`processor`].
macro_rules! compiled {
    ($arithmetic:ident, $features:literal,
     $(fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $loop:expr;)*) => {
        impl $crate::convolution::lanes::Processor for $arithmetic {$(
            fn $name(self, $($argument: $type),*) $(-> $result)? {
                #[target_feature(enable = $features)]
                fn wide($($argument: $type),*) $(-> $result)? {
                    // SAFETY: the processor has the features, or this could not be called.
                    unsafe { ($loop)($($argument),*) }
                }
                // SAFETY: the processor has what it was compiled for, or there would be no `self`.
                unsafe { wide($($argument),*) }
            }
        )*}
    };
}
pub(super) use compiled;

/// Eight outputs of a line of voxels: `to` `[voxel, output]` ← `bias` + `rows`, each
/// `[inputs / PACK, plane]`, times their weights `[inputs / PACK][tap in W][output]`. The line is a
/// whole number of registers long, and each row at least two words longer.
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
        // Of four two and two.
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
                    (8, 1) => blocks_of::<A, 1, 8>(rows, first, plane, bias, output, to),
                    (8, 2) => blocks_of::<A, 2, 8>(rows, first, plane, bias, output, to),
                    (8, _) => blocks_of::<A, 3, 8>(rows, first, plane, bias, output, to),
                    (_, 1) => blocks_of::<A, 1, 4>(rows, first, plane, bias, output, to),
                    (_, 2) => blocks_of::<A, 2, 4>(rows, first, plane, bias, output, to),
                    (_, _) => blocks_of::<A, 3, 4>(rows, first, plane, bias, output, to),
                }
            }
        }
        block += count;
    }
}

/// `OUT` outputs from `output` on of `COUNT` registers of voxels from the `first` of a line on, into
/// `to` `[COUNT · LANES, 8]`. It must not panic on the way, or the sums go to memory after each
/// addition.
#[inline(always)]
unsafe fn blocks_of<A: Arithmetic, const COUNT: usize, const OUT: usize>(
    rows: &[Row<A::Word>; 9],
    first: usize,
    plane: usize,
    bias: &[f32; OUTPUTS],
    output: usize,
    to: &mut [A::Value],
) {
    let seen = COUNT * A::LANES + 2;
    // SAFETY: the caller's processor has what `A` needs; what is read lies within `words` and
    // `weights`, as their lengths say.
    unsafe {
        let mut sums = [[A::sums(0.0); OUT]; COUNT];
        for of_block in &mut sums {
            for index in 0..OUT {
                of_block[index] = A::sums(bias[output + index]);
            }
        }
        for (words, weights) in rows {
            for (index, weights) in weights.as_chunks::<{ 3 * OUTPUTS }>().0.iter().enumerate() {
                let start = index * plane + first;
                if words.len() < start + seen {
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

/// Adds to `total` the products of `dy` `[block][output][BLOCK]` with `x`, with the value after it and
/// with the one after that.
#[inline(always)]
pub(super) unsafe fn add_products<A: Arithmetic>(
    x: &[A::Value],
    dy: &[A::Value],
    total: &mut RowSums<A>,
) {
    // SAFETY: the caller's processor has what `A` needs.
    unsafe {
        if A::AT_ONCE == OUTPUTS {
            products_of::<A, 8>(x, dy, total, 0);
        } else {
            products_of::<A, 4>(x, dy, total, 0);
            products_of::<A, 4>(x, dy, total, 4);
        }
    }
}

/// [`add_products`] for `OUT` outputs from `output` on.
#[inline(always)]
unsafe fn products_of<A: Arithmetic, const OUT: usize>(
    x: &[A::Value],
    dy: &[A::Value],
    total: &mut RowSums<A>,
    output: usize,
) {
    // SAFETY: the caller's processor has what `A` needs; what is read lies within `x` and `dy`.
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

/// [`Arithmetic::total`] of each.
#[inline(always)]
pub(super) unsafe fn totals<A: Arithmetic>(lanes: &[A::Sums; 3]) -> [f32; 3] {
    // SAFETY: the caller's processor has what `A` needs.
    unsafe { [A::total(lanes[0]), A::total(lanes[1]), A::total(lanes[2])] }
}

/// Before the first product.
#[inline(always)]
pub(super) unsafe fn no_sums<A: Arithmetic>() -> RowSums<A> {
    // SAFETY: the caller's processor has what `A` needs.
    unsafe { [[A::sums(0.0); 3]; OUTPUTS] }
}

/// Numbers of which any bits are a value, and zeros are zero.
///
/// # Safety
/// That must be so.
pub(super) unsafe trait Number: Copy + Default {}
// SAFETY: so it is.
unsafe impl Number for u16 {}
// SAFETY: so it is.
unsafe impl Number for u32 {}
// SAFETY: so it is.
unsafe impl Number for f32 {}

/// Memory that begins where a cache line does.
pub(super) struct Aligned(Vec<Line>);

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

impl Aligned {
    /// Zeros: room for `count` numbers, or some more.
    pub(super) fn zeros<T: Number>(count: usize) -> Self {
        Self(vec![
            Line([0; LINE]);
            (count * size_of::<T>()).div_ceil(LINE)
        ])
    }

    pub(super) fn of<T: Number>(&self) -> &[T] {
        let count = self.0.len() * LINE / size_of::<T>();
        // SAFETY: memory of its own, without gaps; any bits are a value.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), count) }
    }

    pub(super) fn of_mut<T: Number>(&mut self) -> &mut [T] {
        let count = self.0.len() * LINE / size_of::<T>();
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), count) }
    }
}

/// `voxels` as they are if they are `count` values, else with zeros behind them.
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
