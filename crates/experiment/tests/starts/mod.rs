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
        let run = PreparedRun {
            folder: &folder,
            id: &id,
            plan: &plan,
            data: &data,
            pictured: false,
        };
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
