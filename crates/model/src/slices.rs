//! Chooses the slices of a batch for which logits are computed.
//!
//! Unless the averaged weights teach the others ([`crate::unlabelled`]), only annotated slices
//! contribute to the loss. They are selected from the last features, not from the logits, so
//! training skips the last convolutions, the attention map and the loss of all other slices. With a
//! quarter of the slices annotated, this saves three quarters of that work.

use crate::layers::Convolution;
use slicewise_core::IGNORE;
use tch::{Device, Kind, Tensor};

/// A selection of slices of a batch `[N, C, D, H, W]`.
pub(crate) enum Slices {
    /// All slices. Selecting them leaves the batch as it is.
    All,
    /// K slices. Selecting them makes each slice a sample of its own: `[K, C, 1, H, W]`.
    Some {
        /// Sample that each slice belongs to, int64 `[K]`.
        sample: Tensor,
        /// Index of each slice in its sample, int64 `[K]`.
        position: Tensor,
        /// Number of slices that were asked for. The slices after these are padding and do not
        /// contribute to the loss.
        wanted: i64,
    },
}

impl Slices {
    /// Selects the slices at `places`. Each place is the index of a sample in the batch and the
    /// index of a slice in this sample. There must be at least one place.
    ///
    /// K is padded to a multiple of `multiple` with copies of the first slice.
    /// [`Self::select_labels`] removes the labels of these copies.
    ///
    /// The places come from the CPU, which has drawn the crops. Searching for annotated slices on a
    /// GPU would mean waiting for its result.
    pub(crate) fn at(places: &[[i64; 2]], multiple: usize, device: Device) -> Self {
        let padded = places.len().next_multiple_of(multiple);
        let padding = std::iter::repeat_n(&places[0], padded - places.len());
        let all = || places.iter().chain(padding.clone());
        let samples = all().map(|place| place[0]);
        let indices: Vec<i64> = samples.chain(all().map(|place| place[1])).collect();
        let indices = Tensor::from_slice(&indices).reshape([2, -1]);
        // The copy does not block until the GPU has finished its current work.
        let indices = indices.to_dtype_layout((Kind::Int64, device), true, false);
        Self::Some {
            sample: indices.select(0, 0),
            position: indices.select(0, 1),
            wanted: places.len() as i64,
        }
    }

    /// Selects the slices from labels `[N, D, H, W]` and returns them as `[K, 1, H, W]`. The labels
    /// of padding slices become [`IGNORE`].
    pub(crate) fn select_labels(&self, labels: &Tensor) -> Tensor {
        let selected = self.select(&labels.unsqueeze(1)).squeeze_dim(1);
        if let Self::Some { wanted, .. } = self {
            let padding = selected.size()[0] - wanted;
            if padding > 0 {
                let mut padded = selected.narrow(0, *wanted, padding);
                let _ = padded.fill_(i64::from(IGNORE));
            }
        }
        selected
    }

    /// Selects the slices from features `[N, C, D, H, W]` and returns them as `[K, C, 1, H, W]`.
    pub(crate) fn select(&self, tensor: &Tensor) -> Tensor {
        match self {
            Self::All => tensor.shallow_clone(),
            Self::Some {
                sample, position, ..
            } => rows(tensor, sample, &position.unsqueeze(1)),
        }
    }

    /// Selects the slices from values `[N, C, 1, 1, 1]` that are constant over each sample. Returns
    /// `[K, C, 1, 1, 1]`: for each slice the values of its sample.
    pub(crate) fn select_constant(&self, tensor: &Tensor) -> Tensor {
        match self {
            Self::All => tensor.shallow_clone(),
            Self::Some { sample, .. } => tensor.index_select(0, sample),
        }
    }

    /// Selects the slices from the output of a 3×3×3 convolution of features `[N, C, D, H, W]`.
    /// Computes the convolution for these slices only.
    pub(crate) fn select_convolved(&self, convolution: &Convolution, tensor: &Tensor) -> Tensor {
        let Self::Some {
            sample, position, ..
        } = self
        else {
            return convolution.forward(tensor);
        };
        // Each slice needs its two neighbours. Beyond the ends of the sample these are zero, like
        // the padding of the convolution.
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

/// Gathers the slices at `positions` `[K, d]` of the samples `sample` `[K]` from a tensor
/// `[N, C, D, H, W]`. Returns `[K, C, d, H, W]` in the memory order of the tensor. Values that are
/// adjacent in memory are copied in one piece, and so are their gradients in the backward pass.
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
