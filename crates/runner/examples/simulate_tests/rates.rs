//! How often each test rejects.

use crate::null::{Design, Scores, Shape, draw};
use crate::records::Setting;
use crate::{BOOTSTRAPPED, TABLES, TAIL};
use rand::Rng;
use rayon::prelude::*;
use slicewise_experiment::seed::generator;
use slicewise_metrics::{crossed_bootstrap, crossed_t, paired_t, wilcoxon};

/// The tests, the first of which the reports use.
pub(crate) const TESTS: [&str; 7] = [
    "crossed t",
    "largest of it, over seeds, over cases",
    "t over means of seeds",
    "t over means of cases",
    "t over all pairs",
    "Wilcoxon over all pairs",
    "crossed bootstrap",
];
/// Resamples of a bootstrap.
const RESAMPLES: usize = 500;

/// Numbers of comparisons that are corrected together.
pub(crate) const FAMILIES: [usize; 3] = [1, 10, 100];
/// What is corrected: p of the crossed test, and the largest p.
pub(crate) const CORRECTED: [&str; 2] = ["crossed t", "largest"];

/// Chances that one of a family is rejected, by what is corrected and by the family's size.
pub(crate) type Families = [[f64; FAMILIES.len()]; CORRECTED.len()];

/// Draws tables of a design and setting, as if a family were independent of each other: how
/// often does Holm's correction leave one of a family of true nulls below 0.05?
pub(crate) fn families(design: Design, setting: &Setting) -> Families {
    let words = [setting.name.as_str(), &design.name(), "families"];
    let counts = (0..TAIL as u64).into_par_iter().map(|table| {
        let mut rng = generator(table, &words);
        let test = crossed_t(&draw(design, setting, Shape::Normal, &mut rng)).ok();
        let below = |p: Option<f64>, n| u32::from(p.is_some_and(|p| p < 0.05 / n as f64));
        let p = test.map_or([None; 2], |test| [test.p, test.strict]);
        p.map(|p| FAMILIES.map(|n| below(p, n)))
    });
    let sum =
        |a: [u32; FAMILIES.len()], b: [u32; FAMILIES.len()]| std::array::from_fn(|i| a[i] + b[i]);
    let counts = counts.reduce(Default::default, |a, b| [sum(a[0], b[0]), sum(a[1], b[1])]);
    let any = |count: u32, n: usize| 1.0 - (1.0 - f64::from(count) / TAIL as f64).powi(n as i32);
    counts.map(|counts| std::array::from_fn(|i| any(counts[i], FAMILIES[i])))
}

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
    let crossed = crossed_t(scores).ok();
    [
        below(crossed.and_then(|test| test.p)),
        below(crossed.and_then(|test| test.strict)),
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
