//! Members of a committee that are trained before each query.

use super::*;

/// A fake that notes for which slices, steps and seed members were to be trained.
struct Ensemble {
    fake: Fake,
    trained: Vec<(usize, usize, u64)>,
}

impl Ensemble {
    fn new() -> Self {
        Self {
            fake: Fake::new(1),
            trained: Vec::new(),
        }
    }
}

impl Segmenter for Ensemble {
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
        self.fake.train(cases, steps, of, seed, progress)
    }

    fn train_members(
        &mut self,
        cases: &[TrainingCase],
        steps: usize,
        seed: u64,
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<(), SegmenterError> {
        let annotated = cases.iter().flat_map(|case| case.annotated);
        let annotated = annotated.filter(|&&yes| yes).count();
        self.trained.push((annotated, steps, seed));
        for _ in 0..steps {
            if go_on().is_break() {
                break;
            }
        }
        Ok(())
    }

    fn predict(&self, image: &Array3<f32>) -> Result<Prediction, SegmenterError> {
        self.fake.predict(image)
    }

    fn predict_with(
        &mut self,
        image: &Array3<f32>,
        wanted: Wanted,
    ) -> Result<Prediction, SegmenterError> {
        self.fake.predict_with(image, wanted)
    }

    fn save(&self, path: &Path) -> Result<(), SegmenterError> {
        self.fake.save(path)
    }

    fn load(&mut self, path: &Path) -> Result<(), SegmenterError> {
        self.fake.load(path)
    }
}

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
    run(&folder, "first", &mut Ensemble::new()).unwrap();
    let mut asked = Ensemble::new();
    run(&folder, "committee", &mut asked).unwrap();
    // Three volumes; the first round has four slices of each, and every point 46 steps behind it.
    let places: Vec<(usize, usize)> = asked
        .trained
        .iter()
        .map(|&(slices, steps, _)| (slices, steps))
        .collect();
    assert_eq!(places, [(12, 46), (24, 46), (36, 46)]);
    let seeds: Vec<u64> = asked.trained.iter().map(|&(.., seed)| seed).collect();
    assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2] && seeds[0] != seeds[2]);
    for other in ["random", "uncertainty"] {
        let mut none = Ensemble::new();
        run(&folder, other, &mut none).unwrap();
        assert!(none.trained.is_empty(), "{other}");
    }
    // The same members whenever a run is stopped and started again: here in the second query's.
    let whole = fs::read(folder.records(&run_of("committee"))).unwrap();
    let again = ResultsFolder::new(scratch.path().join("again"));
    run(&again, "first", &mut Ensemble::new()).unwrap();
    let (id, plan, data) = (run_of("committee"), task_plan(), data());
    let prepared = PreparedRun {
        folder: &again,
        id: &id,
        plan: &plan,
        data: &data,
        pictured: true,
    };
    let stopped = prepared.run(&mut Ensemble::new(), &mut Stopping(46 + 36 + 10));
    assert!(
        matches!(stopped, Err(ExperimentError::Stopped)),
        "{stopped:?}"
    );
    assert!(records(&again, "committee").is_empty());
    let mut rest = Ensemble::new();
    prepared.run(&mut rest, &mut Silent).unwrap();
    assert_eq!(fs::read(again.records(&id)).unwrap(), whole);
    assert_eq!(rest.trained[1..], asked.trained[1..]);
}
