//! The only numbers here that do not come from records: Zhang et al. 2019 (arXiv 1906.07367),
//! measured on 40 dHCP newborns at term age. Other data, so compare differences, not levels.

use slicewise_data::{Part, Task};

/// How these numbers are named wherever they appear.
pub const SOURCE: &str = "paper (40 dHCP newborns)";

/// Mean Dice of Table 2: strategy, ratio, then Task 1 A, Task 1 B, Task 2 A, Task 2 B.
const TABLE_2: [(&str, f64, [f64; 4]); 5] = [
    ("random", 0.50, [0.975, 0.970, 0.846, 0.846]),
    ("equal-interval", 0.50, [0.982, 0.975, 0.859, 0.854]),
    ("uncertainty", 0.50, [0.983, 0.977, 0.872, 0.862]),
    ("attention-guided", 0.15, [0.984, 0.979, 0.857, 0.855]),
    ("attention-guided", 0.30, [0.984, 0.979, 0.882, 0.872]),
];

/// The paper's Table 2, if it has that row.
pub fn table_2(strategy: &str, ratio: f64, task: Task, part: Part) -> Option<f64> {
    let column = match (task, part) {
        (Task::BrainExtraction, Part::A) => 0,
        (Task::BrainExtraction, Part::B) => 1,
        (Task::TissueSegmentation, Part::A) => 2,
        (Task::TissueSegmentation, Part::B) => 3,
    };
    TABLE_2
        .iter()
        .find(|row| row.0 == strategy && (row.1 - ratio).abs() < 1e-6)
        .map(|row| row.2[column])
}

/// The models of the paper's Table 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// 3D U-Net.
    UNet,
    /// V-Net.
    VNet,
    /// The paper's own: the 3D U-Net with attention.
    AttentionUNet,
}

impl Model {
    /// The paper's model that a model of a sweep resembles: its own where there is an attention
    /// map, V-Net where the name says so, else the 3D U-Net.
    pub fn like(name: &str, attention: bool) -> Self {
        if attention {
            Self::AttentionUNet
        } else if name.contains("v-net") || name.contains("vnet") {
            Self::VNet
        } else {
            Self::UNet
        }
    }

    /// As the paper writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::UNet => "3D U-Net",
            Self::VNet => "V-Net",
            Self::AttentionUNet => "attention 3D U-Net",
        }
    }
}

/// The paper's Table 1: mean Dice with full annotation.
pub fn table_1(model: Model, task: Task) -> f64 {
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
pub fn rank_coefficient(task: Task) -> f64 {
    match task {
        Task::BrainExtraction => 0.93,
        Task::TissueSegmentation => 0.92,
    }
}

/// The ratio at which the paper says that attention-guided query is as good as any rival at
/// 50 %.
pub fn headline_ratio(task: Task) -> f64 {
    match task {
        Task::BrainExtraction => 0.15,
        Task::TissueSegmentation => 0.30,
    }
}
