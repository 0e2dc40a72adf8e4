//! A seeded mutational fuzzer that makes broken inputs for whatever reads a file. It runs under
//! `cargo test` with stable Rust.
//!
//! A target is a test that calls [`fuzz`] with a few valid inputs and a function that reads one
//! from a path. Every execution must end without a panic, in time, and within the memory that the
//! target allows for an input of that size. (Memory is counted in the allocator, so what a header
//! promises counts as soon as it is reserved.) An error must be one line. The function itself
//! asserts what else must hold of an input that it accepted.
//!
//! Stable Rust offers no coverage to guide the search, but an error message shows how far an input
//! came. An input that gives a new message is mutated further. A round of [`ROUND`] executions
//! depends on its seed alone. `docs/fuzzing.md` says how to run the fuzzer and what it found.

mod mutation;
mod run;
mod target;

pub use run::{ROUND, fuzz, most_held};
pub use target::{Target, per_byte};
// The generator that a target's `encode` receives.
pub use rand_chacha::ChaCha8Rng;
