//! What a model says of one case.

use ndarray::{Array3, Array4};

/// A model's answer for one case. All arrays share `D, H, W` (slices first).
#[derive(Debug, Clone, Default)]
pub struct Prediction {
    /// Class probabilities `[C, D, H, W]`, each in `[0, 1]`, summing to 1 over `C`.
    pub probabilities: Array4<f32>,
    /// SR1 `[D, H, W]`: argmax over classes of the final feature maps (paper, section 2.2).
    pub sr1: Array3<u8>,
    /// SR2 `[D, H, W]`: argmax over classes of the attention map; `None` without attention.
    pub sr2: Option<Array3<u8>>,
    /// The attention map `[C, D, H, W]`, values in `[0, 1]` that sum to 1 over `C`; `None`
    /// without attention.
    pub attention: Option<Array4<f32>>,
    /// The decoder's last features `[F, D, H, W]`; `None` unless they were asked for.
    pub features: Option<Array4<f32>>,
    /// Class probabilities `[C, D, H, W]` of each member of the committee. Empty unless they were
    /// asked for.
    pub members: Vec<Array4<f32>>,
}

/// What is wanted of a prediction beside the segmentation. Nothing is computed that is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Whether [`Prediction::features`] are.
    pub features: bool,
    /// The seed of the committee whose predictions are wanted in [`Prediction::members`], if they
    /// are.
    pub committee: Option<u64>,
}
