//! Which stored numbers are labels.
//!
//! A label map that a program holds as floating-point numbers and saves as integers is scaled to
//! their whole range, as nibabel does: labels 0, 1 and 2 become the bytes 0, 128 and 255 with the
//! slope 2/255, and 1 reads as 1.004. Such a map has few values, each within half a slope of a whole
//! number, where rounding put it. A probability map has many between.

use std::collections::BTreeMap;

/// How far a label may be from a whole number where nothing was scaled: what floating-point numbers
/// lose.
pub(super) const TOLERANCE: f64 = 1e-4;

/// From this slope on a value's neighbours are too far apart to tell which whole number it was.
const MOST_SLOPE: f64 = 0.5;

/// Returns whether a value is a whole number of 32 bits, to within `tolerance`.
pub(super) fn is_whole(value: f64, tolerance: f64) -> bool {
    value.is_finite()
        && (value - value.round()).abs() <= tolerance
        && value.abs() <= f64::from(i32::MAX)
}

/// Returns the whole numbers that were stored as integers with this slope, or `None` if the values
/// are no such numbers: one is further than half a slope from every whole number, or two different
/// ones have the same, which the program that scaled them would not have made.
pub(super) fn rounded(values: impl Iterator<Item = f64>, slope: f64) -> Option<Vec<i32>> {
    let slope = slope.abs();
    if slope >= MOST_SLOPE {
        return None;
    }
    let mut stored_as: BTreeMap<i32, f64> = BTreeMap::new();
    let mut last = None;
    let whole = values.map(|value| {
        if let Some((same, whole)) = last
            && same == value
        {
            return Some(whole);
        }
        // The slope itself was rounded to float32, hence the addition.
        if !is_whole(value, slope / 2.0 + TOLERANCE) {
            return None;
        }
        let whole = value.round() as i32;
        let known = *stored_as.entry(whole).or_insert(value);
        last = Some((value, whole));
        (known == value).then_some(whole)
    });
    whole.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stored: &[u8], slope: f32, intercept: f32) -> Option<Vec<i32>> {
        let (slope, intercept) = (f64::from(slope), f64::from(intercept));
        let values = stored.iter().map(|&s| f64::from(s) * slope + intercept);
        rounded(values, slope)
    }

    #[test]
    fn labels_scaled_to_the_range_of_bytes_are_whole_again() {
        // 0, 1 and 2 as nibabel saves them; 1 becomes 127.5, which is rounded either way.
        let slope = 2.0 / 255.0;
        assert_eq!(of(&[0, 127, 255, 0], slope, 0.0), Some(vec![0, 1, 2, 0]));
        assert_eq!(of(&[255, 128, 0], slope, 0.0), Some(vec![2, 1, 0]));
        // Labels of 3 to 7, and the label 1 of a map of 100.
        assert_eq!(
            of(&[0, 64, 128, 191, 255], 4.0 / 255.0, 3.0),
            Some(vec![3, 4, 5, 6, 7])
        );
        assert_eq!(of(&[0, 3, 255], 100.0 / 255.0, 0.0), Some(vec![0, 1, 100]));
        assert_eq!(of(&[255, 0], -1.0 / 255.0, 1.0), Some(vec![0, 1]));
    }

    #[test]
    fn fractions_and_values_that_share_a_whole_number_are_no_labels() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(of(&bytes, 1.0 / 255.0, 0.0), None);
        assert_eq!(of(&[0, 128, 255], 1.0 / 255.0, 0.0), None);
        assert_eq!(of(&[0, 1, 255], 1.0 / 255.0, 0.0), None);
        // 127 and 128 would both be 1.
        assert_eq!(of(&[0, 127, 128, 255], 2.0 / 255.0, 0.0), None);
        // Too coarse to tell.
        assert_eq!(of(&[0, 1, 2], 0.6, 0.0), None);
    }
}
