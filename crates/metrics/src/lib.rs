//! Dice/F1, P- and R-scores, rank regression and statistics: pure functions.

pub mod agreement;

pub use agreement::Agreement;
