//! Writes copies of scans that people's tools read alike: in RAS, without shear, sform and qform the same,
//! and in the number type of the scan's own file.

use super::write::write;
use crate::error::DataError;
use ::nifti::NiftiHeader;
use slicewise_core::matrix::{column_lengths, linear, nearest_rotation};
use slicewise_core::{Geometry, Image, StoredAxes, Volume};
use std::path::Path;

/// Returns the grid in RAS whose axes are at right angles, nearest to this one `[z, y, x]` of `shape`
/// voxels: the same voxel sizes, and the same centre. ITK refuses files with a shear of 0.001 or more, and
/// takes the qform, which has none, where others take the sform.
pub fn upright(geometry: &Geometry, shape: [usize; 3]) -> Geometry {
    let old = linear(&geometry.affine);
    let (rotation, length) = (nearest_rotation(&old), column_lengths(&old));
    let centre = shape.map(|length| (length as f64 - 1.0) / 2.0);
    let mut new = Geometry {
        affine: geometry.affine,
        stored: StoredAxes::RAS,
    };
    for (row, rotated) in new.affine.iter_mut().zip(&rotation) {
        for axis in 0..3 {
            row[axis] = rotated[axis] * length[axis];
        }
    }
    let (from, to) = (geometry.position_mm(centre), new.position_mm(centre));
    for row in 0..3 {
        new.affine[row][3] += from[row] - to[row];
    }
    new
}

/// Writes values in the number type of the file `like`, if that holds them exactly; else, as where that
/// file scales its numbers, as float32. A scan that was read from `like` keeps its values so.
///
/// # Errors
/// Those of [`write_image`](super::write_image()).
pub fn write_like(path: &Path, image: &Image, like: &Path) -> Result<(), DataError> {
    let datatype = NiftiHeader::from_file(like).map_or(FLOAT32, |header| header.datatype);
    let whole = |least: f32, most: f32| {
        let mut values = image.voxels.iter();
        values.all(|&value| value.fract() == 0.0 && (least..=most).contains(&value))
    };
    macro_rules! as_type {
        ($type:ty) => {{
            let volume = Volume {
                voxels: image.voxels.mapv(|value| value as $type),
                geometry: image.geometry.clone(),
            };
            write(path, &volume, |options, voxels| {
                options.write_nifti(&voxels)
            })
        }};
    }
    match datatype {
        2 if whole(0.0, 255.0) => as_type!(u8),
        4 if whole(-32_768.0, 32_767.0) => as_type!(i16),
        256 if whole(-128.0, 127.0) => as_type!(i8),
        512 if whole(0.0, 65_535.0) => as_type!(u16),
        // A float32, which these were read as, is exact up to here.
        8 if whole(-16_777_216.0, 16_777_216.0) => as_type!(i32),
        768 if whole(0.0, 16_777_216.0) => as_type!(u32),
        _ => write(path, image, |options, voxels| options.write_nifti(&voxels)),
    }
}

/// NIfTI's code of float32.
const FLOAT32: i16 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::{read_image, write_image, write_labels};
    use ndarray::Array3;

    #[test]
    fn an_upright_grid_keeps_sizes_and_centre() {
        let mut geometry = Geometry::axis_aligned([3.0, 2.0, 1.0]);
        let (sine, cosine) = 0.2f64.sin_cos();
        geometry.affine[0] = [cosine, -2.0 * sine, 0.1, 4.0];
        geometry.affine[1] = [sine, 2.0 * cosine, 0.0, 5.0];
        let shape = [7, 8, 9];
        let new = upright(&geometry, shape);
        let columns = |axis: usize| [0, 1, 2].map(|row: usize| new.affine[row][axis]);
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let product: f64 = columns(a).iter().zip(columns(b)).map(|(a, b)| a * b).sum();
            assert!(product.abs() < 1e-12, "{product}");
        }
        for (new, old) in new.spacing_mm().iter().zip(geometry.spacing_mm()) {
            assert!((new - old).abs() < 1e-9);
        }
        let (a, b) = ([3.0, 3.5, 4.0], shape);
        assert_eq!(b, [7, 8, 9]);
        for (new, old) in new.position_mm(a).iter().zip(geometry.position_mm(a)) {
            assert!((new - old).abs() < 1e-9);
        }
        // What is upright already stays as it is.
        let same = upright(&new, shape);
        for (a, b) in same
            .affine
            .iter()
            .flatten()
            .zip(new.affine.iter().flatten())
        {
            assert!((a - b).abs() < 1e-9);
        }
    }

    #[test]
    fn a_copy_has_the_type_of_its_scan_where_that_is_exact() {
        let folder = tempfile::tempdir().unwrap();
        let like = folder.path().join("like.nii.gz");
        let path = folder.path().join("copy.nii.gz");
        let geometry = Geometry::axis_aligned([1.0; 3]);
        let voxels = Array3::from_shape_fn((2, 3, 4), |(z, y, x)| (z * 100 + y * 10 + x) as u8);
        let bytes = Volume { voxels, geometry };
        write_labels(&like, &bytes).unwrap();
        let mut image = read_image(&like).unwrap();
        let datatype = |path: &Path| NiftiHeader::from_file(path).unwrap().datatype;
        write_like(&path, &image, &like).unwrap();
        assert_eq!(
            (datatype(&path), read_image(&path).unwrap()),
            (2, image.clone())
        );
        image.voxels[[0, 0, 0]] = 0.5;
        write_like(&path, &image, &like).unwrap();
        assert_eq!(
            (datatype(&path), read_image(&path).unwrap()),
            (16, image.clone())
        );
        write_image(&like, &image).unwrap();
        write_like(&path, &image, &like).unwrap();
        assert_eq!(datatype(&path), 16);
        let header = NiftiHeader::from_file(&path).unwrap();
        assert!(header.sform_code > 0 && header.qform_code > 0);
    }
}
