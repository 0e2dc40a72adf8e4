//! Reads NIfTI files to volumes in RAS.

use super::header::{file_error, header_error};
use super::position::Position;
use super::read::{Misfits, Stored, Voxel, read_stored};
use crate::error::DataError;
use crate::fault::Fault;
use ndarray::Array3;
use slicewise_core::{Geometry, Image, StoredAxes, Volume};
use std::path::Path;

/// Reads a scan as [`Reader::image`] does if no setting chooses between sform and qform.
///
/// # Errors
/// Those of [`Reader::image`].
pub fn read_image(path: &Path) -> Result<Image, DataError> {
    Reader::default().image(path)
}

/// Reads a segmentation as [`Reader::labels`] does without that setting.
///
/// # Errors
/// Those of [`Reader::labels`].
pub fn read_labels(path: &Path) -> Result<Volume<i32>, DataError> {
    Reader::default().labels(path)
}

/// Reads any volume as [`Reader::values`] does without that setting.
///
/// # Errors
/// Those of [`Reader::values`].
pub fn read_f64(path: &Path) -> Result<Volume<f64>, DataError> {
    Reader::default().values(path)
}

/// Reads NIfTI files as the settings say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reader {
    /// Which form states the position. `None` is the sform if it is set, else the qform, and refuses
    /// files in which they contradict each other.
    pub position: Option<Position>,
}

impl Reader {
    /// Reads a scan to RAS `[z, y, x]` as float32, scaled as the header says.
    ///
    /// # Errors
    /// The file is missing, damaged or not 3D, its type is not a real number, its statements about
    /// its position contradict each other, or a voxel is NaN or infinite in float32.
    pub fn image(self, path: &Path) -> Result<Image, DataError> {
        self.finite(path)
    }

    /// Reads a segmentation to RAS `[z, y, x]` with the file's own label values, whatever type it
    /// stores them in (float64 included). Labels that were scaled when they were saved as integers
    /// are rounded back where that is unambiguous.
    ///
    /// # Errors
    /// Those of [`image`](Self::image), or a value is not a whole number.
    pub fn labels(self, path: &Path) -> Result<Volume<i32>, DataError> {
        self.read(path, |misfits| Fault::NotWhole {
            value: misfits.value,
            first: misfits.first,
            cause: misfits.not_whole(),
        })
    }

    /// Reads any volume to RAS `[z, y, x]` as float64, scaled as the header says.
    ///
    /// # Errors
    /// Those of [`image`](Self::image), but a voxel counts as infinite only if it is so in float64.
    pub fn values(self, path: &Path) -> Result<Volume<f64>, DataError> {
        self.finite(path)
    }

    fn finite<T: Voxel>(self, path: &Path) -> Result<Volume<T>, DataError> {
        self.read(path, |misfits| Fault::NotFinite {
            count: misfits.count,
            first: misfits.first,
        })
    }

    fn read<T: Voxel>(
        self,
        path: &Path,
        refuse: impl FnOnce(Misfits) -> Fault,
    ) -> Result<Volume<T>, DataError> {
        let Stored {
            voxels,
            misfits,
            shape: [i, j, k],
            affine,
        } = read_stored(path, self.position)?;
        if let Some(misfits) = misfits {
            return Err(file_error(path, refuse(misfits)));
        }
        let array =
            Array3::from_shape_vec((k, j, i), voxels).map_err(|error| header_error(path, error))?;
        let stored = StoredAxes::of_affine(&affine);
        let (voxels, affine) = if stored == StoredAxes::RAS {
            (array, affine)
        } else {
            stored.to_ras(array.view(), &affine)
        };
        Ok(Volume {
            voxels,
            geometry: Geometry { affine, stored },
        })
    }
}
