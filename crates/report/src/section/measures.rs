//! What else says how good a segmentation is, beside the volume Dice of Table 2.
//!
//! The paper scores slices (its eq. 1), which weighs a thin end slice as much as a wide one; volume
//! Dice hardly sees the former. Sparse annotation leaves the slices between annotated ones messy,
//! which Dice over those, and surface distances, see. `measure` is a name in [`MEASURES`];
//! `undefined` counts classes of cases, over all runs, that have no value.

use crate::prelude::*;
use crate::rounds::{HALF, Score};
use crate::section::{Content, Format, Grid, Made, Sweep, Table, pivot};

/// Values of the foreground classes of a case.
type Classes = [(String, Option<f64>)];

/// One measure of a case.
struct Measure {
    /// Its name in tidy tables.
    name: &'static str,
    /// The part that the grid shows it of, its heading there, and its decimals.
    part: Part,
    title: &'static str,
    places: usize,
    /// The classes that it is the mean of, if of classes.
    classes: fn(&CaseRecord) -> &Classes,
    /// Its value, if it is not the mean over the classes that have one; `None` if it has none.
    of_case: Option<fn(&CaseRecord) -> Option<f64>>,
}

/// In the order of tables.
static MEASURES: [Measure; 8] = [
    Measure {
        of_case: Some(|case| case.mean_dice),
        ..mean_of("dice", (Part::B, "volume Dice", 3), |case| &case.dice)
    },
    Measure {
        of_case: Some(slice_r),
        ..mean_of("slice_r", (Part::B, "mean R of slices", 3), |_| &[])
    },
    mean_of("unannotated_dice", (Part::A, "Dice between annotated slices (Part A)", 3), |case| {
        &case.unannotated_dice
    }),
    mean_of("delivered_dice", (Part::A, "drawn and predicted slices (Part A)", 3), |case| {
        &case.delivered_dice
    }),
    mean_of("interpolated_dice", (Part::A, "drawn and interpolated slices (Part A)", 3), |case| {
        &case.interpolated_dice
    }),
    mean_of("hd95_mm", (Part::B, "HD95 (mm)", 2), |case| &case.hd95_mm),
    mean_of("own_dice", (Part::B, "Dice on the scan's grid", 3), |case| {
        case.own_grid.as_ref().map_or(&[], |own| &own.dice)
    }),
    mean_of("own_hd95_mm", (Part::B, "HD95 on the scan's grid (mm)", 2), |case| {
        case.own_grid.as_ref().map_or(&[], |own| &own.hd95_mm)
    }),
];

/// The mean over the classes of a case that have a value.
const fn mean_of(
    name: &'static str,
    (part, title, places): (Part, &'static str, usize),
    classes: fn(&CaseRecord) -> &Classes,
) -> Measure {
    Measure { name, part, title, places, classes, of_case: None }
}

impl Measure {
    fn value(&self, case: &CaseRecord) -> Option<f64> {
        let of_classes = || mean((self.classes)(case).iter().filter_map(|(_, value)| *value));
        self.of_case.map_or_else(of_classes, |value| value(case))
    }
}

/// The paper's eq. 1: mean R over the slices whose ground truth has foreground; `None` if no slice has.
pub(crate) fn slice_r(case: &CaseRecord) -> Option<f64> {
    let slices = case.r.iter().zip(&case.foreground);
    mean(slices.filter(|(_, foreground)| **foreground).map(|(r, _)| *r))
}

/// One measure of one round.
struct Row<'a> {
    round: &'a Round<'a>,
    part: Part,
    measure: &'static Measure,
    score: Score,
    /// Classes of cases without a value, all runs together.
    undefined: usize,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let rows = measured(sweep);
    let frame = Table::of(&rows, "")
        .tidy("task", |r| r.round.task)
        .tidy("part", |r| r.part)
        .tidy("strategy", |r| &r.round.arm)
        .tidy("ratio", |r| r.round.ratio)
        .tidy("steps", |r| r.round.steps)
        .tidy("measure", |r| r.measure.name)
        .score(|r| r.score)
        .tidy("undefined", |r| r.undefined)
        .frame("measures")?;
    Ok(Some(Content::table(frame, vec![grid(&rows)])))
}

/// Every round that was evaluated, part and measure that has a value, in the order of rounds.
fn measured<'a>(sweep: &Sweep<'a>) -> Vec<Row<'a>> {
    let scores = MEASURES.each_ref().map(|of| sweep.observations.scores(|case| of.value(case)));
    let rounds = sweep.primary().filter(|round| round.evaluated);
    let parts = rounds.cartesian_product([Part::A, Part::B]);
    let all = parts.cartesian_product(MEASURES.iter().zip(&scores));
    let rows = all.filter_map(|((round, part), (measure, scores))| {
        let score = *scores.get(&(round.place, part))?;
        let cases = round.records.iter().flat_map(|record| cases_of(record, part));
        let undefined =
            cases.flat_map(measure.classes).filter(|(_, value)| value.is_none()).count();
        Some(Row { round, part, measure, score, undefined })
    });
    rows.collect()
}

/// A row a round, a column a measure of the part that tells most.
fn grid(rows: &[Row]) -> Grid {
    let how = format!(
        "Mean over cases, then over seeds, {HALF}. Volume Dice is that of Table 2. The mean R of slices is the \
         paper's eq. 1 over the slices whose ground truth has foreground: every slice counts the same, however much \
         is on it. HD95 is the 95th percentile of the surface distance, the mean over classes; a class that \
         prediction or truth lacks has none, and \"undefined\" counts these over all runs. The scan's grid is that \
         before resampling. \"Drawn and predicted\" is the volume that an annotator would deliver, with the annotated \
         slices as drawn; in \"drawn and interpolated\" labels are interpolated between these without looking at the \
         image, a baseline that learns nothing. These two and the Dice between annotated slices are of Part A, the \
         others of Part B; tables/measures.csv has both parts."
    );
    let shown = || rows.iter().filter(|row| row.part == row.measure.part);
    let is_any = |measure: &&Measure| shown().any(|row| row.measure.name == measure.name);
    let measures = MEASURES.iter().filter(is_any).collect_vec();
    let names = measures.iter().map(|measure| measure.name).collect_vec();
    let lines = pivot(shown(), &names, |row| {
        let Round { task, arm, steps, .. } = row.round;
        ((*task, arm, ratio_key(row.round.ratio), *steps), row.measure.name)
    });
    let mut table = Table::of(&lines, how)
        .shown("task", Format::Words, |r| r.0.0)
        .shown("strategy", Format::Words, |r| r.0.1)
        .shown("slices", Format::Ratio, |r| r.0.2 as f64 / 1e6)
        .shown("steps", Format::Decimals(0), |r| r.0.3);
    for (at, measure) in measures.into_iter().enumerate() {
        let format = Format::Decimals(measure.places);
        table = table.shown(measure.title, format, |r| Some(r.1[at]?.score.value));
        if measure.name.ends_with("hd95_mm") {
            table = table.shown("undefined", Format::Decimals(0), |r| Some(r.1[at]?.undefined));
        }
    }
    table.grid()
}
