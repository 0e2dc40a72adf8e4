//! Labels between annotated slices by shape-based interpolation: a baseline that learns nothing and
//! never looks at the image.
//!
//! Source: Raya and Udupa 1990, "Shape-based interpolation of multidimensional objects" (IEEE
//! Transactions on Medical Imaging 9:32-42); Herman, Zheng and Bucholtz 1992, "Shape-based
//! interpolation" (IEEE Computer Graphics and Applications 12(3):69-79). On each annotated slice, a
//! pixel's *depth* in a class is its distance in mm to the class's contour, positive inside and
//! negative outside. Depths in between are linear in z. Ours differs in three ways:
//!
//! - The source has one object. Here each class has a depth, background too, and the deepest one
//!   wins, the lower one if two are equal. With two classes that is the source's rule.
//! - The contour runs along the edges of the pixels, and distances to the middles of these edges are
//!   exact. The source approximates them by a chamfer.
//! - A class that an annotated slice lacks has no contour there. It shrinks towards its deepest
//!   pixel and ends about half way, since nobody knows where between the slices it ends.
//!
//! Beyond the first and the last annotated slice there is background, as in the programs that fill
//! between drawn slices. Repeating the nearest drawn slice there is worse: on 16 newborns and 4
//! phantoms, both tasks, every 16th to every 2nd slice from various first ones, mean Dice of the
//! volume is never higher for it and up to 0.032 lower. Repeating it for half a gap alone goes
//! either way, −0.014 to +0.040.

use crate::MetricsError;
use crate::delivered::{check_annotated, delivered};
use crate::distance::DistanceMap;
use crate::error::check_spacing;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayViewMut3, Axis, Zip, s};

/// Returns the labels of a whole volume, `[D, H, W]`, from those of its annotated slices.
///
/// `labels` is `[D, H, W]` with values in `0..classes`; slices that are not annotated are never read.
/// `annotated` is `[D]`. `spacing_mm` is that of a slice, `[y, x]`; slices are evenly spaced.
/// Annotated slices stay as they are. Beyond the first and the last of them all is background, and so
/// it is without any.
///
/// # Errors
/// [`MetricsError::Slices`] if `annotated` has another length than the volume,
/// [`MetricsError::UnknownLabel`] if an annotated slice has a label beyond the classes,
/// [`MetricsError::Spacing`] if a spacing is not above 0.
pub fn interpolated_labels(
    labels: &Array3<u8>,
    annotated: &[bool],
    spacing_mm: [f64; 2],
    classes: usize,
) -> Result<Array3<u8>, MetricsError> {
    check_annotated(annotated, labels)?;
    check_spacing(&spacing_mm)?;
    let drawn: Vec<usize> = (0..annotated.len()).filter(|&z| annotated[z]).collect();
    check_labels(labels, &drawn, classes)?;
    let depths: Vec<Vec<Depth>> = drawn
        .par_iter()
        .map(|&z| {
            let slice = labels.index_axis(Axis(0), z);
            let depth = |class| Depth::of(slice, class as u8, spacing_mm);
            (0..classes.min(256)).map(depth).collect()
        })
        .collect();
    let mut result = Array3::zeros(labels.raw_dim());
    for (ends, depths) in drawn.windows(2).zip(depths.windows(2)) {
        let between = result.slice_mut(s![ends[0] + 1..ends[1], .., ..]);
        fill(between, &depths[0], &depths[1]);
    }
    delivered(&result, labels, annotated)
}

/// Checks that the drawn slices of `labels` have no label beyond the classes.
fn check_labels(labels: &Array3<u8>, drawn: &[usize], classes: usize) -> Result<(), MetricsError> {
    let voxels = || drawn.iter().flat_map(|&z| labels.index_axis(Axis(0), z));
    let beyond = voxels().filter(|&&label| usize::from(label) >= classes);
    match beyond.min() {
        Some(&label) => Err(MetricsError::UnknownLabel {
            label,
            count: voxels().filter(|&&other| other == label).count() as u64,
            classes,
        }),
        None => Ok(()),
    }
}

/// How deep each pixel of a slice `[H, W]` lies in one class.
enum Depth {
    /// In mm: positive inside, negative outside.
    Contour(Array2<f64>),
    /// The slice lacks the class.
    Nowhere,
    /// The whole slice is of the class.
    Everywhere,
}

