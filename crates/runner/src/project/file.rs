//! `slicewise.yaml`, the settings of a project.

use crate::config::message;
use crate::failure::{Failure, Outcome};
use crate::segmenter;
use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};
use slicewise_core::{Agreement, SliceAxis, Task};
use slicewise_data::drawn::{DONE, UNSURE};
use slicewise_data::{DataConfig, Normalise, Position, Spacing, spacing};
use slicewise_model::{CommitteeConfig, ModelConfig, Precision, TrainingConfig};
use slicewise_project::{ProjectFolder, Settings};
use std::fs;

/// The settings of a project. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectFile {
    /// The project's name: lower-case letters, digits and `-`. Required.
    pub(crate) name: Task,
    /// Names of the classes, background first, in the order of their label values. Required. They cannot
    /// be changed once the project has begun.
    pub(crate) classes: Vec<String>,
    /// The axis that scans are sliced along: `axial`, `sagittal`, `coronal` or `thickest`. Default:
    /// `thickest`, the plane in which a scan was taken. It cannot be changed once the project has begun.
    #[serde(default = "thickest")]
    pub(crate) slice_axis: SliceAxis,
    /// How scans are prepared for the network.
    #[serde(default)]
    pub(crate) preparation: Preparation,
    /// How slices are asked for.
    #[serde(default)]
    pub(crate) ask: Ask,
    /// The network.
    #[serde(default)]
    pub(crate) model: ModelConfig,
    /// Loss, optimiser, crops and arithmetic of the training.
    #[serde(default)]
    pub(crate) training: TrainingConfig,
    /// The members that strategies which need a committee ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) committee: Option<CommitteeConfig>,
    /// Training steps of a model. Default: 1200.
    #[serde(default = "steps")]
    pub(crate) steps: usize,
    /// Seed of first weights, crops and queries. Default: 1.
    #[serde(default = "one")]
    pub(crate) seed: u64,
    /// CPU threads. Default: 1. libtorch's sums depend on it, so the same drawings give the same model
    /// only with the same number.
    #[serde(default = "one_thread")]
    pub(crate) threads: usize,
    /// Device that trains and predicts: `cpu`, `cuda:N` or `auto`. Default: `auto`.
    #[serde(default = "auto")]
    pub(crate) device: String,
}

/// How scans are prepared for the network, as `data` in an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Preparation {
    /// Voxel size in mm that scans are resampled to, `[x, y, z]` or one number. Default: `native`.
    #[serde(
        deserialize_with = "spacing::read",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) spacing_mm: Option<Spacing>,
    /// `mr` or `ct`. Default: `mr`.
    pub(crate) normalise: Normalise,
    /// Margin in mm that cropping keeps around the content. Default: 4.
    pub(crate) margin_mm: f64,
    /// Which statement of a header counts where sform and qform contradict each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<Position>,
}

impl Default for Preparation {
    fn default() -> Self {
        let config = DataConfig::new("manifest");
        Self {
            spacing_mm: None,
            normalise: config.normalise,
            margin_mm: config.margin_mm,
            position: None,
        }
    }
}

/// How slices are asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ask {
    /// The query strategy, one of `slicewise list strategies`. Default: `equal-interval`, above which
    /// our experiments confirmed none by more than 0.002 Dice (docs/results.md).
    pub(crate) strategy: String,
    /// Number of slices of a round. Default: 20.
    pub(crate) slices: usize,
    /// Minutes that a slice takes to draw, until they were measured. Default: 3.
    pub(crate) minutes_per_slice: f64,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            strategy: "equal-interval".to_owned(),
            slices: 20,
            minutes_per_slice: 3.0,
        }
    }
}

fn thickest() -> SliceAxis {
    SliceAxis::Thickest
}

fn steps() -> usize {
    1200
}

fn one() -> u64 {
    1
}

fn one_thread() -> usize {
    1
}

fn auto() -> String {
    "auto".to_owned()
}

impl ProjectFile {
    /// Reads and checks the settings of a project.
    ///
    /// # Errors
    /// The file cannot be read, or says something impossible.
    pub(crate) fn read(folder: &ProjectFolder) -> Outcome<Self> {
        let path = folder.settings();
        let shown = path.display().to_string();
        let text = fs::read_to_string(&path).with_context(|| shown.clone());
        let text = text.map_err(Failure::input)?;
        let file: Self = serde_yaml::from_str(&text)
            .map_err(|error| Failure::input(anyhow!(message(&error, &path))))?;
        match file.problem() {
            Some(problem) => Err(Failure::input(anyhow!("{shown}: {problem}"))),
            None => Ok(file),
        }
    }

    /// Returns what is wrong with the settings, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        // Two label values above the classes stand for `unsure` and `done`, and 255 for unannotated.
        if !(2..=250).contains(&self.classes.len()) {
            return Some(format!(
                "classes: expected background and 1 to 249 others, got {} in all",
                self.classes.len()
            ));
        }
        let names: std::collections::BTreeSet<String> = self
            .classes
            .iter()
            .map(|name| name.to_lowercase())
            .collect();
        let reserved = [UNSURE, DONE, "ignore"];
        if names.len() < self.classes.len() || reserved.iter().any(|word| names.contains(*word)) {
            return Some(format!(
                "classes: expected different names, none of them unsure, done or ignore, got {}",
                self.classes.join(", ")
            ));
        }
        let positive = [
            ("steps", self.steps),
            ("threads", self.threads),
            ("ask.slices", self.ask.slices),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Some(format!("{key}: expected 1 or more, got 0"));
        }
        if self.ask.minutes_per_slice.is_nan() || self.ask.minutes_per_slice <= 0.0 {
            let got = self.ask.minutes_per_slice;
            return Some(format!(
                "ask.minutes_per_slice: expected a number above 0, got {got}"
            ));
        }
        None
    }

    /// Returns what the crate `project` needs of the settings.
    pub(crate) fn settings(&self) -> Settings {
        let Preparation {
            spacing_mm,
            normalise,
            margin_mm,
            position,
        } = self.preparation.clone();
        Settings {
            task: self.name,
            classes: self.classes.clone(),
            axis: self.slice_axis,
            agreement: match self.classes.len() {
                2 => Agreement::Dice,
                _ => Agreement::Accuracy,
            },
            preparation: DataConfig {
                spacing_mm,
                normalise,
                margin_mm,
                position,
                ..DataConfig::new("manifest")
            },
            seed: self.seed,
            steps: self.steps,
            checkpoint_every: 50,
        }
    }

    /// Returns the network for voxels of this size `[D, H, W]`, and its training, with every `auto`
    /// replaced by what it comes to here.
    ///
    /// # Errors
    /// The device cannot be used, or the crops of training do not fit the network.
    pub(crate) fn network(
        &self,
        spacing_mm: [f64; 3],
    ) -> anyhow::Result<(ModelConfig, TrainingConfig)> {
        let model = segmenter::settled(&self.model, spacing_mm);
        let mut training = self.training.clone();
        if training.precision == Precision::Auto {
            let device = slicewise_model::choose_device(&self.device)?;
            training.precision = Precision::fastest_on(device).0;
        }
        training.validate_for(&model).context("training")?;
        if let Some(committee) = &self.committee {
            committee.validate(training.averaging)?;
            if committee.seeds > 0 {
                bail!(
                    "committee.seeds: expected 0 in a project, where nobody waits for further networks \
                     at each question, got {}",
                    committee.seeds
                );
            }
        }
        Ok((model, training))
    }
}
