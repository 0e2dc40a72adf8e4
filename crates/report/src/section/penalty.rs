//! Which strategy loses to which, over all ratios? The pairwise penalty matrix of the field's
//! benchmarks, on Part B of the primary model.
//!
//! `penalty` is the share of the `ratios` that could be tested at which `loser` is significantly below
//! `winner`; it is empty where none could.

use crate::figure::heading;
use crate::format::setting;
use crate::prelude::*;
use crate::section::{Content, Format, Grid, Made, Sweep, Table};
use crate::sweep::ALPHA;
use slicewise_figure::{FEW, Matrix, heat_map};
use slicewise_metrics::{Difference, Penalty, pairwise_penalty};

/// One task.
struct PenaltyMatrix {
    task: Task,
    arms: Vec<Arm>,
    /// `cells[row][column]`: what the strategy of the column loses to that of the row. `None` on
    /// the diagonal and where no ratio could be tested.
    cells: Vec<Vec<Option<Penalty>>>,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let tasks = sweep.tasks().into_iter();
    let matrices = tasks.filter_map(|task| matrix(sweep, task)).collect_vec();
    let rows = matrices.iter().flat_map(pairs).collect_vec();
    let frame = Table::of(&rows, "")
        .tidy("task", |r| r.0)
        .tidy("loser", |r| r.1)
        .tidy("winner", |r| r.2)
        .tidy("penalty", |r| Some(r.3?.share))
        .tidy("ratios", |r| r.3.map_or(0, |cell| cell.budgets))
        .frame("penalty")?;
    let shown = matrices.iter().map(PenaltyMatrix::shown).collect_vec();
    let how = format!(
        "Columns lose to rows: a cell is the share of the ratios at which the column's mean Part B \
         Dice is significantly below the row's, by a paired two-sided t test in which whole seeds \
         and whole cases are random (α = {}), among the ratios that both have in three seeds or \
         more. The last row is the column's mean: \
         the lower, the less a strategy loses. The tests are not corrected for their number, and \
         with few seeds they find only large differences.",
        setting(ALPHA)
    );
    let mut grids = shown.iter().map(grid).collect_vec();
    match grids.last_mut() {
        Some(last) => last.how.clone_from(&how),
        None => grids.push(Grid { how: how.clone(), ..Grid::default() }),
    }
    let seeds = sweep.seeds().len();
    let statistics = format!("t tests over {seeds} seeds and all cases, uncorrected");
    let heading = heading(sweep, ("penalty", "Which strategy loses to which?"), &statistics);
    let what = "share of the ratios at which the column is significantly below the row";
    let figure = heat_map(heading, shown, what, "mean loss").map(|figure| {
        figure.captioned(format!(
            "Pairwise penalties on Part B. {how} A dash stands where no ratio has three seeds of \
             both."
        ))
    });
    Ok(Some(Content::table(frame, grids).drawn(figure)))
}

/// Makes the matrix of a task with two strategies or more.
fn matrix(sweep: &Sweep, task: Task) -> Option<PenaltyMatrix> {
    let rounds = || sweep.primary().filter(|round| round.task == task && round.arm.is_strategy());
    let mut arms = sweep.strategies();
    arms.retain(|arm| rounds().any(|round| round.arm == *arm));
    if arms.len() > FEW {
        // The best first, so that a large matrix shows who loses to whom at a glance.
        let rows = sweep.standings.iter().filter(|row| row.task == Some(task));
        arms.sort_by_key(|arm| rows.clone().position(|row| row.arm == *arm));
    }
    // The round of each arm, if it has one at that ratio.
    let mut budgets = BTreeMap::new();
    for round in rounds() {
        let methods = budgets.entry(ratio_key(round.ratio)).or_insert(vec![None; arms.len()]);
        methods[arms.iter().position(|arm| *arm == round.arm)?] = Some(round.place);
    }
    let budgets = budgets.into_values().collect_vec();
    let find = |ours, theirs| {
        let mut all = sweep.comparisons.iter();
        Some(&all.find(|of| (of.ours.place, of.theirs.place) == (ours, theirs))?.paired)
    };
    let cells = pairwise_penalty(&budgets, ALPHA, |ours, theirs| {
        let (ours, theirs) = ((*ours)?, (*theirs)?);
        let found = find(ours, theirs).map(|found| (found, 1.0));
        let (found, sign) = found.or_else(|| Some((find(theirs, ours)?, -1.0)))?;
        Some(Difference { mean: sign * found.difference.mean, p: found.p? })
    });
    (arms.len() > 1).then_some(PenaltyMatrix { task, arms, cells })
}

/// Lists every loser and winner of a matrix, by loser.
fn pairs(matrix: &PenaltyMatrix) -> impl Iterator<Item = (Task, &Arm, &Arm, Option<Penalty>)> {
    let arms = || matrix.arms.iter().enumerate();
    let pairs = arms().cartesian_product(arms()).filter(|((column, _), (row, _))| row != column);
    pairs.map(|((column, loser), (row, winner))| {
        (matrix.task, loser, winner, matrix.cells[row][column])
    })
}

impl PenaltyMatrix {
    /// Makes what grid and figure show of it.
    fn shown(&self) -> Matrix {
        let shares =
            |cells: &Vec<Option<Penalty>>| cells.iter().map(|c| Some((*c)?.share)).collect();
        let rows: Vec<Vec<Option<f64>>> = self.cells.iter().map(shares).collect();
        let columns = 0..self.arms.len();
        Matrix {
            title: task_title(self.task),
            names: self.arms.iter().map(|arm| arm.label().to_owned()).collect(),
            means: columns.map(|column| mean(rows.iter().filter_map(|row| row[column]))).collect(),
            rows,
        }
    }
}

fn grid(matrix: &Matrix) -> Grid {
    let rows = matrix.names.iter().map(String::as_str).zip(&matrix.rows);
    let rows = rows.chain([("mean", &matrix.means)]).collect_vec();
    let mut table = Table::of(&rows, "").shown("wins ↓ loses →", Format::Words, |r| r.0);
    for (at, name) in matrix.names.iter().enumerate() {
        table = table.shown(name, Format::Decimals(2), |r| r.1[at]);
    }
    // The page shows a large matrix as its figure alone.
    let table = table.on_page(|_| matrix.names.len() <= FEW);
    Grid { title: matrix.title.clone(), ..table.grid() }
}
