//! Tests that every evaluated point has the budget's steps, and that the chain of rounds goes on from
//! before the evaluation's.

use super::*;
use std::cell::RefCell;

/// A fake that notes what it trained on and predicted with.
struct Noting {
    fake: Fake,
    trained: Vec<Piece>,
    /// The weight behind each prediction.
    predicted: RefCell<Vec<u64>>,
}

/// One call of `train`.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    steps: Range<usize>,
    seed: u64,
    /// Number of annotated slices in all cases.
    annotated: usize,
    before: u64,
    after: u64,
}

impl Noting {
    fn new(seed: u64) -> Self {
        Self {
            fake: Fake::new(seed),
            trained: Vec::new(),
            predicted: RefCell::new(Vec::new()),
        }
    }

    /// Executes the run, and returns the fake with its notes.
    fn of(plan: &TaskPlan, folder: &ResultsFolder, strategy: &str) -> Self {
        let mut noting = Self::new(1);
        run_plan(plan, folder, strategy, &mut noting).unwrap();
        noting
    }

    /// The pieces of each round, which begins at its step 0.
    fn rounds(&self) -> Vec<&[Piece]> {
        self.trained
            .chunk_by(|_, next| next.steps.start > 0)
            .collect()
    }
}

impl Segmenter for Noting {
    fn has_attention(&self) -> bool {
        true
    }

    fn train(
        &mut self,
        cases: &[TrainingCase],
        steps: Range<usize>,
        of: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), SegmenterError> {
        let before = self.fake.weight;
        self.fake.train(cases, steps.clone(), of, seed, progress)?;
        let annotated = cases.iter().flat_map(|case| case.annotated);
        self.trained.push(Piece {
            steps,
            seed,
            annotated: annotated.filter(|&&yes| yes).count(),
            before,
            after: self.fake.weight,
        });
        Ok(())
    }

    fn predict(&self, image: &Array3<f32>) -> Result<Prediction, SegmenterError> {
        self.predicted.borrow_mut().push(self.fake.weight);
        self.fake.predict(image)
    }

    fn save(&self, path: &Path) -> Result<(), SegmenterError> {
        self.fake.save(path)
    }

    fn load(&mut self, path: &Path) -> Result<(), SegmenterError> {
        self.fake.load(path)
    }
}

#[test]
fn every_evaluated_point_has_the_budget_behind_it() {
    let own = |count: u32| {
        let ratios = (2..2 + count).map(|eighth| Ratio(f64::from(eighth) / 8.0));
        Some(ratios.collect())
    };
    let strategies = [("random", own(1)), ("uncertainty", own(4))];
    let uneven = TaskPlan {
        steps: StepPlan {
            budget: Some(47),
            first: None,
            round: None,
            full: None,
            ..task_plan().steps
        },
        strategies: Strategies(
            strategies
                .into_iter()
                .map(|(name, own)| (StrategyName(name.to_owned()), own.into()))
                .collect(),
        ),
        ..task_plan()
    };
    for (plan, budget) in [(task_plan(), 46), (uneven, 47)] {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::new(scratch.path());
        for strategy in ["first", "full", "random", "uncertainty"] {
            let noting = Noting::of(&plan, &folder, strategy);
            let records = records(&folder, strategy);
            assert_eq!(noting.rounds().len(), records.len());
            for record in &records {
                assert!(record.evaluated);
                assert_eq!(record.steps, budget, "{strategy} at {}", record.ratio);
            }
            if strategy == "full" {
                assert_eq!(records.len(), 1, "one point stands beside all");
            }
        }
    }
}

#[test]
fn the_chain_goes_on_from_before_the_steps_of_an_evaluation() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let first = Noting::of(&task_plan(), &folder, "first");
    let random = Noting::of(&task_plan(), &folder, "random");
    let ends_at = |round: &[Piece], step: usize| {
        let piece = round.iter().find(|piece| piece.steps.end == step);
        piece.unwrap_or_else(|| panic!("{round:?}")).after
    };
    let [first] = first.rounds()[..] else {
        panic!("{:?}", first.trained);
    };
    let rounds = random.rounds();
    let mut before = ends_at(first, 10);
    let mut evaluated = vec![ends_at(first, 46)];
    for (round, (total, annotated)) in rounds.iter().zip([(36, 24), (24, 36), (12, 48)]) {
        assert_eq!(round[0].before, before, "it goes on from the chain");
        let steps: Vec<usize> = round.iter().flat_map(|piece| piece.steps.clone()).collect();
        assert_eq!(steps, (0..total).collect::<Vec<_>>(), "without a gap");
        // The further steps are on the point's own slices, and on the same stream of crops.
        for piece in *round {
            assert_eq!((piece.annotated, piece.seed), (annotated, round[0].seed));
        }
        before = ends_at(round, 12);
        evaluated.push(ends_at(round, total));
    }
    assert_eq!(rounds.len(), 3);
    // What is scored, and what the strategy is queried with, are the evaluated weights: three cases of
    // Part A for the first query, then all five after each round.
    let expected: Vec<u64> = [3, 5, 5, 5]
        .into_iter()
        .zip(evaluated)
        .flat_map(|(cases, weight)| vec![weight; cases])
        .collect();
    assert_eq!(*random.predicted.borrow(), expected);
}

