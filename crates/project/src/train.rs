//! Trains a model on everything that was drawn so far, and segments all scans with it.
//!
//! **Deviation from the paper** (Zhang et al. 2019, section 2.2): it goes on with the weights of the round
//! before. Here every model begins with new weights, so that it follows from drawings, settings and seed
//! alone, whatever was trained before, and can be made again. It costs the steps of a whole training.

use crate::cases::ProjectCase;
use crate::error::ProjectError;
use crate::folder::{Project, ProjectFolder, make_parent};
use crate::history::{Event, sha256};
use crate::settings::Settings;
use crate::state::State;
use ndarray::{Array3, Array4, Axis};
use slicewise_core::write::folder_of;
use slicewise_core::{Segmenter, TrainingCase};
use slicewise_data::PreparedScan;
use slicewise_data::nifti::{write_image, write_labels};
use slicewise_experiment::record::FIRST;
use slicewise_experiment::training::save_weights;
use slicewise_experiment::{Observer, ResultsFolder, Round, RoundTraining, Run, seed};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the seed of a model's first weights: that of a sweep's run with this seed and task.
pub fn weights_seed(settings: &Settings) -> u64 {
    seed::child(settings.seed, &[settings.task.name(), "weights"])
}

/// Returns the id of the model that `train` would make: the beginning of the SHA-256 of all that it
/// follows from. `network` is the text of the network's and its training's settings.
pub fn model_id(state: &State, settings: &Settings, network: &str) -> String {
    let Settings {
        task,
        classes,
        seed,
        steps,
        ..
    } = settings;
    let scans = state.scans.values();
    let scans: Vec<String> = scans
        .map(|scan| format!("{} {}", scan.case, scan.sha256))
        .collect();
    let text = format!(
        "{task} {classes:?} {seed} {steps} {:?}\n{network}\n{}\n{}",
        settings.preparation,
        scans.join("\n"),
        state.drawn_key()
    );
    sha256(text.as_bytes())[..12].to_owned()
}

/// Where a model's weights are.
pub fn weights(folder: &ProjectFolder, model: &str) -> PathBuf {
    folder.model(model).join("weights.safetensors")
}

/// A project's model is trained as the first round of a sweep's run.
fn run_of(settings: &Settings) -> Run {
    Run {
        task: settings.task,
        model: "model".to_owned(),
        strategy: FIRST.to_owned(),
        seed: settings.seed,
        fold: None,
    }
}

/// Trains the model `model` on `cases`, unless its weights are there already. `segmenter` has new weights
/// of [`weights_seed`], and afterwards the trained ones. Training that was stopped or killed goes on after
/// its last checkpoint.
///
/// # Errors
/// Nothing was drawn, the training or the disk failed, or `observer` stopped it.
pub fn train(
    project: &mut Project,
    settings: &Settings,
    cases: &[ProjectCase],
    model: &str,
    segmenter: &mut dyn Segmenter,
    observer: &mut dyn Observer,
) -> Result<(), ProjectError> {
    need_drawn(project.state(), "train on")?;
    let slices = project.state().slices_drawn();
    let path = weights(&project.folder, model);
    let folder = ResultsFolder::new(project.folder.model(model));
    if path.exists() && project.state().models.iter().any(|known| known.id == model) {
        load(segmenter, &path)?;
        let newest = project.state().newest();
        if newest.is_none_or(|newest| newest.id != model) {
            let known = project
                .state()
                .models
                .iter()
                .find(|known| known.id == model);
            let again = known.map(|known| Event::Train {
                model: model.to_owned(),
                steps: known.steps,
                slices: known.slices,
                loss: known.loss,
            });
            again.map_or(Ok(()), |again| project.record(again))?;
        }
        return forget_checkpoints(&folder);
    }
    let run = run_of(settings);
    let training = RoundTraining {
        folder: &folder,
        run: &run,
        round: Round {
            number: 0,
            ratio: 1.0,
            steps: settings.steps,
            evaluation_steps: 0,
            evaluated: true,
        },
        checkpoint_every: settings.checkpoint_every,
        seed: seed::child(settings.seed, &[settings.task.name(), "crops", "0"]),
        from: None,
        held_out: &[],
        classes: settings.classes.len(),
    };
    let drawn: Vec<TrainingCase> = cases.iter().map(ProjectCase::training).collect();
    let trained = training.run(segmenter, &drawn, 0, observer)?;
    save_weights(segmenter, &path)?;
    project.record(Event::Train {
        model: model.to_owned(),
        steps: settings.steps,
        slices,
        loss: trained.loss,
    })?;
    forget_checkpoints(&folder)
}

