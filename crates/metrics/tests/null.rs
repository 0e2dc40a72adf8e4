//! Does a test reject a true null as often as it says? Five seeds by four cases with components
//! like those of the records. `./just simulate-tests` does the same at length.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::{crossed_t, wilcoxon};

const TABLES: usize = 1500;

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (a, b): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

/// Differences of mean 0 in so many seeds and cases, with these deviations of seeds and cases; that
/// of residuals is 1.
fn table(
    [seeds, cases]: [usize; 2],
    deviations: [f64; 2],
    rng: &mut ChaCha8Rng,
) -> Vec<(usize, usize, f64)> {
    let of_seeds: Vec<f64> = (0..seeds).map(|_| deviations[0] * normal(rng)).collect();
    let of_cases: Vec<f64> = (0..cases).map(|_| deviations[1] * normal(rng)).collect();
    let mut scores = Vec::new();
    for (seed, of_seed) in of_seeds.iter().enumerate() {
        for (case, of_case) in of_cases.iter().enumerate() {
            scores.push((seed, case, of_seed + of_case + normal(rng)));
        }
    }
    scores
}

/// Shares of true nulls that are rejected at 0.05, by the crossed test and by Wilcoxon's over all
/// pairs as if they were independent.
fn rejected(size: [usize; 2], deviations: [f64; 2]) -> [f64; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(18);
    let mut counts = [0.0; 2];
    for _ in 0..TABLES {
        let scores = table(size, deviations, &mut rng);
        let values: Vec<f64> = scores.iter().map(|score| score.2).collect();
        let p = [
            crossed_t(&scores).unwrap().p.unwrap(),
            wilcoxon(&values).unwrap().p,
        ];
        for (count, p) in counts.iter_mut().zip(p) {
            *count += f64::from(p < 0.05);
        }
    }
    counts.map(|count| count / TABLES as f64)
}

#[test]
fn the_crossed_test_keeps_its_level_where_pairs_as_independent_do_not() {
    for (size, deviations) in [
        ([5, 4], [1.7, 0.3]),
        ([3, 4], [1.5, 0.5]),
        ([5, 4], [0.4, 1.1]),
    ] {
        let [crossed, naive] = rejected(size, deviations);
        assert!((0.025..0.08).contains(&crossed), "{size:?}: {crossed}");
        assert!(naive > 0.15, "{size:?}: {naive}");
    }
}

/// Three seeds that agree by chance make the crossed test too sure, far below 0.05.
#[test]
fn what_is_corrected_keeps_its_level_far_below_where_the_crossed_test_does_not() {
    let mut rng = ChaCha8Rng::seed_from_u64(18);
    let mut counts = [0; 2];
    for _ in 0..4 * TABLES {
        let test = crossed_t(&table([3, 50], [0.5, 0.2], &mut rng)).unwrap();
        let p = [test.p.unwrap(), test.strict.unwrap()];
        counts = [0, 1].map(|place| counts[place] + usize::from(p[place] < 0.001));
    }
    let [crossed, strict] = counts.map(|count| count as f64 / (4 * TABLES) as f64);
    assert!(crossed > 0.01, "{crossed}");
    assert!(strict < 0.003, "{strict}");
}

#[test]
fn neither_seeds_nor_cases_make_it_conservative_not_liberal() {
    let [crossed, naive] = rejected([5, 4], [0.0, 0.0]);
    assert!((0.01..0.05).contains(&crossed), "{crossed}");
    assert!((0.03..0.07).contains(&naive), "{naive}");
}
