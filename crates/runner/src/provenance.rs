//! What a results folder says of its origin: the manifest.

use crate::config::ExperimentConfig;
use crate::notice::notice;
use crate::segmenter;
use slicewise_data::{Case, Part, SliceAxis, Task, TaskData};
use slicewise_experiment::{DataManifest, Manifest, record};
use slicewise_model::{InstructionSet, ModelConfig, ModelError, choose_device, kernel_path};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The commit of the sources that the program was built from, `-dirty` where they had changes;
/// `unknown` where they lay in no git repository. The build script asks git (`build/commit.rs`).
pub(crate) const COMMIT: &str = env!("SLICEWISE_COMMIT");

/// Returns the manifest of a sweep that gets more runs; where it began stays.
pub(crate) fn grown(began: Manifest, config: &ExperimentConfig, text: &str) -> Manifest {
    let (now, before) = (config.runs().len(), began.runs.len());
    if now > before {
        notice(format_args!(
            "{now} runs in place of {before}: this sweep goes on with more than it began with"
        ));
    }
    Manifest {
        config_sha256: slicewise_core::hash::sha256_hex(text.as_bytes()),
        seeds: config.seeds.clone(),
        effort: config.effort,
        runs: config.runs(),
        ..began
    }
}

/// Returns the manifest of a sweep that begins by `command` with `config`, whose text is `text`.
pub(crate) fn manifest(
    config: &ExperimentConfig,
    text: &str,
    command: String,
    data: &[TaskData],
) -> anyhow::Result<Manifest> {
    let ids = |cases: &[Case], part: Part| {
        cases
            .iter()
            .filter(|case| case.part == part)
            .map(|case| case.id.clone())
            .collect()
    };
    let environment = slicewise_model::environment();
    Ok(Manifest {
        schema: record::SCHEMA,
        name: config.name.clone(),
        question: config.question.clone(),
        command,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: COMMIT.to_owned(),
        program_sha256: program_sha256(),
        config_sha256: slicewise_core::hash::sha256_hex(text.as_bytes()),
        libtorch: environment.libtorch_version,
        tch: environment.tch_version,
        rustc: env!("SLICEWISE_RUSTC").to_owned(),
        cpu: environment.cpu,
        cores: environment.cores,
        threads: config.threads,
        instructions: InstructionSet::available().name().to_owned(),
        kernels: kernels(config)?,
        device: config.device.clone(),
        precision: config
            .models
            .keys()
            .map(|name| (name.clone(), config.precision(name).name().to_owned()))
            .collect(),
        models: config.models.keys().cloned().collect(),
        parameters: parameters(config, data)?,
        data: data
            .iter()
            .map(|data| {
                Ok(DataManifest {
                    task: data.task,
                    definition: config.tasks[&data.task].definition.clone(),
                    slice_axes: slice_axes(&data.cases),
                    intensities: data.intensities,
                    pooling: segmenter::pooling(config, data)?,
                    classes: data.classes.clone(),
                    part_a: ids(&data.cases, Part::A),
                    part_b: ids(&data.cases, Part::B),
                    held_out: data.held_out.iter().map(|case| case.id.clone()).collect(),
                    folds: slicewise_data::folds(&data.definition, &config.data)?,
                    sha256: data.sha256(),
                })
            })
            .collect::<anyhow::Result<_>>()?,
        seeds: config.seeds.clone(),
        endpoint: config.endpoint.clone(),
        effort: config.effort,
        runs: config.runs(),
    })
}

/// The axis that each case with other than axial slices is sliced along.
fn slice_axes(cases: &[Case]) -> BTreeMap<String, SliceAxis> {
    let axes = cases
        .iter()
        .map(|case| (case.id.clone(), case.labels.geometry.slice_axis()));
    axes.filter(|(_, axis)| *axis != SliceAxis::Axial).collect()
}

/// SHA-256 of the program that runs, hex; empty where the system does not say which that is.
fn program_sha256() -> String {
    // Linux keeps what runs, even where a build has put another file in its place.
    let running = Path::new("/proc/self/exe");
    let read = match running.exists() {
        true => fs::read(running),
        false => std::env::current_exe().and_then(fs::read),
    };
    read.map_or_else(
        |_| String::new(),
        |bytes| slicewise_core::hash::sha256_hex(&bytes),
    )
}

/// Whose loops compute each model.
fn kernels(config: &ExperimentConfig) -> Result<BTreeMap<String, String>, ModelError> {
    let device = choose_device(&config.device)?;
    let of = |model: &ModelConfig| kernel_path(model, &config.training, device).to_owned();
    let models = config.models.iter();
    Ok(models
        .map(|(name, model)| (name.clone(), of(model)))
        .collect())
}

/// Returns the number of trainable weights of every model in every task.
fn parameters(
    config: &ExperimentConfig,
    data: &[TaskData],
) -> anyhow::Result<BTreeMap<String, BTreeMap<Task, u64>>> {
    let by_task = |model: &String| {
        data.iter()
            .map(|data| {
                let network = segmenter::settle(config, model, data)?;
                let parameters = segmenter::parameters(config, &network, data.classes.len())?;
                Ok((data.task, parameters))
            })
            .collect::<anyhow::Result<_>>()
    };
    let models = config.models.keys();
    models
        .map(|model| Ok((model.clone(), by_task(model)?)))
        .collect()
}
