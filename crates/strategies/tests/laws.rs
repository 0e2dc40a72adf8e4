//! Laws that every registered strategy must obey. New entries of the registry are tested without a
//! change here.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use ndarray::{Array3, Array4, Axis, s};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::Agreement;
use slicewise_strategies::{
    CaseView, Choice, Prediction, QueryStrategy, STRATEGIES, StrategyError, find, highest,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const CLASSES: usize = 4;

/// One case: a prediction with attention, and what is annotated.
#[derive(Clone)]
struct Pool {
    name: String,
    prediction: Prediction,
    annotated: Vec<bool>,
    truth: Array3<u8>,
}

impl Pool {
    /// Makes a random prediction of `depth` slices of 5 × 6 voxels with every `step`-th slice
    /// annotated.
    fn random(seed: u64, depth: usize, step: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let shape = (CLASSES, depth, 5, 6);
        let mut probabilities = Array4::from_shape_simple_fn(shape, || rng.random::<f32>());
        for mut voxel in probabilities.lanes_mut(Axis(0)) {
            let sum = voxel.sum();
            voxel /= sum;
        }
        let mut labels =
            || Array3::from_shape_simple_fn((depth, 5, 6), || rng.random_range(0..CLASSES as u8));
        Self {
            name: format!("case-{seed}"),
            prediction: Prediction {
                probabilities,
                sr1: labels(),
                sr2: Some(labels()),
                attention: None,
            },
            truth: labels(),
            annotated: (0..depth).map(|slice| slice % step == 0).collect(),
        }
    }

    /// Makes a case in which all slices are alike and none is annotated: certain background.
    fn constant(depth: usize) -> Self {
        let mut probabilities = Array4::zeros((CLASSES, depth, 5, 6));
        probabilities.slice_mut(s![0, .., .., ..]).fill(1.0);
        Self {
            name: format!("constant-{depth}"),
            prediction: Prediction {
                probabilities,
                sr1: Array3::zeros((depth, 5, 6)),
                sr2: Some(Array3::zeros((depth, 5, 6))),
                attention: None,
            },
            annotated: vec![false; depth],
            truth: Array3::zeros((depth, 5, 6)),
        }
    }

    fn remaining(&self) -> usize {
        self.annotated.iter().filter(|&&done| !done).count()
    }

    fn view(&self) -> CaseView<'_> {
        CaseView {
            case: &self.name,
            spacing_mm: [2.0, 0.5, 0.5],
            agreement: Agreement::Accuracy,
            prediction: &self.prediction,
            annotated: &self.annotated,
            truth: Some(&self.truth),
        }
    }

    fn ask(
        &self,
        strategy: &dyn QueryStrategy,
        budget: usize,
        seed: u64,
    ) -> Result<Vec<Choice>, StrategyError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        strategy.select(&self.view(), budget, &mut rng)
    }
}

/// Returns cases that a strategy meets in practice and at the edges: sparse, odd, nearly
/// unannotated, empty, one slice (annotated or not), constant scores, nothing left.
fn pools() -> Vec<Pool> {
    vec![
        Pool::random(1, 64, 16),
        Pool::random(2, 37, 5),
        Pool::random(3, 9, usize::MAX),
        Pool::random(4, 0, 1),
        Pool::random(5, 1, 1),
        Pool::random(6, 12, 1),
        Pool::constant(1),
        Pool::constant(20),
    ]
}

#[test]
fn exactly_the_budget_unannotated_and_without_duplicates() {
    for strategy in STRATEGIES {
        for pool in pools() {
            let depth = pool.annotated.len();
            for budget in [0, 1, 2, 7, depth, depth + 5] {
                let context = format!("{}, {}, budget {budget}", strategy.name(), pool.name);
                let choices = pool.ask(*strategy, budget, 11).unwrap();
                assert_eq!(choices.len(), budget.min(pool.remaining()), "{context}");
                let slices: BTreeSet<usize> = choices.iter().map(|choice| choice.slice).collect();
                assert_eq!(slices.len(), choices.len(), "duplicates: {context}");
                assert!(
                    slices.iter().all(|&slice| !pool.annotated[slice]),
                    "{context}"
                );
                assert!(
                    choices.iter().all(|choice| choice.score.is_finite()),
                    "{context}"
                );
            }
        }
    }
}

