//! What else says how good a segmentation is, beside the volume Dice of Table 2:
//! `task,part,strategy,ratio,steps,measure,mean,ci_low,ci_high,seeds,cases,undefined`.
//!
//! The paper scores slices (its eq. 1), which weighs a thin end slice as much as a wide one; volume
//! Dice hardly sees the former. Sparse annotation leaves the slices between annotated ones messy,
//! which Dice over those, and surface distances, see. `measure` is a name in [`MEASURES`];
//! `undefined` counts classes of cases, over all runs, that have no value.

use crate::arm::Arm;
use crate::format::{list_of, percent};
use crate::frame::Columns;
use crate::grid::{Column, Format, Grid, pivot};
use crate::rounds::{HALF, Round, Score, cases_of, mean, part_name, ratio_key};
use crate::section::{Content, Made};
use crate::sweep::Sweep;
use slicewise_data::{Part, Task};
use slicewise_experiment::CaseRecord;
use slicewise_figure::FEW;
use std::collections::BTreeMap;

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
    /// Its value; `None` if it has none.
    of_case: fn(&CaseRecord) -> Option<f64>,
    /// What it is the mean of, if of classes.
    classes: fn(&CaseRecord) -> &Classes,
}

const SLICE_R: &str = "slice_r";

/// In the order of tables.
static MEASURES: [Measure; 8] = [
    Measure {
        name: "dice",
        part: Part::B,
        title: "volume Dice",
        places: 3,
        of_case: |case| case.mean_dice,
        classes: |case| &case.dice,
    },
    Measure {
        name: SLICE_R,
        part: Part::B,
        title: "mean R of slices",
        places: 3,
        of_case: slice_r,
        classes: |_| &[],
    },
    Measure {
        name: "unannotated_dice",
        part: Part::A,
        title: "Dice between annotated slices (Part A)",
        places: 3,
        of_case: |case| of_classes(&case.unannotated_dice),
        classes: |case| &case.unannotated_dice,
    },
    Measure {
        name: "delivered_dice",
        part: Part::A,
        title: "drawn and predicted slices (Part A)",
        places: 3,
        of_case: |case| of_classes(&case.delivered_dice),
        classes: |case| &case.delivered_dice,
    },
    Measure {
        name: "interpolated_dice",
        part: Part::A,
        title: "drawn and interpolated slices (Part A)",
        places: 3,
        of_case: |case| of_classes(&case.interpolated_dice),
        classes: |case| &case.interpolated_dice,
    },
    Measure {
        name: "hd95_mm",
        part: Part::B,
        title: "HD95 (mm)",
        places: 2,
        of_case: |case| of_classes(&case.hd95_mm),
        classes: |case| &case.hd95_mm,
    },
    Measure {
        name: "own_dice",
        part: Part::B,
        title: "Dice on the scan's grid",
        places: 3,
        of_case: |case| of_classes(&case.own_grid.as_ref()?.dice),
        classes: |case| case.own_grid.as_ref().map_or(&[], |own| &own.dice),
    },
    Measure {
        name: "own_hd95_mm",
        part: Part::B,
        title: "HD95 on the scan's grid (mm)",
        places: 2,
        of_case: |case| of_classes(&case.own_grid.as_ref()?.hd95_mm),
        classes: |case| case.own_grid.as_ref().map_or(&[], |own| &own.hd95_mm),
    },
];

/// The mean over the slices whose ground truth has foreground; `None` if no slice has.
fn slice_r(case: &CaseRecord) -> Option<f64> {
    let slices = case.r.iter().zip(&case.foreground);
    mean(slices.filter(|(_, foreground)| **foreground).map(|(r, _)| *r))
}

/// The mean over the classes that have a value.
fn of_classes(classes: &Classes) -> Option<f64> {
    mean(classes.iter().filter_map(|(_, value)| *value))
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
    let frame = Columns::of(&rows)
        .task(|r| r.round.task)
        .text("part", |r| part_name(r.part))
        .text("strategy", |r| r.round.arm.name())
        .real("ratio", |r| r.round.ratio)
        .maybe_large("steps", |r| Some(r.round.steps))
        .text("measure", |r| r.measure.name)
        .score(|r| &r.score)
        .count("undefined", |r| r.undefined)
        .frame("measures")?;
    let content = Content::table(frame, vec![grid(&rows)]);
    Ok(Some(content.told(sweep, |task| sentence(sweep, &rows, task))))
}

