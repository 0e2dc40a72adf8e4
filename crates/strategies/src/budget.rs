//! Converts an annotation ratio to a number of slices.
//!
//! The paper gives ratios of each volume's slices (5 %, 12.5 %, …) and no rounding rule.

/// Returns the number of annotated slices in a volume of `depth` slices at `ratio`, which is
/// in `(0, 1]`. It is rounded half up, at least 1 and at most `depth` (so 0 for an empty volume).
///
/// A product that falls short of a half only by floating-point error counts as the half: 14.5 % of
/// 100 slices is 15, although 0.145 × 100 < 14.5 in binary.
pub fn target_slices(depth: usize, ratio: f64) -> usize {
    let rounded = (depth as f64 * ratio + 0.5 + 1e-9).floor();
    (rounded as usize).max(1).min(depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_up_even_where_binary_falls_short() {
        for (depth, ratio, expected) in [
            (100, 0.145, 15),
            (50, 0.15, 8),
            (64, 0.0625, 4),
            (60, 0.0625, 4),
            (60, 0.125, 8),
            (60, 0.05, 3),
            (10, 0.34, 3),
        ] {
            assert_eq!(target_slices(depth, ratio), expected, "{ratio} of {depth}");
        }
    }

    #[test]
    fn at_least_one_slice_and_at_most_all() {
        assert_eq!(target_slices(5, 0.01), 1);
        assert_eq!(target_slices(5, 1.0), 5);
        assert_eq!(target_slices(0, 0.5), 0);
    }

    #[test]
    fn it_never_falls_as_the_ratio_grows() {
        for depth in 0..200 {
            let targets: Vec<usize> = (1..=40)
                .map(|step| target_slices(depth, f64::from(step) / 40.0))
                .collect();
            assert!(targets.is_sorted(), "{depth}: {targets:?}");
            assert_eq!(targets[39], depth);
        }
    }
}
