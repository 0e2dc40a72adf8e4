//! Reads NIfTI-1 and NIfTI-2 files, `.nii` and `.nii.gz`, to RAS `[z, y, x]`, and writes NIfTI-1
//! files in the axis order they had.
//!
//! The `nifti` crate parses and writes the header, and converts numbers of every type and byte
//! order. Three things are done here instead, because the crate (0.18) does them differently from
//! nibabel, the field's reference:
//! - Scaling: the crate multiplies in the *output* type. That suits an `i16` file with slope 0.001
//!   read as `f32`, but a `u32` or `i64` file loses digits. Here every voxel goes through `f64`.
//! - Size: the crate reserves memory for what the header states before it looks at the file. Here
//!   the size is checked first, and a gzip stream is read to its end so that its checksum counts.
//! - qform: the crate needs nalgebra for it and panics on a bad `pixdim[0]`.

mod affine;
mod copy;
mod counting;
mod gzip;
mod header;
mod position;
mod read;
mod reader;
mod whole;
mod write;

pub use copy::{upright, write_like};
pub use position::Position;
pub(crate) use read::is_in_unit;
pub use reader::{Reader, read_f64, read_image, read_labels};
pub use write::{write_image, write_labels};
