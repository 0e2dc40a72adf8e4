//! The only numbers here that do not come from records: Zhang et al. 2019 (arXiv 1906.07367),
//! measured on 40 dHCP newborns at term age. Those are other data, so compare differences, not
//! levels.

use crate::arm::{Arm, PROPOSED};
use slicewise_data::{Part, Task};

/// How these numbers are named wherever they appear.
pub(crate) const SOURCE: &str = "paper (40 dHCP newborns)";

/// The ratio at which the paper compares all strategies.
pub(crate) const COMPARED_RATIO: f64 = 0.5;

/// Mean Dice of Table 2: strategy, ratio, then Task 1 A, Task 1 B, Task 2 A, Task 2 B.
const TABLE_2: [(&str, f64, [f64; 4]); 5] = [
    ("random", 0.50, [0.975, 0.970, 0.846, 0.846]),
    ("equal-interval", 0.50, [0.982, 0.975, 0.859, 0.854]),
    ("uncertainty", 0.50, [0.983, 0.977, 0.872, 0.862]),
    (PROPOSED, 0.15, [0.984, 0.979, 0.857, 0.855]),
    (PROPOSED, 0.30, [0.984, 0.979, 0.882, 0.872]),
];

/// The paper's Table 2, if it has that row.
pub(crate) fn table_2(arm: &Arm, ratio: f64, task: Task, part: Part) -> Option<f64> {
    let column = match (task, part) {
        (Task::BrainExtraction, Part::A) => 0,
        (Task::BrainExtraction, Part::B) => 1,
        (Task::TissueSegmentation, Part::A) => 2,
        (Task::TissueSegmentation, Part::B) => 3,
    };
    let row = TABLE_2.iter().find(|row| row.0 == arm.name() && (row.1 - ratio).abs() < 1e-6);
    row.map(|row| row.2[column])
}

/// The models of the paper's Table 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// The paper's own: the 3D U-Net with attention.
    AttentionUNet,
    VNet,
    UNet,
}

impl Model {
    /// The paper's model that has this architecture, named as in a sweep's configuration.
    pub(crate) fn of_architecture(name: &str) -> Option<Self> {
        match name {
            "attention-unet" => Some(Self::AttentionUNet),
            "v-net" => Some(Self::VNet),
            "unet" => Some(Self::UNet),
            _ => None,
        }
    }

    /// As the paper writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::UNet => "3D U-Net",
            Self::VNet => "V-Net",
            Self::AttentionUNet => "attention 3D U-Net",
        }
    }
}

/// The paper's Table 1: mean Dice with full annotation.
pub(crate) fn table_1(model: Model, task: Task) -> f64 {
    match (model, task) {
        (Model::UNet, Task::BrainExtraction) => 0.976,
        (Model::UNet, Task::TissueSegmentation) => 0.848,
        (Model::VNet, Task::BrainExtraction) => 0.975,
        (Model::VNet, Task::TissueSegmentation) => 0.844,
        (Model::AttentionUNet, Task::BrainExtraction) => 0.979,
        (Model::AttentionUNet, Task::TissueSegmentation) => 0.872,
    }
}

/// Coefficient of the rank regression in the paper's Fig. 4 (one sample a task).
pub(crate) fn rank_coefficient(task: Task) -> f64 {
    match task {
        Task::BrainExtraction => 0.93,
        Task::TissueSegmentation => 0.92,
    }
}

/// The ratio at which the paper says that attention-guided query is as good as any rival at
/// [`COMPARED_RATIO`].
pub(crate) fn headline_ratio(task: Task) -> f64 {
    match task {
        Task::BrainExtraction => 0.15,
        Task::TissueSegmentation => 0.30,
    }
}