impl Depth {
    fn of(slice: ArrayView2<u8>, class: u8, spacing_mm: [f64; 2]) -> Self {
        let inside = slice.mapv(|label| label == class);
        let (height, width) = slice.dim();
        if slice.is_empty() {
            return Self::Nowhere;
        }
        // A grid twice as fine has the middles of the pixels at even indices, and those of the edges
        // between them at odd ones.
        let fine = [1, 2 * height - 1, 2 * width - 1];
        let mut contour = Vec::new();
        for ((y, x), &here) in inside.indexed_iter() {
            let middle = 2 * y * fine[2] + 2 * x;
            if x + 1 < width && inside[[y, x + 1]] != here {
                contour.push(middle + 1);
            }
            if y + 1 < height && inside[[y + 1, x]] != here {
                contour.push(middle + fine[2]);
            }
        }
        if contour.is_empty() {
            return match inside.first() {
                Some(true) => Self::Everywhere,
                _ => Self::Nowhere,
            };
        }
        let [y_mm, x_mm] = spacing_mm;
        let distances = DistanceMap::new(&contour, fine, [1.0, 0.5 * y_mm, 0.5 * x_mm]);
        Self::Contour(Array2::from_shape_fn((height, width), |(y, x)| {
            let distance = distances.squared_mm2(2 * y * fine[2] + 2 * x).sqrt();
            if inside[[y, x]] { distance } else { -distance }
        }))
    }

    /// Returns the depth of each pixel, `[H, W]`, for an interpolation from or to another slice.
    ///
    /// Where only the other slice has a contour, the depth here is the negative of the greatest
    /// there, so that what is absent here ends half way: the class, or all that is not the class.
    fn facing(&self, other: &Self, shape: (usize, usize)) -> Array2<f64> {
        let greatest = |sign: f64| match other {
            Self::Contour(depth) => depth.iter().fold(0.0, |most, mm| f64::max(most, sign * mm)),
            _ => 1.0,
        };
        match self {
            Self::Contour(depth) => depth.clone(),
            Self::Nowhere => Array2::from_elem(shape, -greatest(1.0)),
            Self::Everywhere => Array2::from_elem(shape, greatest(-1.0)),
        }
    }
}

