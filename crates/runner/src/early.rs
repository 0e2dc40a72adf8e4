//! A report after each seed, while the sweep goes on: something to look at early.
//!
//! It is written in a thread of its own from the records of whole seeds alone, so that its rows stand
//! for the same seeds; the page says which are missing. The last report of a sweep, of all records,
//! is not made here.

use slicewise_experiment::{Cell, Results, ResultsFolder};
use std::collections::{BTreeMap, BTreeSet};
use std::thread::JoinHandle;
use std::{mem, thread};

/// Which seeds are whole, and the thread that writes.
pub(crate) struct EarlyReports {
    folder: ResultsFolder,
    /// Cells of each seed of the experiment that are still to run.
    left: BTreeMap<u64, usize>,
    /// Seeds with a cell that failed.
    broken: BTreeSet<u64>,
    /// The seed that became whole since a report was begun.
    due: Option<u64>,
    writing: Option<JoinHandle<()>>,
}

impl EarlyReports {
    /// Of a sweep over `seeds` whose cells in `open` are still to run.
    pub(crate) fn new(folder: &ResultsFolder, seeds: &[u64], open: &[Cell]) -> Self {
        let of = |seed: u64| open.iter().filter(|cell| cell.seed == seed).count();
        Self {
            folder: folder.clone(),
            left: seeds.iter().map(|&seed| (seed, of(seed))).collect(),
            broken: BTreeSet::new(),
            due: None,
            writing: None,
        }
    }

    /// `cell` is whole, or lost.
    pub(crate) fn ended(&mut self, cell: &Cell, whole: bool) {
        if !whole {
            self.broken.insert(cell.seed);
        }
        let left = self.left.entry(cell.seed).or_insert(1);
        *left = left.saturating_sub(1);
        // The report of the last seed is that of the sweep.
        let others = self.left.values().any(|&left| left > 0);
        if self.left.get(&cell.seed) == Some(&0) && !self.broken.contains(&cell.seed) && others {
            self.due = Some(cell.seed);
        }
    }

    /// Begins a report where one is due and none is being written; `say` gets the line about it.
    pub(crate) fn write(&mut self, say: impl FnOnce(String) + Send + 'static) {
        if self.writing.as_ref().is_some_and(|at| !at.is_finished()) {
            return;
        }
        let Some(seed) = mem::take(&mut self.due) else {
            return;
        };
        let whole = |(&seed, &left): (&u64, &usize)| {
            (left == 0 && !self.broken.contains(&seed)).then_some(seed)
        };
        let whole: BTreeSet<u64> = self.left.iter().filter_map(whole).collect();
        let (folder, of) = (self.folder.clone(), self.left.len());
        self.writing = Some(thread::spawn(move || {
            let page = folder.root().join("report.html");
            say(match write(&folder, &whole) {
                Ok(()) => format!(
                    "seed {seed} is complete ({} of {of}): {}",
                    whole.len(),
                    page.display()
                ),
                Err(why) => format!(
                    "seed {seed} is complete ({} of {of}), but no report could be written yet: \
                     {why}; the sweep goes on",
                    whole.len()
                ),
            });
        }));
    }

    /// Waits for the report being written, if any: two at once would write the same files.
    pub(crate) fn finish(&mut self) {
        if let Some(writing) = self.writing.take() {
            // One that panicked has said so.
            let _ = writing.join();
        }
    }
}

fn write(
    folder: &ResultsFolder,
    seeds: &BTreeSet<u64>,
) -> Result<(), slicewise_report::ReportError> {
    let mut results = Results::read(folder.root())?;
    results
        .records
        .retain(|record| seeds.contains(&record.seed));
    slicewise_report::write_results(&results, folder.root())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use slicewise_data::Task;
    use std::sync::mpsc;

    #[test]
    fn a_report_is_due_when_a_seed_is_whole_and_others_are_not() {
        let scratch = tempfile::tempdir().unwrap();
        let cell = |seed, strategy: &str| Cell {
            task: Task::BrainExtraction,
            model: "unet".to_owned(),
            strategy: strategy.to_owned(),
            seed,
        };
        let open = [
            cell(1, "first"),
            cell(1, "full"),
            cell(2, "full"),
            cell(3, "full"),
        ];
        let folder = ResultsFolder::new(scratch.path());
        let mut early = EarlyReports::new(&folder, &[1, 2, 3], &open);
        let (sender, receiver) = mpsc::channel();
        let said = |early: &mut EarlyReports, cell: &Cell, whole| {
            let sender = sender.clone();
            early.ended(cell, whole);
            early.write(move |line| sender.send(line).unwrap());
            early.finish();
            receiver.try_recv().ok()
        };
        assert_eq!(said(&mut early, &open[0], true), None);
        let line = said(&mut early, &open[1], true).unwrap();
        // There is no folder to report of, which stops nothing.
        assert!(
            line.starts_with("seed 1 is complete (1 of 3), but no report could be written yet: ")
                && line.ends_with("; the sweep goes on"),
            "{line}"
        );
        assert_eq!(said(&mut early, &open[2], false), None, "it failed");
        assert_eq!(said(&mut early, &open[3], true), None, "it is the last");
    }
}