#[test]
fn a_run_that_goes_on_queries_with_the_evaluated_weights_again() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    let mut dying = Fake {
        dies_after: Some(40),
        ..Fake::new(1)
    };
    run(&folder, "uncertainty", &mut dying).unwrap_err();
    let text = fs::read_to_string(folder.evaluated_checkpoint(&run_of("uncertainty"), 1)).unwrap();
    let (weight, steps) = text.split_once(' ').unwrap();
    assert_eq!(steps, "46");
    let next = fs::read_to_string(folder.checkpoint(&run_of("uncertainty"), 1)).unwrap();
    assert!(next.ends_with(" 22"), "{next}");
    // Without it the strategy is asked again.
    fs::remove_file(folder.chosen(&run_of("uncertainty"), 2)).unwrap();
    let rest = Noting::of(&task_plan(), &folder, "uncertainty");
    let weight: u64 = weight.parse().unwrap();
    assert_eq!(rest.predicted.borrow()[..3], [weight; 3]);
}

#[test]
fn rounds_between_the_reported_ones_have_part_a_alone() {
    let plan = TaskPlan {
        query_every: Some(Ratio(0.0625)),
        report_at: vec![Ratio(0.25), Ratio(0.5)],
        steps: StepPlan {
            round: None,
            full: None,
            ..task_plan().steps
        },
        ..task_plan()
    };
    assert_eq!(plan.problem(Task::TISSUE_SEGMENTATION), None);
    let whole = tempfile::tempdir().unwrap();
    let whole = ResultsFolder::new(whole.path());
    run_plan(&plan, &whole, "first", &mut Fake::new(1)).unwrap();
    run_plan(&plan, &whole, "uncertainty", &mut Fake::new(1)).unwrap();
    let rounds = records(&whole, "uncertainty");
    assert_eq!(rounds.len(), 6);
    for (record, number) in rounds.iter().zip(1..) {
        let evaluated = [2, 6].contains(&number);
        assert_eq!((record.round, record.evaluated), (number, evaluated));
        assert_eq!(
            record.annotated_slices as usize,
            3 * (4 + 2 * number),
            "all are queried"
        );
        assert_eq!(record.queries.len(), 3);
        let steps = if evaluated { 46 } else { 10 + 6 * number };
        assert_eq!(record.steps as usize, steps);
        let parts: Vec<Part> = record.cases.iter().map(|case| case.part).collect();
        let expected = [Part::A, Part::A, Part::A, Part::B, Part::B];
        assert_eq!(parts, expected[..if evaluated { 5 } else { 3 }]);
        assert!(record.mean_p.is_some() && record.converged.is_some());
    }
    // Killed wherever it is, it goes on to the same bytes.
    let expected = fs::read(whole.records(&run_of("uncertainty"))).unwrap();
    for dies_after in (0..60).step_by(7) {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::new(scratch.path());
        run_plan(&plan, &folder, "first", &mut Fake::new(1)).unwrap();
        let mut dying = Fake {
            dies_after: Some(dies_after),
            ..Fake::new(1)
        };
        run_plan(&plan, &folder, "uncertainty", &mut dying).unwrap_err();
        run_plan(&plan, &folder, "uncertainty", &mut Fake::new(1)).unwrap();
        let bytes = fs::read(folder.records(&run_of("uncertainty"))).unwrap();
        assert!(bytes == expected, "killed after {dies_after}");
    }
}

#[test]
fn without_a_budget_full_annotation_is_one_training_evaluated_along_the_way() {
    let plan = TaskPlan {
        steps: StepPlan {
            budget: None,
            ..task_plan().steps
        },
        ..task_plan()
    };
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let full = Noting::of(&plan, &folder, "full");
    let of = |strategy: &str| -> Vec<(usize, f64, u64)> {
        let records = records(&folder, strategy);
        let rounds = records.iter();
        rounds
            .map(|record| (record.round, record.ratio, record.steps))
            .collect()
    };
    assert_eq!(
        of("full"),
        [(0, 1.0, 10), (1, 1.0, 22), (2, 1.0, 34), (3, 1.0, 46)]
    );
    let pieces = full.trained.iter().zip(&full.trained[1..]);
    for (piece, next) in pieces {
        assert_eq!(next.before, piece.after, "it is one training");
    }
    // Each of its points stands beside one of each strategy with as many steps.
    Noting::of(&plan, &folder, "first");
    Noting::of(&plan, &folder, "random");
    assert_eq!(of("first"), [(0, 0.125, 10)]);
    assert_eq!(of("random"), [(1, 0.25, 22), (2, 0.375, 34), (3, 0.5, 46)]);
    assert!(!folder.evaluated_checkpoint(&run_of("first"), 0).exists());
}
