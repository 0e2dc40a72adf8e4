//! Which arrays a sweep needs: pure functions of its runs and of what is queued.
//!
//! A task of an array does the run with the index `task + offset`. What continues from a first round is
//! numbered by that first round, so that Slurm's `aftercorr` lets each of them start when its own is
//! done. This takes an array for each strategy, however many seeds, folds, models and tasks there are.

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
}

/// An array that is to be submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Array {
    /// The numbers of its tasks, rising.
    pub(crate) tasks: Vec<usize>,
    /// What is added to a task's number for the index of its run.
    pub(crate) offset: usize,
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

/// Returns the arrays for all runs that are neither whole nor queued; one that waits for another comes
/// after it. No array has a task `longest` or above.
///
/// Where only so many runs may be at work at once (`limited`), which Slurm knows of each array alone,
/// the arrays follow one another.
pub(crate) fn plan(
    runs: &[SlurmRun],
    queued: &BTreeMap<usize, Queued>,
    longest: usize,
    limited: bool,
) -> Vec<Array> {
    let whole: BTreeSet<usize> = runs
        .iter()
        .filter(|run| run.whole)
        .map(|run| run.index)
        .collect();
    let wanted = runs
        .iter()
        .filter(|run| !run.whole && !queued.contains_key(&run.index));
    let (forks, free): (Vec<&SlurmRun>, Vec<&SlurmRun>) =
        wanted.partition(|run| run.after.is_some_and(|first| !whole.contains(&first)));

    // The array of a run that waits for no other, by its offset, and the run's number in it.
    let place = |index: usize| (index / longest * longest, index % longest);
    let mut arrays: Vec<Array> = Vec::new();
    for run in free {
        let wait = match limited {
            true => Wait::Before,
            false => Wait::Nothing,
        };
        let (offset, task) = place(run.index);
        add(&mut arrays, 0, (wait, offset), task);
    }
    let begun = arrays.len();
    for run in forks {
        let Some(first) = run.after else { continue };
        let (wait, task) = match (limited, queued.get(&first)) {
            (true, _) => (Wait::Before, place(run.index).1),
            (false, Some(queued)) => (Wait::Queued(queued.job), queued.task),
            (false, None) => {
                let (offset, task) = place(first);
                let same = |array: &Array| array.offset == offset;
                let array = arrays[..begun].iter().position(same);
                (array.map_or(Wait::Nothing, Wait::New), task)
            }
        };
        // A first round stands before what continues from it.
        add(&mut arrays, begun, (wait, run.index - task), task);
    }
    arrays
}

/// Puts a task into the array with this wait and offset, of those from place `from` on.
fn add(arrays: &mut Vec<Array>, from: usize, (wait, offset): (Wait, usize), task: usize) {
    let same = |array: &&mut Array| (array.wait, array.offset) == (wait, offset);
    match arrays[from..].iter_mut().find(same) {
        Some(array) => array.tasks.push(task),
        None => arrays.push(Array {
            tasks: vec![task],
            offset,
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

    /// `seeds` times a first round, a run of its own, and two that continue from the first round.
    fn runs(seeds: usize) -> Vec<SlurmRun> {
        let of = |seed: usize| {
            [None, None, Some(0), Some(0)]
                .into_iter()
                .enumerate()
                .map(move |(index, after)| SlurmRun {
                    index: 4 * seed + index,
                    after: after.map(|first: usize| 4 * seed + first),
                    whole: false,
                })
        };
        (0..seeds).flat_map(of).collect()
    }

    fn array(tasks: &[usize], offset: usize, wait: Wait) -> Array {
        Array {
            tasks: tasks.to_vec(),
            offset,
            wait,
        }
    }

    /// The runs that the arrays do, each once.
    fn done(arrays: &[Array]) -> Vec<usize> {
        let mut done: Vec<usize> = arrays
            .iter()
            .flat_map(|array| array.tasks.iter().map(|task| task + array.offset))
            .collect();
        done.sort_unstable();
        done
    }

    #[test]
    fn a_fork_has_the_number_of_its_first_round() {
        let arrays = plan(&runs(3), &BTreeMap::new(), 1000, false);
        let expected = [
            array(&[0, 1, 4, 5, 8, 9], 0, Wait::Nothing),
            array(&[0, 4, 8], 2, Wait::New(0)),
            array(&[0, 4, 8], 3, Wait::New(0)),
        ];
        assert_eq!(arrays, expected);
        assert_eq!(ranges(&arrays[0].tasks), "0-1,4-5,8-9");
        assert_eq!(ranges(&[7]), "7");
    }

    #[test]
    fn no_array_has_numbers_that_slurm_refuses() {
        for limited in [false, true] {
            let arrays = plan(&runs(500), &BTreeMap::new(), 1000, limited);
            assert_eq!(done(&arrays), (0..2000).collect::<Vec<_>>());
            assert!(arrays.iter().flat_map(|array| &array.tasks).all(|&task| task < 1000));
            assert!(arrays.iter().all(|array| array.tasks.is_sorted_by(|a, b| a < b)));
            assert_eq!(arrays.len(), if limited { 4 } else { 6 });
        }
        // Seven divides no first round's number from those of its forks.
        let arrays = plan(&runs(5), &BTreeMap::new(), 7, false);
        assert_eq!(done(&arrays), (0..20).collect::<Vec<_>>());
        for array in &arrays {
            if let Wait::New(place) = array.wait {
                for task in &array.tasks {
                    let first = (task + array.offset) / 4 * 4;
                    assert_eq!(task + arrays[place].offset, first);
                    assert!(arrays[place].tasks.contains(task));
                }
            }
        }
    }

    #[test]
    fn only_what_is_missing_is_submitted() {
        let mut runs = runs(3);
        // The first seed's first round is whole, the second's is at work, as are a few others.
        runs[0].whole = true;
        runs[2].whole = true;
        let at_work = |job, task| Queued { job, task };
        let queued = BTreeMap::from([
            (3, at_work(12, 0)),
            (4, at_work(11, 4)),
            (6, at_work(12, 4)),
        ]);
        let arrays = plan(&runs, &queued, 1000, false);
        let expected = [
            array(&[1, 5, 8, 9], 0, Wait::Nothing),
            array(&[4], 3, Wait::Queued(11)),
            array(&[8], 2, Wait::New(0)),
            array(&[8], 3, Wait::New(0)),
        ];
        assert_eq!(arrays, expected);

        let all = (0..12).map(|index| (index, at_work(11, index))).collect();
        assert_eq!(plan(&runs, &all, 1000, false), []);
        runs.iter_mut().for_each(|run| run.whole = true);
        assert_eq!(plan(&runs, &BTreeMap::new(), 1000, false), []);
    }

    #[test]
    fn arrays_with_a_limit_follow_one_another() {
        let arrays = plan(&runs(2), &BTreeMap::new(), 1000, true);
        let expected = [
            array(&[0, 1, 4, 5], 0, Wait::Before),
            array(&[2, 3, 6, 7], 0, Wait::Before),
        ];
        assert_eq!(arrays, expected);
    }
}
