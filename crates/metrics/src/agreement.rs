//! Agreement of two segmentations, slice by slice: P and R of Zhang et al. 2019 (arXiv 1906.07367,
//! section 2.2).
//!
//! P compares the two segmentations of one network, SR1 (final feature maps) and SR2 (attention
//! map). R compares SR1 with the ground truth. A query strategy may see P; R is what it tries to
//! predict.
//!
//! **Empty slices.** Where both segmentations are empty, the paper's quotient is 0/0, and the paper
//! does not say what it takes. Here such a slice scores 1: both segmentations agree that there is
//! nothing. Consequences:
//! - A query that takes the lowest P asks for slices that are empty in both last. (With 0 it would
//!   spend its first rounds on air above and below the head.)
//! - Where one segmentation has a single voxel and the other none, P is 0, so the slices at the
//!   border of the head come first.
//! - Empty slices form one block of ties at the top of both rankings, which raises the rank
//!   correlation of P with R. Report it over foreground slices too.

use crate::{MetricsError, Overlap};
use ndarray::Array3;
pub use slicewise_core::Agreement;

/// Returns the agreement of two label maps `[D, H, W]` in each slice, `[D]`, in `[0, 1]`. It
/// is 1 where both are empty (see the [module](self)). Any nonzero class is foreground. On binary
/// maps the two measures are equal.
///
/// # Errors
/// [`MetricsError::Shapes`] if the maps differ in shape.
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
        // One slice with 3 and 2 foreground voxels. Two overlap; one of these has the same class.
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
