//! The `data:` section of an experiment: which dataset, which voxel grid, which split.

use crate::nifti::Position;
use crate::normalise::Normalise;
use crate::spacing::{self, Spacing};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Environment variable that names the data folder when `path` does not.
pub const DATA_VARIABLE: &str = "SLICEWISE_DATA";

/// The data folder when neither `path` nor [`DATA_VARIABLE`] names one, relative to the repository.
pub const DEFAULT_PATH: &str = "../shared/data";

/// Voxel size of phantoms in mm when `spacing_mm` is absent.
pub const PHANTOM_SPACING_MM: f64 = 2.0;

/// The volumes of an experiment: which dataset, how it is prepared and how it is split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Name of the dataset, one of those that `slicewise list datasets` prints: `dhcp`, `manifest`,
    /// `msd`, `neonates` or `phantom`. Required. Experiments that say `layout`, its former name, are
    /// still read.
    #[schemars(schema_with = "dataset_names")]
    #[serde(alias = "layout")]
    pub dataset: String,
    /// The data folder, or for the dataset `manifest` the CSV file. A relative path starts at the
    /// folder in which the program is called. Default: the environment variable `SLICEWISE_DATA`,
    /// else `../shared/data`. The dataset `phantom` reads no files, so there a path is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Which phantoms to make. Required for the dataset `phantom`; an error for any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phantom: Option<PhantomConfig>,
    /// Class names, background first, 2 to 255 of them; the position in the list, from 0, is the
    /// label value. Needed by the dataset `manifest` for every task but one of the mask. An error for any other
    /// dataset, because those know their class names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Which channel is read where the dataset `msd` has several: its number, from 0, or its name in
    /// `dataset.json`. An error for any other dataset. Default: the only channel; several are refused,
    /// since a network takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "number_or_name")]
    pub channel: Option<Channel>,
    /// Voxel size in mm that volumes are resampled to: one number for all axes, or three, `[x, y, z]`
    /// = right-left, posterior-anterior, inferior-superior, whatever the file's order of axes. Allowed:
    /// 0.05 to 50 each; for phantoms one number, 0.4 to 8. Default: `native`, each volume keeps its
    /// file's voxels; phantoms are made at 2 mm.
    #[serde(
        default,
        deserialize_with = "spacing::read",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "spacing::schema")]
    pub spacing_mm: Option<Spacing>,
    /// How intensities are normalised. `mr`: each volume by its own mean and standard deviation, in
    /// which voxels of exactly 0 do not count. `ct`: all volumes by the same numbers, in Hounsfield
    /// units, where 0 is water and counts: clipped to the percentiles 0.5 and 99.5 of the voxels
    /// above -950 HU in Part A, and standardised by their mean and standard deviation.
    /// `{ct: {window: [-160, 240]}}`: clipped to that window, which then becomes -1 to 1. Default:
    /// `mr`.
    #[serde(default, skip_serializing_if = "Normalise::is_mr")]
    #[schemars(schema_with = "crate::normalise::schema")]
    pub normalise: Normalise,
    /// Which statement of a NIfTI header about the position of its voxels counts where sform and qform,
    /// or sform and the voxel sizes in `pixdim`, contradict each other: `sform` or `qform`. It holds
    /// for every file of the dataset; a file with one form is read by that. Default: the sform if it is
    /// set, else the qform, and a file in which they contradict each other is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// How far the grid of a label map or mask may lie from its image's, in voxels of the image, 0.0001
    /// to 0.5: the root mean square distance of the eight corners. Within it the voxels are taken as
    /// they are, at the image's position. Default: 0.05.
    #[serde(
        default = "default_grid_tolerance_voxels",
        skip_serializing_if = "is_default_grid_tolerance"
    )]
    pub grid_tolerance_voxels: f64,
    /// Ids of the cases in Part A, the training volumes, which are annotated slice by slice.
    /// Default: all cases that are not in Part B.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_a: Option<Vec<String>>,
    /// Ids of the cases in Part B, the unseen test volumes. An error together with `part_b_count`.
    /// Default: drawn if `part_b_count` is set; else all cases that are not in `part_a`; else the
    /// dataset's own split (the `split` column of a manifest).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_b: Option<Vec<String>>,
    /// Ids of cases to hold out of Part A: they are neither trained on nor in any table. After every
    /// `checkpoint_every` steps they are segmented, and their Dice is kept with the training loss, so
    /// that one sees whether training has come to rest. With `folds` such a case is held out wherever it
    /// is not unseen itself. Default: none, since each costs a prediction each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<Vec<String>>,
    /// Number of cases to draw at random for Part B, 1 or more, instead of naming them in `part_b`.
    /// Subjects are drawn whole, so that none has sessions in both parts; this can give a few cases
    /// more. Default: no draw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_b_count: Option<usize>,
    /// Number of folds over cases, 2 or more: every case is unseen in one fold, and each run is done
    /// for every fold. Subjects are dealt whole, in the order that `split_seed` gives. An error
    /// together with `part_a`, `part_b` or `part_b_count`. Default: one split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Number of the fold, from 1, that is Part B. The program sets it for each run.
    #[serde(skip)]
    pub fold: Option<usize>,
    /// Seed of that draw, a whole number from 0. Default: 0. It is a setting of its own, so that
    /// all seeds of an experiment share one split.
    #[serde(default)]
    pub split_seed: u64,
    /// Margin in mm that cropping keeps around the content of a volume, 0 to 1000. Default: 4;
    /// the paper gives none.
    #[serde(default = "default_margin_mm")]
    pub margin_mm: f64,
}

