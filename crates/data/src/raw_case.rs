//! A case as it was read, before it is prepared.

use ndarray::Array3;
use slicewise_core::Image;
use std::path::PathBuf;

/// A case of one task on its own grid, with labels as classes. The sliced axis is the first.
pub(crate) struct RawCase {
    /// The scan `[D, H, W]`.
    pub(crate) image: Image,
    /// True classes `[D, H, W]`.
    pub(crate) classes: Array3<u8>,
    /// Where the image counts, `[D, H, W]`; `None` means everywhere. A task of the mask has none
    /// here.
    pub(crate) mask: Option<Array3<bool>>,
    /// The scan's own slice that the arrays begin with.
    pub(crate) first_slice: usize,
    /// What [`crate::twins::content`] says of the whole scan.
    pub(crate) content: u64,
    /// The image's file, for error messages.
    pub(crate) file: PathBuf,
    /// What was decided about its files that the user must know, a line each.
    pub(crate) notes: Vec<String>,
}
