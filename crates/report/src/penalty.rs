//! Which strategy loses to which, over all ratios? The pairwise penalty matrix of the field's
//! benchmarks, on Part B of the primary model.

use crate::curve::Curves;
use crate::order::{is_strategy, ratio_key};
use slicewise_data::{Part, Task};
use slicewise_metrics::{Penalty, SeedScores, pairwise_penalty};
use std::collections::BTreeMap;

/// Level of each test.
pub(crate) const ALPHA: f64 = 0.05;

/// One task.
#[derive(Debug, Clone)]
pub(crate) struct PenaltyMatrix {
    pub(crate) task: Task,
    pub(crate) strategies: Vec<String>,
    /// `cells[row][column]`: what the strategy of the column loses to that of the row. `None` on
    /// the diagonal and where no ratio could be tested.
    pub(crate) cells: Vec<Vec<Option<Penalty>>>,
}

impl PenaltyMatrix {
    /// Mean of a column: what the strategy loses on average to a rival it could be tested against.
    pub(crate) fn mean_loss(&self, column: usize) -> Option<f64> {
        crate::curve::mean(self.cells.iter().filter_map(|row| Some(row[column]?.share)))
    }
}

/// How the numbers were computed, in a sentence.
pub(crate) fn how() -> String {
    format!(
        "Columns lose to rows: a cell is the share of the ratios at which the column's mean Part B \
         Dice is significantly below the row's, by a paired two-sided t-test over seeds (α = \
         {ALPHA}), among the ratios that both have in two seeds or more. The last row is the \
         column's mean: the lower, the less a strategy loses. The tests are not corrected for their \
         number, and with few seeds they find only large differences."
    )
}

/// Of each task with two strategies or more, in the order of tables.
pub(crate) fn penalties(curves: &Curves) -> Vec<PenaltyMatrix> {
    curves
        .tasks()
        .into_iter()
        .filter_map(|task| matrix(curves, task))
        .collect()
}

fn matrix(curves: &Curves, task: Task) -> Option<PenaltyMatrix> {
    let points = || {
        curves
            .panel(task, Part::B)
            .filter(|p| is_strategy(&p.strategy))
    };
    let mut strategies = curves.strategies();
    strategies.retain(|name| points().any(|point| point.strategy == *name));
    let mut budgets: BTreeMap<u64, Vec<SeedScores>> = BTreeMap::new();
    for point in points() {
        let methods = budgets
            .entry(ratio_key(point.ratio))
            .or_insert_with(|| vec![SeedScores::new(); strategies.len()]);
        let place = strategies.iter().position(|name| *name == point.strategy)?;
        methods[place] = point.by_seed.clone();
    }
    let budgets: Vec<_> = budgets.into_values().collect();
    // Means over cases leave out what is not finite, the one thing refused.
    let cells = pairwise_penalty(&budgets, ALPHA).ok()?;
    (strategies.len() > 1).then_some(PenaltyMatrix {
        task,
        strategies,
        cells,
    })
}
