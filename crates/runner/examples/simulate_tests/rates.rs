//! How often each test rejects.

use crate::null::{Design, Scores, Shape, draw};
use crate::records::Setting;
use crate::{BOOTSTRAPPED, TABLES};
use rand::Rng;
use rayon::prelude::*;
use slicewise_experiment::seed::generator;
use slicewise_metrics::{crossed_bootstrap, crossed_t, paired_t, wilcoxon};

/// The tests, the first of which the reports use.
pub(crate) const TESTS: [&str; 6] = [
    "crossed t",
    "t over means of seeds",
    "t over means of cases",
    "t over all pairs",
    "Wilcoxon over all pairs",
    "crossed bootstrap",
];
/// Resamples of a bootstrap.
const RESAMPLES: usize = 500;

/// Share rejected at 0.05, by test.
pub(crate) type Rates = [f64; TESTS.len()];

/// Draws the tables of a design and setting, and counts rejections.
pub(crate) fn rates(design: Design, setting: &Setting, shape: Shape) -> Rates {
    let words = [setting.name.as_str(), &design.name(), shape.name()];
    let counts = (0..TABLES as u64).into_par_iter().map(|table| {
        let mut rng = generator(table, &words);
        let scores = draw(design, setting, shape, &mut rng);
        let bootstrapped = table < BOOTSTRAPPED as u64;
        rejections(&scores, bootstrapped.then_some(&mut rng)).map(f64::from)
    });
    // Whole numbers, whose sum has no order.
    let mut rates = counts.reduce(
        || [0.0; TESTS.len()],
        |a, b| std::array::from_fn(|i| a[i] + b[i]),
    );
    for (test, rate) in rates.iter_mut().enumerate() {
        *rate /= if test + 1 == TESTS.len() {
            BOOTSTRAPPED
        } else {
            TABLES
        } as f64;
    }
    rates
}

fn rejections(scores: &Scores, rng: Option<&mut impl Rng>) -> [bool; TESTS.len()] {
    let size =
        |of: fn(&(usize, usize, f64)) -> usize| scores.iter().map(of).max().map_or(0, |n| n + 1);
    let (runs, cases) = (size(|score| score.0), size(|score| score.1));
    let mut table = vec![vec![None; cases]; runs];
    for &(run, case, value) in scores {
        table[run][case] = Some(value);
    }
    let pairs: Vec<f64> = scores.iter().map(|score| score.2).collect();
    let of_runs: Vec<f64> = table.iter().map(|row| mean(row.iter().copied())).collect();
    let of_cases: Vec<f64> = (0..cases)
        .map(|case| mean(table.iter().map(|row| row[case])))
        .collect();
    let below = |p: Option<f64>| p.is_some_and(|p| p < 0.05);
    let t = |values: &[f64]| below(paired_t(values).ok().map(|test| test.p));
    let misses = |rng| {
        let interval = crossed_bootstrap(&table, 0.95, RESAMPLES, rng).ok()?;
        Some(interval.low? > 0.0 || interval.high? < 0.0)
    };
    [
        below(crossed_t(scores).ok().and_then(|test| test.p)),
        t(&of_runs),
        t(&of_cases),
        t(&pairs),
        below(wilcoxon(&pairs).ok().map(|test| test.p)),
        rng.and_then(misses).unwrap_or(false),
    ]
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> f64 {
    let values: Vec<f64> = values.flatten().collect();
    values.iter().sum::<f64>() / values.len() as f64
}
