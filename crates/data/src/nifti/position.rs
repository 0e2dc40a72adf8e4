//! Decides which of a header's statements about the position of its voxels counts, and refuses
//! statements that contradict each other.
//!
//! A header can state the voxel sizes twice, in its sform and in pixdim, and the position twice, in
//! its sform and its qform. nibabel takes the sform whatever else the header says. ITK takes the
//! directions of one form and always the sizes of pixdim. Where all agree, so do the two programs,
//! and this one with them. Where they do not, a scan may come out squeezed or mirrored, and nobody is
//! told; so here the file is refused until `data.position` says what to believe.
//!
//! A contradiction is one of these three. Each of them is one that no sound program writes:
//! - *Sizes*: the sform's columns differ from pixdim by more than 1 %. Sizes are measured once, when
//!   the scan is made, whatever space the sform leads to. A pixdim of 0 or NaN states nothing.
//! - *Handedness*: of sform and qform one says that the voxels are stored as in a mirror, and the
//!   other that they are not. No movement of the head and no alignment does that. FSL warns here too.
//! - *Place*: both forms have the same code, so they claim to lead to the same space, but a corner of
//!   the grid lies more than a voxel apart. Forms with different codes may differ as they like: the
//!   qform of a scan often leads to the scanner (code 1) and its sform to another scan or to a
//!   template (codes 2 to 5). A shear is no contradiction either, since a qform cannot express it:
//!   the qform is compared with the nearest sform that has none.
//!
//! A qform that cannot be read (its quaternion is longer than 1) contradicts nothing.

use super::affine::{self, Affine};
use crate::error::DataError;
use crate::grid::corner_offsets;
use ::nifti::NiftiHeader;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slicewise_core::StoredAxes;
use slicewise_core::matrix::{column_lengths, determinant, linear, nearest_rotation};
use std::path::Path;

/// Which statement of a NIfTI header about the position of its voxels counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// The sform (`srow_x`, `srow_y`, `srow_z`).
    Sform,
    /// The qform (a quaternion and an offset) and the voxel sizes in `pixdim`.
    Qform,
}

/// The share by which a voxel size may differ between sform and pixdim.
const SAME_SIZE: f64 = 0.01;

/// How far a corner of the grid may lie apart by forms of the same code, in voxels.
const SAME_PLACE_VOXELS: f64 = 1.0;

/// How exactly a quaternion states a rotation, in radians. Near a half turn its first component is
/// the root of what float32 leaves of a difference, and is read as 0 up to this.
const QUATERNION_RADIANS: f64 = 1.2e-3;

/// Smallest volume of a voxel in mm³.
const SMALLEST_VOXEL_MM3: f64 = 1e-12;

/// Returns the affine of a header from stored index (i, j, k) to mm: the form that `position` names
/// if the header has it, else the other one, else what pixdim says alone. Without `position` it is
/// the sform first. `shape` is the number of voxels along i, j and k.
///
/// Where `position` is the qform, the header has none and its sform contradicts pixdim, the sform's
/// directions count with pixdim's sizes. That is what ITK makes of such a header.
///
/// # Errors
/// The statements contradict each other and `position` is `None`, or the one that counts is no
/// affine.
pub(super) fn of_header(
    path: &Path,
    header: &NiftiHeader,
    shape: [usize; 3],
    position: Option<Position>,
) -> Result<Affine, DataError> {
    let sizes = affine::sizes(header);
    let sform = (header.sform_code > 0).then(|| affine::of_sform(header));
    let qform = (header.qform_code > 0).then(|| affine::of_qform(header));
    let affine = match (sform, qform, position) {
        (Some(sform), _, Some(Position::Sform)) => Ok(sform),
        (Some(_), Some(qform), Some(Position::Qform)) => qform,
        (Some(sform), None, Some(Position::Qform)) if !have_sizes(&sform, sizes) => {
            Ok(with_sizes(&sform, sizes))
        }
        (Some(sform), qform, _) => {
            let qform = qform.and_then(Result::ok);
            let contradict = !have_sizes(&sform, sizes)
                || qform.is_some_and(|qform| {
                    let same_space = header.sform_code == header.qform_code;
                    is_mirrored(&sform, &qform) || same_space && are_apart(&sform, &qform, shape)
                });
            if contradict {
                return Err(contradiction(path, header, &sform, qform.as_ref()));
            }
            Ok(sform)
        }
        (None, Some(qform), _) => qform,
        (None, None, _) => affine::of_pixdim(header, shape),
    };
    let affine = affine.and_then(|affine| invertible(in_mm(affine, header)));
    affine.map_err(|reason| DataError::Header {
        path: path.to_owned(),
        reason,
    })
}

