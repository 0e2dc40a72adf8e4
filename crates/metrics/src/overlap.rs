//! Counts for each slice and class how many voxels two label maps have, and how many they share. P,
//! R and Dice follow from these counts, which take one pass over the slices.

use crate::{Agreement, MetricsError};
use ndarray::parallel::prelude::*;
use ndarray::{Array3, Axis};

/// Number of voxels compared at once; a multiple of what the processor's registers hold.
const LANES: usize = 32;

/// Number of steps after which a one-byte counter, raised by at most 2 in each, must be emptied.
const STEPS: usize = 127;

/// The overlap of two label maps `[D, H, W]`, slice by slice and class by class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    slices: Vec<Slice>,
}

/// Counts of one slice.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slice {
    voxels: u32,
    /// Counts by class, up to the slice's largest class.
    classes: Vec<Count>,
}

/// Voxel counts of one class on one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    /// Voxels in the first map plus voxels in the second.
    drawn: u32,
    /// Voxels in both maps.
    shared: u32,
}

impl Count {
    /// Returns 2 |A ∩ B| / (|A| + |B|), or `None` where neither map has the class.
    fn dice(self) -> Option<f64> {
        (self.drawn > 0).then(|| 2.0 * f64::from(self.shared) / f64::from(self.drawn))
    }
}

impl Overlap {
    /// Counts the voxels of two label maps, `[D, H, W]`, in parallel over slices.
    ///
    /// # Errors
    /// [`MetricsError::Shapes`] if the maps differ in shape.
    pub fn of(a: &Array3<u8>, b: &Array3<u8>) -> Result<Self, MetricsError> {
        if a.shape() != b.shape() {
            return Err(MetricsError::Shapes {
                left: a.shape().to_vec(),
                right: b.shape().to_vec(),
            });
        }
        let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
        let slices = a.axis_iter(Axis(0)).into_par_iter();
        let slices = slices.zip(b.axis_iter(Axis(0)).into_par_iter());
        Ok(Self {
            slices: slices
                .with_min_len(8)
                .map(|(a, b)| match (a.as_slice(), b.as_slice()) {
                    (Some(a), Some(b)) => Slice::of(a, b),
                    // Not reached for row-major arrays.
                    _ => {
                        let copy = |slice: ndarray::ArrayView2<u8>| {
                            slice.iter().copied().collect::<Vec<_>>()
                        };
                        Slice::of(&copy(a), &copy(b))
                    }
                })
                .collect(),
        })
    }

    /// Returns the overlap of some slices alone: those that `include`, `[D]`, says. Dice over the
    /// slices that are not annotated is `overlap.of_slices(…)?.class_dice(classes)`.
    ///
    /// # Errors
    /// [`MetricsError::Slices`] if `include` has another length than the volume.
    pub fn of_slices(&self, include: &[bool]) -> Result<Self, MetricsError> {
        if include.len() != self.slices.len() {
            return Err(MetricsError::Slices {
                what: "\"include\" is given",
                got: include.len(),
                slices: self.slices.len(),
            });
        }
        let slices = self.slices.iter().zip(include);
        let included = slices.filter(|&(_, &include)| include);
        Ok(Self {
            slices: included.map(|(slice, _)| slice.clone()).collect(),
        })
    }

    /// Returns P or R of each slice, `[D]`; see [`crate::slice_agreement`].
    pub fn agreement(&self, agreement: Agreement) -> Vec<f64> {
        let score = |slice: &Slice| {
            let drawn: u32 = slice.foreground().iter().map(|count| count.drawn).sum();
            let agreeing = match agreement {
                Agreement::Dice => slice.foreground_in_both(),
                Agreement::Accuracy => slice.foreground().iter().map(|count| count.shared).sum(),
            };
            if drawn == 0 {
                1.0
            } else {
                2.0 * f64::from(agreeing) / f64::from(drawn)
            }
        };
        self.slices.iter().map(score).collect()
    }

    /// Returns the Dice of each foreground class over the volume, `[classes - 1]`; see
    /// [`crate::class_dice`].
    ///
    /// # Errors
    /// [`MetricsError::UnknownLabel`] if either map has a label beyond the classes.
    pub fn class_dice(&self, classes: usize) -> Result<Vec<Option<f64>>, MetricsError> {
        let mut drawn = [0_u64; 256];
        let mut shared = [0_u64; 256];
        for slice in &self.slices {
            for (class, count) in slice.classes.iter().enumerate() {
                drawn[class] += u64::from(count.drawn);
                shared[class] += u64::from(count.shared);
            }
        }
        for (label, &count) in (0..=u8::MAX).zip(&drawn).skip(classes) {
            if count > 0 {
                return Err(MetricsError::UnknownLabel {
                    label,
                    count,
                    classes,
                });
            }
        }
        let dice = |class: usize| {
            (drawn[class] > 0).then(|| 2.0 * shared[class] as f64 / drawn[class] as f64)
        };
        Ok((1..classes.min(256)).map(dice).collect())
    }

    /// Returns the Dice of each foreground class on each slice, `[D][classes - 1]`; `None` where
    /// neither map has the class there.
    pub fn slice_dice(&self, classes: usize) -> Vec<Vec<Option<f64>>> {
        let dice = |slice: &Slice| {
            let count = |class: usize| slice.classes.get(class).copied().unwrap_or_default();
            (1..classes).map(|class| count(class).dice()).collect()
        };
        self.slices.iter().map(dice).collect()
    }
}

