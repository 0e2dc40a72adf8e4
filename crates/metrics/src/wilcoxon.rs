//! Wilcoxon's signed-rank test: does one of two paired samples tend to be higher? (Wilcoxon 1945,
//! doi:10.2307/3001968.)
//!
//! The choice between exact and approximate null distribution follows scipy's `wilcoxon` with its
//! defaults (`method="auto"`, `zero_method="wilcox"`, no continuity correction).

use crate::{
    MetricsError,
    rank::{average_ranks, finite},
};
use statrs::function::erf::erfc;

/// The most pairs for which the exact distribution is used if no difference is zero or tied.
const EXACT: usize = 50;
/// The most pairs for which it is used otherwise, by all sign patterns of the ranks with their
/// ties.
const EXACT_WITH_TIES: usize = 13;

/// Result of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignedRank {
    /// The smaller of two rank sums: that of the positive and that of the negative differences.
    pub statistic: f64,
    /// Two-sided p-value, in `(0, 1]`.
    pub p: f64,
    /// Number of differences that are not zero.
    pub n: usize,
    /// Whether `p` comes from the exact distribution and not from the normal approximation.
    pub exact: bool,
}

/// Tests, two-sided, whether the paired `differences` are symmetric about 0. They are assumed to be
/// independent.
///
/// Zeros are dropped before ranking (Wilcoxon's own method); if all are zero, `p` is 1. Equal
/// values share their mean rank. Differences are compared exactly, so round them first if noise in
/// the last digit should count as a tie. `p` is exact for up to 50 differences without zeros and
/// ties, and for up to 13 with them. Otherwise it comes from the normal approximation with a
/// variance corrected for ties.
///
/// # Errors
/// There is no difference, or one is not finite.
pub fn wilcoxon(differences: &[f64]) -> Result<SignedRank, MetricsError> {
    if differences.is_empty() {
        return Err(MetricsError::TooFew { needed: 1, got: 0 });
    }
    finite(differences)?;
    let signed: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let sizes: Vec<f64> = signed.iter().map(|d| d.abs()).collect();
    let ranks = average_ranks(&sizes)?;
    let positive = signed.iter().zip(&ranks).filter(|(d, _)| **d > 0.0);
    let positive: f64 = positive.map(|(_, rank)| rank).sum();
    let n = signed.len();
    let total = (n * (n + 1)) as f64 / 2.0;

    let groups = tie_sizes(&ranks);
    let tied = n < differences.len() || groups.iter().any(|&size| size > 1);
    let limit = if tied { EXACT_WITH_TIES } else { EXACT };
    let exact = n == 0 || differences.len() <= limit;
    let statistic = positive.min(total - positive);
    let p = if exact {
        exact_p(&ranks, statistic)
    } else {
        normal_p(n, &groups, statistic)
    };
    Ok(SignedRank {
        statistic,
        p,
        n,
        exact,
    })
}

/// Returns twice the share of the 2ⁿ sign patterns whose positive ranks sum to `statistic` or less.
fn exact_p(ranks: &[f64], statistic: f64) -> f64 {
    // Mean ranks are multiples of ½; doubled, they index a table of counts. With at most 50
    // ranks every count is below 2⁵³, so f64 holds it exactly.
    let doubled: Vec<usize> = ranks.iter().map(|rank| (2.0 * rank) as usize).collect();
    let mut patterns = vec![0.0; doubled.iter().sum::<usize>() + 1];
    patterns[0] = 1.0;
    for rank in doubled {
        for sum in (rank..patterns.len()).rev() {
            patterns[sum] += patterns[sum - rank];
        }
    }
    let as_low: f64 = patterns[..=(2.0 * statistic) as usize].iter().sum();
    (2.0 * as_low / 2_f64.powi(ranks.len() as i32)).min(1.0)
}

/// Returns p by the normal approximation. `groups` are the numbers of equal differences.
fn normal_p(n: usize, groups: &[usize], statistic: f64) -> f64 {
    let n = n as f64;
    let ties: f64 = groups
        .iter()
        .map(|&size| (size as f64).powi(3) - size as f64)
        .sum();
    let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0;
    let z = (statistic - n * (n + 1.0) / 4.0) / variance.sqrt();
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Counts how many values share each rank.
fn tie_sizes(ranks: &[f64]) -> Vec<usize> {
    let mut sorted = ranks.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(<[f64]>::len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_cases_worked_by_hand() {
        // If all five are positive, there is one pattern of 32 on each side.
        let all = wilcoxon(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(
            (all.statistic, all.p, all.n, all.exact),
            (0.0, 2.0 / 32.0, 5, true)
        );
        // Only rank 2 is negative: the sums 0, 1 and 2 have one pattern each.
        let one = wilcoxon(&[1.0, -2.0, 3.0]).unwrap();
        assert_eq!((one.statistic, one.p), (2.0, 6.0 / 8.0));
        // The ranks are 1½, 1½, 3: the lower tail up to 1½ has the patterns {}, {1½}, {1½}.
        let tied = wilcoxon(&[1.0, -1.0, 3.0, 0.0]).unwrap();
        assert_eq!((tied.statistic, tied.p, tied.n), (1.5, 6.0 / 8.0, 3));
    }

    #[test]
    fn the_sign_of_all_differences_does_not_matter() {
        let differences = [0.3, -0.1, 0.7, 0.2, -0.5, 0.9];
        let turned = differences.map(|d| -d);
        assert_eq!(wilcoxon(&differences), wilcoxon(&turned));
    }

    #[test]
    fn equal_samples_do_not_differ() {
        for n in [1, 13, 60] {
            let same = wilcoxon(&vec![0.0; n]).unwrap();
            assert_eq!((same.p, same.n), (1.0, 0));
        }
    }

    #[test]
    fn nothing_and_nan_are_refused() {
        assert_eq!(
            wilcoxon(&[]),
            Err(MetricsError::TooFew { needed: 1, got: 0 })
        );
        assert!(matches!(
            wilcoxon(&[1.0, f64::NAN]),
            Err(MetricsError::NotFinite { index: 1, .. })
        ));
    }
}
