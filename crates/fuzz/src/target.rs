//! What is fuzzed: valid inputs, what to break in them, and what reading them may cost.

use rand_chacha::ChaCha8Rng;

/// Turns a mutated body into the bytes of the file: compresses it, mends its length or checksum.
type Encode<'a> = &'a dyn Fn(Vec<u8>, &mut ChaCha8Rng) -> Vec<u8>;

/// One reader of files and what to feed it.
pub struct Target<'a> {
    /// Kebab-case; the test's name is the same with underscores.
    pub name: &'static str,
    /// Name of the input file, whose ending the reader may look at.
    pub file: &'static str,
    /// Share of all executions that this target gets, of 1000.
    pub share: u64,
    /// Valid inputs.
    pub corpus: Vec<Vec<u8>>,
    /// Words of the format, to be put in.
    pub words: &'a [&'a str],
    /// Offset and width in bytes of the numbers in a binary header, to be overwritten.
    pub fields: &'a [(usize, usize)],
    /// From a mutated body to the file's bytes.
    pub encode: Encode<'a>,
    /// Bytes of memory that reading these bytes may hold at once.
    pub allowance: &'a dyn Fn(&[u8]) -> u64,
    /// Files that lie beside the input: name and content.
    pub companions: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Target<'a> {
    /// A text of these words: no fields, nothing to encode, nothing beside it.
    pub fn text(
        name: &'static str,
        file: &'static str,
        corpus: Vec<Vec<u8>>,
        words: &'a [&'a str],
    ) -> Self {
        Self {
            name,
            file,
            share: 100,
            corpus,
            words,
            fields: &[],
            encode: &|bytes, _| bytes,
            allowance: &|bytes| per_byte(bytes.len(), 64),
            companions: Vec::new(),
        }
    }
}

/// 128 KiB, and `factor` bytes for each of `bytes`.
pub fn per_byte(bytes: usize, factor: u64) -> u64 {
    (128 << 10) + bytes as u64 * factor
}