/// One of several channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a channel's number, from 0, or its name"
)]
pub enum Channel {
    /// Its number, from 0.
    Number(usize),
    /// Its name in `dataset.json`.
    Name(String),
}

/// Which procedural newborn heads ("phantoms") to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhantomConfig {
    /// Number of subjects, at least 2, because both parts need cases. Required.
    pub subjects: usize,
    /// Seed of the population, a whole number from 0. Subject number i of a seed is always the same
    /// head. Required.
    pub seed: u64,
}

/// What [`Channel`] can be.
fn number_or_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]})
}

/// The names of [`crate::datasets::DATASETS`].
fn dataset_names(_: &mut SchemaGenerator) -> Schema {
    let names = crate::datasets::DATASETS
        .iter()
        .map(|dataset| dataset.name());
    json_schema!({"type": "string", "enum": names.collect::<Vec<_>>()})
}

fn default_margin_mm() -> f64 {
    4.0
}

fn default_grid_tolerance_voxels() -> f64 {
    0.05
}

fn is_default_grid_tolerance(voxels: &f64) -> bool {
    *voxels == default_grid_tolerance_voxels()
}

impl DataConfig {
    /// Returns settings for this dataset with every other setting at its default.
    pub fn new(dataset: &str) -> Self {
        Self {
            dataset: dataset.to_owned(),
            path: None,
            phantom: None,
            classes: None,
            channel: None,
            spacing_mm: None,
            position: None,
            grid_tolerance_voxels: default_grid_tolerance_voxels(),
            normalise: Normalise::Mr,
            part_a: None,
            part_b: None,
            held_out: None,
            part_b_count: None,
            folds: None,
            fold: None,
            split_seed: 0,
            margin_mm: default_margin_mm(),
        }
    }

    /// Tells whether all prepared cases have cubic voxels, whatever their files have.
    pub fn is_cubic(&self) -> bool {
        self.dataset == "phantom" || self.spacing_mm.and_then(Spacing::isotropic).is_some()
    }

    /// Whether a case of Part A is held out of training.
    pub(crate) fn holds_out(&self, id: &str) -> bool {
        self.held_out.iter().flatten().any(|held| held == id)
    }

    /// Returns the data folder (or manifest): `path`, else `$SLICEWISE_DATA`, else
    /// [`DEFAULT_PATH`].
    pub fn root(&self) -> PathBuf {
        self.path
            .clone()
            .or_else(|| std::env::var_os(DATA_VARIABLE).map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from(DEFAULT_PATH))
    }
}