/// Fails unless something was drawn. `what_for` ends the sentence: `train on`.
///
/// # Errors
/// Nothing was drawn.
pub fn need_drawn(state: &State, what_for: &str) -> Result<(), ProjectError> {
    match state.slices_drawn() {
        0 => Err(ProjectError::Input(format!(
            "expected drawn slices to {what_for}, got none; draw those of `slicewise ask`, then `slicewise \
             import`"
        ))),
        _ => Ok(()),
    }
}

/// Removes the checkpoints from which a training goes on, once it is over.
fn forget_checkpoints(folder: &ResultsFolder) -> Result<(), ProjectError> {
    let checkpoints = folder.root().join("checkpoints");
    match fs::remove_dir_all(&checkpoints) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ProjectError::io(checkpoints)(error))
        }
        _ => Ok(()),
    }
}

/// Loads trained weights.
///
/// # Errors
/// The file is gone or damaged.
pub fn load(segmenter: &mut dyn Segmenter, path: &Path) -> Result<(), ProjectError> {
    segmenter
        .load(path)
        .map_err(|source| ProjectError::Segmenter {
            doing: format!("loading {}", path.display()),
            source,
        })
}

/// Segments all scans with the model `model`, which `segmenter` holds: for each case its labels and its
/// uncertainty, the entropy of the class probabilities in nats, on the scan's own voxels, with its file's
/// order of axes. Cases that are there already are left. `progress` is told each case that is done.
///
/// # Errors
/// The model or the disk failed.
pub fn predict(
    project: &mut Project,
    cases: &[ProjectCase],
    model: &str,
    segmenter: &dyn Segmenter,
    progress: &mut dyn FnMut(&str),
) -> Result<(), ProjectError> {
    for case in cases {
        let labels = project.folder.prediction(model, &case.id, "labels");
        let uncertainty = project.folder.prediction(model, &case.id, "uncertainty");
        if !labels.exists() || !uncertainty.exists() {
            make_parent(&labels)?;
            write_prediction(segmenter, &case.id, &case.scan, folder_of(&labels))?;
        }
        progress(&case.id);
    }
    let known = project
        .state()
        .models
        .iter()
        .find(|known| known.id == model);
    if known.is_some_and(|known| known.predicted) {
        return Ok(());
    }
    project.record(Event::Predict {
        model: model.to_owned(),
    })
}

/// Segments a scan, and writes to `folder` its labels, `CASE-labels.nii.gz`, and its uncertainty,
/// `CASE-uncertainty.nii.gz`, as [`predict`] says.
///
/// # Errors
/// The model or the disk failed.
pub fn write_prediction(
    segmenter: &dyn Segmenter,
    case: &str,
    scan: &PreparedScan,
    folder: &Path,
) -> Result<(), ProjectError> {
    let prediction = segmenter.predict(&scan.image.voxels);
    let prediction = prediction.map_err(|source| ProjectError::Segmenter {
        doing: format!("segmenting case {case}"),
        source,
    })?;
    let probabilities = &prediction.probabilities;
    let off_grid = |source| ProjectError::Grid {
        case: case.to_owned(),
        source,
    };
    let classes = scan.classes(probabilities).map_err(off_grid)?;
    let entropy = scan.values(&entropy(probabilities)).map_err(off_grid)?;
    write_image(&folder.join(format!("{case}-uncertainty.nii.gz")), &entropy)?;
    Ok(write_labels(
        &folder.join(format!("{case}-labels.nii.gz")),
        &classes,
    )?)
}

/// Returns the entropy in nats of class probabilities `[C, D, H, W]`, `[D, H, W]`.
fn entropy(probabilities: &Array4<f32>) -> Array3<f32> {
    let logarithm = |p: f32| if p > 0.0 { -p * p.ln() } else { 0.0 };
    probabilities.map_axis(Axis(0), |classes| {
        classes.iter().map(|&p| logarithm(p)).sum()
    })
}

/// Returns the segmentation of a case by a model, on the scan's own voxels with the sliced axis first.
///
/// # Errors
/// It is gone or damaged.
pub fn predicted(
    folder: &ProjectFolder,
    state: &State,
    model: &str,
    case: &str,
) -> Result<Option<Array3<u8>>, ProjectError> {
    let path = folder.prediction(model, case, "labels");
    let Some(scan) = state.scans.get(case).filter(|_| path.exists()) else {
        return Ok(None);
    };
    let map = slicewise_data::nifti::read_labels(&path)?;
    let sliced = map.sliced_along(scan.axis);
    let bytes = sliced.voxels.mapv(|label| u8::try_from(label).unwrap_or(0));
    Ok((bytes.shape() == scan.shape).then_some(bytes))
}