#[test]
fn choices_come_in_the_order_of_their_scores() {
    for strategy in STRATEGIES {
        for pool in pools() {
            let choices = pool.ask(*strategy, usize::MAX, 5).unwrap();
            let falls = choices.is_sorted_by(|a, b| a.score >= b.score);
            assert!(falls, "{}, {}: {choices:?}", strategy.name(), pool.name);
        }
    }
}

#[test]
fn scores_are_one_a_slice() {
    for strategy in STRATEGIES {
        for pool in pools() {
            let mut rng = ChaCha8Rng::seed_from_u64(0);
            let scores = strategy.scores(&pool.view(), &mut rng).unwrap();
            let context = format!("{}, {}", strategy.name(), pool.name);
            assert_eq!(scores.len(), pool.annotated.len(), "{context}");
        }
    }
}

/// Whether a strategy, asked twice about each pool with the same seed, answers alike.
fn answers_alike_to_one_seed(strategy: &dyn QueryStrategy) -> bool {
    pools().iter().all(|pool| {
        let ask = || pool.ask(strategy, 6, 3).unwrap();
        ask() == ask()
    })
}

/// Whether a strategy answers alike about each pool whichever was asked about before.
fn answers_alike_in_any_order(strategy: &dyn QueryStrategy) -> bool {
    let pools = pools();
    let ask = |pool: &Pool| pool.ask(strategy, 5, 3).unwrap();
    let forwards: Vec<_> = pools.iter().map(ask).collect();
    let mut backwards: Vec<_> = pools.iter().rev().map(ask).collect();
    backwards.reverse();
    forwards == backwards
}

#[test]
fn the_same_seed_gives_the_same_choice() {
    for strategy in STRATEGIES {
        assert!(answers_alike_to_one_seed(*strategy), "{}", strategy.name());
    }
}

#[test]
fn the_order_of_cases_does_not_matter() {
    for strategy in STRATEGIES {
        assert!(answers_alike_in_any_order(*strategy), "{}", strategy.name());
    }
}

/// A strategy that breaks these two laws: it prefers other slices with every call, or with every case
/// that differs from the one before.
#[derive(Default)]
struct Remembering {
    every_call: bool,
    turns: AtomicUsize,
    last: Mutex<String>,
}

impl QueryStrategy for Remembering {
    fn name(&self) -> &'static str {
        "remembering"
    }

    fn summary(&self) -> &'static str {
        "breaks the laws on purpose"
    }

    fn scores(&self, view: &CaseView, _: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let mut last = self.last.lock().unwrap();
        if self.every_call || *last != view.case {
            view.case.clone_into(&mut *last);
            self.turns.fetch_add(1, Ordering::Relaxed);
        }
        let turns = self.turns.load(Ordering::Relaxed);
        let slices = 0..view.annotated.len();
        Ok(slices.map(|slice| ((slice + turns) % 5) as f64).collect())
    }
}

#[test]
fn a_strategy_with_a_memory_is_found_out() {
    let of_calls = Remembering {
        every_call: true,
        ..Remembering::default()
    };
    assert!(!answers_alike_to_one_seed(&of_calls));
    let of_cases = Remembering::default();
    assert!(answers_alike_to_one_seed(&of_cases));
    assert!(!answers_alike_in_any_order(&of_cases));
}

/// Puts one NaN in an unannotated slice. A strategy that does not read probabilities must choose as
/// before; any other must refuse and name the slice.
#[test]
fn nan_probabilities_are_refused_or_unread() {
    for strategy in STRATEGIES {
        let clean = Pool::random(1, 16, 4);
        let mut broken = clean.clone();
        broken.prediction.probabilities[[2, 5, 1, 1]] = f32::NAN;
        match broken.ask(*strategy, 16, 5) {
            Ok(choices) => {
                let before = clean.ask(*strategy, 16, 5).unwrap();
                assert_eq!(choices, before, "{}", strategy.name());
            }
            Err(error) => assert_eq!(
                error,
                StrategyError::NotFinite {
                    strategy: strategy.name(),
                    case: "case-1".to_owned(),
                    slice: 5,
                }
            ),
        }
    }
}

#[test]
fn uncertainty_reads_probabilities() {
    let mut broken = Pool::random(1, 16, 4);
    broken.prediction.probabilities[[2, 5, 1, 1]] = f32::NAN;
    let refused = broken.ask(find("uncertainty").unwrap(), 1, 5);
    assert!(matches!(
        refused,
        Err(StrategyError::NotFinite { slice: 5, .. })
    ));
}

