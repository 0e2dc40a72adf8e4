//! Makes the networks that an experiment's configuration names.

use crate::config::ExperimentConfig;
use anyhow::Context;
use slicewise_core::Segmenter;
use slicewise_data::{Part, TaskData};
use slicewise_model::{
    CommitteeConfig, Device, ModelConfig, ModelError, Pooling, ProgramSegmenter, TchSegmenter,
    TrainingConfig, strides_for,
};
use std::collections::BTreeMap;

/// What a network is made from.
pub(crate) struct Network<'a> {
    pub(crate) model: &'a ModelConfig,
    pub(crate) training: &'a TrainingConfig,
    pub(crate) committee: Option<CommitteeConfig>,
    /// `cpu`, `cuda:N` or `auto`.
    pub(crate) device: &'a str,
    /// CPU threads, for a program of the user's own.
    pub(crate) threads: usize,
}

impl Network<'_> {
    /// Makes the network, whose pooling is settled, with weights from `seed`.
    pub(crate) fn build(
        &self,
        classes: usize,
        seed: u64,
    ) -> Result<Box<dyn Segmenter>, ModelError> {
        let (model, training) = (self.model, self.training);
        if let Some(program) = model.architecture.program() {
            let own = (seed, self.threads);
            let program = ProgramSegmenter::new(program, model, training, classes, own);
            return Ok(Box::new(program));
        }
        let device = slicewise_model::choose_device(self.device)?;
        let mut segmenter = TchSegmenter::new(model, training, classes, seed, device)?;
        segmenter.committee = self.committee;
        Ok(Box::new(segmenter))
    }
}

/// The network `model` of `config` on the configured device, with weights from `seed`. Its pooling is
/// settled.
pub(crate) fn build(
    config: &ExperimentConfig,
    model: &ModelConfig,
    classes: usize,
    seed: u64,
) -> Result<Box<dyn Segmenter>, ModelError> {
    let network = Network {
        model,
        training: &config.training,
        committee: config.committee,
        device: &config.device,
        threads: config.threads,
    };
    network.build(classes, seed)
}

/// Returns the number of trainable parameters of a network with settled pooling; 0 if it is a program
/// of the user's own. It is made on the CPU: on a GPU the sweep's own process would keep a part of its
/// memory.
pub(crate) fn parameters(
    config: &ExperimentConfig,
    model: &ModelConfig,
    classes: usize,
) -> Result<u64, ModelError> {
    if model.architecture.program().is_some() {
        return Ok(0);
    }
    let made = TchSegmenter::new(model, &config.training, classes, 0, Device::Cpu)?;
    Ok(made.parameters())
}

/// Returns the named model of `config`, with `pooling: auto` replaced by what the voxels of `data`
/// call for. It stays where every axis is halved.
///
/// # Errors
/// The crops of training are no multiples of these strides.
pub(crate) fn settle(
    config: &ExperimentConfig,
    model: &str,
    data: &TaskData,
) -> anyhow::Result<ModelConfig> {
    let network = settled(&config.models[model], median_spacing_mm(data));
    let fits = config.training.validate_for(&network);
    fits.with_context(|| format!("models.{model}"))?;
    Ok(network)
}

/// Returns a network with `pooling: auto` replaced by what voxels of this size `[D, H, W]` call for.
pub(crate) fn settled(model: &ModelConfig, spacing_mm: [f64; 3]) -> ModelConfig {
    let mut network = model.clone();
    if network.pooling == Pooling::Auto {
        let strides = strides_for(spacing_mm, network.levels);
        if strides.iter().any(|strides| strides.contains(&1)) {
            network.pooling = Pooling::Strides(strides);
        }
    }
    network
}

/// Returns the strides of each model that spares an axis in the task of `data`, by its name.
///
/// # Errors
/// As those of [`settle`], for any model.
pub(crate) fn pooling(
    config: &ExperimentConfig,
    data: &TaskData,
) -> anyhow::Result<BTreeMap<String, Vec<[usize; 3]>>> {
    let mut pooling = BTreeMap::new();
    for model in config.models.keys() {
        if let Pooling::Strides(strides) = settle(config, model, data)?.pooling {
            pooling.insert(model.clone(), strides);
        }
    }
    Ok(pooling)
}

/// Returns the median voxel size of Part A along each axis `[D, H, W]`, in mm. With folds it is that
/// of the fold that was loaded, the first when a sweep begins.
pub(crate) fn median_spacing_mm(data: &TaskData) -> [f64; 3] {
    let part_a = data.cases.iter().filter(|case| case.part == Part::A);
    let spacings: Vec<[f64; 3]> = part_a
        .map(|case| case.image.geometry.spacing_mm())
        .collect();
    median(&spacings)
}

/// Returns the median length along each axis, of at least one voxel.
pub(crate) fn median(spacings: &[[f64; 3]]) -> [f64; 3] {
    [0, 1, 2].map(|axis| {
        let mut lengths: Vec<f64> = spacings.iter().map(|spacing| spacing[axis]).collect();
        lengths.sort_by(f64::total_cmp);
        // Of two in the middle the shorter.
        lengths[(lengths.len() - 1) / 2]
    })
}
