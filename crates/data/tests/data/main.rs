//! The data crate from outside: files in, cases or messages out.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod broken_files;
mod broken_settings;
mod found_by_fuzzing;
mod layouts;
mod nibabel;
mod nifti_fixtures;
mod preprocessing;
mod real_data;
mod small_files;
