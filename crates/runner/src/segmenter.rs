//! Makes the networks that an experiment's configuration names.

use crate::config::ExperimentConfig;
use slicewise_model::{Device, ModelError, TchSegmenter};

/// The named model of `config` on the configured device, with weights from `seed`.
pub(crate) fn build(
    config: &ExperimentConfig,
    model: &str,
    classes: usize,
    seed: u64,
) -> Result<TchSegmenter, ModelError> {
    let device = slicewise_model::choose_device(&config.device)?;
    build_on(device, config, model, classes, seed)
}

/// As [`build`], on `device` whatever the configuration says.
pub(crate) fn build_on(
    device: Device,
    config: &ExperimentConfig,
    model: &str,
    classes: usize,
    seed: u64,
) -> Result<TchSegmenter, ModelError> {
    let network = &config.models[model];
    TchSegmenter::new(network, &config.training, classes, seed, device)
}
