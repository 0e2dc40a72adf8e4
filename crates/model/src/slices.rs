//! Which axial slices of a batch the logits are computed of.
//!
//! Only annotated slices carry loss. Taken from the last features, not from the logits, they spare
//! training the last convolutions, the attention map and the loss of all others: with a quarter
//! of the slices annotated, three quarters of that work.

use crate::layers::Convolution;
use crate::loss::IGNORE;
use tch::{Device, Kind, Tensor};

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
        /// How many of them are asked for: those behind fill up K and carry no loss.
        wanted: i64,
    },
}

impl Slices {
    /// Those at `places`, each the index of its sample and its own in it, at least one. K is
    /// filled up to a multiple of `multiple` by a slice that is there, whose labels
    /// [`Self::of_labels`] takes away.
    ///
    /// The places come from the CPU, which drew the crops: to look for annotated slices on a GPU
    /// means to wait for it.
    pub(crate) fn at(places: &[[i64; 2]], multiple: usize, device: Device) -> Self {
        let filled = places.len().next_multiple_of(multiple);
        let padding = std::iter::repeat_n(&places[0], filled - places.len());
        let all = || places.iter().chain(padding.clone());
        let samples = all().map(|place| place[0]);
        let indices: Vec<i64> = samples.chain(all().map(|place| place[1])).collect();
        let indices = Tensor::from_slice(&indices).reshape([2, -1]);
        // Without waiting for what the GPU is at.
        let indices = indices.to_dtype_layout((Kind::Int64, device), true, false);
        Self::Some {
            sample: indices.select(0, 0),
            position: indices.select(0, 1),
            wanted: places.len() as i64,
        }
    }

    /// Of labels `[N, D, H, W]`, as `[K, 1, H, W]`; [`IGNORE`] in those that only fill up K.
    pub(crate) fn of_labels(&self, labels: &Tensor) -> Tensor {
        let of_slices = self.of(&labels.unsqueeze(1)).squeeze_dim(1);
        if let Self::Some { wanted, .. } = self {
            let padding = of_slices.size()[0] - wanted;
            if padding > 0 {
                let mut without = of_slices.narrow(0, *wanted, padding);
                let _ = without.fill_(i64::from(IGNORE));
            }
        }
        of_slices
    }

    /// Of `[N, C, D, H, W]`.
    pub(crate) fn of(&self, tensor: &Tensor) -> Tensor {
        match self {
            Self::All => tensor.shallow_clone(),
            Self::Some {
                sample, position, ..
            } => rows(tensor, sample, &position.unsqueeze(1)),
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
        let Self::Some {
            sample, position, ..
        } = self
        else {
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
