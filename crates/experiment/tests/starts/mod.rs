//! Tests where the first round's slices lie in each volume.

use super::*;

/// Executes the first round and `random`. Returns the annotated slices of each Part A case after the
/// first round.
fn first_slices(start: Start, seed: u64) -> Vec<Vec<usize>> {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let plan = TaskPlan {
        start,
        ..task_plan()
    };
    let data = data();
    let of = |strategy: &str| {
        let id = Run {
            seed,
            ..run_of(strategy)
        };
        let run = prepared(&folder, &id, &plan, &data);
        run.run(&mut Fake::new(1), &mut Silent).unwrap();
        ledger::read(&folder.records(&id)).unwrap().records
    };
    let slices = |annotated: &[bool]| -> Vec<usize> {
        (0..annotated.len())
            .filter(|&slice| annotated[slice])
            .collect()
    };
    let part_a = |record: &RoundRecord| -> Vec<Vec<usize>> {
        let cases = record.cases.iter().filter(|case| case.part == Part::A);
        cases.map(|case| slices(&case.annotated)).collect()
    };
    let first = &of("first")[0];
    assert_eq!(first.annotated_slices, 3 * 4);
    let first = part_a(first);
    // A strategy's run starts from the same slices, and only adds.
    for (first, later) in first.iter().zip(part_a(&of("random")[0])) {
        assert!(
            first.iter().all(|slice| later.contains(slice)),
            "{first:?} {later:?}"
        );
        assert_eq!(later.len(), 8);
    }
    first
}

#[test]
fn volumes_start_at_the_same_place_staggered_or_at_random() {
    let from = |phase: usize| -> Vec<usize> { (phase..DEPTH).step_by(8).collect() };
    assert_eq!(first_slices(Start::Same, 7), [4, 4, 4].map(from));
    // The places 0, 2 and 1 of three, in units of 8/3 slices.
    assert_eq!(first_slices(Start::Staggered, 7), [0, 5, 2].map(from));
    assert_eq!(
        first_slices(Start::Staggered, 8),
        first_slices(Start::Staggered, 7)
    );
    let random = first_slices(Start::Random, 7);
    for slices in &random {
        assert_eq!(slices, &from(slices[0]));
    }
    assert_eq!(first_slices(Start::Random, 7), random);
    assert!((8..12).any(|seed| first_slices(Start::Random, seed) != random));
}

#[test]
fn few_volumes_first_and_one_budget_for_all() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let pool = StrategyPlan {
        strategy: Some("coverage".to_owned()),
        budget: QueryBudget::Pool,
        floor: Some(0.5),
        cap: Some(1.5),
        ..StrategyPlan::default()
    };
    let name = |name: &str| StrategyName(name.to_owned());
    let plan = TaskPlan {
        start: Start::FewVolumes,
        strategies: Strategies(BTreeMap::from([
            (name("coverage"), None.into()),
            (name("coverage-pool"), pool),
        ])),
        ..task_plan()
    };
    let data = data();
    let of = |strategy: &str| -> Vec<Vec<usize>> {
        let id = run_of(strategy);
        let run = prepared(&folder, &id, &plan, &data);
        run.run(&mut Fake::new(1), &mut Silent).unwrap();
        let records = ledger::read(&folder.records(&id)).unwrap().records;
        // What was promised is what was done.
        for ((_, share), record) in run.shares().iter().zip(&records) {
            let record: &RoundRecord = record;
            let reached = record.annotated_slices as f64 / record.total_slices as f64;
            assert!(
                (share - reached).abs() < 1e-12,
                "{strategy}: {share} {reached}"
            );
        }
        let count = |case: &CaseRecord| case.annotated.iter().filter(|&&done| done).count();
        let part_a = |record: &RoundRecord| -> Vec<usize> {
            let cases = record.cases.iter().filter(|case| case.part == Part::A);
            cases.map(count).collect()
        };
        records.iter().map(part_a).collect()
    };
    // Every 8th slice of 32 would be 4 in each of three volumes; the first has every 3rd, 11.
    assert_eq!(of("first"), [[11, 0, 0]]);
    // Ratios 0.25, 0.375 and 0.5 stand for 8, 12 and 16 slices of each.
    assert_eq!(of("coverage"), [[11, 8, 8], [12, 12, 12], [16, 16, 16]]);
    for (counts, target) in of("coverage-pool").iter().zip([8, 12, 16]) {
        assert_eq!(counts.iter().sum::<usize>(), 3 * target, "{counts:?}");
        for &count in &counts[1..] {
            assert!((target / 2..=target * 3 / 2).contains(&count), "{counts:?}");
        }
    }
    // That two have not as many at 25 % is said.
    let records = ["coverage", "coverage-pool"].map(|strategy| records(&folder, strategy));
    let said = slicewise_experiment::uneven::unlike(&records.concat());
    let expected = "Task 2, model fake: as many slices of each strategy at 25.0 %: coverage-pool has 25.0 % \
                    of the slices, coverage 28.1 %";
    assert_eq!(said, [expected]);
}
