//! Ranks, correlations and the line through them: does one score predict another?
//!
//! The paper's Fig. 4 plots the *rank* of each slice by P against its rank by R and fits a line.
//! With ranks on both axes the coefficient that the paper quotes is Spearman's correlation.

use crate::MetricsError;
use statrs::distribution::{ContinuousCDF, Normal};

/// The least-squares line `y = slope · x + intercept` and the correlation along it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Change of `y` for a step of 1 in `x`.
    pub slope: f64,
    /// `y` at `x = 0`.
    pub intercept: f64,
    /// Pearson correlation of `x` with `y`, in `[-1, 1]`.
    pub r: f64,
}

/// Returns ranks from 1 (lowest value). Equal values share the mean of their ranks.
///
/// # Errors
/// [`MetricsError::NotFinite`] for a NaN or an infinity.
pub fn average_ranks(values: &[f64]) -> Result<Vec<f64>, MetricsError> {
    finite(values)?;
    let mut order: Vec<usize> = (0..values.len()).collect();
    // The sort need not be stable: equal values share a rank in any order.
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        // The ranks are first + 1 ..= first + n, and this is their mean.
        let rank = first as f64 + (tied.len() + 1) as f64 / 2.0;
        for &index in tied {
            ranks[index] = rank;
        }
        first += tied.len();
    }
    Ok(ranks)
}

/// Returns the Pearson correlation of two paired samples, in `[-1, 1]`.
///
/// # Errors
/// The lengths differ, there are fewer than two pairs, a value is not finite, or a sample is
/// constant.
pub fn pearson(x: &[f64], y: &[f64]) -> Result<f64, MetricsError> {
    let moments = Moments::of(x, y)?;
    constant_unless(moments.yy > 0.0, y)?;
    Ok(moments.r())
}

/// Returns the Spearman correlation: [`pearson`] of the [`average_ranks`].
///
/// # Errors
/// Those of [`pearson`].
pub fn spearman(x: &[f64], y: &[f64]) -> Result<f64, MetricsError> {
    pearson(&average_ranks(x)?, &average_ranks(y)?)
}

/// Returns the 95 % interval of a [`spearman`] correlation `r` of `n` independent pairs, by
/// Fisher's transformation with the variance (1 + r²/2) / (n − 3) of Bonett and Wright (2000,
/// Psychometrika 65:23–28). At r = ±1 it has no width.
///
/// Neighbouring slices of one scan resemble each other, so for them the true interval is wider.
///
/// # Errors
/// There are fewer than four pairs, or `r` is outside `[-1, 1]`.
pub fn spearman_interval(r: f64, n: usize) -> Result<(f64, f64), MetricsError> {
    if n < 4 {
        return Err(MetricsError::TooFew { needed: 4, got: n });
    }
    if !(-1.0..=1.0).contains(&r) {
        return Err(MetricsError::Correlation(r));
    }
    let quantile = Normal::standard().inverse_cdf(0.975);
    let half = quantile * ((1.0 + r * r / 2.0) / (n - 3) as f64).sqrt();
    // z is infinite at r = ±1, and its tanh is ±1 again.
    let z = r.atanh();
    Ok(((z - half).tanh(), (z + half).tanh()))
}

/// Fits `y` on `x` by ordinary least squares. A constant `y` gives a level line with `r = 0`.
///
/// # Errors
/// Those of [`pearson`], except that `y` may be constant.
pub fn linear_fit(x: &[f64], y: &[f64]) -> Result<Line, MetricsError> {
    let moments = Moments::of(x, y)?;
    let slope = moments.xy / moments.xx;
    Ok(Line {
        slope,
        intercept: moments.mean_y - slope * moments.mean_x,
        r: if moments.yy > 0.0 { moments.r() } else { 0.0 },
    })
}

/// Fits the line through the ranks of `x` and `y` (the paper's Fig. 4). Its `r` is [`spearman`].
///
/// # Errors
/// Those of [`linear_fit`].
pub fn rank_regression(x: &[f64], y: &[f64]) -> Result<Line, MetricsError> {
    linear_fit(&average_ranks(x)?, &average_ranks(y)?)
}

