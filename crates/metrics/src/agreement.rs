//! How alike two segmentations are, slice by slice: P and R of Zhang et al. 2019
//! (arXiv 1906.07367, section 2.2).
//!
//! P compares the two answers of one network, SR1 (final feature maps) and SR2 (attention map);
//! R compares SR1 with the ground truth. P is what a query strategy may see, R is what it would
//! like to know.
//!
//! **Empty slices.** Where both segmentations are empty the paper's quotient is 0/0 and the
//! paper does not say what it takes. Here such a slice scores 1: the two agree that there is
//! nothing. Effects to keep in mind:
//! - a query that takes the lowest P asks for jointly empty slices last (with 0 it would spend
//!   its first rounds on air above and below the head);
//! - when one side has a single voxel and the other none, P is 0, so the slices at the border of
//!   the head come first;
//! - empty slices form one block of ties at the top of both rankings, which raises the rank
//!   correlation of P with R. Quote it over foreground slices too.

use crate::{MetricsError, Overlap};
use ndarray::Array3;

/// The comparison of SR1 with SR2 (P) or with the ground truth (R).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// 2 |S1 ∩ S2| / (|S1| + |S2|) over foreground voxels: Task 1.
    Dice,
    /// 2 #(S1 = S2 ≠ 0) / (#(S1 ≠ 0) + #(S2 ≠ 0)): Task 2.
    Accuracy,
}

/// Agreement of two label maps `[D, H, W]` in each axial slice: `[D]`, each in `[0, 1]`, 1 where
/// both are empty (see the [module](self)). Any nonzero class is foreground; on binary maps the
/// two measures are equal.
///
/// # Errors
/// [`MetricsError::Shapes`] when the maps differ in shape.
pub fn slice_agreement(
    a: &Array3<u8>,
    b: &Array3<u8>,
    agreement: Agreement,
) -> Result<Vec<f64>, MetricsError> {
    Ok(Overlap::of(a, b)?.agreement(agreement))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_papers_formulas_by_hand() {
        // One slice; foreground 3 and 2 voxels, 2 overlap, 1 of them with the same class.
        let sr1 = array![[[1, 2, 2, 0]]];
        let sr2 = array![[[1, 1, 0, 0]]];
        let p = |agreement| slice_agreement(&sr1, &sr2, agreement).unwrap();
        assert_eq!(p(Agreement::Dice), [0.8]);
        assert_eq!(p(Agreement::Accuracy), [0.4]);
    }

    #[test]
    fn empty_slices_agree_and_half_empty_slices_do_not() {
        let a = array![[[0, 0]], [[0, 1]], [[0, 0]]];
        let b = array![[[0, 0]], [[0, 0]], [[2, 0]]];
        for agreement in [Agreement::Dice, Agreement::Accuracy] {
            let p = slice_agreement(&a, &b, agreement).unwrap();
            assert_eq!(p, [1.0, 0.0, 0.0], "{agreement:?}");
        }
    }

    #[test]
    fn no_slices_no_scores() {
        let empty = Array3::<u8>::zeros((0, 4, 4));
        assert!(
            slice_agreement(&empty, &empty, Agreement::Dice)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn different_grids_are_refused_by_name() {
        let error = slice_agreement(
            &Array3::zeros((2, 3, 4)),
            &Array3::zeros((2, 4, 3)),
            Agreement::Dice,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "label maps differ in shape [z, y, x]: [2, 3, 4] against [2, 4, 3]"
        );
    }
}
