//! The `data:` section of an experiment: which data set, which grid, which split.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Environment variable that names the data folder when `path` does not.
pub const DATA_VARIABLE: &str = "SLICEWISE_DATA";

/// Where data lies when neither `path` nor [`DATA_VARIABLE`] says so, seen from the repository.
pub const DEFAULT_PATH: &str = "../shared/data";

/// Voxel size of phantoms when `spacing_mm` is absent, in mm.
pub const PHANTOM_SPACING_MM: f64 = 2.0;

/// Which data set an experiment runs on, and how it is prepared and split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Name of a layout in [`crate::layouts::REGISTRY`].
    #[schemars(schema_with = "layout_names")]
    pub layout: String,
    /// The data folder (`manifest`: the CSV file). Absent: `$SLICEWISE_DATA`, else
    /// [`DEFAULT_PATH`]. Phantoms take none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Which phantoms to make; only with the layout `phantom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phantom: Option<PhantomConfig>,
    /// Class names, background first, index = label value: the layout `manifest` needs them in
    /// the tissue task. Other layouts bring their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Isotropic voxel size in mm to resample to. Absent: the grid of the files (phantoms:
    /// [`PHANTOM_SPACING_MM`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing_mm: Option<f64>,
    /// Cases of Part A. Absent: all that are not in Part B.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_a: Option<Vec<String>>,
    /// Cases of Part B.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_b: Option<Vec<String>>,
    /// How many cases to draw for Part B, by `split_seed`, where `part_b` names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_b_count: Option<usize>,
    /// Seed of that draw.
    #[serde(default)]
    pub split_seed: u64,
    /// Margin kept around the content when cropping, in mm.
    #[serde(default = "default_margin_mm")]
    pub margin_mm: f64,
}

/// Which procedural newborns to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhantomConfig {
    /// How many subjects.
    pub subjects: usize,
    /// Seed of the population; subject `i` of a seed is always the same.
    pub seed: u64,
}

/// The names of [`crate::layouts::REGISTRY`].
fn layout_names(_: &mut SchemaGenerator) -> Schema {
    let names = crate::layouts::REGISTRY.iter().map(|layout| layout.name());
    json_schema!({"type": "string", "enum": names.collect::<Vec<_>>()})
}

fn default_margin_mm() -> f64 {
    4.0
}

impl DataConfig {
    /// A section with this layout and every other setting at its default.
    pub fn new(layout: &str) -> Self {
        Self {
            layout: layout.to_owned(),
            path: None,
            phantom: None,
            classes: None,
            spacing_mm: None,
            part_a: None,
            part_b: None,
            part_b_count: None,
            split_seed: 0,
            margin_mm: default_margin_mm(),
        }
    }

    /// The data folder (or manifest): `path`, else `$SLICEWISE_DATA`, else [`DEFAULT_PATH`].
    pub fn root(&self) -> PathBuf {
        self.path
            .clone()
            .or_else(|| std::env::var_os(DATA_VARIABLE).map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from(DEFAULT_PATH))
    }
}
