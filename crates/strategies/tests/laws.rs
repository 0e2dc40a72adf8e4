//! Laws that every registered strategy must obey. New entries of the registry are tested without a
//! change here.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use slicewise_strategies::{
    CaseView, Prediction, QueryStrategy, STRATEGIES, Sample, StrategyError, find,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

mod pools;
mod samples;

use samples::{random, remaining, samples};

#[test]
fn exactly_the_budget_unannotated_and_without_duplicates() {
    for strategy in STRATEGIES {
        for sample in samples() {
            let depth = sample.annotated.len();
            for budget in [0, 1, 2, 7, depth, depth + 5] {
                let context = format!("{}, {}, budget {budget}", strategy.name(), sample.case);
                let choices = sample.ask(*strategy, budget, 11).unwrap();
                assert_eq!(choices.len(), budget.min(remaining(&sample)), "{context}");
                let slices: BTreeSet<usize> = choices.iter().map(|choice| choice.slice).collect();
                assert_eq!(slices.len(), choices.len(), "duplicates: {context}");
                assert!(
                    slices.iter().all(|&slice| !sample.annotated[slice]),
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
        for sample in samples() {
            let choices = sample.ask(*strategy, usize::MAX, 5).unwrap();
            let falls = choices.is_sorted_by(|a, b| a.score >= b.score);
            assert!(falls, "{}, {}: {choices:?}", strategy.name(), sample.case);
        }
    }
}

#[test]
fn scores_are_one_a_slice() {
    for strategy in STRATEGIES {
        for sample in samples() {
            let scores = sample.scores(*strategy).unwrap();
            let context = format!("{}, {}", strategy.name(), sample.case);
            assert_eq!(scores.len(), sample.annotated.len(), "{context}");
        }
    }
}

/// Whether a strategy, asked twice about each case with the same seed, answers alike.
fn answers_alike_to_one_seed(strategy: &dyn QueryStrategy) -> bool {
    samples().iter().all(|sample| {
        let ask = || sample.ask(strategy, 6, 3).unwrap();
        ask() == ask()
    })
}

/// Whether a strategy answers alike about each case whichever was asked about before.
fn answers_alike_in_any_order(strategy: &dyn QueryStrategy) -> bool {
    let samples = samples();
    let ask = |sample: &Sample| sample.ask(strategy, 5, 3).unwrap();
    let forwards: Vec<_> = samples.iter().map(ask).collect();
    let mut backwards: Vec<_> = samples.iter().rev().map(ask).collect();
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

    fn source(&self) -> &'static str {
        "this test"
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
        let clean = random(1, 16, 4);
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
                    strategy: strategy.name().to_owned(),
                    case: "case-1".to_owned(),
                    slice: 5,
                }
            ),
        }
    }
}

#[test]
fn uncertainty_reads_probabilities() {
    let mut broken = random(1, 16, 4);
    broken.prediction.probabilities[[2, 5, 1, 1]] = f32::NAN;
    let refused = broken.ask(find("uncertainty").unwrap(), 1, 5);
    assert!(matches!(
        refused,
        Err(StrategyError::NotFinite { slice: 5, .. })
    ));
}

#[test]
fn truth_is_read_by_oracles_alone_and_their_names_say_so() {
    let sample = random(1, 64, 16);
    // Drawn labels are everyone's.
    let mut other = sample.truth.clone();
    for (slice, mut classes) in other.outer_iter_mut().enumerate() {
        if !sample.annotated[slice] {
            classes.fill(1);
        }
    }
    for strategy in STRATEGIES {
        let [own, wrong, none] = [Some(&sample.truth), Some(&other), None].map(|truth| {
            let mut sample = sample.clone();
            if let Some(truth) = truth {
                sample.truth.assign(truth);
            }
            let view = sample.view(truth.is_some());
            strategy.select(&view, 8, &mut ChaCha8Rng::seed_from_u64(3))
        });
        let named = strategy.name().starts_with("oracle-");
        let reads = [own != wrong, none.is_err(), named];
        assert_eq!(reads, [strategy.is_oracle(); 3], "{}", strategy.name());
    }
}

#[test]
fn what_is_needed_is_declared_and_refused_where_it_is_missing() {
    for strategy in STRATEGIES {
        let lacks = |take: fn(&mut Prediction)| {
            let mut sample = random(1, 16, 4);
            take(&mut sample.prediction);
            match sample.ask(*strategy, 2, 0) {
                Err(StrategyError::Lacks { .. }) => true,
                Ok(_) => false,
                Err(other) => panic!("{}: {other}", strategy.name()),
            }
        };
        let refused = [
            lacks(|prediction| prediction.sr2 = None),
            lacks(|prediction| prediction.features = None),
            lacks(|prediction| prediction.members.truncate(1)),
        ];
        let declared = [
            strategy.needs_attention(),
            strategy.needs_features(),
            strategy.needs_committee(),
        ];
        assert_eq!(refused, declared, "{}", strategy.name());
    }
}

#[test]
fn a_prediction_of_another_depth_is_refused_or_unread() {
    for strategy in STRATEGIES {
        let clean = random(1, 16, 4);
        let mut cut = clean.clone();
        cut.prediction = random(2, 15, 4).prediction;
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
            // Programs of the user's own have names in the experiment alone.
            if name == "program" {
                continue;
            }
            assert!(
                find(&name).is_ok(),
                "{} is not in the registry",
                path.display()
            );
        }
    }
}

/// A strategy that answers with these scores.
struct Fixed(Vec<f64>);

impl QueryStrategy for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn summary(&self) -> &'static str {
        "the scores that it was given"
    }

    fn source(&self) -> &'static str {
        "this test"
    }

    fn scores(&self, _: &CaseView, _: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(self.0.clone())
    }
}

#[test]
fn what_cannot_be_ordered_is_refused_and_ties_go_by_index() {
    let mut sample = random(1, 6, 4);
    sample.case = "baby".to_owned();
    let message = |scores: &[f64]| {
        let refused = sample.ask(&Fixed(scores.to_vec()), 2, 0);
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        message(&[0.0; 5]),
        "strategy fixed: expected 6 scores for case baby, got 5"
    );
    for bad in [f64::NAN, f64::INFINITY] {
        assert_eq!(
            message(&[0.0, 0.0, 0.0, bad, 0.0, 0.0]),
            "strategy fixed: the score of case baby, slice 3 is NaN or infinite"
        );
    }
    // Slices 0 and 4 are annotated, so their scores do not matter.
    let tied = [f64::NAN, -0.0, 0.0, 0.0, 9.0, 1.0];
    assert_eq!(sample.slices(&Fixed(tied.to_vec()), 3).unwrap(), [5, 1, 2]);
}

#[test]
fn random_reaches_every_slice_about_equally_often() {
    let sample = random(1, 12, 4);
    let random = find("random").unwrap();
    let mut hits = [0_u32; 12];
    for seed in 0..9000 {
        for choice in sample.ask(random, 1, seed).unwrap() {
            hits[choice.slice] += 1;
        }
    }
    // Each of 9 unannotated slices has 1000 expected hits with a standard deviation of 30.
    for (slice, count) in hits.iter().enumerate() {
        let expected = [850..1150, 0..1][usize::from(sample.annotated[slice])].clone();
        assert!(expected.contains(count), "slice {slice}: {hits:?}");
    }
}
