//! Turns a valid input into one that is nearly valid.
//!
//! Half of all inputs are changed once, a quarter twice, and so on. One change reaches the next
//! check of the reader; several changes pass it.

use crate::target::Target;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// Limit of an input's length in bytes, which keeps an execution cheap.
const LONGEST: usize = 16 << 10;

/// Numbers at which programs often fail, and those that have a meaning in NIfTI.
const INTEGERS: &[i64] = &[
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    32,
    64,
    127,
    128,
    255,
    256,
    348,
    512,
    540,
    768,
    1024,
    1280,
    4096,
    32767,
    32768,
    65535,
    1 << 20,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 40,
    i64::MAX,
    i64::MIN,
    -1,
    -2,
    -128,
    -32768,
    -(1 << 31),
];

const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e-45,
    1e-30,
    1e-6,
    1e3,
    1e6,
    1e9,
    1e30,
    3.4e38,
    352.0,
    353.5,
    1e4,
    f64::MAX,
    f64::MIN_POSITIVE,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

const NUMERALS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "1",
    "2",
    "0.5",
    "1.0",
    "3.",
    "1e3",
    "1e-400",
    "1e999",
    "NaN",
    ".nan",
    ".inf",
    "255",
    "256",
    "65536",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "0.1e-7",
    "99999999999999999999999999",
    "0x10",
    "1_000",
    "null",
    "true",
    "\"1\"",
    "[]",
    "{}",
    "",
];

/// Changes `input`. `pool` are the inputs that it may take pieces from.
pub(crate) fn mutate(input: &mut Vec<u8>, pool: &[Vec<u8>], target: &Target, rng: &mut ChaCha8Rng) {
    let changes = 1 + rng.random::<u8>().trailing_zeros().min(7);
    for _ in 0..changes {
        change(input, pool, target, rng);
    }
    input.truncate(LONGEST);
}

fn change(input: &mut Vec<u8>, pool: &[Vec<u8>], target: &Target, rng: &mut ChaCha8Rng) {
    let at = position(input.len(), target, rng);
    match rng.random_range(0..13) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << rng.random_range(0..8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = rng.random();
            }
        }
        2 | 3 => set_number(input, at, target, rng),
        4 => {
            let range = range(input.len(), at, rng);
            input.drain(range);
        }
        5 => {
            let piece = input[range(input.len(), at, rng)].to_vec();
            let room = LONGEST.saturating_sub(input.len()) / piece.len().max(1);
            let times = (1 << rng.random_range(0..7)).min(room);
            insert(input, at, &piece.repeat(times));
        }
        6 => splice(input, at, pool, rng),
        7 | 8 => {
            if let Some(word) = target.words.choose(rng) {
                let end = range(input.len(), at, rng).end;
                if rng.random() {
                    input.drain(at..end);
                }
                insert(input, at, word.as_bytes());
            }
        }
        9 => input.truncate(at),
        10 => set_numeral(input, at, rng),
        11 => move_line(input, rng),
        _ => {
            let noise: Vec<u8> = (0..rng.random_range(1..9)).map(|_| rng.random()).collect();
            insert(input, at, &noise);
        }
    }
}

/// Draws a position anywhere; if there is a header, every other time within it.
fn position(length: usize, target: &Target, rng: &mut ChaCha8Rng) -> usize {
    let header = target.fields.last().map_or(0, |(at, width)| at + width);
    let end = if rng.random() && header > 0 {
        length.min(header)
    } else {
        length
    };
    rng.random_range(0..=end)
}

/// Draws a range that begins at `at`: mostly short, sometimes up to the end.
fn range(length: usize, at: usize, rng: &mut ChaCha8Rng) -> Range<usize> {
    let longest = if rng.random_ratio(1, 8) { length } else { 16 };
    at..(at + rng.random_range(0..=longest)).min(length)
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}

/// Writes a number into a field of the header, or at `at`.
fn set_number(input: &mut [u8], at: usize, target: &Target, rng: &mut ChaCha8Rng) {
    let anywhere = (at, [1, 2, 4, 8][rng.random_range(0..4)]);
    let (at, width) = match target.fields.choose(rng) {
        Some(&field) if rng.random_ratio(3, 4) => field,
        _ => anywhere,
    };
    let integer = INTEGERS.choose(rng).copied().unwrap_or_default();
    let float = FLOATS.choose(rng).copied().unwrap_or_default();
    let mut bytes = match width {
        4 if rng.random() => (float as f32).to_le_bytes().to_vec(),
        8 if rng.random() => float.to_le_bytes().to_vec(),
        _ => integer.to_le_bytes()[..width].to_vec(),
    };
    if rng.random() {
        bytes.reverse();
    }
    if let Some(place) = input.get_mut(at..at + width) {
        place.copy_from_slice(&bytes);
    }
}

/// Replaces the rest of the input by the tail of another one.
fn splice(input: &mut Vec<u8>, at: usize, pool: &[Vec<u8>], rng: &mut ChaCha8Rng) {
    if let Some(other) = pool.choose(rng) {
        // Every other time both are cut at the same place, which keeps a header whole.
        let from = if rng.random() {
            at
        } else {
            rng.random_range(0..=other.len())
        };
        input.truncate(at);
        input.extend_from_slice(other.get(from..).unwrap_or_default());
    }
}

/// Replaces the first number written in digits at or after `at`.
fn set_numeral(input: &mut Vec<u8>, at: usize, rng: &mut ChaCha8Rng) {
    let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let Some(skipped) = input[at..].iter().position(u8::is_ascii_digit) else {
        return;
    };
    let start = at + skipped;
    let length = input[start..]
        .iter()
        .take_while(|&byte| is_part(byte))
        .count();
    let numeral = NUMERALS.choose(rng).copied().unwrap_or_default();
    input.splice(start..start + length, numeral.bytes());
}

/// Removes a line, and mostly inserts it again elsewhere, once or twice.
fn move_line(input: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    let mut lines: Vec<&[u8]> = input.split_inclusive(|&byte| byte == b'\n').collect();
    if lines.is_empty() {
        return;
    }
    let line = lines.remove(rng.random_range(0..lines.len()));
    for _ in 0..rng.random_range(0..3) {
        lines.insert(rng.random_range(0..=lines.len()), line);
    }
    *input = lines.concat();
}
