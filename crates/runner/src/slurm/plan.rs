//! Which arrays a sweep needs: pure functions of its runs and of what is queued.
//!
//! What continues from a first round is numbered by that first round, so that Slurm's `aftercorr` lets
//! each of them start when its own is done. This takes an array for each strategy, however many seeds,
//! folds, models and tasks there are.

use std::collections::{BTreeMap, BTreeSet};

/// A run as the queue sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlurmRun {
    /// Its place in the experiment's list of runs.
    pub(crate) index: usize,
    /// The index of the first round that it continues from.
    pub(crate) after: Option<usize>,
    /// Whether all of its rounds are on disk.
    pub(crate) whole: bool,
}

/// A task in Slurm's queue, waiting or at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Queued {
    /// The id of its array.
    pub(crate) job: u32,
    /// Its number in the array.
    pub(crate) task: usize,
    /// What is done under that number.
    pub(crate) place: Place,
}

/// What the tasks of an array do: each the run with the index `task + offset`, or one that continues
/// from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) offset: usize,
    /// Which of the runs that continue from that run, from 1; 0 for itself.
    pub(crate) fork: usize,
}

/// An array that is to be submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Array {
    /// The numbers of its tasks, rising.
    pub(crate) tasks: Vec<usize>,
    pub(crate) place: Place,
    /// What it waits for.
    pub(crate) wait: Wait,
}

/// What an array waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wait {
    /// Nothing.
    Nothing,
    /// Each task waits for the task of the same number in an array that is queued already.
    Queued(u32),
    /// Each task waits for the task of the same number in a new array, which stands at this place of
    /// the list.
    New(usize),
    /// It begins when all arrays before it in the list, and all that is queued already, have ended.
    Before,
}

/// Returns the index of the run that each task does, of those that `runs` know.
pub(crate) fn by_run(runs: &[SlurmRun], queued: &[Queued]) -> BTreeMap<usize, Queued> {
    let forks = forks(runs);
    let index = |task: &Queued| {
        let base = task.task + task.place.offset;
        match task.place.fork.checked_sub(1) {
            None => Some(base),
            Some(fork) => forks.get(&base)?.get(fork).copied(),
        }
    };
    let found = queued.iter().map(|task| (index(task), *task));
    found
        .filter_map(|(index, task)| Some((index?, task)))
        .collect()
}

/// The indexes of the runs that continue from each first round, by its index.
fn forks(runs: &[SlurmRun]) -> BTreeMap<usize, Vec<usize>> {
    let mut forks: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for run in runs {
        if let Some(first) = run.after {
            forks.entry(first).or_default().push(run.index);
        }
    }
    forks
}

/// Returns the arrays for all runs that are neither whole nor queued; one that waits for another comes
/// after it. No array has a task `longest` or above. `runs` are in the order of their indexes.
///
/// Where only so many runs may be at work at once (`limited`), which Slurm knows of each array alone,
/// the arrays follow one another.
pub(crate) fn plan(
    runs: &[SlurmRun],
    queued: &BTreeMap<usize, Queued>,
    longest: usize,
    limited: bool,
) -> Vec<Array> {
    let whole = runs.iter().filter(|run| run.whole).map(|run| run.index);
    let whole: BTreeSet<usize> = whole.collect();
    let forks = forks(runs);
    let wanted = runs.iter();
    let wanted = wanted.filter(|run| !run.whole && !queued.contains_key(&run.index));
    let (waiting, free): (Vec<&SlurmRun>, Vec<&SlurmRun>) =
        wanted.partition(|run| run.after.is_some_and(|first| !whole.contains(&first)));

    let at = |index: usize, fork: usize| {
        let offset = index / longest * longest;
        (Place { offset, fork }, index - offset)
    };
    // The task of a run: its own, or that of its first round.
    let task_of = |run: &SlurmRun| match run.after {
        Some(first) if !limited => {
            let fork = forks[&first].iter().position(|&fork| fork == run.index);
            at(first, fork.map_or(0, |fork| fork + 1))
        }
        _ => at(run.index, 0),
    };
    let mut arrays: Vec<Array> = Vec::new();
    for run in free {
        let (place, task) = task_of(run);
        let wait = match limited {
            true => Wait::Before,
            false => Wait::Nothing,
        };
        add(&mut arrays, 0, (wait, place), task);
    }
    let begun = arrays.len();
    for run in waiting {
        let (mut place, mut task) = task_of(run);
        let first = run.after.and_then(|first| queued.get(&first));
        let wait = match first {
            _ if limited => Wait::Before,
            Some(first) => {
                place.offset = place.offset + task - first.task;
                task = first.task;
                Wait::Queued(first.job)
            }
            None => {
                let fork = 0;
                let firsts = Place { fork, ..place };
                let mut new = arrays[..begun].iter();
                let array = new.position(|array| array.place == firsts);
                array.map_or(Wait::Nothing, Wait::New)
            }
        };
        add(&mut arrays, begun, (wait, place), task);
    }
    arrays
}

/// Puts a task into the array that waits for the same and does the same, of those from `begun` on.
fn add(arrays: &mut Vec<Array>, begun: usize, (wait, place): (Wait, Place), task: usize) {
    let mut same = arrays[begun..].iter_mut();
    match same.find(|array| (array.wait, array.place) == (wait, place)) {
        Some(array) => array.tasks.push(task),
        None => arrays.push(Array {
            tasks: vec![task],
            place,
            wait,
        }),
    }
}

