//! The area under the budget curve (AUBC) summarises a learning curve in one number, as in nnActive
//! and other benchmarks of active learning.

use crate::{MetricsError, rank::finite};

/// Returns the area under the curve through (`x`, `y`) by the trapezoidal rule, divided by the
/// length of `x`'s range. It is a mean of `y` along the curve: a constant curve gives its constant.
///
/// With rounds 0, 1, 2, … as `x` this is the usual definition. With annotation ratios as `x`,
/// unevenly spaced rounds are weighted by what was annotated. Trapezoids cut the corners of a bent
/// curve, so compare only curves with the same `x`.
///
/// # Errors
/// The lengths differ, there are fewer than two points, a value is not finite, or `x` does not rise
/// strictly.
pub fn aubc(x: &[f64], y: &[f64]) -> Result<f64, MetricsError> {
    if x.len() != y.len() {
        return Err(MetricsError::Lengths {
            left: x.len(),
            right: y.len(),
        });
    }
    let ([first, .., last], true) = (x, x.len() >= 2) else {
        return Err(MetricsError::TooFew {
            needed: 2,
            got: x.len(),
        });
    };
    finite(x)?;
    finite(y)?;
    if let Some(before) = x.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(MetricsError::NotAscending {
            index: before + 1,
            before: x[before],
            value: x[before + 1],
        });
    }
    let trapezoids = x.windows(2).zip(y.windows(2));
    let area: f64 = trapezoids
        .map(|(x, y)| (x[1] - x[0]) * (y[0] + y[1]) / 2.0)
        .sum();
    Ok(area / (last - first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_curve_returns_itself() {
        let area = aubc(&[0.0625, 0.125, 0.5], &[0.8; 3]).unwrap();
        assert!((area - 0.8).abs() < 1e-15);
    }

    #[test]
    fn worked_by_hand() {
        // For rounds, (½(0 + 1) + ½(1 + 1)) / 2; for uneven points, (1 · ½ + 3 · 1) / 4.
        assert_eq!(aubc(&[0.0, 1.0, 2.0], &[0.0, 1.0, 1.0]), Ok(0.75));
        assert_eq!(aubc(&[0.0, 1.0, 4.0], &[0.0, 1.0, 1.0]), Ok(0.875));
    }

    #[test]
    fn what_is_no_curve_is_refused() {
        let few = |got| Err(MetricsError::TooFew { needed: 2, got });
        assert_eq!(aubc(&[], &[]), few(0));
        assert_eq!(aubc(&[1.0], &[1.0]), few(1));
        assert_eq!(
            aubc(&[0.0, 1.0], &[1.0]),
            Err(MetricsError::Lengths { left: 2, right: 1 })
        );
        assert_eq!(
            aubc(&[0.0, 1.0, 1.0], &[1.0; 3]),
            Err(MetricsError::NotAscending {
                index: 2,
                before: 1.0,
                value: 1.0
            })
        );
        assert!(aubc(&[0.0, 1.0], &[1.0, f64::NAN]).is_err());
    }
}
