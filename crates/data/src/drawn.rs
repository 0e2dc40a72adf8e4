//! Reads a segmentation that a person drew with some tool on a scan that was handed out, onto that scan's
//! voxels.
//!
//! Tools store axes in other orders and directions, numbers in other types, and only the part of the grid
//! that holds something (3D Slicer). All of that is taken, as long as the voxels are those of the scan.

use crate::error::{DataError, GridCause};
use crate::fault::Fault;
use crate::grid::{Grid, corner_offsets};
use crate::nifti::Reader;
use crate::nrrd::{self, Nrrd, Segment};
use ndarray::{Array3, Axis};
use slicewise_core::{Geometry, Image, StoredAxes, Volume};
use std::collections::BTreeSet;
use std::path::Path;

/// How far the corners of a drawing may lie from those of its scan, in voxels. Tools round positions; two
/// forms of one file differ by up to 0.001 mm in 600 slices.
const TOLERANCE_VOXELS: f64 = 0.05;

/// More different values than this are no labels.
const MOST_VALUES: usize = 255;

/// The names of the two labels beside the classes: not sure, and confirmed.
pub const UNSURE: &str = "unsure";
/// See [`UNSURE`].
pub const DONE: &str = "done";

/// A drawing on its scan's voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Label values `[z, y, x]` in RAS: classes, then *unsure* and *done*, or whatever was drawn.
    pub labels: Volume<i32>,
    /// What was put in order, a line each.
    pub notes: Vec<String>,
}

/// Reads the drawing `path` (`.nii`, `.nii.gz`, `.nrrd` or `.seg.nrrd`) onto the voxels of `scan`, which
/// is in RAS. `classes` are the names of the classes, background first: the segments of a `.seg.nrrd` are
/// known by name, since a segment that was deleted and made again has another value. `by_index` takes a
/// NIfTI file without a position by its voxels.
///
/// # Errors
/// Why the drawing is refused, in one line: what was expected, what was got, in which file, what to do.
pub fn read_drawing(
    path: &Path,
    scan: &Image,
    classes: &[String],
    by_index: bool,
) -> Result<Drawing, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let drawing = match name.ends_with(".nrrd") {
        true => of_nrrd(path, scan, classes),
        false => of_nifti(path, scan, by_index),
    }?;
    let values: BTreeSet<i32> = drawing.labels.voxels.iter().copied().collect();
    if values.len() > MOST_VALUES {
        return Err(format!(
            "{}: expected labels, got {} different values, which looks like a scan; give the segmentation",
            path.display(),
            values.len()
        ));
    }
    Ok(drawing)
}

