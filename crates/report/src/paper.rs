//! The only numbers here that do not come from records: Zhang et al. 2019 (arXiv 1906.07367),
//! measured on 40 dHCP newborns at term age. Those are other data, so compare differences, not
//! levels.

use crate::arm::PROPOSED;
use crate::prelude::*;

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

/// A model of Table 1.
pub(crate) struct Model {
    /// The architecture, named as in a sweep's configuration.
    architecture: &'static str,
    /// As the paper writes it.
    pub(crate) name: &'static str,
    /// Mean Dice with full annotation in Task 1 and Task 2.
    dice: [f64; 2],
}

static TABLE_1: [Model; 3] = [
    Model { architecture: "unet", name: "3D U-Net", dice: [0.976, 0.848] },
    Model { architecture: "v-net", name: "V-Net", dice: [0.975, 0.844] },
    Model { architecture: "attention-unet", name: "attention 3D U-Net", dice: [0.979, 0.872] },
];

/// One of two numbers: the first of brain extraction, the second of tissue segmentation; `None` of
/// any other task.
fn of_task(task: Task, [brain, tissue]: [f64; 2]) -> Option<f64> {
    match task {
        Task::BRAIN_EXTRACTION => Some(brain),
        Task::TISSUE_SEGMENTATION => Some(tissue),
        _ => None,
    }
}

/// The paper's Table 2, if it has that row.
pub(crate) fn table_2(arm: &Arm, ratio: f64, task: Task, part: Part) -> Option<f64> {
    let row = TABLE_2.iter().find(|row| row.0 == arm.name() && (row.1 - ratio).abs() < 1e-6);
    let [a1, b1, a2, b2] = row?.2;
    of_task(task, if part == Part::A { [a1, a2] } else { [b1, b2] })
}

/// The paper's model of this architecture, if it has one.
pub(crate) fn model(architecture: &str) -> Option<&'static Model> {
    TABLE_1.iter().find(|model| model.architecture == architecture)
}

impl Model {
    /// Mean Dice with full annotation.
    pub(crate) fn dice(&self, task: Task) -> Option<f64> {
        of_task(task, self.dice)
    }
}

/// Coefficient of the rank regression in the paper's Fig. 4 (one sample a task).
pub(crate) fn rank_coefficient(task: Task) -> Option<f64> {
    of_task(task, [0.93, 0.92])
}

/// The ratio at which the paper says that attention-guided query is as good as any rival at
/// [`COMPARED_RATIO`].
pub(crate) fn headline_ratio(task: Task) -> Option<f64> {
    of_task(task, [0.15, 0.30])
}