/// Means, and sums of products of deviations from them, of a paired sample. `xx` is positive.
struct Moments {
    mean_x: f64,
    mean_y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Moments {
    fn of(x: &[f64], y: &[f64]) -> Result<Self, MetricsError> {
        if x.len() != y.len() {
            return Err(MetricsError::Lengths {
                left: x.len(),
                right: y.len(),
            });
        }
        if x.len() < 2 {
            return Err(MetricsError::TooFew {
                needed: 2,
                got: x.len(),
            });
        }
        finite(x)?;
        finite(y)?;
        let n = x.len() as f64;
        let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        // Values are centred first. The textbook shortcut (sum of squares minus square of the sum)
        // cancels.
        let centred = x.iter().zip(y).map(|(x, y)| (x - mean_x, y - mean_y));
        let (xx, yy, xy) = centred.fold((0.0, 0.0, 0.0), |(xx, yy, xy), (x, y)| {
            (xx + x * x, yy + y * y, xy + x * y)
        });
        // The mean of equal values can be rounded, which leaves a tiny variance. So the values are
        // compared.
        let spread = |values: &[f64], sum: f64| if all_equal(values) { 0.0 } else { sum };
        let (xx, yy) = (spread(x, xx), spread(y, yy));
        constant_unless(xx > 0.0, x)?;
        Ok(Self {
            mean_x,
            mean_y,
            xx,
            yy,
            xy,
        })
    }

    fn r(&self) -> f64 {
        (self.xy / (self.xx.sqrt() * self.yy.sqrt())).clamp(-1.0, 1.0)
    }
}

fn all_equal(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

fn constant_unless(varies: bool, values: &[f64]) -> Result<(), MetricsError> {
    if varies {
        return Ok(());
    }
    Err(MetricsError::Constant {
        count: values.len(),
    })
}

/// Fails for NaN and infinities, which have no rank or mean.
pub(crate) fn finite(values: &[f64]) -> Result<(), MetricsError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(MetricsError::NotFinite {
            index,
            value: values[index],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank() {
        let ranks = average_ranks(&[3.0, 1.0, 3.0, 0.0, -0.0]).unwrap();
        assert_eq!(ranks, [4.5, 3.0, 4.5, 1.5, 1.5]);
        assert!(average_ranks(&[]).unwrap().is_empty());
    }

    #[test]
    fn a_line_is_recovered() {
        let x = [0.0, 1.0, 2.0, 5.0];
        let y = x.map(|x| 3.0 - 0.5 * x);
        let line = linear_fit(&x, &y).unwrap();
        assert!((line.slope + 0.5).abs() < 1e-12 && (line.intercept - 3.0).abs() < 1e-12);
        assert!((line.r + 1.0).abs() < 1e-12);
    }

    #[test]
    fn spearman_sees_order_only() {
        let x = [0.1, 0.2, 0.7, 0.9];
        let y = x.map(f64::exp);
        assert!((spearman(&x, &y).unwrap() - 1.0).abs() < 1e-12);
        assert!((rank_regression(&x, &y).unwrap().slope - 1.0).abs() < 1e-12);
    }

    #[test]
    fn intervals_of_correlations_narrow_with_n_and_end_at_one() {
        let width = |n| {
            let (low, high) = spearman_interval(0.6, n).unwrap();
            assert!(-1.0 < low && low < 0.6 && 0.6 < high && high < 1.0);
            high - low
        };
        assert!(width(10) > width(20) && width(20) > width(400));
        assert_eq!(spearman_interval(1.0, 10), Ok((1.0, 1.0)));
        assert_eq!(spearman_interval(-1.0, 10), Ok((-1.0, -1.0)));
        assert_eq!(
            spearman_interval(0.5, 3),
            Err(MetricsError::TooFew { needed: 4, got: 3 })
        );
        for r in [1.1, f64::NAN] {
            assert!(spearman_interval(r, 10).is_err());
        }
    }

    #[test]
    fn undefined_correlations_say_why() {
        let varied = [1.0, 2.0, 4.0];
        // Three times 0.1: in floating point their mean is not 0.1.
        let constant = [0.1; 3];
        let errors = [
            (
                pearson(&varied, &constant),
                MetricsError::Constant { count: 3 },
            ),
            (
                pearson(&constant, &varied),
                MetricsError::Constant { count: 3 },
            ),
            (
                pearson(&varied, &[1.0]),
                MetricsError::Lengths { left: 3, right: 1 },
            ),
            (
                pearson(&[1.0], &[1.0]),
                MetricsError::TooFew { needed: 2, got: 1 },
            ),
        ];
        for (got, expected) in errors {
            assert_eq!(got, Err(expected));
        }
        assert!(matches!(
            spearman(&varied, &[1.0, f64::NAN, 2.0]),
            Err(MetricsError::NotFinite { index: 1, .. })
        ));
        assert_eq!(linear_fit(&varied, &constant).unwrap().r, 0.0);
    }
}