/// Returns an affine in mm. Unit codes are those of `nifti1.h`; an unknown unit counts as mm.
fn in_mm(mut affine: Affine, header: &NiftiHeader) -> Affine {
    let mm = match header.xyzt_units & 7 {
        // Metres and micrometres.
        1 => 1000.0,
        3 => 0.001,
        _ => 1.0,
    };
    for value in affine.iter_mut().take(3).flatten() {
        *value *= mm;
    }
    affine
}

fn invertible(affine: Affine) -> Result<Affine, String> {
    let finite = affine.iter().flatten().all(|value| value.is_finite());
    if finite && determinant(&linear(&affine)).abs() >= SMALLEST_VOXEL_MM3 {
        return Ok(affine);
    }
    Err(format!(
        "expected an invertible affine, got rows {:?}",
        &affine[..3]
    ))
}

/// Whether the columns have these lengths, where a length is stated.
fn have_sizes(sform: &Affine, sizes: [f64; 3]) -> bool {
    let lengths = column_lengths(&linear(sform));
    lengths.iter().zip(sizes).all(|(length, size)| {
        let stated = size > 0.0 && size.is_finite();
        !stated || (length - size).abs() <= SAME_SIZE * size
    })
}

/// Returns the affine with columns of other lengths.
fn with_sizes(sform: &Affine, sizes: [f64; 3]) -> Affine {
    let lengths = column_lengths(&linear(sform));
    let mut affine = *sform;
    for row in affine.iter_mut().take(3) {
        for c in 0..3 {
            row[c] *= sizes[c] / lengths[c];
        }
    }
    affine
}

fn is_mirrored(sform: &Affine, qform: &Affine) -> bool {
    determinant(&linear(sform)) * determinant(&linear(qform)) < 0.0
}

/// Whether a corner of the grid lies more than a voxel apart by both forms.
fn are_apart(sform: &Affine, qform: &Affine, shape: [usize; 3]) -> bool {
    let linear = linear(sform);
    let (rotation, lengths) = (nearest_rotation(&linear), column_lengths(&linear));
    let mut unsheared = *sform;
    for r in 0..3 {
        for c in 0..3 {
            unsheared[r][c] = rotation[r][c] * lengths[c];
        }
    }
    let length = |of: [f64; 3]| of.map(|value| value * value).iter().sum::<f64>().sqrt();
    let diagonal = length(shape.map(|count| count as f64));
    let limit = SAME_PLACE_VOXELS + QUATERNION_RADIANS * diagonal;
    let offsets = corner_offsets(&unsheared, qform, shape);
    offsets.into_iter().any(|offset| length(offset) > limit)
}

fn contradiction(
    path: &Path,
    header: &NiftiHeader,
    sform: &Affine,
    qform: Option<&Affine>,
) -> DataError {
    let say = |affine: &Affine| {
        let affine = in_mm(*affine, header);
        let sizes = list(column_lengths(&linear(&affine)), " × ");
        if invertible(affine).is_err() {
            return format!("voxels of {sizes} mm");
        }
        let axes = StoredAxes::of_affine(&affine).code();
        let first = list(std::array::from_fn(|r| affine[r][3]), ", ");
        format!("voxels of {sizes} mm, axes {axes}, the first at ({first}) mm")
    };
    let (name, other) = match qform {
        Some(qform) => ("qform", say(qform)),
        None => {
            let mut sizes = [[0.0; 4]; 4];
            for (c, size) in affine::sizes(header).into_iter().enumerate() {
                sizes[c][c] = size;
            }
            let sizes = column_lengths(&linear(&in_mm(sizes, header)));
            ("pixdim", format!("voxels of {} mm", list(sizes, " × ")))
        }
    };
    DataError::Contradiction {
        path: path.to_owned(),
        sform: say(sform),
        name,
        other,
    }
}

/// Writes three numbers with up to four decimals.
fn list(values: [f64; 3], between: &str) -> String {
    let text = values.map(|value| {
        let rounded = (value * 1e4).round() / 1e4;
        // Adding 0 makes -0 a 0.
        format!("{}", rounded + 0.0)
    });
    text.join(between)
}
