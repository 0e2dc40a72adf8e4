//! In how large pieces work is given to a device.
//!
//! A GPU is fast at large operations, waits between small ones, and stands still whenever the CPU
//! asks it for a number; a CPU keeps small pieces in its caches. Only pieces differ here: results
//! are the same but for rounding, which the tests show on the CPU by [`Dispatch::GPU`].

use tch::Device;

/// What a device gets at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dispatch {
    /// Tiles of a volume a forward pass, at most.
    pub(crate) tiles: usize,
    /// The number K of annotated slices of a batch is filled up to a multiple of this by slices
    /// without labels.
    pub(crate) slices: usize,
    /// Steps after which losses are read.
    pub(crate) losses: usize,
    /// Whether the training set stays on the device between calls.
    pub(crate) resident: bool,
    /// Whether gradients come from one backward pass as its result, rather than by way of the
    /// variables, which have to be emptied before and added to. It needs an empty tape.
    pub(crate) direct_gradients: bool,
}

impl Dispatch {
    /// One by one.
    pub(crate) const CPU: Self = Self {
        tiles: 1,
        slices: 1,
        losses: 1,
        resident: false,
        direct_gradients: false,
    };

    /// By reading and by estimate; not yet measured on a GPU. Eight tiles of 32×64×48 keep one busy
    /// and take 25 MB a feature map at width 8 in float32. cuDNN chooses its kernels anew for each
    /// shape: filled up, K has a handful of values. Sixteen steps are a tenth of a second.
    pub(crate) const GPU: Self = Self {
        tiles: 8,
        slices: 8,
        losses: 16,
        resident: true,
        direct_gradients: true,
    };

    pub(crate) fn of(device: Device) -> Self {
        match device {
            Device::Cpu => Self::CPU,
            _ => Self::GPU,
        }
    }
}
