//! Which voxels of a mask are inside, and what had to be decided for that.
//!
//! A mask is 0 outside and a whole number above 0 inside: 0 and 1, 0 and 255, or a label map. A soft
//! mask, of values from 0 to 1 as a registration leaves them, is cut at 0.5. Where a value may mean
//! something else the file is refused: below 0, or 255 above a gap, with which the field marks voxels
//! that do not count. slicewise knows no such voxels in a mask; as "above 0" they would be learned.

use crate::error::DataError;
use crate::fault::{Fault, NoMask};
use crate::listing::MaskFile;
use crate::nifti::{Reader, is_in_unit};
use ndarray::Array3;
use slicewise_core::Volume;
use std::collections::BTreeMap;

/// From this value on a voxel of a soft mask is inside.
const CUT: f64 = 0.5;
/// A soft mask that was resampled by splines leaves 0 to 1 by less than this.
const OVERSHOOT: std::ops::RangeInclusive<f64> = -CUT..=1.0 + CUT;
/// The value of voxels to ignore in many label maps of bytes.
const IGNORE: i32 = 255;
/// As many values of a mask are named.
const NAMED: usize = 6;

/// A mask in RAS `[z, y, x]`, and notes for the user about what was decided.
pub(crate) type Read = (Volume<bool>, Vec<String>);

/// Reads a mask.
///
/// # Errors
/// The file cannot be read, or a value is none of a mask.
pub(crate) fn read(file: &MaskFile, reader: Reader) -> Result<Read, DataError> {
    let path = match file {
        MaskFile::Mask(path) => path,
        MaskFile::StrippedScan(path) => {
            let Volume { voxels, geometry } = reader.values(path)?;
            let voxels = voxels.mapv(|value| value > 0.0);
            return Ok((Volume { voxels, geometry }, Vec::new()));
        }
    };
    let refuse = |fault| DataError::File {
        path: path.clone(),
        fault,
    };
    match reader.labels(path) {
        Ok(labels) => {
            let (voxels, notes) = of_labels(&labels.voxels).map_err(refuse)?;
            let geometry = labels.geometry;
            Ok((Volume { voxels, geometry }, notes))
        }
        Err(DataError::File {
            fault: Fault::NotWhole { .. },
            ..
        }) => {
            let Volume { voxels, geometry } = reader.values(path)?;
            let (voxels, notes) = of_soft(&voxels).map_err(refuse)?;
            Ok((Volume { voxels, geometry }, notes))
        }
        Err(other) => Err(other),
    }
}

/// Returns where whole numbers `[z, y, x]` are above 0, and notes.
///
/// # Errors
/// A value is below 0, or is probably one of voxels to ignore.
pub(crate) fn of_labels(labels: &Array3<i32>) -> Result<(Array3<bool>, Vec<String>), Fault> {
    let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
    let mut run = (0, 0);
    for &value in labels {
        if value != run.0 {
            *counts.entry(run.0).or_default() += run.1;
            run = (value, 0);
        }
        run.1 += 1;
    }
    *counts.entry(run.0).or_default() += run.1;
    counts.retain(|_, count| *count > 0);
    let refuse = |value: i32, count, cause| {
        let value = f64::from(value);
        Err(Fault::NoMask {
            value,
            count,
            cause,
        })
    };
    if let Some((&value, &count)) = counts.first_key_value()
        && value < 0
    {
        return refuse(value, count, NoMask::Negative);
    }
    let inside: Vec<i32> = counts.keys().copied().filter(|&value| value > 0).collect();
    if let [.., below, IGNORE] = inside[..]
        && below < IGNORE - 1
    {
        return refuse(IGNORE, counts[&IGNORE], NoMask::Ignore);
    }
    let mut notes = Vec::new();
    if inside.len() > 1 {
        let named: Vec<String> = inside.iter().take(NAMED).map(i32::to_string).collect();
        let more = if inside.len() > NAMED { ", …" } else { "" };
        notes.push(format!(
            "{} values above 0 ({}{more}), all of which count as inside",
            inside.len(),
            named.join(", ")
        ));
    }
    if !counts.contains_key(&0) {
        notes.push("no voxel is outside".to_owned());
    }
    Ok((labels.mapv(|value| value > 0), notes))
}