/// Fills the slices `[N, H, W]` between two annotated ones, of which `low` and `high` are the depths
/// by class.
fn fill(mut between: ArrayViewMut3<u8>, low: &[Depth], high: &[Depth]) {
    let (slices, height, width) = between.dim();
    let shape = (height, width);
    // A class that neither slice has never wins.
    let depths: Vec<_> = (0..=u8::MAX)
        .zip(low.iter().zip(high))
        .filter(|(_, ends)| !matches!(ends, (Depth::Nowhere, Depth::Nowhere)))
        .map(|(class, (low, high))| (class, low.facing(high, shape), high.facing(low, shape)))
        .collect();
    for (index, mut slice) in between.axis_iter_mut(Axis(0)).enumerate() {
        let share = (index + 1) as f64 / (slices + 1) as f64;
        let mut deepest = Array2::from_elem(shape, f64::NEG_INFINITY);
        for (class, low, high) in &depths {
            Zip::from(&mut slice)
                .and(&mut deepest)
                .and(low)
                .and(high)
                .for_each(|label, deepest, low, high| {
                    let depth = (1.0 - share) * low + share * high;
                    if depth > *deepest {
                        (*label, *deepest) = (*class, depth);
                    }
                });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACING_MM: [f64; 2] = [1.0, 1.0];

    /// A volume of 41 x 41 pixels a slice, of which slices are drawn: discs of a class about row 20
    /// and some column.
    fn discs(slices: usize, drawn: &[(usize, u8, f64, f64)]) -> (Array3<u8>, Vec<bool>) {
        // What nobody drew is never read: the label is beyond all classes.
        let mut labels = Array3::from_elem((slices, 41, 41), 200);
        let mut annotated = vec![false; slices];
        for &(z, class, column, radius) in drawn {
            if !std::mem::replace(&mut annotated[z], true) {
                labels.index_axis_mut(Axis(0), z).fill(0);
            }
            for ((y, x), label) in labels.index_axis_mut(Axis(0), z).indexed_iter_mut() {
                if (y as f64 - 20.0).hypot(x as f64 - column) < radius {
                    *label = class;
                }
            }
        }
        (labels, annotated)
    }

    fn interpolate(slices: usize, drawn: &[(usize, u8, f64, f64)], classes: usize) -> Array3<u8> {
        let (labels, annotated) = discs(slices, drawn);
        let result = interpolated_labels(&labels, &annotated, SPACING_MM, classes).unwrap();
        for (z, _) in annotated.iter().enumerate().filter(|&(_, &drawn)| drawn) {
            let slice = result.index_axis(Axis(0), z);
            assert_eq!(slice, labels.index_axis(Axis(0), z), "slice {z} was drawn");
        }
        result
    }

    fn pixels(labels: &Array3<u8>, z: usize, class: u8) -> usize {
        let slice = labels.index_axis(Axis(0), z);
        slice.iter().filter(|&&label| label == class).count()
    }

    #[test]
    fn a_cone_between_two_discs() {
        let cone = interpolate(9, &[(0, 1, 20.0, 4.0), (8, 1, 20.0, 16.0)], 2);
        for ((z, y, x), &label) in cone.indexed_iter() {
            let beyond = (y as f64 - 20.0).hypot(x as f64 - 20.0) - (4.0 + 1.5 * z as f64);
            if beyond.abs() > 0.75 {
                assert_eq!(label == 1, beyond < 0.0, "{beyond} mm at {:?}", (z, y, x));
            }
        }
        let monotone = cone.axis_windows(Axis(0), 2).into_iter().all(|pair| {
            let slices = pair.index_axis(Axis(0), 0).to_owned();
            Zip::from(&slices)
                .and(pair.index_axis(Axis(0), 1))
                .all(|low, high| low <= high)
        });
        assert!(monotone, "each slice of a cone holds the one before");
    }

    #[test]
    fn a_disc_that_moves_by_less_than_its_radius() {
        let moved = interpolate(7, &[(0, 1, 14.0, 8.5), (6, 1, 20.0, 8.5)], 2);
        for z in 0..7 {
            let row: Vec<usize> = (0..41).filter(|&x| moved[[z, 20, x]] == 1).collect();
            // Both ends of the middle row move by a pixel a slice.
            let expected: Vec<usize> = (6 + z..=22 + z).collect();
            assert_eq!(row, expected, "slice {z}");
        }
    }

    #[test]
    fn anisotropic_pixels_count_in_millimetres() {
        // The same labels with rows twice as far apart: a class's depth, and so the interpolation,
        // follows columns more.
        let (labels, annotated) = discs(5, &[(0, 1, 14.0, 5.0), (4, 1, 20.0, 12.0)]);
        let areas = [[1.0, 1.0], [5.0, 5.0], [2.0, 1.0]].map(|spacing_mm| {
            let labels = interpolated_labels(&labels, &annotated, spacing_mm, 2).unwrap();
            pixels(&labels, 2, 1)
        });
        assert_eq!(areas[0], areas[1]);
        assert_ne!(areas[0], areas[2]);
    }

    #[test]
    fn a_class_that_one_slice_lacks_ends_half_way() {
        // Class 2 is on the first slice alone, class 1 on both, and class 3 on neither.
        let drawn = [(1, 1, 20.0, 16.0), (1, 2, 20.0, 9.0), (9, 1, 20.0, 16.0)];
        let labels = interpolate(11, &drawn, 4);
        let areas: Vec<usize> = (1..=9).map(|z| pixels(&labels, z, 2)).collect();
        assert!(areas.windows(2).all(|pair| pair[1] <= pair[0]), "{areas:?}");
        assert!(areas[3] > 0, "{areas:?}");
        assert_eq!(areas[6..], [0, 0, 0]);
        let all = |z| pixels(&labels, z, 1) + pixels(&labels, z, 2);
        assert!((1..=9).all(|z| all(z) == all(1)), "the outline is constant");
    }

    #[test]
    fn foreground_against_an_empty_slice_ends_half_way() {
        let (drawn, annotated) = discs(8, &[(0, 1, 20.0, 8.0), (7, 1, 20.0, 0.0)]);
        let fill =
            |drawn: &Array3<u8>| interpolated_labels(drawn, &annotated, SPACING_MM, 2).unwrap();
        let labels = fill(&drawn);
        let areas: Vec<usize> = (0..8).map(|z| pixels(&labels, z, 1)).collect();
        assert!(areas[..4].is_sorted_by(|a, b| a > b), "{areas:?}");
        assert!(areas[3] > 0, "{areas:?}");
        assert_eq!(areas[4..], [0; 4]);
        // A slice that is all foreground is the same with names changed. No two depths are equal in
        // eight slices.
        let turned = fill(&drawn.mapv(|label| 1_u8.saturating_sub(label)));
        let holes: Vec<usize> = (0..8).map(|z| pixels(&turned, z, 0)).collect();
        assert_eq!(holes, areas);
    }

    #[test]
    fn beyond_what_was_drawn_is_background() {
        let labels = interpolate(8, &[(2, 1, 20.0, 6.0), (4, 1, 20.0, 6.0)], 2);
        let areas: Vec<usize> = (0..8).map(|z| pixels(&labels, z, 1)).collect();
        let disc = areas[2];
        assert_eq!(areas, [0, 0, disc, disc, disc, 0, 0, 0]);
        assert!(disc > 100);
        let (labels, _) = discs(3, &[]);
        let none = interpolated_labels(&labels, &[false; 3], SPACING_MM, 2).unwrap();
        assert_eq!(none, Array3::<u8>::zeros((3, 41, 41)));
    }

    #[test]
    fn impossible_input_is_refused() {
        let (labels, annotated) = discs(3, &[(0, 2, 20.0, 0.9)]);
        let error = interpolated_labels(&labels, &annotated[1..], SPACING_MM, 3);
        assert!(matches!(error, Err(MetricsError::Slices { .. })));
        let error = interpolated_labels(&labels, &annotated, [1.0, 0.0], 3);
        assert!(matches!(error, Err(MetricsError::Spacing { axis: 1, .. })));
        let error = interpolated_labels(&labels, &annotated, SPACING_MM, 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "label 2 in 1 voxels, expected 0..2 (2 classes)"
        );
        let empty = Array3::zeros((3, 0, 4));
        let none = interpolated_labels(&empty, &[true; 3], SPACING_MM, 2).unwrap();
        assert_eq!(none.dim(), (3, 0, 4));
    }
}
