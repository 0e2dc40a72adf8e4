//! The `slicewise` program from outside: what a user types, what it says, what it leaves behind.

mod broken_input;
mod new_strategy;
mod nifti;
mod program;
mod sweep;
