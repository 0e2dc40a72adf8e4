//! Finds everything that is wrong with a task's data at once, for `slicewise check`.

use crate::config::DataConfig;
use crate::datasets::{self, Source};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use crate::load::{grouping, select};
use crate::normalise::Intensities;
use crate::preprocess::preprocess;
use crate::source::read_case;
use rayon::prelude::*;
use slicewise_core::{IntensityScale, Part, Task, TaskDefinition};
use std::path::PathBuf;

/// Stands for what is known when all of Part A is read.
const UNSCALED: IntensityScale = IntensityScale {
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
    zero: 0.0,
    unit: 1.0,
};

/// One problem and its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// Returns every problem of a task's data: first those of tables and settings, then those of the
/// cases in their order. It lists, splits, reads and preprocesses all cases and keeps nothing. If
/// there is no problem, [`crate::load_task`] works. Phantoms are listed but not made, since nothing
/// can be wrong with them: each has every class.
pub fn check_task(task: Task, definition: &TaskDefinition, config: &DataConfig) -> Vec<Problem> {
    let (cases, grouping, mut problems) = match select(task, definition, config) {
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
    if let Some(grouping) = grouping {
        let checked: Vec<_> = cases
            .par_iter()
            .filter(|(case, _)| matches!(case.source, Source::Files { .. }))
            .map(|(case, part)| {
                let found = check_case(&case.source, definition, &grouping, config);
                found.map(|counts| (*part, counts))
            })
            .collect();
        let mut part_a = Intensities::default();
        for case in checked {
            match case {
                Ok((Some(Part::A), counts)) => part_a = part_a.add(&counts),
                Ok(_) => (),
                Err(found) => problems.extend(found),
            }
        }
        // What Part A comes to is known when each of its cases is read.
        if problems.is_empty() && part_a != Intensities::default() {
            problems.extend(config.normalise.scale(&part_a).err());
        }
    }
    problems.iter().map(Problem::from).collect()
}

/// Returns every problem of a case's files, or its intensities if Part A's decide how all cases are
/// normalised.
fn check_case(
    source: &Source,
    definition: &TaskDefinition,
    grouping: &LabelGrouping,
    config: &DataConfig,
) -> Result<Intensities, Vec<DataError>> {
    let raw = read_case(source, definition, grouping)?;
    let (counts, scale) = if config.normalise.needs_part_a() {
        (Intensities::of(&raw), Some(UNSCALED))
    } else {
        let none = Intensities::default();
        let scale = config.normalise.scale(&none);
        (none, scale.map_err(|problem| vec![problem])?)
    };
    let classes = grouping.classes.len();
    preprocess(raw, classes, config, scale.as_ref()).map_err(|problem| vec![problem])?;
    Ok(counts)
}
