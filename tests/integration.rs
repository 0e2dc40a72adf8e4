//! Tests the `slicewise` program from outside: what a user types, what it says, what it leaves
//! behind.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod broken_input;
#[path = "../crates/data/tests/data/case_files.rs"]
#[expect(dead_code, reason = "the data crate's tests use the rest")]
mod case_files;
mod cases;
#[path = "../crates/runner/build/commit.rs"]
mod commit;
mod damage;
mod docs_faults;
mod documents;
mod documents_names;
mod drawn;
mod drawn_browser;
mod drawn_killed;
mod drawn_rows;
mod extensions;
mod faults;
mod folds;
mod former_names;
mod gpu;
mod grown;
mod indexed;
mod kinds;
mod nifti;
mod own_models;
mod own_tasks;
mod precision;
mod program;
mod programs;
mod release;
mod slurm;
mod start;
mod sweep;
mod sweep_killed;
mod text_files;
mod tiny;
mod trainers;
