//! Do two methods differ over a handful of seeds? Student's paired t-test (Student 1908, "The
//! probable error of a mean", Biometrika 6). scipy calls it `ttest_rel`.

use crate::{MetricsError, rank::finite};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// What the test found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedT {
    /// Mean difference over its standard error; infinite where all differences are one number
    /// other than 0.
    pub statistic: f64,
    /// Two-sided p-value, in `[0, 1]`.
    pub p: f64,
    /// Differences.
    pub n: usize,
}

/// Two-sided test that the paired `differences` have mean 0. They are taken as independent and
/// roughly normal: one a seed, not one a slice.
///
/// Equal differences leave no variance to judge their mean by. Where all are 0 the samples are
/// the same and `p` is 1; where all are another number it is 0, the limit of a vanishing variance.
///
/// # Errors
/// Fewer than two differences, or one that is not finite.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_degree_of_freedom_worked_by_hand() {
        // Mean 2, deviation √2, standard error 1: t = 2. Student's t with one degree of freedom
        // is Cauchy's, so p = 1 − 2 atan(2) / π.
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
        let of = |value: f64| paired_t(&[value; 3]).unwrap();
        assert_eq!((of(0.0).statistic, of(0.0).p), (0.0, 1.0));
        assert_eq!((of(0.25).statistic, of(0.25).p), (f64::INFINITY, 0.0));
        assert_eq!(of(-0.25).statistic, f64::NEG_INFINITY);
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
