//! Batch sizes and similar settings that suit a GPU or a CPU.
//!
//! A GPU is fast at large operations. It idles between small ones, and whenever the CPU waits for
//! a value from it. A CPU is faster with small pieces, which fit into its caches. These settings
//! change results by rounding alone; tests show this on the CPU with [`Dispatch::GPU`].

use crate::numerics::Numerics;
use tch::Device;

/// How much work a device gets at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dispatch {
    /// Largest number of tiles of a volume in one forward pass.
    pub(crate) tiles: usize,
    /// The number K of annotated slices of a batch is padded to a multiple of this number, with
    /// slices without labels.
    pub(crate) slices: usize,
    /// Number of training steps after which their losses are read from the device together.
    pub(crate) losses: usize,
    /// Whether the training set stays on the device between calls.
    pub(crate) resident: bool,
    /// Whether a backward pass returns the gradients directly. Otherwise it adds them to the
    /// gradients stored at the variables, which have to be set to zero before. The direct way
    /// needs an empty tape.
    pub(crate) direct_gradients: bool,
}

impl Dispatch {
    /// Settings of a CPU: one piece at a time.
    pub(crate) const CPU: Self = Self {
        tiles: 1,
        slices: 1,
        losses: 1,
        resident: false,
        direct_gradients: false,
    };

    /// Settings of a GPU. They come from documentation and estimates and have not yet been measured
    /// on a GPU.
    ///
    /// - Eight tiles of 32×64×48 keep a GPU busy and take 25 MB per feature map at width 8 in
    ///   float32.
    /// - cuDNN chooses its kernels anew for each shape. With padding, K takes only a handful of
    ///   values.
    /// - Sixteen steps take a tenth of a second.
    pub(crate) const GPU: Self = Self {
        tiles: 8,
        slices: 8,
        losses: 16,
        resident: true,
        direct_gradients: true,
    };

    /// Returns the settings of `device`. In float32 a CPU gets two tiles at once, because libtorch
    /// does not use oneDNN for a single small sample.
    pub(crate) fn for_device(device: Device, numerics: Numerics) -> Self {
        match device {
            Device::Cpu if numerics.is_float32() => Self {
                tiles: 2,
                ..Self::CPU
            },
            Device::Cpu => Self::CPU,
            _ => Self::GPU,
        }
    }
}
