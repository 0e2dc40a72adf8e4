//! Writes a NIfTI file: axes in the source file's order, sform and qform, first to a temporary
//! file.

use super::affine;
use crate::error::DataError;
use ::nifti::writer::WriterOptions;
use ::nifti::{NiftiError, NiftiHeader};
use ndarray::ArrayView3;
use slicewise_core::write::{persist, temporary_beside};
use slicewise_core::{Image, LabelMap, Volume};
use std::io;
use std::path::Path;

/// Writes a scan as float32, with its axes in the order of [`Geometry::stored`].
///
/// The name decides the format: `.nii.gz` is compressed, `.nii` is not. An existing file is
/// replaced as a whole or not at all.
///
/// # Errors
/// The name has another ending, the folder does not exist, or the disk is full.
///
/// [`Geometry::stored`]: crate::Geometry::stored
pub fn write_image(path: &Path, image: &Image) -> Result<(), DataError> {
    write(path, image, |options, voxels| options.write_nifti(&voxels))
}

/// Writes a segmentation as uint8, and otherwise as [`write_image`] does.
///
/// # Errors
/// Those of [`write_image`].
pub fn write_labels(path: &Path, labels: &LabelMap) -> Result<(), DataError> {
    write(path, labels, |options, voxels| options.write_nifti(&voxels))
}

pub(super) fn write<T: Clone>(
    path: &Path,
    volume: &Volume<T>,
    save: impl FnOnce(&WriterOptions, ArrayView3<T>) -> ::nifti::Result<()>,
) -> Result<(), DataError> {
    let fail = |source: io::Error| DataError::Io {
        path: path.to_owned(),
        source,
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ending = [".nii.gz", ".nii"]
        .into_iter()
        .find(|ending| name.ends_with(ending))
        .ok_or_else(|| {
            let problem = "expected a name that ends in .nii or .nii.gz";
            fail(io::Error::new(io::ErrorKind::InvalidFilename, problem))
        })?;
    let geometry = &volume.geometry;
    let (stored, stored_affine) = geometry
        .stored
        .from_ras(volume.voxels.view(), &geometry.affine);
    let mut header = NiftiHeader {
        // Unit code 2 stands for millimetres.
        xyzt_units: 2,
        ..NiftiHeader::default()
    };
    affine::into_header(&stored_affine, &mut header);
    // The crate cuts names at dots, so it gets a name without one; the result is renamed.
    let temporary = temporary_beside(path, ending).map_err(fail)?;
    // The file's first axis varies fastest, so [k, j, i] reversed is its [i, j, k].
    let options = WriterOptions::new(temporary.path()).reference_header(&header);
    save(&options, stored.t()).map_err(|error| {
        fail(match error {
            NiftiError::Io(source) => source,
            other => io::Error::other(other),
        })
    })?;
    // Without compression, the crate ignores the error of the last write. The length shows a full
    // disk.
    let length = temporary.path().metadata().map_err(fail)?.len();
    let expected = 352 + (stored.len() * size_of::<T>()) as u64;
    if ending == ".nii" && length != expected {
        return Err(fail(io::Error::other(format!(
            "expected to write {expected} bytes, wrote {length}"
        ))));
    }
    persist(temporary, path).map_err(fail)
}