/// Returns the number of foreground voxels on each slice of a label map `[D, H, W]`, `[D]`.
pub fn foreground_voxels(labels: &Array3<u8>) -> Vec<u64> {
    let slices = labels.outer_iter();
    slices
        .map(|slice| slice.iter().filter(|&&class| class != 0).count() as u64)
        .collect()
}

impl Slice {
    fn of(a: &[u8], b: &[u8]) -> Self {
        let largest = |labels: &[u8]| labels.iter().fold(0, |largest, &label| largest.max(label));
        Self {
            voxels: a.len() as u32,
            classes: (0..=largest(a).max(largest(b)))
                .map(|class| Count::of(a, b, class))
                .collect(),
        }
    }

    fn foreground(&self) -> &[Count] {
        &self.classes[1..]
    }

    /// Returns the number of voxels where neither map is background: all except those where either
    /// is.
    fn foreground_in_both(&self) -> u32 {
        let Count { drawn, shared } = self.classes[0];
        self.voxels + shared - drawn
    }
}

impl Count {
    /// Counts one class. Comparing one class at a time is faster than a table with a counter for
    /// each class: the processor compares many voxels at once, but raises one counter after
    /// another.
    fn of(a: &[u8], b: &[u8], class: u8) -> Self {
        let mut count = Self::default();
        let blocks = a.chunks(STEPS * LANES).zip(b.chunks(STEPS * LANES));
        for (a, b) in blocks {
            let mut drawn = [0_u8; LANES];
            let mut shared = [0_u8; LANES];
            let (whole_a, rest_a) = a.as_chunks::<LANES>();
            let (whole_b, rest_b) = b.as_chunks::<LANES>();
            for (a, b) in whole_a.iter().zip(whole_b) {
                for lane in 0..LANES {
                    let (a, b) = (u8::from(a[lane] == class), u8::from(b[lane] == class));
                    drawn[lane] += a + b;
                    shared[lane] += a & b;
                }
            }
            let sum = |lanes: [u8; LANES]| lanes.iter().map(|&lane| u32::from(lane)).sum::<u32>();
            count.drawn += sum(drawn);
            count.shared += sum(shared);
            for (&a, &b) in rest_a.iter().zip(rest_b) {
                count.drawn += u32::from(a == class) + u32::from(b == class);
                count.shared += u32::from((a == class) & (b == class));
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Compares with the definition, voxel by voxel. The maps fill more than one block of counters,
    /// and one is not row-major.
    #[test]
    fn counts_are_those_of_the_definition() {
        let map = |factor: usize| {
            Array3::from_shape_fn((3, 71, 97), |(z, y, x)| {
                ((z + y * factor + x * 5) % 7 * z) as u8
            })
        };
        let (a, b) = (map(3), map(4));
        let turned = a
            .clone()
            .permuted_axes([0, 2, 1])
            .as_standard_layout()
            .into_owned();
        let turned = turned.permuted_axes([0, 2, 1]);
        let overlap = Overlap::of(&a, &b).unwrap();
        assert_eq!(Overlap::of(&turned, &b).unwrap(), overlap);
        for (z, slice) in overlap.slices.iter().enumerate() {
            let pairs = || {
                a.index_axis(Axis(0), z)
                    .into_iter()
                    .zip(b.index_axis(Axis(0), z))
            };
            let number = |wanted: &dyn Fn(u8, u8) -> bool| {
                pairs().filter(|&(&a, &b)| wanted(a, b)).count() as u32
            };
            for (class, count) in (0..).zip(&slice.classes) {
                assert_eq!(
                    count.drawn,
                    number(&|a, _| a == class) + number(&|_, b| b == class)
                );
                assert_eq!(count.shared, number(&|a, b| a == class && b == class));
            }
            assert_eq!(slice.foreground_in_both(), number(&|a, b| a != 0 && b != 0));
        }
    }

    #[test]
    fn dice_of_a_slice_by_hand() {
        let a = array![[[0, 1, 1, 2]], [[0, 0, 0, 0]]];
        let b = array![[[0, 1, 2, 2]], [[0, 0, 3, 0]]];
        let dice = Overlap::of(&a, &b).unwrap().slice_dice(4);
        let two_thirds = Some(2.0 / 3.0);
        assert_eq!(dice[0], [two_thirds, two_thirds, None]);
        assert_eq!(dice[1], [None, None, Some(0.0)]);
    }

    #[test]
    fn slices_left_out_do_not_count() {
        let a = array![[[1, 1, 0]], [[1, 2, 9]], [[0, 2, 0]]];
        let b = array![[[1, 0, 0]], [[2, 1, 9]], [[0, 2, 2]]];
        let overlap = Overlap::of(&a, &b).unwrap();
        let without = overlap.of_slices(&[true, false, true]).unwrap();
        let two_thirds = Some(2.0 / 3.0);
        assert_eq!(without.class_dice(3).unwrap(), [two_thirds, two_thirds]);
        assert_eq!(overlap.of_slices(&[true; 3]).unwrap(), overlap);
        let none = overlap.of_slices(&[false; 3]).unwrap();
        assert_eq!(none.class_dice(3).unwrap(), [None, None]);
        assert!(matches!(
            overlap.of_slices(&[true; 2]),
            Err(MetricsError::Slices { .. })
        ));
    }

    #[test]
    fn foreground_voxels_of_each_slice() {
        let labels = array![[[0, 1, 7]], [[0, 0, 0]], [[2, 2, 2]]];
        assert_eq!(foreground_voxels(&labels), [2, 0, 3]);
    }
}
