//! A confidence interval for a mean over two crossed factors: cases, each scored in several seeds.
//!
//! Scores of the same case or the same seed rise and fall together, so resampling single scores
//! gives an interval that is too narrow. Here whole rows and whole columns are resampled, and a
//! score counts where a drawn row crosses a drawn column (Owen 2007, "The pigeonhole bootstrap",
//! doi:10.1214/07-AOAS122).
//!
//! With a handful of rows and columns it is too narrow still: reports use
//! [`crossed_t`](crate::crossed_t()), and this one stands beside it in `./just simulate-tests`.

use crate::interval::{Interval, quantile};
use crate::{MetricsError, rank::finite};
use rand::Rng;

/// Returns the mean over rows of their means over columns, with its percentile bootstrap interval.
/// Each of `resamples` draws as many rows and as many columns as there are, with replacement, and
/// takes the mean where they cross.
///
/// `table[row][column]` is `None` where that pair was not scored. `n` of the result counts the
/// scored pairs.
///
/// # Errors
/// There are neither two rows nor two columns, a value is not finite, `resamples` is 0, or the
/// confidence is outside (0, 1).
pub fn crossed_bootstrap(
    table: &[Vec<Option<f64>>],
    confidence: f64,
    resamples: usize,
    rng: &mut impl Rng,
) -> Result<Interval, MetricsError> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(MetricsError::Confidence(confidence));
    }
    let rows = table.len();
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let values: Vec<f64> = table.iter().flatten().filter_map(|value| *value).collect();
    for (needed, got) in [(2, rows.max(columns)), (1, values.len()), (1, resamples)] {
        if got < needed {
            return Err(MetricsError::TooFew { needed, got });
        }
    }
    finite(&values)?;
    let (all_rows, all_columns) = (Vec::from_iter(0..rows), Vec::from_iter(0..columns));
    let mut draw =
        |count: usize| -> Vec<usize> { (0..count).map(|_| rng.random_range(0..count)).collect() };
    // In a table with gaps a resample may contain no value at all. It is then left out.
    let mut means: Vec<f64> = (0..resamples)
        .filter_map(|_| {
            let (rows, columns) = (draw(rows), draw(columns));
            crossed_mean(table, &rows, &columns)
        })
        .collect();
    let centre = crossed_mean(table, &all_rows, &all_columns);
    let Some(mean) = centre.filter(|_| !means.is_empty()) else {
        return Err(MetricsError::TooFew { needed: 1, got: 0 });
    };
    means.sort_by(f64::total_cmp);
    Ok(Interval {
        mean,
        low: Some(quantile(&means, (1.0 - confidence) / 2.0)),
        high: Some(quantile(&means, (1.0 + confidence) / 2.0)),
        n: values.len(),
    })
}

/// Returns the mean over `rows` of the mean over `columns`. Rows without a value are left out.
fn crossed_mean(table: &[Vec<Option<f64>>], rows: &[usize], columns: &[usize]) -> Option<f64> {
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
        (n > 0).then(|| sum / n as f64)
    };
    mean(&mut rows.iter().filter_map(|&row| {
        let row_values = columns
            .iter()
            .filter_map(|&column| *table[row].get(column)?);
        mean(&mut row_values.into_iter())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn interval(table: &[Vec<Option<f64>>]) -> Interval {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        crossed_bootstrap(table, 0.95, 4000, &mut rng).unwrap()
    }

    #[test]
    fn a_row_that_differs_from_the_other_is_drawn_whole() {
        // One row holds only 0, the other only 1. A resample's mean is 0, ½ or 1 with probability
        // ¼, ½ and ¼, so both ends of the 95 % interval are the extremes. Resampling the 100 values
        // one by one would give about ½ ± 0.1.
        let rows = interval(&[vec![Some(0.0); 50], vec![Some(1.0); 50]]);
        assert_eq!(
            (rows.mean, rows.low, rows.high, rows.n),
            (0.5, Some(0.0), Some(1.0), 100)
        );
        // The same table transposed: columns too are drawn whole.
        let turned = interval(&vec![vec![Some(0.0), Some(1.0)]; 50]);
        assert_eq!((turned.low, turned.high), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn gaps_are_left_out_and_rows_count_alike() {
        let table = [vec![Some(0.0), None], vec![Some(0.5), Some(1.0)]];
        assert_eq!(interval(&table).mean, 0.375);
        assert_eq!(interval(&table).n, 3);
    }

    #[test]
    fn it_repeats_with_its_seed_and_refuses_what_it_cannot_do() {
        let table = [vec![Some(0.1), Some(0.4)], vec![Some(0.2), Some(0.9)]];
        assert_eq!(interval(&table), interval(&table));
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for (table, confidence, resamples) in [
            (vec![vec![Some(1.0)]], 0.95, 10),
            (vec![vec![None, None]], 0.95, 10),
            (vec![vec![Some(1.0), Some(f64::NAN)]], 0.95, 10),
            (vec![vec![Some(1.0), Some(2.0)]], 0.95, 0),
            (vec![vec![Some(1.0), Some(2.0)]], 1.0, 10),
        ] {
            assert!(crossed_bootstrap(&table, confidence, resamples, &mut rng).is_err());
        }
    }
}
