//! Writes a report after each complete seed while the sweep continues, so that there is something
//! to look at early.
//!
//! A thread of its own writes it, from the records of complete seeds alone: all rows of its tables
//! then stand for the same seeds, and the page says which are missing. The final report, of all
//! records, is not made here.

use slicewise_experiment::{Cell, Results, ResultsFolder};
use std::collections::{BTreeMap, BTreeSet};
use std::thread::JoinHandle;
use std::{mem, thread};

/// Knows which seeds are complete, and owns the thread that writes.
pub(crate) struct EarlyReports {
    folder: ResultsFolder,
    /// For each seed of the experiment, the number of runs that have not ended.
    left: BTreeMap<u64, usize>,
    /// Seeds with a run that failed.
    broken: BTreeSet<u64>,
    /// A seed that became complete and has no report yet.
    due: Option<u64>,
    writing: Option<JoinHandle<()>>,
}

impl EarlyReports {
    /// Starts with a sweep over `seeds` whose runs in `open` have not ended.
    pub(crate) fn new(folder: &ResultsFolder, seeds: &[u64], open: &[Cell]) -> Self {
        let runs_of = |seed: u64| open.iter().filter(|cell| cell.seed == seed).count();
        Self {
            folder: folder.clone(),
            left: seeds.iter().map(|&seed| (seed, runs_of(seed))).collect(),
            broken: BTreeSet::new(),
            due: None,
            writing: None,
        }
    }

    /// Notes that `cell` ended; `whole` is false if it failed.
    pub(crate) fn ended(&mut self, cell: &Cell, whole: bool) {
        if !whole {
            self.broken.insert(cell.seed);
        }
        let left = self.left.entry(cell.seed).or_insert(1);
        *left = left.saturating_sub(1);
        // The last seed needs no early report: the sweep's final report follows.
        let others = self.left.values().any(|&left| left > 0);
        if self.left.get(&cell.seed) == Some(&0) && !self.broken.contains(&cell.seed) && others {
            self.due = Some(cell.seed);
        }
    }

    /// Starts writing a report if one is due and none is being written. `say` receives a line about
    /// the result.
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
        let (folder, seeds) = (self.folder.clone(), self.left.len());
        self.writing = Some(thread::spawn(move || {
            let page = folder.root().join("report.html");
            say(match write(&folder, &whole) {
                Ok(()) => format!(
                    "seed {seed} is complete ({} of {seeds}): {}",
                    whole.len(),
                    page.display()
                ),
                Err(why) => format!(
                    "seed {seed} is complete ({} of {seeds}), but no report could be written yet: \
                     {why}; the sweep goes on",
                    whole.len()
                ),
            });
        }));
    }

    /// Waits for the report that is being written, if any. Two at once would write the same files.
    pub(crate) fn finish(&mut self) {
        if let Some(writing) = self.writing.take() {
            // A thread that panicked has printed why.
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
        let line_after = |early: &mut EarlyReports, cell: &Cell, whole| {
            let sender = sender.clone();
            early.ended(cell, whole);
            early.write(move |line| sender.send(line).unwrap());
            early.finish();
            receiver.try_recv().ok()
        };
        assert_eq!(line_after(&mut early, &open[0], true), None);
        let line = line_after(&mut early, &open[1], true).unwrap();
        // There is no folder to report on. That stops nothing.
        assert!(
            line.starts_with("seed 1 is complete (1 of 3), but no report could be written yet: ")
                && line.ends_with("; the sweep goes on"),
            "{line}"
        );
        assert_eq!(line_after(&mut early, &open[2], false), None, "it failed");
        assert_eq!(
            line_after(&mut early, &open[3], true),
            None,
            "it is the last"
        );
    }
}
