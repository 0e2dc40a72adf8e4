//! Writes a report after each complete block, which is one seed of one task, while the sweep
//! continues, so that there is something to look at early.
//!
//! A thread of its own writes it, from the records of complete blocks alone: all rows of a task's
//! tables then stand for the same seeds, and the page says what is missing. The final report, of
//! all records, is not made here.

use slicewise_core::Task;
use slicewise_experiment::{Results, ResultsFolder, Run};
use std::collections::{BTreeMap, BTreeSet};
use std::thread::JoinHandle;
use std::{mem, thread};

/// One seed of one task.
type Block = (u64, Task);

/// Knows which blocks are complete, and owns the thread that writes.
pub(crate) struct EarlyReports {
    folder: ResultsFolder,
    /// For each block of the experiment, the number of runs that have not ended.
    left: BTreeMap<Block, usize>,
    /// Blocks with a run that failed.
    broken: BTreeSet<Block>,
    /// A block that became complete and has no report yet.
    due: Option<Block>,
    writing: Option<JoinHandle<()>>,
}

impl EarlyReports {
    /// Starts with a sweep of the runs `all`, of which those in `open` have not ended.
    pub(crate) fn new(folder: &ResultsFolder, all: &[Run], open: &[Run]) -> Self {
        let mut left: BTreeMap<Block, usize> = all.iter().map(|run| (block(run), 0)).collect();
        for run in open {
            *left.entry(block(run)).or_insert(0) += 1;
        }
        Self {
            folder: folder.clone(),
            left,
            broken: BTreeSet::new(),
            due: None,
            writing: None,
        }
    }

    /// Notes that `run` ended; `whole` is false if it failed.
    pub(crate) fn ended(&mut self, run: &Run, whole: bool) {
        let block = block(run);
        if !whole {
            self.broken.insert(block);
        }
        let left = self.left.entry(block).or_insert(1);
        *left = left.saturating_sub(1);
        let complete = *left == 0 && !self.broken.contains(&block);
        // The last block needs no early report: the sweep's final report follows.
        if complete && self.left.values().any(|&left| left > 0) {
            self.due = Some(block);
        }
    }

    /// Starts writing a report if one is due and none is being written. `say` receives a line about
    /// the result.
    pub(crate) fn write(&mut self, say: impl FnOnce(String) + Send + 'static) {
        if self.writing.as_ref().is_some_and(|at| !at.is_finished()) {
            return;
        }
        let Some((seed, task)) = mem::take(&mut self.due) else {
            return;
        };
        let whole = |(&block, &left): (&Block, &usize)| {
            (left == 0 && !self.broken.contains(&block)).then_some(block)
        };
        let whole: BTreeSet<Block> = self.left.iter().filter_map(whole).collect();
        let (folder, blocks) = (self.folder.clone(), self.left.len());
        self.writing = Some(thread::spawn(move || {
            let page = folder.root().join("report.html");
            let done = whole.len();
            let complete = format!(
                "{}, seed {seed} is complete ({done} of {blocks})",
                task.name()
            );
            say(match write(&folder, &whole) {
                Ok(()) => format!("{complete}: {}", page.display()),
                Err(why) => format!(
                    "{complete}, but no report could be written yet: {why}; the sweep goes on"
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

fn block(run: &Run) -> Block {
    (run.seed, run.task)
}

fn write(
    folder: &ResultsFolder,
    blocks: &BTreeSet<Block>,
) -> Result<(), slicewise_report::ReportError> {
    let mut results = Results::read(folder.root())?;
    results
        .records
        .retain(|record| blocks.contains(&(record.seed, record.task)));
    slicewise_report::write_results(&results, folder.root())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_report_is_due_when_a_block_is_complete_and_others_are_not() {
        let scratch = tempfile::tempdir().unwrap();
        let run = |task, seed, strategy: &str| Run {
            task,
            model: "unet".to_owned(),
            strategy: strategy.to_owned(),
            seed,
            fold: None,
        };
        let (brain, tissue) = (Task::BRAIN_EXTRACTION, Task::TISSUE_SEGMENTATION);
        let open = [
            run(brain, 1, "first"),
            run(brain, 1, "full"),
            run(tissue, 1, "full"),
            run(brain, 2, "full"),
        ];
        let mut all = open.to_vec();
        all.push(run(tissue, 2, "full"));
        let folder = ResultsFolder::new(scratch.path());
        let mut early = EarlyReports::new(&folder, &all, &open);
        let (sender, receiver) = mpsc::channel();
        let line_after = |early: &mut EarlyReports, run: &Run, whole| {
            let sender = sender.clone();
            early.ended(run, whole);
            early.write(move |line| sender.send(line).unwrap());
            early.finish();
            receiver.try_recv().ok()
        };
        assert_eq!(line_after(&mut early, &open[0], true), None);
        let line = line_after(&mut early, &open[1], true).unwrap();
        // There is no folder to report of, which stops nothing. The block that was complete before
        // the sweep counts too.
        assert!(
            line.starts_with(
                "brain-extraction, seed 1 is complete (2 of 4), but no report could be written yet: "
            ) && line.ends_with("; the sweep goes on"),
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
