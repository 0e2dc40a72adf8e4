//! How near annotated slices lie to what there is to segment.
//!
//! A network learns little about places that no annotated slice is near to. The *covered share* of a
//! volume is the share of its foreground voxels that lie at most so many mm from an annotated slice,
//! along the sliced axis.

use crate::MetricsError;
use crate::error::check_spacing;

/// Returns the share of foreground voxels within `reach_mm` of an annotated slice, in `[0, 1]`; `None`
/// if there is no foreground.
///
/// `voxels` has the foreground voxels of each slice, `[D]`, and `annotated` says which slices are
/// annotated, `[D]`. `spacing_mm` is the distance between two slices, above 0.
///
/// # Errors
/// [`MetricsError::Slices`] if the two differ in length, [`MetricsError::Spacing`] if the spacing is not
/// above 0.
pub fn covered_share(
    voxels: &[u64],
    annotated: &[bool],
    spacing_mm: f64,
    reach_mm: f64,
) -> Result<Option<f64>, MetricsError> {
    check_spacing(&[spacing_mm])?;
    if voxels.len() != annotated.len() {
        return Err(MetricsError::Slices {
            what: "\"annotated\" is given",
            got: annotated.len(),
            slices: voxels.len(),
        });
    }
    let places: Vec<usize> = (0..annotated.len()).filter(|&z| annotated[z]).collect();
    let near = |z: usize| {
        let mut distances = places
            .iter()
            .map(|place| place.abs_diff(z) as f64 * spacing_mm);
        distances.any(|distance| distance <= reach_mm)
    };
    let all: u64 = voxels.iter().sum();
    let covered: u64 = (0..voxels.len())
        .filter(|&z| near(z))
        .map(|z| voxels[z])
        .sum();
    Ok((all > 0).then(|| covered as f64 / all as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreground_near_an_annotated_slice_is_covered() {
        let voxels = [5, 0, 10, 20, 40, 25];
        let mut annotated = [false; 6];
        annotated[2] = true;
        let share = |spacing_mm, reach_mm| {
            covered_share(&voxels, &annotated, spacing_mm, reach_mm).unwrap()
        };
        assert_eq!(share(2.0, 0.0), Some(0.1));
        assert_eq!(share(2.0, 2.0), Some(0.3));
        assert_eq!(share(2.0, 3.9), Some(0.3));
        assert_eq!(share(2.0, 4.0), Some(0.75));
        assert_eq!(share(2.0, 6.0), Some(1.0));
        assert_eq!(share(3.0, 4.0), Some(0.3));
        let none = covered_share(&voxels, &[false; 6], 1.0, 9.0).unwrap();
        assert_eq!(none, Some(0.0));
        assert_eq!(covered_share(&[0; 6], &annotated, 1.0, 9.0).unwrap(), None);
    }

    #[test]
    fn impossible_input_is_refused() {
        let error = covered_share(&[1, 2], &[true], 1.0, 1.0).unwrap_err();
        assert!(matches!(error, MetricsError::Slices { .. }), "{error}");
        let error = covered_share(&[1], &[true], 0.0, 1.0).unwrap_err();
        assert!(matches!(error, MetricsError::Spacing { .. }), "{error}");
    }
}
