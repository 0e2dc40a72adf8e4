//! What a model says of one case.

use ndarray::{Array3, Array4};

/// A model's answer for one case. All arrays share `D, H, W` (slices first).
#[derive(Debug, Clone)]
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
}