/// Returns where values `[z, y, x]` from 0 to 1 are at least 0.5, and a note.
///
/// # Errors
/// A value is below 0 or above 1.
fn of_soft(values: &Array3<f64>) -> Result<(Array3<bool>, Vec<String>), Fault> {
    if !values.iter().all(|&value| is_in_unit(value)) {
        let fractions = || values.iter().filter(|value| value.fract() != 0.0);
        let overshoots = values.iter().all(|value| OVERSHOOT.contains(value));
        return Err(Fault::NoMask {
            value: fractions().copied().next().unwrap_or(f64::NAN),
            count: fractions().count(),
            cause: if overshoots {
                NoMask::Overshoot
            } else {
                NoMask::Fraction
            },
        });
    }
    let inside = values.mapv(|value| value >= CUT);
    let count = |of: &dyn Fn(f64) -> bool| values.iter().filter(|value| of(**value)).count();
    let note = format!(
        "a soft mask, cut at {CUT}: {} voxels are inside, {} are above 0",
        count(&|value| value >= CUT),
        count(&|value| value > 0.0),
    );
    Ok((inside, vec![note]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[i32]) -> Array3<i32> {
        Array3::from_shape_vec((1, 1, values.len()), values.to_vec()).unwrap()
    }

    fn inside(values: &[i32]) -> (Vec<bool>, Vec<String>) {
        let (inside, notes) = of_labels(&labels(values)).unwrap();
        (inside.into_iter().collect(), notes)
    }

    fn refused(values: &[i32]) -> String {
        of_labels(&labels(values)).unwrap_err().to_string()
    }

    #[test]
    fn one_value_above_0_is_the_inside_whatever_it_is() {
        for value in [1, 2, 255, 4000] {
            assert_eq!(inside(&[0, value, 0]), (vec![false, true, false], vec![]));
        }
        assert_eq!(inside(&[0, 0]), (vec![false; 2], vec![]));
    }

    #[test]
    fn a_label_map_is_a_mask_but_that_is_noted() {
        let note = "3 values above 0 (1, 2, 3), all of which count as inside";
        assert_eq!(
            inside(&[0, 1, 2, 3]),
            (vec![false, true, true, true], vec![note.to_owned()])
        );
        // Grey levels up to 255 have no gap below it.
        assert_eq!(inside(&[0, 254, 255]).0, [false, true, true]);
        assert_eq!(inside(&[1, 1]).1, ["no voxel is outside"]);
    }

    #[test]
    fn values_that_are_neither_inside_nor_outside_are_refused() {
        assert_eq!(
            refused(&[0, 1, 255, 255, 2]),
            "expected a mask, 0 outside and above 0 inside, got 255 in 2 voxels beside lower values: \
             voxels to ignore?"
        );
        assert_eq!(
            refused(&[1, -1, 0]),
            "expected a mask, 0 outside and above 0 inside, got -1 in 1 voxels"
        );
    }

    #[test]
    fn a_soft_mask_is_cut_at_a_half_and_that_is_noted() {
        let soft = |values: &[f64]| {
            of_soft(&Array3::from_shape_vec((1, 1, values.len()), values.to_vec()).unwrap())
        };
        let (inside, notes) = soft(&[0.0, 0.1, 0.5, 1.0]).unwrap();
        assert_eq!(
            inside.into_iter().collect::<Vec<_>>(),
            [false, false, true, true]
        );
        assert_eq!(
            notes,
            ["a soft mask, cut at 0.5: 2 voxels are inside, 3 are above 0"]
        );
        assert_eq!(
            soft(&[0.0, 12.5, 3.0, 7.25]).unwrap_err().to_string(),
            "expected a mask, 0 outside and above 0 inside, got 12.5, the first of 2 voxels that hold \
             no whole number, in a file that leaves 0 to 1"
        );
        let remedy = soft(&[0.0, 0.5, 1.02]).unwrap_err().remedy();
        assert!(remedy.starts_with("Cut it at 0.5"), "{remedy}");
    }
}
