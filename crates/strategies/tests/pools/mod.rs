//! Laws of choices among several volumes at once.

use crate::samples::{remaining, samples};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use slicewise_strategies::{Choice, Pool, QueryStrategy, Quota, STRATEGIES, Sample};
use std::collections::BTreeSet;

/// Chooses in a pool of all samples, with limits for each.
fn ask_all(strategy: &dyn QueryStrategy, samples: &[Sample], quota: &Quota) -> Vec<Choice> {
    let described: Vec<_> = samples
        .iter()
        .map(|sample| {
            let mut rng = ChaCha8Rng::seed_from_u64(sample.place as u64);
            let view = sample.view(strategy.is_oracle());
            strategy.describe(&view, &mut rng).unwrap()
        })
        .collect();
    let pool = Pool::new(described.iter().collect(), quota);
    strategy
        .choose(&pool, &mut ChaCha8Rng::seed_from_u64(7))
        .unwrap()
}

#[test]
fn a_pool_gives_exactly_its_quota_within_the_limits_of_each_case() {
    let samples = samples();
    let open: Vec<usize> = samples.iter().map(remaining).collect();
    let all: usize = open.iter().sum();
    // The least and the most of each case; there are 8, of which two have nothing left.
    let limits = [
        (0, Vec::new(), Vec::new()),
        (20, Vec::new(), Vec::new()),
        (
            20,
            vec![0, 6, 3, 0, 0, 0, 1, 2],
            vec![8, 9, 5, 0, 1, 9, 1, 6],
        ),
        (12, vec![0, 6, 3, 0, 0, 0, 1, 2], Vec::new()),
        (all + 9, Vec::new(), vec![64, 5, 0, 64, 64, 64, 64, 64]),
    ];
    for strategy in STRATEGIES {
        for (total, least, most) in &limits {
            let quota = Quota {
                total: *total,
                least: least.clone(),
                most: most.clone(),
            };
            let context = format!("{}, {quota:?}", strategy.name());
            let choices = ask_all(*strategy, &samples, &quota);
            let most: Vec<usize> = (0..open.len())
                .map(|case| {
                    most.get(case)
                        .map_or(open[case], |&most| most.min(open[case]))
                })
                .collect();
            assert_eq!(choices.len(), (*total).min(most.iter().sum()), "{context}");
            let mut of_case = vec![BTreeSet::new(); samples.len()];
            for choice in &choices {
                assert!(!samples[choice.case].annotated[choice.slice], "{context}");
                assert!(
                    of_case[choice.case].insert(choice.slice),
                    "twice: {context}"
                );
            }
            for (case, slices) in of_case.iter().enumerate() {
                let least = least.get(case).map_or(0, |&least| least.min(most[case]));
                assert!(
                    (least..=most[case]).contains(&slices.len()),
                    "case {case}: {context}"
                );
            }
            assert!(choices.is_sorted_by(|a, b| a.score >= b.score), "{context}");
            assert_eq!(choices, ask_all(*strategy, &samples, &quota), "{context}");
        }
    }
}
