//! Members of a committee that are trained before each query.

use super::*;

/// Asks for a stop after as many calls.
struct Stopping(usize);

impl Observer for Stopping {
    fn steps(&mut self, _: usize) -> ControlFlow<()> {
        match self.0.checked_sub(1) {
            Some(left) => self.0 = left,
            None => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }
    fn round(&mut self, _: &RoundRecord, _: Timing) {}
}

#[test]
fn members_are_trained_before_each_query_on_what_is_annotated_then() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    run(&folder, "first", &mut Fake::new(1)).unwrap();
    let mut asked = Fake::new(1);
    run(&folder, "committee", &mut asked).unwrap();
    // Three volumes; the first round has four slices of each, and every point 46 steps behind it.
    let places: Vec<(usize, usize)> = asked
        .members
        .iter()
        .map(|&(slices, steps, _)| (slices, steps))
        .collect();
    assert_eq!(places, [(12, 46), (24, 46), (36, 46)]);
    let seeds: Vec<u64> = asked.members.iter().map(|&(.., seed)| seed).collect();
    assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2] && seeds[0] != seeds[2]);
    for other in ["random", "uncertainty"] {
        let mut none = Fake::new(1);
        run(&folder, other, &mut none).unwrap();
        assert!(none.members.is_empty(), "{other}");
    }
    // The same members whenever a run is stopped and started again: here in the second query's.
    let whole = fs::read(folder.records(&run_of("committee"))).unwrap();
    let again = ResultsFolder::new(scratch.path().join("again"));
    run(&again, "first", &mut Fake::new(1)).unwrap();
    let (id, plan, data) = (run_of("committee"), task_plan(), data());
    let prepared = PreparedRun {
        folder: &again,
        id: &id,
        plan: &plan,
        data: &data,
        pictured: true,
    };
    let stopped = prepared.run(&mut Fake::new(1), &mut Stopping(46 + 36 + 10));
    assert!(
        matches!(stopped, Err(ExperimentError::Stopped)),
        "{stopped:?}"
    );
    assert!(records(&again, "committee").is_empty());
    let mut rest = Fake::new(1);
    prepared.run(&mut rest, &mut Silent).unwrap();
    assert_eq!(fs::read(again.records(&id)).unwrap(), whole);
    // What the first query chose is kept.
    assert_eq!(rest.members, asked.members[1..]);
}
