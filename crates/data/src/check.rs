//! `slicewise check`: everything wrong with a task's data at once.

use crate::case::Task;
use crate::config::DataConfig;
use crate::error::DataError;
use crate::layouts::Source;
use crate::load::select;
use crate::preprocess::preprocess;
use crate::source::read_case;
use rayon::prelude::*;
use std::path::PathBuf;

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the setting such as `data.part_b`.
    pub file: PathBuf,
    /// What was expected and what was found.
    pub problem: String,
    /// What to do, one sentence.
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

/// Lists, splits, reads and preprocesses all cases without keeping anything, and returns every
/// problem found, in the order of the cases; none means that [`crate::load_task`] works.
/// Phantoms are listed only: there is nothing to be wrong with them.
pub fn check_task(task: Task, config: &DataConfig) -> Vec<Problem> {
    let selection = match select(task, config) {
        Ok(selection) => selection,
        Err(problems) => return problems.iter().map(Problem::from).collect(),
    };
    let check_case = |source: &Source| match read_case(source, task, &selection.grouping) {
        Ok(raw) => preprocess(
            raw,
            task,
            selection.grouping.classes.len(),
            config.spacing_mm,
            config.margin_mm,
        )
        .err()
        .into_iter()
        .collect(),
        Err(problems) => problems,
    };
    let problems: Vec<Vec<DataError>> = selection
        .cases
        .par_iter()
        .filter(|(case, _)| matches!(case.source, Source::Files { .. }))
        .map(|(case, _)| check_case(&case.source))
        .collect();
    problems.iter().flatten().map(Problem::from).collect()
}