/// Every round that was evaluated, part and measure that has a value, in the order of rounds.
fn measured<'a>(sweep: &'a Sweep<'a>) -> Vec<Row<'a>> {
    let scores = MEASURES.each_ref().map(|measure| sweep.observations.scores(measure.of_case));
    let mut rows = Vec::new();
    for round in sweep.primary().filter(|round| round.evaluated) {
        for part in [Part::A, Part::B] {
            rows.extend(MEASURES.iter().zip(&scores).filter_map(|(measure, scores)| {
                let score = scores.get(&(round.place, part))?.clone();
                let cases = round.records.iter().flat_map(|record| cases_of(record, part));
                let classes = cases.flat_map(measure.classes);
                let undefined = classes.filter(|(_, value)| value.is_none()).count();
                Some(Row { round, part, measure, score, undefined })
            }));
        }
    }
    rows
}

/// A row a round, a column a measure of the part that tells most.
fn grid(rows: &[Row]) -> Grid {
    let how = format!(
        "Mean over cases, then over seeds, {HALF}. Volume Dice is that of Table 2. The mean R of slices is the paper's eq. 1 over \
         the slices whose ground truth has foreground: every slice counts the same, however much is \
         on it. HD95 is the 95th percentile of the surface distance, the mean over classes; a class \
         that prediction or truth lacks has none, and \"undefined\" counts these over all runs. The \
         scan's grid is that before resampling. \"Drawn and predicted\" is the \
         volume that an annotator would deliver, with the annotated slices as drawn; in \"drawn and \
         interpolated\" labels are interpolated between these without looking at the image, a baseline \
         that learns nothing. These two and the Dice between annotated slices are of Part A, the others \
         of Part B; tables/measures.csv has both parts."
    );
    let shown = |row: &&Row| row.part == row.measure.part;
    let measures: Vec<&Measure> = MEASURES
        .iter()
        .filter(|of| rows.iter().filter(shown).any(|row| row.measure.name == of.name))
        .collect();
    let names: Vec<&str> = measures.iter().map(|measure| measure.name).collect();
    let lines = pivot(rows.iter().filter(shown), &names, |row| {
        let Round { task, arm, ratio, steps, .. } = row.round;
        ((*task, arm, ratio_key(*ratio), *steps), row.measure.name)
    });
    let mut grid = Grid::of(&lines, how)
        .column("task", Format::Words, |r| r.0.0.label())
        .column("strategy", Format::Words, |r| r.0.1.label())
        .column("slices", Format::Ratio, |r| r.0.2 as f64 / 1e6)
        .column("steps", Format::Decimals(0), |r| r.0.3 as f64);
    for (at, measure) in measures.into_iter().enumerate() {
        let column = Column::new(measure.title, Format::Decimals(measure.places));
        grid = grid.with(column, |r| Some(r.1[at]?.score.value));
        if measure.name.ends_with("hd95_mm") {
            grid = grid.column("undefined", Format::Decimals(0), |r| Some(r.1[at]?.undefined));
        }
    }
    grid.grid()
}

/// Says whether the order of the strategies depends on the measure.
fn sentence(sweep: &Sweep, rows: &[Row], task: Task) -> Option<String> {
    let orders = |measure: &str| {
        let mut ratios: BTreeMap<u64, Vec<(&Arm, f64)>> = BTreeMap::new();
        let own = rows.iter().filter(|row| {
            let of_task = row.round.task == task && row.part == Part::B;
            of_task && row.round.arm.is_strategy() && row.measure.name == measure
        });
        for row in own {
            let arms = ratios.entry(ratio_key(row.round.ratio)).or_default();
            arms.push((&row.round.arm, row.score.value.mean));
        }
        let ordered = ratios.into_iter().filter(|(_, arms)| arms.len() > 1);
        let ordered = ordered.map(|(ratio, mut arms)| {
            arms.sort_by(|a, b| b.1.total_cmp(&a.1));
            (ratio, arms.into_iter().map(|(arm, _)| arm).collect())
        });
        ordered.collect::<BTreeMap<u64, Vec<&Arm>>>()
    };
    let (by_volume, by_slices) = (orders("dice"), orders(SLICE_R));
    let at = ratio_key(sweep.compared_ratio(task)?);
    let (volume, slices) = (by_volume.get(&at)?, by_slices.get(&at)?);
    let names = |arms: &[&Arm]| {
        let names: Vec<&str> = arms.iter().map(|arm| arm.label()).collect();
        list_of(&names, FEW)
    };
    let how = match volume == slices {
        true => format!("order the strategies alike: {}", names(volume)),
        false => format!(
            "order the strategies differently: {} by volume, {} by slices",
            names(volume),
            names(slices)
        ),
    };
    let differ = by_volume.iter().filter(|(ratio, order)| by_slices.get(ratio) != Some(*order));
    Some(format!(
        "At {} volume Dice and the mean R of slices (the paper's measure) {how} (best first). Of {} \
         ratio(s) with two strategies or more the order differs at {}.",
        percent(at as f64 / 1e6),
        by_volume.len(),
        differ.count()
    ))
}
