//! Which axial slices of a batch the logits are computed of.
//!
//! Only annotated slices carry loss. Taken from the last features, not from the logits, they spare
//! training the last convolutions, the attention map and the loss of all others: with a quarter
//! of the slices annotated, three quarters of that work.

use crate::layers::Convolution;
use crate::loss::IGNORE;
use tch::{Kind, Tensor};

/// Slices of a batch `[N, C, D, H, W]`.
pub(crate) enum Slices {
    /// All, where they are.
    All,
    /// K of them, each a sample of one slice: `[K, C, 1, H, W]`.
    Some {
        /// int64 `[K]`: index of each one's sample.
        sample: Tensor,
        /// int64 `[K]`: index of each in its sample.
        position: Tensor,
    },
}

impl Slices {
    /// Those with an annotated voxel. `labels`: `[N, D, H, W]`, class or [`IGNORE`].
    pub(crate) fn annotated(labels: &Tensor) -> Self {
        let known = labels.not_equal(i64::from(IGNORE));
        let place = known.flatten(2, 3).any_dim(2, false).nonzero();
        Self::Some {
            sample: place.select(1, 0),
            position: place.select(1, 1),
        }
    }

    /// Of `[N, C, D, H, W]`.
    pub(crate) fn of(&self, tensor: &Tensor) -> Tensor {
        match self {
            Self::All => tensor.shallow_clone(),
            Self::Some { sample, position } => rows(tensor, sample, &position.unsqueeze(1)),
        }
    }

    /// Of a constant over the slices of a sample: `[N, C, 1, 1, 1]` → `[K, C, 1, 1, 1]`.
    pub(crate) fn of_constant(&self, tensor: &Tensor) -> Tensor {
        match self {
            Self::All => tensor.shallow_clone(),
            Self::Some { sample, .. } => tensor.index_select(0, sample),
        }
    }

    /// Of what a 3×3×3 convolution makes of `[N, C, D, H, W]`.
    pub(crate) fn of_convolved(&self, convolution: &Convolution, tensor: &Tensor) -> Tensor {
        let Self::Some { sample, position } = self else {
            return convolution.forward(tensor);
        };
        // Each with its two neighbours, which beyond the ends are the convolution's padding.
        let last = tensor.size()[2] - 1;
        let offsets = Tensor::arange_start(-1, 2, (Kind::Int64, tensor.device()));
        let neighbours = position.unsqueeze(1) + offsets;
        let nearest = neighbours.clamp(0, last);
        let inside = neighbours
            .eq_tensor(&nearest)
            .to_kind(tensor.kind())
            .reshape([-1, 1, 3, 1, 1]);
        convolution.forward_middle(&(rows(tensor, sample, &nearest) * inside))
    }
}

/// The slices at `positions` `[K, d]` of the samples `sample` `[K]` of a tensor `[N, C, D, H, W]`:
/// `[K, C, d, H, W]` in its memory order. What lies together there is copied in one piece, and so
/// is the gradient on its way back.
fn rows(tensor: &Tensor, sample: &Tensor, positions: &Tensor) -> Tensor {
    let (size, count) = (tensor.size(), positions.size()[1]);
    let [_, channels, depth, height, width] = size[..] else {
        unreachable!("features of five axes, got {size:?}")
    };
    let channels_last = tensor.permute([0, 2, 3, 4, 1]);
    if channels_last.is_contiguous() {
        let rows = sample.unsqueeze(1) * depth + positions;
        channels_last
            .flatten(2, 4)
            .flatten(0, 1)
            .index_select(0, &rows.flatten(0, 1))
            .reshape([-1, count, height, width, channels])
            .permute([0, 4, 1, 2, 3])
    } else {
        let channel = Tensor::arange(channels, (Kind::Int64, tensor.device()));
        let maps = sample.unsqueeze(1) * channels + channel;
        let rows = maps.unsqueeze(2) * depth + positions.unsqueeze(1);
        tensor
            .flatten(3, 4)
            .flatten(0, 2)
            .index_select(0, &rows.flatten(0, 2))
            .reshape([-1, channels, count, height, width])
    }
}
