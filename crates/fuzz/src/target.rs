//! What is fuzzed: valid inputs, what to break in them, and what reading them may cost.

use rand_chacha::ChaCha8Rng;

/// Turns a mutated body into a file's bytes: compresses it, or repairs its length or checksum.
type Encode<'a> = &'a dyn Fn(Vec<u8>, &mut ChaCha8Rng) -> Vec<u8>;

/// One reader of files, and what to feed it.
pub struct Target<'a> {
    /// Name of the target in kebab-case. The test's name is the same with underscores.
    pub name: &'static str,
    /// Name of the input file. The reader may look at its ending.
    pub file: &'static str,
    /// Share of all executions that this target gets, in thousandths.
    pub share: u64,
    /// The valid inputs.
    pub corpus: Vec<Vec<u8>>,
    /// Words of the format, which mutations insert.
    pub words: &'a [&'a str],
    /// Offset and width in bytes of the numbers in a binary header, which mutations overwrite.
    pub fields: &'a [(usize, usize)],
    /// Converts a mutated body to the file's bytes.
    pub encode: Encode<'a>,
    /// The most bytes of memory that reading these bytes may hold at once.
    pub allowance: &'a dyn Fn(&[u8]) -> u64,
    /// Files that lie beside the input, as name and content.
    pub companions: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Target<'a> {
    /// Makes a target for a text format with these words: no header, no encoding, no companions.
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

/// Returns an allowance of 128 KiB plus `factor` bytes for each of `bytes`.
pub fn per_byte(bytes: usize, factor: u64) -> u64 {
    (128 << 10) + bytes as u64 * factor
}
