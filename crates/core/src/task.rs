//! The segmentation tasks. A task is a name; what its labels are, its [`TaskDefinition`] says.

use crate::definition::TaskDefinition;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// The longest name of a task, a model, a strategy or an experiment, in characters: each names files or
/// folders.
pub const LONGEST_NAME: usize = 64;

/// A task, by its name. Tasks are ordered by name, so the paper's two come in the paper's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Task(&'static str);

/// Why a text is no task's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a task's name of at most {LONGEST_NAME} lower-case letters, digits and -, a letter first \
     (it names folders), got {0:?}"
)]
pub struct BadTaskName(String);

impl Task {
    /// Task 1 of the paper: segment the brain in the whole image.
    pub const BRAIN_EXTRACTION: Self = Self("brain-extraction");
    /// Task 2 of the paper: segment the tissues inside the brain.
    pub const TISSUE_SEGMENTATION: Self = Self("tissue-segmentation");
    /// The paper's tasks (its section 3), in its order.
    pub const OF_PAPER: [Self; 2] = [Self::BRAIN_EXTRACTION, Self::TISSUE_SEGMENTATION];

    /// Returns the name of the task in YAML, records, tables and paths.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// Returns the paper's number of the task, 1 or 2; `None` for a task that it does not have.
    pub fn paper_number(self) -> Option<u8> {
        match self {
            Self::BRAIN_EXTRACTION => Some(1),
            Self::TISSUE_SEGMENTATION => Some(2),
            _ => None,
        }
    }

    /// Returns what a person reads where there is little room: `Task 1` or `Task 2` for the paper's,
    /// else the name in words.
    pub fn label(self) -> String {
        match self.paper_number() {
            Some(number) => format!("Task {number}"),
            None => self.words(),
        }
    }

    /// Returns the name in words: `-` becomes a space.
    pub fn words(self) -> String {
        self.0.replace('-', " ")
    }

    /// Returns what the labels of one of the paper's tasks are; `None` for any other task, whose
    /// definition the experiment gives.
    pub fn preset(self) -> Option<TaskDefinition> {
        match self {
            Self::BRAIN_EXTRACTION => Some(TaskDefinition::BRAIN_EXTRACTION),
            Self::TISSUE_SEGMENTATION => Some(TaskDefinition::TISSUE_SEGMENTATION),
            _ => None,
        }
    }
}

impl FromStr for Task {
    type Err = BadTaskName;

    fn from_str(name: &str) -> Result<Self, BadTaskName> {
        let letter = |c: char| c.is_ascii_lowercase();
        let allowed = |c: char| letter(c) || c.is_ascii_digit() || c == '-';
        if name.len() > LONGEST_NAME || !name.starts_with(letter) || !name.chars().all(allowed) {
            return Err(BadTaskName(name.to_owned()));
        }
        Ok(Self(interned(name)))
    }
}

/// Returns `name` for as long as the program runs. Each name is kept once; there are few.
fn interned(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    match names.get(name) {
        Some(known) => known,
        None => {
            let new: &'static str = Box::leak(name.into());
            names.insert(new);
            new
        }
    }
}

impl<'de> Deserialize<'de> for Task {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_tasks_have_numbers_and_any_other_its_name() {
        let liver: Task = "liver-and-tumour".parse().unwrap();
        let [one, two] = Task::OF_PAPER;
        assert!(one < liver && liver < two, "ordered by name");
        assert_eq!(
            [one, two, liver].map(Task::paper_number),
            [Some(1), Some(2), None]
        );
        assert_eq!(
            [one, two, liver].map(Task::label),
            ["Task 1", "Task 2", "liver and tumour"]
        );
        assert_eq!(liver.preset(), None);
        assert_eq!("brain-extraction".parse(), Ok(one));
        let again: Task = "liver-and-tumour".parse().unwrap();
        assert!(std::ptr::eq(liver.name(), again.name()), "kept once");
    }

    #[test]
    fn a_name_that_is_no_folders_is_refused() {
        for bad in [
            "",
            "Liver",
            "1st",
            "-a",
            "a/b",
            "..",
            "a b",
            "ä",
            &"a".repeat(65),
        ] {
            let error = bad.parse::<Task>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("got {bad:?}")), "{error}");
        }
        assert!("a".repeat(64).parse::<Task>().is_ok());
    }
}
