//! Does Dice follow how near annotated slices lie to what there is to segment?
//!
//! `covered` is the share of Part A's foreground voxels within [`REACH_MM`] of an annotated slice,
//! `slices` and `voxels` are the shares that were annotated, `mean` is the Dice on Part B. A second table
//! says how well each of these predicts the Dice of a strategy that it was not fitted to.

use crate::figure::dice::{Axis, dice_figure};
use crate::format::decimals;
use crate::prelude::*;
use crate::rounds::HALF;
use crate::section::{Content, Format, Made, Sweep, Table};
use crate::sweep::REACH_MM;
use slicewise_metrics::linear_fit;

/// A point of Part B, and its covered share.
type Row<'a> = (&'a Point<'a>, f64);

/// What Dice may follow: a name, and its value.
type Predictor = (&'static str, fn(&Row) -> f64);

/// In the order of tables. Dice rises with the logarithm of amounts.
const PREDICTORS: [Predictor; 4] = [
    ("training steps", |row| (row.0.steps as f64).ln()),
    ("annotated slices", |row| row.0.cost().slice_share.ln()),
    ("annotated foreground voxels", |row| row.0.cost().voxel_share.ln()),
    ("covered share", |row| row.1),
];

/// With fewer strategies there is too little to fit to.
const FEWEST_STRATEGIES: usize = 3;

/// How well one predictor tells the Dice of a strategy that it was not fitted to.
struct Error {
    task: Task,
    predictor: &'static str,
    /// Root of the mean squared error, over all points of all strategies.
    rmse: f64,
    points: usize,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let points = sweep.points.iter().filter(|p| p.part == Part::B && p.arm != Arm::Full);
    let rows = points.filter_map(|point| Some((point, sweep.covered(point)?))).collect_vec();
    if rows.is_empty() {
        return Ok(None);
    }
    let how = format!(
        "Covered is the share of Part A's foreground voxels within {} mm of an annotated slice of the \
         same case, mean over cases and runs. Dice is that of Part B: mean over cases, then over seeds, \
         {HALF}.",
        decimals(REACH_MM, 0)
    );
    let table = Table::of(&rows, how)
        .column(("task", "task"), Format::Words, |r| r.0.task)
        .column(("strategy", "strategy"), Format::Words, |r| &r.0.arm)
        .column(("ratio", "slices"), Format::Ratio, |r| r.0.ratio)
        .tidy("steps", |r| r.0.steps)
        .tidy("slices", |r| r.0.cost().slice_share)
        .tidy("voxels", |r| r.0.cost().voxel_share)
        .column(("covered", "covered"), Format::Share, |r| r.1)
        .score(|r| r.0.dice)
        .shown("Dice", Format::Decimals(3), |r| r.0.dice.value);
    let mut content = Content::of("covered", table)?;
    let errors = sweep.tasks().into_iter().flat_map(|task| errors(&rows, task)).collect_vec();
    let how = "Error of a straight line from one number to Dice, fitted to all strategies but one and the shared first \
         round, and then asked for that one: root mean square over the strategies left out in turn. Slices and \
         voxels enter by their logarithm. Where all points have the same steps, steps predict the mean.";
    let fitted = Table::of(&errors, how)
        .shown("task", Format::Words, |r| r.task)
        .shown("predicted from", Format::Words, |r| r.predictor)
        .shown("error", Format::Decimals(3), |r| r.rmse)
        .shown("points", Format::Decimals(0), |r| r.points);
    content.grids.extend((!errors.is_empty()).then(|| fitted.grid()));
    let figure = dice_figure(sweep, Axis::Covered);
    Ok(Some(content.told(sweep, |task| sentence(&errors, task)).drawn([figure])))
}

/// The error of each predictor in a task, in their order; empty with too few strategies.
fn errors(rows: &[Row], task: Task) -> Vec<Error> {
    let own = || rows.iter().filter(|row| row.0.task == task);
    let strategies: BTreeSet<&Arm> =
        own().map(|row| &row.0.arm).filter(|arm| arm.is_strategy()).collect();
    if strategies.len() < FEWEST_STRATEGIES {
        return Vec::new();
    }
    let of = |(predictor, value): Predictor| {
        let mut squares = Vec::new();
        for left_out in &strategies {
            let others = own().filter(|row| row.0.arm != **left_out);
            let (x, y): (Vec<f64>, Vec<f64>) =
                others.map(|row| (value(row), row.0.dice.value.mean)).unzip();
            let mean = y.iter().sum::<f64>() / y.len() as f64;
            // Refused where the predictor is the same everywhere.
            let line = linear_fit(&x, &y).ok();
            let told = |x: f64| line.map_or(mean, |line| line.intercept + line.slope * x);
            let asked = own().filter(|row| row.0.arm == **left_out);
            squares.extend(asked.map(|row| (row.0.dice.value.mean - told(value(row))).powi(2)));
        }
        let points = squares.len();
        let rmse = (squares.iter().sum::<f64>() / points as f64).sqrt();
        Error { task, predictor, rmse, points }
    };
    PREDICTORS.into_iter().map(of).collect()
}

/// Says what Dice follows best.
fn sentence(errors: &[Error], task: Task) -> Option<String> {
    let own = errors.iter().filter(|error| error.task == task);
    let own = own.sorted_by(|a, b| a.rmse.total_cmp(&b.rmse));
    let words = list(own.map(|error| format!("{} {}", error.predictor, decimals(error.rmse, 3))));
    let reach = decimals(REACH_MM, 0);
    let sentence = format!(
        "The Dice of a strategy is predicted from the others with an error of, by what it is predicted from: \
         {words}. \"Covered\" is the share of foreground within {reach} mm of an annotated slice."
    );
    (!words.is_empty()).then_some(sentence)
}
