//! Foreground efficiency (FG-Eff), as in nnActive: what a drawn voxel is worth.
//!
//! A strategy that picks slices with much foreground leads when slices are counted, but makes an
//! annotator draw more. FG-Eff is the rate at which Dice approaches that of full annotation per
//! share of the foreground drawn. Higher is better.

use crate::{MetricsError, rank::finite};

/// Number of rates tried before the search narrows: about 60 per decade over the usual range.
const TRIALS: usize = 512;
/// At exp(−40) a curve has reached its ceiling to the last digit, so no higher rate can be
/// distinguished.
const FLAT: f64 = 40.0;

/// Where the curves of all strategies begin, and what they approach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurveEnds {
    /// x₀: the smallest annotated share over all strategies.
    pub x0: f64,
    /// Mean Dice at x₀; c − a in the formula.
    pub start: f64,
    /// Dice of full annotation; c in the formula.
    pub ceiling: f64,
}

/// Returns the rate b ≥ 0 of y = c − a·exp(−b (x − x₀)) with a = c − start, fitted to the points
/// (`x`, `y`) by least squares. `x` is the annotated share of all foreground voxels, `y` the mean
/// Dice.
///
/// The error can have several minima in b. The search therefore tries 512 rates first, from curves
/// that hardly rise to curves that reach the ceiling by the first point. It then narrows around the
/// best by golden-section search. A rate of 0 means that no rise fits.
///
/// # Errors
/// The lengths differ, a value is not finite, an `x` is below x₀ or none is above it, the ceiling
/// is not above the start, or the points are so high that the error only falls as b grows.
pub fn fg_eff(x: &[f64], y: &[f64], ends: CurveEnds) -> Result<f64, MetricsError> {
    if x.len() != y.len() {
        return Err(MetricsError::Lengths {
            left: x.len(),
            right: y.len(),
        });
    }
    finite(x)?;
    finite(y)?;
    finite(&[ends.x0, ends.start, ends.ceiling])?;
    if let Some(index) = x.iter().position(|x| *x < ends.x0) {
        return Err(MetricsError::BelowStart {
            index,
            value: x[index],
            start: ends.x0,
        });
    }
    let a = ends.ceiling - ends.start;
    if a <= 0.0 {
        return Err(MetricsError::NoRise {
            start: ends.start,
            ceiling: ends.ceiling,
        });
    }
    // Points at x₀ have the same error at every rate.
    let points: Vec<(f64, f64)> = x
        .iter()
        .zip(y)
        .map(|(x, y)| (x - ends.x0, y - ends.ceiling))
        .filter(|(step, _)| *step > 0.0)
        .collect();
    let steps = points.iter().map(|(step, _)| *step);
    let (Some(nearest), Some(farthest)) = (
        steps.clone().min_by(f64::total_cmp),
        steps.max_by(f64::total_cmp),
    ) else {
        return Err(MetricsError::TooFew { needed: 1, got: 0 });
    };

    let error = |b: f64| -> f64 {
        let squares = points
            .iter()
            .map(|(step, below)| (below + a * (-b * step).exp()).powi(2));
        squares.sum()
    };
    let (slowest, fastest) = (1e-3 / farthest, FLAT / nearest);
    let ratio = (fastest / slowest).powf(1.0 / (TRIALS - 1) as f64);
    let trials: Vec<f64> = std::iter::once(0.0)
        .chain((0..TRIALS).map(|trial| slowest * ratio.powi(trial as i32)))
        .collect();
    let best = (0..trials.len())
        .min_by(|&i, &j| error(trials[i]).total_cmp(&error(trials[j])))
        .unwrap_or(0);
    let low = trials[best.saturating_sub(1)];
    let high = trials[(best + 1).min(trials.len() - 1)];
    let b = golden_section(error, low, high);
    let at_ceiling = error(f64::INFINITY);
    if error(b) >= at_ceiling * (1.0 - 1e-9) {
        return Err(MetricsError::NoFiniteRate {
            ceiling: ends.ceiling,
        });
    }
    Ok(if error(0.0) <= error(b) { 0.0 } else { b })
}

/// Returns the place of the minimum of `f` between `low` and `high`, to about 8 digits. `f` must
/// have one minimum there.
fn golden_section(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let golden = (5_f64.sqrt() - 1.0) / 2.0;
    // Each step leaves 0.62 of the bracket; 60 steps leave 3e-13 of it.
    for _ in 0..60 {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if f(left) < f(right) {
            high = right;
        } else {
            low = left;
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: CurveEnds = CurveEnds {
        x0: 0.06,
        start: 0.4,
        ceiling: 0.85,
    };
    const X: [f64; 4] = [0.06, 0.13, 0.26, 0.5];

    #[test]
    fn an_exact_curve_gives_its_rate_back() {
        for b in [0.01, 1.0, 7.5, 60.0, 300.0] {
            let y = X.map(|x| 0.85 - 0.45 * (-b * (x - 0.06)).exp());
            let got = fg_eff(&X, &y, ENDS).unwrap();
            assert!((got - b).abs() < 1e-6 * b.max(1.0), "{got} against {b}");
        }
    }

    #[test]
    fn a_curve_that_never_rises_has_rate_0() {
        assert_eq!(fg_eff(&X, &[0.4; 4], ENDS), Ok(0.0));
        assert_eq!(fg_eff(&X, &[0.4, 0.3, 0.2, 0.1], ENDS), Ok(0.0));
    }

    #[test]
    fn a_curve_at_the_ceiling_has_no_finite_rate() {
        let none = Err(MetricsError::NoFiniteRate { ceiling: 0.85 });
        assert_eq!(fg_eff(&X, &[0.4, 0.85, 0.85, 0.85], ENDS), none);
        assert_eq!(fg_eff(&X, &[0.4, 0.86, 0.87, 0.88], ENDS), none);
        // With only one point above the ceiling a rate can still be fitted.
        assert!(fg_eff(&X, &[0.4, 0.7, 0.8, 0.86], ENDS).unwrap() > 5.0);
    }

    #[test]
    fn what_cannot_be_fitted_says_why() {
        let fit = |x: &[f64], y: &[f64], ends| fg_eff(x, y, ends).unwrap_err();
        assert_eq!(
            fit(&[0.1], &[], ENDS),
            MetricsError::Lengths { left: 1, right: 0 }
        );
        assert_eq!(
            fit(&[0.06], &[0.4], ENDS),
            MetricsError::TooFew { needed: 1, got: 0 }
        );
        assert!(matches!(
            fit(&[0.1, 0.05], &[0.5, 0.4], ENDS),
            MetricsError::BelowStart { index: 1, .. }
        ));
        let flat = CurveEnds {
            start: 0.85,
            ..ENDS
        };
        assert!(matches!(
            fit(&X, &[0.5; 4], flat),
            MetricsError::NoRise { .. }
        ));
        let unknown = CurveEnds {
            ceiling: f64::NAN,
            ..ENDS
        };
        assert!(matches!(
            fit(&X, &[0.5; 4], unknown),
            MetricsError::NotFinite { .. }
        ));
    }
}
