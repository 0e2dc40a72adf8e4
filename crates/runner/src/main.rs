//! The slicewise program.
fn main() {}
