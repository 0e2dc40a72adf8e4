//! Dice/F1, surface distances, P and R scores, interpolation between slices, effort, rank regression
//! and statistics, as pure functions.
//!
//! This crate knows nothing of models, files or experiments. Label maps are `[z, y, x]` arrays of
//! class indices with background 0. Statistics take slices of `f64`.

pub mod agreement;
pub mod aubc;
pub mod covered;
pub mod crossed;
pub mod crossed_t;
pub mod delivered;
pub mod dice;
pub mod distance;
pub mod effort;
pub mod entropy;
pub mod error;
pub mod fg_eff;
pub mod holm;
pub mod interpolation;
pub mod interval;
pub mod overlap;
pub mod paired_t;
pub mod penalty;
pub mod rank;
pub mod surface;
pub mod wilcoxon;

pub use agreement::{Agreement, slice_agreement};
pub use aubc::aubc;
pub use covered::covered_share;
pub use crossed::crossed_bootstrap;
pub use crossed_t::{Components, CrossedT, crossed_t, variance_components};
pub use delivered::delivered;
pub use dice::{class_dice, mean_dice};
pub use distance::DistanceMap;
pub use effort::contour_length_mm;
pub use entropy::{foreground_entropy, slice_entropy};
pub use error::MetricsError;
pub use fg_eff::{CurveEnds, fg_eff};
pub use holm::holm;
pub use interpolation::interpolated_labels;
pub use interval::{Interval, LEAST_RUNS, mean_interval};
pub use overlap::{Overlap, foreground_voxels};
pub use paired_t::{PairedT, critical_t, paired_t};
pub use penalty::{Difference, Penalty, pairwise_penalty};
pub use rank::{
    Line, average_ranks, linear_fit, pearson, rank_regression, spearman, spearman_interval,
};
pub use surface::{SurfaceDistance, class_hd95, class_surface_distance};
pub use wilcoxon::{SignedRank, wilcoxon};
