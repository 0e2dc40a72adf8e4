//! NIfTI-1 files, `.nii` and `.nii.gz`, read to RAS `[z, y, x]` and written back as they were.
//!
//! The `nifti` crate parses and writes the header and turns bytes into numbers of every type and
//! byte order. Three things are done here instead, because the crate (0.18) does them otherwise
//! than nibabel, the field's reference:
//! - scaling: the crate multiplies in the *output* type (an `i16` file with slope 0.001 read as
//!   `f32` is fine, a `u32` or `i64` one loses digits); here every voxel goes through `f64`;
//! - size: the crate reserves what the header promises before it looks at the file; here the
//!   promise is checked first, and a gzip stream is read to its end so that its checksum counts;
//! - qform: the crate needs nalgebra for it and panics on a bad `pixdim[0]`.

mod affine;
mod read;
mod write;

pub use read::{read_f64, read_image, read_labels};
pub use write::{write_image, write_labels};