#[test]
fn truth_is_read_by_oracles_alone_and_their_names_say_so() {
    let pool = Pool::random(1, 64, 16);
    let other = Array3::from_elem(pool.truth.dim(), 1);
    for strategy in STRATEGIES {
        let [own, wrong, none] = [Some(&pool.truth), Some(&other), None].map(|truth| {
            let mut view = pool.view();
            view.truth = truth;
            strategy.select(&view, 8, &mut ChaCha8Rng::seed_from_u64(3))
        });
        let named = strategy.name().starts_with("oracle-");
        let reads = [own != wrong, none.is_err(), named];
        assert_eq!(reads, [strategy.is_oracle(); 3], "{}", strategy.name());
    }
}

#[test]
fn attention_is_needed_exactly_where_it_is_declared() {
    for strategy in STRATEGIES {
        let mut pool = Pool::random(1, 16, 4);
        pool.prediction.sr2 = None;
        let answer = pool.ask(*strategy, 2, 0);
        let refused = matches!(answer, Err(StrategyError::NeedsAttention { .. }));
        assert_eq!(refused, strategy.needs_attention(), "{}", strategy.name());
    }
}

#[test]
fn a_prediction_of_another_depth_is_refused_or_unread() {
    for strategy in STRATEGIES {
        let clean = Pool::random(1, 16, 4);
        let mut cut = clean.clone();
        cut.prediction = Pool::random(2, 15, 4).prediction;
        if let Ok(choices) = cut.ask(*strategy, 3, 5) {
            let before = clean.ask(*strategy, 3, 5).unwrap();
            assert_eq!(choices, before, "{}", strategy.name());
        }
    }
}

#[test]
fn the_name_is_kebab_case_unique_the_files_and_the_registrys() {
    let mut names = BTreeSet::new();
    for strategy in STRATEGIES {
        let name = strategy.name();
        let kebab = name.split('-').all(|word| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            !word.is_empty() && word.chars().all(plain)
        });
        assert!(kebab, "{name} is not kebab-case");
        assert!(names.insert(name), "{name} is taken twice");
        // Records use these names for the shared first round and for full annotation.
        assert!(!["first", "full"].contains(&name), "{name} is reserved");
        let file = format!("src/{}.rs", name.replace('-', "_"));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
        assert!(path.is_file(), "{name} has no {file}");
        assert_eq!(find(name).unwrap().name(), name);
        let summary = strategy.summary();
        assert!(
            !summary.is_empty() && !summary.contains('\n'),
            "{name}: {summary:?}"
        );
    }
}

#[test]
fn no_strategys_file_is_left_out_of_the_registry() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        if text
            .lines()
            .any(|line| line.starts_with("impl QueryStrategy for "))
        {
            let name = path
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .replace('_', "-");
            assert!(
                find(&name).is_ok(),
                "{} is not in the registry",
                path.display()
            );
        }
    }
}

#[test]
fn highest_refuses_what_it_cannot_order_and_breaks_ties_by_index() {
    let mut pool = Pool::random(1, 6, 4);
    pool.name = "baby".to_owned();
    let view = pool.view();
    let message = |scores: &[f64]| highest("mine", &view, scores, 2).unwrap_err().to_string();
    assert_eq!(
        message(&[0.0; 5]),
        "strategy mine: expected 6 scores for case baby, got 5"
    );
    for bad in [f64::NAN, f64::INFINITY] {
        assert_eq!(
            message(&[0.0, 0.0, 0.0, bad, 0.0, 0.0]),
            "strategy mine: the score of case baby, slice 3 is NaN or infinite"
        );
    }
    // Slices 0 and 4 are annotated, so their scores do not matter.
    let tied = [f64::NAN, -0.0, 0.0, 0.0, 9.0, 1.0];
    let choices = highest("mine", &view, &tied, 3).unwrap();
    let slices: Vec<usize> = choices.iter().map(|choice| choice.slice).collect();
    assert_eq!(slices, [5, 1, 2]);
}

#[test]
fn random_reaches_every_slice_about_equally_often() {
    let pool = Pool::random(1, 12, 4);
    let random = find("random").unwrap();
    let mut hits = [0_u32; 12];
    for seed in 0..9000 {
        for choice in pool.ask(random, 1, seed).unwrap() {
            hits[choice.slice] += 1;
        }
    }
    // Each of 9 unannotated slices has 1000 expected hits with a standard deviation of 30.
    for (slice, count) in hits.iter().enumerate() {
        let expected = [850..1150, 0..1][usize::from(pool.annotated[slice])].clone();
        assert!(expected.contains(count), "slice {slice}: {hits:?}");
    }
}
