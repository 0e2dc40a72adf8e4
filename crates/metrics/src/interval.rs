//! The confidence interval of a mean by Student's t.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Runs below which a mean has no interval: two say next to nothing of a third.
pub const LEAST_RUNS: usize = 3;

/// A mean and its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Arithmetic mean; NaN if there are no values.
    pub mean: f64,
    /// Lower end; `None` for too few values.
    pub low: Option<f64>,
    /// Upper end; `None` for too few values.
    pub high: Option<f64>,
    /// Number of values.
    pub n: usize,
}

/// Returns the mean of `values` and its two-sided 95 % Student-t interval, mean ± t(0.975, n − 1) ·
/// s / √n with the sample standard deviation s. There are no ends below [`LEAST_RUNS`] values.
///
/// It assumes independent, roughly normal values, such as means of seeds rather than slices of a
/// scan. NaN and infinities carry over into the result, as in any mean.
pub fn mean_interval(values: &[f64]) -> Interval {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n as f64;
    let half = (n >= LEAST_RUNS).then(|| {
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let freedom = (n - 1) as f64;
        student_t_975(freedom) * (squares / freedom / n as f64).sqrt()
    });
    Interval {
        mean,
        low: half.map(|half| mean - half),
        high: half.map(|half| mean + half),
        n,
    }
}

/// Returns the 97.5 % quantile of Student's t with `freedom` ≥ 1 degrees of freedom.
fn student_t_975(freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom)
        .expect("a unit scale and at least one degree of freedom")
        .inverse_cdf(0.975)
}

/// Returns the quantile `q`, in `[0, 1]`, of `sorted`, which must not be empty.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_values_have_no_interval() {
        let two = mean_interval(&[0.5, 1.0]);
        assert_eq!((two.mean, two.low, two.high, two.n), (0.75, None, None, 2));
        assert!(mean_interval(&[0.5, 1.0, 0.75]).low.is_some());
        assert!(mean_interval(&[]).mean.is_nan());
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        let interval = mean_interval(&[0.5; 4]);
        assert_eq!((interval.low, interval.high), (Some(0.5), Some(0.5)));
    }

    #[test]
    fn quantiles_interpolate() {
        let sorted = [1.0, 2.0, 4.0];
        let quantiles = [0.0, 0.25, 0.75, 1.0].map(|q| quantile(&sorted, q));
        assert_eq!(quantiles, [1.0, 1.5, 3.0, 4.0]);
    }
}
