//! Finds everything that is wrong with a task's data at once, for `slicewise check`.

use crate::config::DataConfig;
use crate::datasets::{self, CaseSource, Source};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use crate::line::one_line;
use crate::load::{grouping, notes, select};
use crate::normalise::Intensities;
use crate::preprocess::preprocess;
use crate::source::read_case;
use crate::survey::{CaseFacts, mark};
use crate::twins::{self, Seen};
use rayon::prelude::*;
use serde::Serialize;
use slicewise_core::{IntensityScale, Part, Task, TaskDefinition};
use std::path::PathBuf;

/// Stands for what is known when all of Part A is read.
const UNSCALED: IntensityScale = IntensityScale {
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
    zero: 0.0,
    unit: 1.0,
};

/// MR seldom has intensities as low as those of air in CT, about -1000 HU.
const AIR_OF_CT_HU: f32 = -900.0;

/// One problem and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file at fault, or the setting, such as `data.part_b`.
    pub file: PathBuf,
    /// What was expected and what was found.
    pub problem: String,
    /// What the user can do, in one sentence.
    pub remedy: String,
}

impl From<&DataError> for Problem {
    fn from(error: &DataError) -> Self {
        let place = error.place();
        let message = error.to_string();
        let problem = message.strip_prefix(&format!("{place}: "));
        Self {
            problem: problem.unwrap_or(&message).to_owned(),
            file: PathBuf::from(place),
            remedy: error.remedy().to_owned(),
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Every problem: first those of tables and settings, then those of the cases in their order,
    /// then scans that are in both parts.
    pub problems: Vec<Problem>,
    /// What a user should know although it stops nothing: a line each.
    pub notes: Vec<String>,
    /// The task's classes, background first; empty if they cannot be told.
    pub classes: Vec<String>,
    /// What the cases that can be read are like, in the order of their ids; without phantoms.
    pub cases: Vec<CaseFacts>,
}

/// Returns every problem of a task's data, see [`examine`].
pub fn check_task(task: Task, definition: &TaskDefinition, config: &DataConfig) -> Vec<Problem> {
    examine(task, definition, config).problems
}

/// Returns every problem of a task's data, notes, and what its cases are like. It lists, splits,
/// reads, preprocesses and compares all cases and keeps nothing. If there is no problem,
/// [`crate::load_task`] works. Phantoms are listed but not made, since nothing can be wrong with them:
/// each has every class.
pub fn examine(task: Task, definition: &TaskDefinition, config: &DataConfig) -> Checked {
    let (mut cases, grouping, mut problems): (Vec<_>, _, _) = match select(task, definition, config)
    {
        Ok(selection) => {
            let cases = selection.cases.into_iter();
            let cases = cases.map(|(case, part)| (case, Some(part))).collect();
            (cases, Some(selection.grouping), Vec::new())
        }
        Err(problems) => {
            let dataset = datasets::find(&config.dataset).ok();
            let cases = dataset.map_or_else(Vec::new, |dataset| {
                let sound = dataset.sound(config, &definition.labels).into_iter();
                // Which part a case is in is not known.
                sound.map(|case| (case, None)).collect()
            });
            let grouping =
                dataset.and_then(|dataset| grouping(dataset, task, definition, config).ok());
            (cases, grouping, problems)
        }
    };
    let mut notes = notes(config);
    let (mut facts, mut classes) = (Vec::new(), Vec::new());
    if let Some(grouping) = grouping {
        cases.retain(|(case, _)| matches!(case.source, Source::Files { .. }));
        let checked: Vec<Found> = cases
            .par_iter()
            .map(|(case, part)| check_case(case, *part, definition, &grouping, config))
            .collect();
        let seen = cases.iter().zip(&checked);
        let seen = seen.filter_map(|((case, part), found)| {
            Some(Seen {
                case,
                part: (*part)?,
                content: found.facts.as_ref()?.content,
            })
        });
        let (twins, twin_notes) = twins::compare(&seen.collect::<Vec<_>>(), config.folds.is_some());
        let mut part_a = Intensities::default();
        for found in checked {
            let is_a = found
                .facts
                .as_ref()
                .is_some_and(|facts| facts.part == Some(Part::A));
            if is_a {
                part_a = part_a.add(&found.intensities);
            }
            facts.extend(found.facts);
            problems.extend(found.problems);
        }
        // What Part A comes to is known when each of its cases is read.
        if problems.is_empty() && part_a != Intensities::default() {
            problems.extend(config.normalise.scale(&part_a).err());
        }
        problems.extend(twins);
        notes.extend(twin_notes.iter().map(one_line));
        notes.extend(ct_taken_for_mr(&facts, config));
        classes = grouping.classes;
        mark(&mut facts, &classes);
    }
    // What makes a table unreadable is found more than once.
    let mut once: Vec<Problem> = Vec::new();
    for problem in problems.iter().map(Problem::from) {
        if !once.contains(&problem) {
            once.push(problem);
        }
    }
    Checked {
        problems: once,
        notes,
        classes,
        cases: facts,
    }
}

/// Says that scans look like CT where they are to be normalised as MR, which would leave out water.
fn ct_taken_for_mr(cases: &[CaseFacts], config: &DataConfig) -> Option<String> {
    let lowest = cases.iter().map(|case| case.intensities[0]);
    let lowest = lowest.fold(f32::INFINITY, f32::min);
    (config.normalise.is_mr() && lowest <= AIR_OF_CT_HU).then(|| {
        format!(
            "intensities reach {lowest}, as those of CT in Hounsfield units do; data.normalise: ct says \
             that they are"
        )
    })
}

/// What one case's files gave.
#[derive(Default)]
struct Found {
    /// What the case is like, if it can be read.
    facts: Option<CaseFacts>,
    /// Its intensities, if those of Part A decide how all cases are normalised.
    intensities: Intensities,
    problems: Vec<DataError>,
}

fn check_case(
    case: &CaseSource,
    part: Option<Part>,
    definition: &TaskDefinition,
    grouping: &LabelGrouping,
    config: &DataConfig,
) -> Found {
    let raw = match read_case(&case.source, definition, grouping, config) {
        Ok(raw) => raw,
        Err(problems) => {
            return Found {
                problems,
                ..Found::default()
            };
        }
    };
    let classes = grouping.classes.len();
    let facts = Some(CaseFacts::of(case, part, &raw, classes));
    let (intensities, scale) = match config.normalise.needs_part_a() {
        true => (Intensities::of(&raw), Ok(Some(UNSCALED))),
        false => {
            let none = Intensities::default();
            let scale = config.normalise.scale(&none);
            (none, scale)
        }
    };
    let prepared = scale.and_then(|scale| preprocess(raw, classes, config, scale.as_ref()));
    Found {
        facts,
        intensities,
        problems: prepared.err().into_iter().collect(),
    }
}