fn of_nifti(path: &Path, scan: &Image, by_index: bool) -> Result<Drawing, String> {
    let labels = Reader::default().labels(path).map_err(|error| match error {
        // The usual cause, in the words of someone who draws.
        error @ DataError::File {
            fault: Fault::NotWhole { .. },
            ..
        } => format!(
            "{error}: smoothed or resampled; turn interpolation off when saving, or save again on the \
             image's grid"
        ),
        error => error.to_string(),
    })?;
    let stored = labels.geometry.stored;
    let reference = Grid {
        file: Path::new("image.nii.gz"),
        geometry: &scan.geometry,
        shape: scan.voxels.dim().into(),
        tolerance_voxels: TOLERANCE_VOXELS,
    };
    // Without a position, the file's own order is what is known.
    let (voxels, _) = stored.from_ras(labels.voxels.view(), &labels.geometry.affine);
    let same_shape = voxels.dim() == scan.voxels.dim();
    match reference.take(labels, path) {
        Ok(labels) => Ok(Drawing {
            labels,
            notes: noted(stored),
        }),
        Err(
            DataError::AffineMismatch {
                cause: GridCause::NoPosition,
                ..
            }
            | DataError::ShapeMismatch {
                cause: GridCause::NoPosition,
                ..
            },
        ) if !by_index || !same_shape => Err(format!(
            "{}: expected the position of image.nii.gz, got a header without one; save it with the image \
             as reference, or, if its axes are untouched, import it with --by-index",
            path.display()
        )),
        Err(DataError::AffineMismatch {
            cause: GridCause::NoPosition,
            ..
        }) => Ok(Drawing {
            labels: Volume {
                voxels,
                geometry: scan.geometry.clone(),
            },
            notes: vec!["taken by its voxels, since its header states no position".to_owned()],
        }),
        Err(DataError::AffineMismatch {
            distance_mm,
            distance_voxels,
            ..
        }) => Err(format!(
            "{}: expected the grid of image.nii.gz, got one of the same shape {distance_mm:.2} mm \
             ({distance_voxels:.2} voxels) away; draw on the image that was handed out, or save with it as \
             reference volume",
            path.display()
        )),
        Err(DataError::ShapeMismatch { expected, got, .. }) => {
            Err(other_shape(path, &expected, &got))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn other_shape(path: &Path, expected: &str, got: &str) -> String {
    format!(
        "{}: expected {expected} voxels as image.nii.gz, got {got}: saved on another grid; export it with \
         the image as reference volume",
        path.display()
    )
}

fn noted(stored: StoredAxes) -> Vec<String> {
    match stored == StoredAxes::RAS {
        true => Vec::new(),
        false => vec![format!(
            "its axes are stored as {} and were put in order",
            stored.code()
        )],
    }
}

fn of_nrrd(path: &Path, scan: &Image, classes: &[String]) -> Result<Drawing, String> {
    let shown = path.display();
    let nrrd = nrrd::read(path).map_err(|problem| format!("{shown}: {problem}"))?;
    let affine = nrrd.affine.ok_or_else(|| {
        format!(
            "{shown}: expected the position of image.nii.gz, got a header without one; save it with the \
             image as reference volume"
        )
    })?;
    let labels = merged(&nrrd, classes).map_err(|problem| format!("{shown}: {problem}"))?;
    let stored = StoredAxes::of_affine(&affine);
    let (voxels, affine) = stored.to_ras(labels.view(), &affine);
    let mut notes = noted(stored);
    let voxels = placed(&voxels, &affine, scan, path, &mut notes)?;
    let geometry: Geometry = scan.geometry.clone();
    Ok(Drawing {
        labels: Volume { voxels, geometry },
        notes,
    })
}

/// Returns the label values `[k, j, i]` of a segmentation as class indices, or of a volume as they are.
fn merged(nrrd: &Nrrd, classes: &[String]) -> Result<Array3<i32>, String> {
    let whole = |value: f64| (value.fract() == 0.0 && value.abs() < 1e9).then_some(value as i32);
    let mut labels = Array3::zeros(nrrd.values.index_axis(Axis(0), 0).dim());
    if nrrd.segments.is_empty() {
        if nrrd.values.len_of(Axis(0)) > 1 {
            return Err("expected one volume, got several; save one segmentation".to_owned());
        }
        for (label, &value) in labels.iter_mut().zip(&nrrd.values) {
            *label = whole(value).ok_or_else(|| {
                format!("expected whole numbers, got {value}: smoothed or resampled")
            })?;
        }
        return Ok(labels);
    }
    let mut owner = Array3::from_elem(labels.dim(), usize::MAX);
    for (place, segment) in nrrd.segments.iter().enumerate() {
        let layer = nrrd.values.index_axis(Axis(0), segment.layer);
        let inside = |value: f64| value == f64::from(segment.value);
        if !layer.iter().any(|&value| inside(value)) {
            continue;
        }
        let class = class_of(segment, classes)?;
        let mut overlap = (0, 0);
        for ((label, owner), &value) in labels.iter_mut().zip(&mut owner).zip(&layer) {
            if !inside(value) {
                continue;
            }
            if *owner != usize::MAX {
                overlap = (overlap.0 + 1, *owner);
            }
            *label = class;
            *owner = place;
        }
        if overlap.0 > 0 {
            return Err(format!(
                "expected segments that do not overlap, got {} voxels in both {:?} and {:?}; turn \
                 overwriting on (Masking, Modify other segments: Overwrite all) and correct them",
                overlap.0, nrrd.segments[overlap.1].name, segment.name
            ));
        }
    }
    Ok(labels)
}

/// Returns the label value of a segment by its name.
fn class_of(segment: &Segment, classes: &[String]) -> Result<i32, String> {
    let name = segment.name.trim().to_lowercase();
    let known = classes.iter().map(String::as_str).chain([UNSURE, DONE]);
    let mut known = known.enumerate().skip(1);
    let found = known.find(|(_, class)| class.to_lowercase() == name);
    found.map(|(value, _)| value as i32).ok_or_else(|| {
        format!(
            "expected segments named {}, {UNSURE} or {DONE}, got {:?}; rename it",
            classes[1..].join(", "),
            segment.name
        )
    })
}

/// Puts labels `[z, y, x]` of a part of the scan's grid, or of more than it, onto that grid.
fn placed(
    labels: &Array3<i32>,
    affine: &[[f64; 4]; 4],
    scan: &Image,
    path: &Path,
    notes: &mut Vec<String>,
) -> Result<Array3<i32>, String> {
    let shape: [usize; 3] = labels.dim().into();
    let [z, y, x] = shape;
    // Where the drawing's corners lie, from where they would lie if its first voxel were the scan's.
    let offsets = corner_offsets(&scan.geometry.affine, affine, [x, y, z]);
    let start = offsets[0].map(f64::round);
    let away = offsets.iter().map(|offset| {
        let rest: f64 = (0..3)
            .map(|axis| (offset[axis] - start[axis]).powi(2))
            .sum();
        rest.sqrt()
    });
    let away = away.fold(0.0, f64::max);
    if away.is_nan() || away > TOLERANCE_VOXELS {
        return Err(format!(
            "{}: expected the voxels of image.nii.gz, got others ({away:.2} voxels away): saved on another \
             grid; export it with the image as reference volume",
            path.display()
        ));
    }
    let [start_x, start_y, start_z] = start.map(|offset| offset as i64);
    let mut placed = Array3::zeros(scan.voxels.dim());
    let mut outside = 0;
    for ((z, y, x), &label) in labels.indexed_iter().filter(|(_, label)| **label != 0) {
        let index = [z as i64 + start_z, y as i64 + start_y, x as i64 + start_x];
        let index = index.map(|index| usize::try_from(index).unwrap_or(usize::MAX));
        match placed.get_mut(index) {
            Some(place) => *place = label,
            None => outside += 1,
        }
    }
    if outside > 0 {
        notes.push(format!("{outside} voxels outside the image were left out"));
    }
    Ok(placed)
}

#[cfg(test)]
mod tests;
