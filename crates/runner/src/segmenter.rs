//! Makes the tch model usable by the round loop, as a [`Segmenter`].

use crate::config::ExperimentConfig;
use ndarray::Array3;
use slicewise_experiment::{Segmenter, SegmenterError, TrainingCase};
use slicewise_model::{Device, ModelError, TchSegmenter, TrainingVolume};
use slicewise_strategies::Prediction;
use std::ops::{ControlFlow, Range};
use std::path::Path;

/// Adapter between the crates `model` and `experiment`, which do not know each other.
pub(crate) struct TchModel(TchSegmenter);

impl TchModel {
    /// Makes the named model of `config` with weights drawn from `seed`.
    pub(crate) fn new(
        config: &ExperimentConfig,
        model: &str,
        classes: usize,
        seed: u64,
    ) -> Result<Self, ModelError> {
        let device = slicewise_model::choose_device(&config.device)?;
        Self::on(device, config, model, classes, seed)
    }

    /// Does what [`new`](Self::new) does, but on `device` whatever the config says.
    pub(crate) fn on(
        device: Device,
        config: &ExperimentConfig,
        model: &str,
        classes: usize,
        seed: u64,
    ) -> Result<Self, ModelError> {
        TchSegmenter::new(
            &config.models[model],
            &config.training,
            classes,
            seed,
            device,
        )
        .map(Self)
    }

    /// Number of trainable weights.
    pub(crate) fn parameters(&self) -> u64 {
        self.0.parameters()
    }
}

impl Segmenter for TchModel {
    fn has_attention(&self) -> bool {
        self.0.has_attention()
    }

    fn train(
        &mut self,
        cases: &[TrainingCase],
        steps: Range<usize>,
        of: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), SegmenterError> {
        let volumes: Vec<TrainingVolume> = cases
            .iter()
            .map(|case| TrainingVolume {
                image: case.image,
                labels: case.labels,
                annotated: case.annotated,
            })
            .collect();
        Ok(self.0.train(&volumes, steps, of, seed, progress)?)
    }

    fn predict(&self, image: &Array3<f32>) -> Result<Prediction, SegmenterError> {
        let output = self.0.predict(image)?;
        Ok(Prediction {
            probabilities: output.probabilities,
            sr1: output.sr1,
            sr2: output.sr2,
            attention: output.attention,
        })
    }

    fn save(&self, path: &Path) -> Result<(), SegmenterError> {
        Ok(self.0.save(path)?)
    }

    fn load(&mut self, path: &Path) -> Result<(), SegmenterError> {
        Ok(self.0.load(path)?)
    }
}
