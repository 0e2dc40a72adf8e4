//! Holm's step-down correction for many tests at once (Holm 1979, "A simple sequentially rejective
//! multiple test procedure", Scandinavian Journal of Statistics 6).

use crate::MetricsError;

/// Returns adjusted p-values, in the order of `p`. All those that are at most α may be called
/// significant together: the probability that any of them is wrong is at most α, however the tests
/// depend on each other.
///
/// The k-th smallest of m p-values is multiplied by m − k + 1. It is then raised to the one before
/// it if that is larger, and limited to 1.
///
/// # Errors
/// A value is outside `[0, 1]`, or NaN.
pub fn holm(p: &[f64]) -> Result<Vec<f64>, MetricsError> {
    if let Some(index) = p.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Err(MetricsError::Probability {
            index,
            value: p[index],
        });
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 0.0_f64;
    for (place, &index) in order.iter().enumerate() {
        least = least.max((p.len() - place) as f64 * p[index]).min(1.0);
        adjusted[index] = least;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_by_hand() {
        // Sorted, ¹⁄₆₄, ¹⁄₃₂, ¹⁄₃₂, ½ are multiplied by 4, 3, 2, 1. The third may not be below the
        // second.
        let adjusted = holm(&[0.5, 0.03125, 0.015625, 0.03125]).unwrap();
        assert_eq!(adjusted, [0.5, 0.09375, 0.0625, 0.09375]);
        assert_eq!(holm(&[0.75, 0.75]).unwrap(), [1.0, 1.0]);
        assert_eq!(holm(&[0.25]).unwrap(), [0.25]);
        assert!(holm(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        for value in [-0.1, 1.1, f64::NAN] {
            let error = holm(&[0.5, value]).unwrap_err();
            assert!(matches!(error, MetricsError::Probability { index: 1, .. }));
        }
    }
}
