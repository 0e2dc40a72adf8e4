//! Student's paired t-test: do two methods differ over a handful of seeds? (Student 1908, "The
//! probable error of a mean", Biometrika 6; scipy's `ttest_rel`.)

use crate::{MetricsError, rank::finite};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Result of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedT {
    /// Mean difference divided by its standard error. It is infinite if all differences are the
    /// same number other than 0.
    pub statistic: f64,
    /// Two-sided p-value, in `[0, 1]`.
    pub p: f64,
    /// Number of differences.
    pub n: usize,
}

/// Tests, two-sided, whether the paired `differences` have mean 0. They are assumed to be
/// independent and roughly normal: one for each seed, not one for each slice.
///
/// Equal differences leave no variance to judge their mean by. If all are 0 the samples are the
/// same and `p` is 1. If all are another number `p` is 0, its limit for a vanishing variance.
///
/// # Errors
/// There are fewer than two differences, or one is not finite.
pub fn paired_t(differences: &[f64]) -> Result<PairedT, MetricsError> {
    let n = differences.len();
    if n < 2 {
        return Err(MetricsError::TooFew { needed: 2, got: n });
    }
    finite(differences)?;
    let first = differences[0];
    if differences.iter().all(|difference| *difference == first) {
        let (statistic, p) = if first == 0.0 {
            (0.0, 1.0)
        } else {
            (f64::INFINITY.copysign(first), 0.0)
        };
        return Ok(PairedT { statistic, p, n });
    }
    let mean = differences.iter().sum::<f64>() / n as f64;
    let squares: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
    let freedom = (n - 1) as f64;
    let statistic = mean / (squares / freedom / n as f64).sqrt();
    let student =
        StudentsT::new(0.0, 1.0, freedom).expect("a unit scale and at least one degree of freedom");
    Ok(PairedT {
        statistic,
        p: (2.0 * student.cdf(-statistic.abs())).min(1.0),
        n,
    })
}

/// How many of its standard errors a mean difference over `runs` must be from 0 to stand out at 0.05, two-sided,
/// among so many `comparisons` corrected together, if it is the smallest p of them (Bonferroni 1936, the
/// first step of Holm's correction). `None` below two runs, or without a comparison.
pub fn critical_t(runs: usize, comparisons: usize) -> Option<f64> {
    if runs < 2 || comparisons == 0 {
        return None;
    }
    let student = StudentsT::new(0.0, 1.0, (runs - 1) as f64).ok()?;
    Some(-student.inverse_cdf(0.025 / comparisons as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_out_worked_by_hand() {
        // With two degrees of freedom p = 1 − t / √(2 + t²), so t = (1 − p) √(2 / (p (2 − p))).
        for comparisons in [1, 10, 93] {
            let p = 0.05 / f64::from(comparisons);
            let t = (1.0 - p) * (2.0 / (p * (2.0 - p))).sqrt();
            let got = critical_t(3, comparisons as usize).unwrap();
            assert!((got / t - 1.0).abs() < 1e-6, "{comparisons}: {got}, {t}");
        }
        assert_eq!([critical_t(1, 1), critical_t(3, 0)], [None, None]);
    }

    #[test]
    fn one_degree_of_freedom_worked_by_hand() {
        // Mean 2, deviation √2 and standard error 1 give t = 2. Student's t with one degree of
        // freedom is Cauchy's, so p = 1 − 2 atan(2) / π.
        let test = paired_t(&[1.0, 3.0]).unwrap();
        let p = 1.0 - 2.0 * 2_f64.atan() / std::f64::consts::PI;
        assert!(
            (test.statistic - 2.0).abs() < 1e-12 && (test.p - p).abs() < 1e-12,
            "{test:?}"
        );
        let turned = paired_t(&[-3.0, -1.0]).unwrap();
        assert_eq!((turned.statistic, turned.p), (-test.statistic, test.p));
    }

    #[test]
    fn equal_differences_are_certain_unless_they_are_zero() {
        let test = |value: f64| paired_t(&[value; 3]).unwrap();
        assert_eq!((test(0.0).statistic, test(0.0).p), (0.0, 1.0));
        assert_eq!((test(0.25).statistic, test(0.25).p), (f64::INFINITY, 0.0));
        assert_eq!(test(-0.25).statistic, f64::NEG_INFINITY);
    }

    #[test]
    fn a_single_seed_and_nan_are_refused() {
        let error = paired_t(&[0.1]).unwrap_err();
        assert_eq!(error, MetricsError::TooFew { needed: 2, got: 1 });
        assert!(matches!(
            paired_t(&[0.1, f64::NAN]),
            Err(MetricsError::NotFinite { index: 1, .. })
        ));
    }
}
