//! `slicewise predict --run`: segments scans with the network that a run of a sweep has trained.

use super::arguments::{PredictArguments, RunArguments};
use super::work::failure;
use crate::config::ExperimentConfig;
use crate::failure::{Failure, Outcome};
use crate::notice::notice;
use crate::segmenter;
use anyhow::{Context, anyhow};
use slicewise_core::SliceAxis;
use slicewise_data::scan::prepare_scan;
use slicewise_experiment::{Manifest, ResultsFolder, Run};
use slicewise_model::Pooling;
use slicewise_project::{find_scans, load, write_prediction};
use std::path::{Path, PathBuf};

/// Segments scans with a run's network: labels and uncertainty of each, on its own voxels.
pub(crate) fn predict(arguments: &PredictArguments, run: &RunArguments, results: &Path) -> Outcome {
    let (Some(scans), Some(out)) = (&arguments.scans, &arguments.out) else {
        return Err(Failure::input(anyhow!(
            "predict --run: expected a folder of scans and --out, got none"
        )));
    };
    let folder = ResultsFolder::new(results);
    let config = ExperimentConfig::read(&folder.config())?;
    let run = named(&config, run, &folder)?;
    let manifest = Manifest::read(&folder.manifest()).map_err(Failure::input)?;
    let data = manifest.data.iter().find(|data| data.task == run.task);
    let data = data
        .context("manifest.json: no such task")
        .map_err(Failure::input)?;
    slicewise_model::set_threads(config.threads);
    let mut network = config.models[&run.model].clone();
    if let Some(strides) = data.pooling.get(&run.model) {
        network.pooling = Pooling::Strides(strides.clone());
    }
    let mut model = segmenter::build(&config, &network, data.classes.len(), 0)?;
    let weights = weights(&config, &folder, &run)?;
    load(&mut *model, &weights).map_err(failure)?;
    let axis: SliceAxis = config.definition(run.task)?.slice_axis;
    let found = find_scans(scans).map_err(failure)?;
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    for (done, (case, path)) in found.iter().enumerate() {
        let scan = prepare_scan(path, axis, &config.data, data.intensities.as_ref());
        let scan = scan.map_err(Failure::input)?;
        write_prediction(&*model, case, &scan, out).map_err(failure)?;
        notice(format_args!(
            "segmented {case}, {} of {}",
            done + 1,
            found.len()
        ));
    }
    println!(
        "{}: {} scans segmented by {run}; labels are {}",
        out.display(),
        found.len(),
        data.classes.join(", ")
    );
    Ok(())
}

/// Returns the run that is meant. What the sweep has one of need not be said.
fn named(config: &ExperimentConfig, named: &RunArguments, folder: &ResultsFolder) -> Outcome<Run> {
    let fits = |run: &&Run| {
        named.task.is_none_or(|task| task == run.task)
            && named.model.as_ref().is_none_or(|model| *model == run.model)
            && named
                .strategy
                .as_ref()
                .is_none_or(|strategy| *strategy == run.strategy)
            && named.seed.is_none_or(|seed| seed == run.seed)
            && (named.fold.is_none() || named.fold == run.fold)
    };
    let runs = config.runs();
    let mut found: Vec<&Run> = runs.iter().filter(fits).collect();
    match (found.pop(), found.len()) {
        (Some(run), 0) => Ok(run.clone()),
        (one, _) => Err(Failure::input(anyhow!(
            "{}: expected one run, got {}; say which with --task, --model, --strategy, --seed and --fold",
            folder.root().display(),
            found.len() + usize::from(one.is_some())
        ))),
    }
}

/// Returns the weights with which the run was evaluated last.
fn weights(config: &ExperimentConfig, folder: &ResultsFolder, run: &Run) -> Outcome<PathBuf> {
    let rounds = config.tasks[&run.task].rounds(&run.strategy);
    let last = rounds.last().map_or(0, |round| round.number);
    let files = [
        folder.evaluated_checkpoint(run, last),
        folder.checkpoint(run, last),
    ];
    let mut there = files.iter().filter(|path| path.exists());
    there.next().cloned().ok_or_else(|| {
        Failure::input(anyhow!(
            "{}: expected the weights of {run} after its last round, got none; `slicewise sweep` trains it",
            files[1].display()
        ))
    })
}
