//! Finds everything that is wrong with a task's data at once, for `slicewise check`.

use crate::config::DataConfig;
use crate::datasets::{self, CaseSource, Source};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use crate::load::{grouping, select};
use crate::preprocess::preprocess;
use crate::source::read_case;
use crate::survey::{CaseFacts, mark};
use rayon::prelude::*;
use serde::Serialize;
use slicewise_core::{Part, Task, TaskDefinition};
use std::path::PathBuf;

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

/// What a look at a task's data found.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Every problem: first those of tables and settings, then those of the cases in their order.
    pub problems: Vec<Problem>,
    /// The task's classes, background first; empty if they cannot be told.
    pub classes: Vec<String>,
    /// What the cases that can be read are like, in the order of their ids; without phantoms.
    pub cases: Vec<CaseFacts>,
}

/// Returns every problem of a task's data, those of [`inspect_task`].
pub fn check_task(task: Task, definition: &TaskDefinition, config: &DataConfig) -> Vec<Problem> {
    inspect_task(task, definition, config).problems
}

/// Finds every problem of a task's data, and says what its cases are like. It lists, splits, reads and
/// preprocesses all cases and keeps nothing. If there is no problem, [`crate::load_task`] works.
/// Phantoms are listed but not made, since nothing can be wrong with them: each has every class.
pub fn inspect_task(task: Task, definition: &TaskDefinition, config: &DataConfig) -> Inspection {
    let (cases, grouping, mut problems) = match select(task, definition, config) {
        Ok(selection) => (selection.cases, Some(selection.grouping), Vec::new()),
        Err(problems) => {
            let dataset = datasets::find(&config.dataset).ok();
            let sound = dataset.map_or_else(Vec::new, |dataset| {
                dataset.sound(config, &definition.labels)
            });
            // The split is part of what is wrong, so cases without a part of their own count as A.
            let part = |case: &CaseSource| case.part.unwrap_or(Part::A);
            let cases = sound.into_iter().map(|case| (part(&case), case));
            let cases = cases.map(|(part, case)| (case, part)).collect();
            let grouping =
                dataset.and_then(|dataset| grouping(dataset, task, definition, config).ok());
            (cases, grouping, problems)
        }
    };
    let (mut facts, mut classes) = (Vec::new(), Vec::new());
    if let Some(grouping) = grouping {
        let checked: Vec<(Option<CaseFacts>, Vec<DataError>)> = cases
            .par_iter()
            .filter(|(case, _)| matches!(case.source, Source::Files { .. }))
            .map(|(case, part)| check_case(case, *part, definition, &grouping, config))
            .collect();
        for (case, found) in checked {
            facts.extend(case);
            problems.extend(found);
        }
        classes = grouping.classes;
        mark(&mut facts, &classes);
    }
    Inspection {
        problems: problems.iter().map(Problem::from).collect(),
        classes,
        cases: facts,
    }
}

fn check_case(
    case: &CaseSource,
    part: Part,
    definition: &TaskDefinition,
    grouping: &LabelGrouping,
    config: &DataConfig,
) -> (Option<CaseFacts>, Vec<DataError>) {
    let classes = grouping.classes.len();
    match read_case(&case.source, definition, grouping, config) {
        Ok(raw) => {
            let facts = CaseFacts::of(case, part, &raw, classes);
            let prepared = preprocess(raw, classes, config.spacing_mm, config.margin_mm);
            (Some(facts), prepared.err().into_iter().collect())
        }
        Err(problems) => (None, problems),
    }
}
