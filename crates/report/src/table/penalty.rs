//! The pairwise penalty matrix: `penalty`.

use super::tidy::{count, maybe, text};
use crate::finding::task_title;
use crate::penalty::{PenaltyMatrix, how};
use polars::prelude::{DataFrame, PolarsResult};
use slicewise_experiment::Results;

/// `task,loser,winner,penalty,ratios`: `penalty` is the share of the `ratios` that could be tested
/// at which `loser` is significantly below `winner`; empty where none could.
pub(super) fn penalty(matrices: &[PenaltyMatrix]) -> PolarsResult<DataFrame> {
    let mut rows = Vec::new();
    for matrix in matrices {
        let names = &matrix.strategies;
        for (loser, _) in names.iter().enumerate() {
            for (winner, _) in names
                .iter()
                .enumerate()
                .filter(|(winner, _)| *winner != loser)
            {
                let cell = matrix.cells[winner][loser];
                rows.push((matrix.task, &names[loser], &names[winner], cell));
            }
        }
    }
    DataFrame::new_infer_height(vec![
        count("task", rows.iter().map(|row| u32::from(row.0.number()))),
        text("loser", rows.iter().map(|row| row.1.as_str())),
        text("winner", rows.iter().map(|row| row.2.as_str())),
        maybe("penalty", rows.iter().map(|row| Some(row.3?.share))),
        count(
            "ratios",
            rows.iter()
                .map(|row| row.3.map_or(0, |cell| cell.budgets as u32)),
        ),
    ])
}

/// A matrix a task; columns lose to rows.
pub(super) fn markdown(matrices: &[PenaltyMatrix], results: &Results) -> String {
    let manifest = &results.manifest;
    let mut text = format!(
        "{} Sweep `{}`, {} seed(s), commit {}.\n",
        how(),
        manifest.name,
        manifest.seeds.len(),
        manifest.commit
    );
    for matrix in matrices {
        let names = &matrix.strategies;
        text.push_str(&format!(
            "\n{}\n\n| wins ↓ loses → | {} |\n|---|{}\n",
            task_title(matrix.task),
            names.join(" | "),
            "---:|".repeat(names.len())
        ));
        let share =
            |share: Option<f64>| share.map_or_else(String::new, |share| format!("{share:.2}"));
        for (name, row) in names.iter().zip(&matrix.cells) {
            let cells = row.iter().map(|cell| share(cell.map(|cell| cell.share)));
            text.push_str(&format!(
                "| {name} | {} |\n",
                cells.collect::<Vec<_>>().join(" | ")
            ));
        }
        let means = (0..names.len()).map(|column| share(matrix.mean_loss(column)));
        text.push_str(&format!(
            "| mean | {} |\n",
            means.collect::<Vec<_>>().join(" | ")
        ));
    }
    text
}
