//! A segmenter that answers in microseconds, and a small task for it.

use super::*;

pub(crate) const DEPTH: usize = 32;

/// A segmenter with one weight, which is a hash of all that it was trained with. The weight decides
/// where it makes errors.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) weight: u64,
    pub(crate) trained: u64,
    /// Number of steps left in this process until it fails, if it is to fail.
    pub(crate) dies_after: Option<usize>,
    /// For how many annotated slices, steps and which seed members of a committee were to be trained.
    pub(crate) members: Vec<(usize, usize, u64)>,
}

impl Fake {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            weight: seed,
            trained: 0,
            dies_after: None,
            members: Vec::new(),
        }
    }
}

impl Segmenter for Fake {
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
        let annotated = cases.iter().flat_map(|case| case.annotated);
        let annotated = annotated.fold(0_u64, |hash, &yes| {
            hash.wrapping_mul(31).wrapping_add(u64::from(yes))
        });
        for step in steps {
            if let Some(left) = &mut self.dies_after {
                *left = left.checked_sub(1).ok_or("pulled the plug")?;
            }
            self.weight = self.weight.wrapping_mul(0x9E37_79B9_7F4A_7C15)
                ^ seed
                ^ of as u64
                ^ annotated.rotate_left(step as u32);
            self.trained += 1;
            if progress(step + 1, 1.0 / self.trained as f64).is_break() {
                break;
            }
        }
        Ok(())
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
        self.members.push((annotated, steps, seed));
        for _ in 0..steps {
            if go_on().is_break() {
                break;
            }
        }
        Ok(())
    }

    fn predict(&self, image: &Array3<f32>) -> Result<Prediction, SegmenterError> {
        let wrong = |z: usize, salt: u64| (self.weight ^ salt).wrapping_mul(z as u64 + 7) % 5 < 2;
        let labels = |salt: u64| {
            Array3::from_shape_fn(image.dim(), |(z, y, x)| {
                let class = image[[z, y, x]] as u8;
                if wrong(z, salt) && x % 2 == 0 {
                    (class + 1) % 3
                } else {
                    class
                }
            })
        };
        let sr1 = labels(0);
        let (d, h, w) = image.dim();
        let probabilities = Array4::from_shape_fn((3, d, h, w), |(c, z, y, x)| {
            let peak = if wrong(z, 3) { 0.4 } else { 0.8 };
            if sr1[[z, y, x]] as usize == c {
                peak
            } else {
                (1.0 - peak) / 2.0
            }
        });
        Ok(Prediction {
            probabilities,
            sr1,
            sr2: Some(labels(1)),
            ..Prediction::default()
        })
    }

    /// Features are the image; the second member of two is less sure than the first.
    fn predict_with(
        &mut self,
        image: &Array3<f32>,
        wanted: Wanted,
    ) -> Result<Prediction, SegmenterError> {
        let mut prediction = self.predict(image)?;
        if wanted.features {
            prediction.features = Some(image.clone().insert_axis(Axis(0)));
        }
        if wanted.committee.is_some() {
            let doubtful = prediction.probabilities.mapv(|p| 0.5 * p + 0.5 / 3.0);
            prediction.members = vec![prediction.probabilities.clone(), doubtful];
        }
        Ok(prediction)
    }

    fn save(&self, path: &Path) -> Result<(), SegmenterError> {
        Ok(fs::write(
            path,
            format!("{} {}", self.weight, self.trained),
        )?)
    }

    fn load(&mut self, path: &Path) -> Result<(), SegmenterError> {
        let text = fs::read_to_string(path)?;
        let (weight, trained) = text.split_once(' ').ok_or("no weights")?;
        (self.weight, self.trained) = (weight.parse()?, trained.parse()?);
        Ok(())
    }
}

pub(crate) struct Silent;
impl Observer for Silent {
    fn steps(&mut self, _: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    fn round(&mut self, _: &RoundRecord, _: Timing) {}
}

pub(crate) fn data() -> TaskData {
    let case = |index: usize| {
        let labels = Array3::from_shape_fn((DEPTH, 6, 6), |(z, y, x)| {
            // Foreground lies on slices 4..28 only, more of it in the middle.
            let inside = (4..28).contains(&z) && x + y < 4 + (z + index) % 6;
            u8::from(inside) + u8::from(inside && x > y)
        });
        let geometry = Geometry::axis_aligned([1.0; 3]);
        Case {
            id: format!("case-{index}"),
            part: if index < 3 { Part::A } else { Part::B },
            image: Volume {
                voxels: labels.mapv(f32::from),
                geometry: geometry.clone(),
            },
            labels: Volume {
                voxels: labels,
                geometry,
            },
            own: None,
            first_slice: 0,
        }
    };
    TaskData {
        intensities: None,
        task: Task::TISSUE_SEGMENTATION,
        definition: TaskDefinition::TISSUE_SEGMENTATION,
        classes: ["background", "one", "two"].map(str::to_owned).to_vec(),
        cases: (0..5).map(case).collect(),
        held_out: Vec::new(),
    }
}

/// Every point is evaluated after 46 steps: the first round has 10, and each of the three rounds after
/// it 12.
pub(crate) fn task_plan() -> TaskPlan {
    TaskPlan {
        definition: None,
        first_every: 8,
        start: Start::Same,
        steps: StepPlan {
            budget: Some(46),
            first: Some(10),
            round: Some(12),
            full: None,
            checkpoint_every: 5,
        },
        stop: StopRule::default(),
        full: true,
        report_at: [0.25, 0.375, 0.5].map(Ratio).to_vec(),
        query_every: None,
        first_seed_only: Vec::new(),
        strategies: Strategies(
            slicewise_strategies::STRATEGIES
                .iter()
                .map(|strategy| (StrategyName(strategy.name().to_owned()), None.into()))
                .collect(),
        ),
    }
}

pub(crate) fn run_of(strategy: &str) -> Run {
    Run {
        task: Task::TISSUE_SEGMENTATION,
        model: "fake".to_owned(),
        strategy: strategy.to_owned(),
        seed: 7,
        fold: None,
    }
}

pub(crate) fn run(
    folder: &ResultsFolder,
    strategy: &str,
    segmenter: &mut dyn Segmenter,
) -> Result<(), ExperimentError> {
    run_plan(&task_plan(), folder, strategy, segmenter).map(|_| ())
}

/// A run that keeps no volumes for the figures.
pub(crate) fn prepared<'a>(
    folder: &'a ResultsFolder,
    id: &'a Run,
    plan: &'a TaskPlan,
    data: &'a TaskData,
) -> PreparedRun<'a> {
    PreparedRun {
        folder,
        id,
        plan,
        data,
        pictured: false,
    }
}

/// Executes a run of `plan`. Returns whether it says that it is finished.
pub(crate) fn run_plan(
    plan: &TaskPlan,
    folder: &ResultsFolder,
    strategy: &str,
    segmenter: &mut dyn Segmenter,
) -> Result<bool, ExperimentError> {
    let id = run_of(strategy);
    let run = PreparedRun {
        folder,
        id: &id,
        plan,
        data: &data(),
        pictured: true,
    };
    run.run(segmenter, &mut Silent)?;
    run.finished()
}

pub(crate) fn records(folder: &ResultsFolder, strategy: &str) -> Vec<RoundRecord> {
    ledger::read(&folder.records(&run_of(strategy)))
        .unwrap()
        .records
}
