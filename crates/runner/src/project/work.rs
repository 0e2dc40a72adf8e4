//! A project at hand: its settings, its history, its scans and its network.

use super::file::ProjectFile;
use crate::failure::{Failure, Outcome};
use crate::notice::notice;
use crate::segmenter::{self, Network};
use anyhow::{Context, anyhow};
use slicewise_core::Segmenter;
use slicewise_model::{ModelConfig, TrainingConfig};
use slicewise_project::{
    Project, ProjectCase, ProjectError, ProjectFolder, Settings, load_cases, model_id, take_in,
    weights_seed,
};

/// A project that this process alone may change.
pub(crate) struct Work {
    pub(crate) project: Project,
    pub(crate) file: ProjectFile,
    pub(crate) settings: Settings,
}

/// A network with new weights, and the model that training it would make.
pub(crate) struct Prepared {
    pub(crate) cases: Vec<ProjectCase>,
    pub(crate) segmenter: Box<dyn Segmenter>,
    /// The id of the model.
    pub(crate) model: String,
}

impl Work {
    /// Opens the project that the working directory belongs to. Scans that were added to `scans.csv` join
    /// it.
    ///
    /// # Errors
    /// There is none, its settings are wrong, or another process is at work in it.
    pub(crate) fn open(who: Option<&str>) -> Outcome<Self> {
        let here = std::env::current_dir().context("the working directory")?;
        let folder = ProjectFolder::find(&here).map_err(Failure::input)?;
        let file = ProjectFile::read(&folder)?;
        let project = Project::open(folder, &name_of(who)).map_err(failure)?;
        let mut work = Self {
            settings: file.settings(),
            project,
            file,
        };
        work.check_classes()?;
        let noticed = take_in(&mut work.project, &work.settings).map_err(failure)?;
        if !noticed.joined.is_empty() {
            notice(format_args!(
                "{} scan(s) joined the project: {}",
                noticed.joined.len(),
                noticed.joined.join(", ")
            ));
        }
        for case in noticed.changed {
            notice(format_args!(
                "warning: the scan of {case} has changed or is gone since it joined; the project goes on \
                 with its own copy, which is what was drawn on (another name in scans.csv makes it a new \
                 case)"
            ));
        }
        Ok(work)
    }

    fn check_classes(&self) -> Outcome {
        let begun = &self.project.state().classes;
        if *begun == self.file.classes {
            return Ok(());
        }
        Err(Failure::input(anyhow!(
            "{}: expected the classes with which the project began, {}, got {}; drawn labels are numbers \
             of these classes",
            self.project.folder.settings().display(),
            begun.join(", "),
            self.file.classes.join(", ")
        )))
    }

    /// Loads all scans, and makes a network with new weights.
    pub(crate) fn prepare(&self) -> Outcome<Prepared> {
        slicewise_model::set_threads(self.file.threads);
        notice(format_args!(
            "preparing {} scans",
            self.project.state().scans.len()
        ));
        let cases = load_cases(&self.project.folder, self.project.state(), &self.settings);
        let cases = cases.map_err(failure)?;
        let (model, training) = self.network(&cases)?;
        let network = Network {
            model: &model,
            training: &training,
            committee: self.file.committee,
            device: &self.file.device,
            threads: self.file.threads,
        };
        let classes = self.settings.classes.len();
        let seed = weights_seed(&self.settings);
        let segmenter = network.build(classes, seed).map_err(Failure::input)?;
        let text = format!("{model:?} {training:?} {}", self.file.threads);
        let state = self.project.state();
        Ok(Prepared {
            model: model_id(state, &self.settings, &text),
            segmenter,
            cases,
        })
    }

    fn network(&self, cases: &[ProjectCase]) -> Outcome<(ModelConfig, TrainingConfig)> {
        let spacings: Vec<[f64; 3]> = cases
            .iter()
            .map(|case| case.scan.image.geometry.spacing_mm())
            .collect();
        if spacings.is_empty() {
            return Err(Failure::input(anyhow!(
                "{}: expected at least one scan, got none",
                self.project.folder.scans().display()
            )));
        }
        let spacing_mm = segmenter::median(&spacings);
        let settings = self.project.folder.settings().display().to_string();
        let network = self.file.network(spacing_mm).context(settings);
        network.map_err(Failure::input)
    }
}

/// Returns who works: the name given, or the one that the system knows.
pub(crate) fn name_of(who: Option<&str>) -> String {
    let known = || std::env::var("USER").ok().filter(|name| !name.is_empty());
    let who = who.map(str::to_owned).or_else(known);
    who.unwrap_or_else(|| "somebody".to_owned())
}

/// What was asked for and cannot be done is bad input; what failed is not.
pub(crate) fn failure(error: ProjectError) -> Failure {
    match error {
        ProjectError::Input(_)
        | ProjectError::History { .. }
        | ProjectError::InUse { .. }
        | ProjectError::Data(_) => Failure::Input(error.into()),
        other => Failure::Run(other.into()),
    }
}