/// Writes the numbers of an array's tasks as `sbatch --array` reads them: `0-3,7`.
pub(crate) fn ranges(tasks: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &task in tasks {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == task => *last = task,
            _ => ranges.push((task, task)),
        }
    }
    let written = ranges.iter().map(|&(from, to)| match from == to {
        true => from.to_string(),
        false => format!("{from}-{to}"),
    });
    written.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each seed a first round and a run of its own, then for each seed two that continue from the
    /// first round: the order of `slicewise runs`.
    fn runs(seeds: usize) -> Vec<SlurmRun> {
        let run = |index: usize| SlurmRun {
            index,
            after: index.checked_sub(2 * seeds).map(|fork| fork / 2 * 2),
            whole: false,
        };
        (0..4 * seeds).map(run).collect()
    }

    fn array(tasks: &[usize], (offset, fork): (usize, usize), wait: Wait) -> Array {
        Array {
            tasks: tasks.to_vec(),
            place: Place { offset, fork },
            wait,
        }
    }

    /// The arrays' tasks as the queue would have them: the job is the array's place in the list.
    fn submitted(arrays: &[Array]) -> Vec<Queued> {
        let tasks = arrays.iter().zip(0..).flat_map(|(array, job)| {
            let place = array.place;
            let task = move |&task| Queued { job, task, place };
            array.tasks.iter().map(task)
        });
        tasks.collect()
    }

    #[test]
    fn a_fork_has_the_number_of_its_first_round() {
        let runs = runs(3);
        let arrays = plan(&runs, &BTreeMap::new(), 1000, false);
        let expected = [
            array(&[0, 1, 2, 3, 4, 5], (0, 0), Wait::Nothing),
            array(&[0, 2, 4], (0, 1), Wait::New(0)),
            array(&[0, 2, 4], (0, 2), Wait::New(0)),
        ];
        assert_eq!(arrays, expected);
        assert_eq!(ranges(&arrays[0].tasks), "0-5");
        assert_eq!(ranges(&[0, 1, 4, 7, 8]), "0-1,4,7-8");
        let queued = by_run(&runs, &submitted(&arrays));
        assert_eq!(queued[&11], submitted(&arrays)[11]);
        assert_eq!(plan(&runs, &queued, 1000, false), []);
    }

    #[test]
    fn no_array_has_numbers_that_slurm_refuses() {
        for (seeds, longest) in [(500, 1000), (5, 7), (3, 1)] {
            for limited in [false, true] {
                let runs = runs(seeds);
                let arrays = plan(&runs, &BTreeMap::new(), longest, limited);
                for array in &arrays {
                    assert!(array.tasks.iter().all(|&task| task < longest));
                    assert!(array.tasks.is_sorted_by(|a, b| a < b));
                }
                // Every run is done once, after its first round.
                let tasks = submitted(&arrays);
                let done = by_run(&runs, &tasks);
                assert_eq!((done.len(), tasks.len()), (runs.len(), runs.len()));
                for run in &runs {
                    let Some(first) = run.after else { continue };
                    let (fork, first) = (done[&run.index], done[&first]);
                    match arrays[fork.job as usize].wait {
                        Wait::New(job) => {
                            assert_eq!((first.job as usize, first.task), (job, fork.task));
                        }
                        Wait::Before => assert!(first.job < fork.job),
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn only_what_is_missing_is_submitted() {
        let mut runs = runs(3);
        // The first seed's first round is whole, the second's is at work, as are a few others; those
        // were submitted with other numbers.
        runs[0].whole = true;
        runs[6].whole = true;
        let at_work = |job, task, (offset, fork)| Queued {
            job,
            task,
            place: Place { offset, fork },
        };
        let queued = [
            at_work(11, 1, (1, 0)),
            at_work(12, 0, (0, 2)),
            at_work(12, 2, (0, 1)),
        ];
        let queued = by_run(&runs, &queued);
        assert_eq!(queued.keys().copied().collect::<Vec<_>>(), [2, 7, 8]);
        let arrays = plan(&runs, &queued, 1000, false);
        let expected = [
            array(&[1, 3, 4, 5], (0, 0), Wait::Nothing),
            array(&[1], (1, 2), Wait::Queued(11)),
            array(&[4], (0, 1), Wait::New(0)),
            array(&[4], (0, 2), Wait::New(0)),
        ];
        assert_eq!(arrays, expected);
        // The one whose first round is whole waits for nothing.
        let queued = BTreeMap::new();
        assert!(plan(&runs, &queued, 1000, false).contains(&array(&[0], (0, 2), Wait::Nothing)));

        runs.iter_mut().for_each(|run| run.whole = true);
        assert_eq!(plan(&runs, &queued, 1000, false), []);
    }

    #[test]
    fn arrays_with_a_limit_follow_one_another() {
        let arrays = plan(&runs(2), &BTreeMap::new(), 1000, true);
        let expected = [
            array(&[0, 1, 2, 3], (0, 0), Wait::Before),
            array(&[4, 5, 6, 7], (0, 0), Wait::Before),
        ];
        assert_eq!(arrays, expected);
    }
}
