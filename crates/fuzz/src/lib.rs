//! Broken inputs for whatever reads a file: a seeded mutational fuzzer for `cargo test` on stable.
//!
//! A target is a test that calls [`fuzz`] with a few valid inputs and a function that reads one
//! from a path. What is asked of every execution: no panic, no hang, no more memory than the
//! target allows for an input of that size (counted in the allocator, so a header's promise counts
//! as soon as it is reserved), and an error is one line. The function asserts what else should hold
//! of an input that it accepted.
//!
//! There is no coverage to steer by on stable, but an error message says how far an input came:
//! an input that gives a new one is mutated further. A run of [`ROUND`] executions depends on its
//! seed alone. `docs/fuzzing.md` says how to run it and what it found.

mod mutation;
mod run;
mod target;

pub use run::{ROUND, fuzz, most_held};
pub use target::{Target, per_byte};
// What a target's `encode` draws from.
pub use rand_chacha::ChaCha8Rng;
