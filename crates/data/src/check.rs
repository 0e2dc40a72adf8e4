//! Finds everything that is wrong with a task's data at once, for `slicewise check`.

use crate::config::DataConfig;
use crate::datasets::{self, Source};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use crate::load::{grouping, select};
use crate::preprocess::preprocess;
use crate::source::read_case;
use rayon::prelude::*;
use slicewise_core::{Task, TaskDefinition};
use std::path::PathBuf;

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
            let cases = selection.cases.into_iter().map(|(case, _)| case).collect();
            (cases, Some(selection.grouping), Vec::new())
        }
        Err(problems) => {
            let dataset = datasets::find(&config.dataset).ok();
            let cases = dataset.map_or_else(Vec::new, |dataset| {
                dataset.sound(config, &definition.labels)
            });
            let grouping =
                dataset.and_then(|dataset| grouping(dataset, task, definition, config).ok());
            (cases, grouping, problems)
        }
    };
    if let Some(grouping) = grouping {
        let case_problems: Vec<Vec<DataError>> = cases
            .par_iter()
            .filter(|case| matches!(case.source, Source::Files { .. }))
            .map(|case| check_case(&case.source, definition, &grouping, config))
            .collect();
        problems.extend(case_problems.into_iter().flatten());
    }
    problems.iter().map(Problem::from).collect()
}

fn check_case(
    source: &Source,
    definition: &TaskDefinition,
    grouping: &LabelGrouping,
    config: &DataConfig,
) -> Vec<DataError> {
    let classes = grouping.classes.len();
    match read_case(source, definition, grouping, config) {
        Ok(raw) => preprocess(raw, classes, config.spacing_mm, config.margin_mm)
            .err()
            .into_iter()
            .collect(),
        Err(problems) => problems,
    }
}
