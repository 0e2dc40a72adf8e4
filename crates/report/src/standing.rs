//! How strategies stand beside each other on Part B: their mean rank, their mean difference from the
//! one that all are compared with, and how often each beats and loses to another.
//!
//! Ranks and differences are taken case by case within one run, at the ratios that all strategies of
//! a task have, and averaged over these; the mean over runs and cases then has the interval of every
//! difference here, for which both are random. Oracles see the ground truth, so they have no rank,
//! are nobody's rival and stand last.

use crate::observations::{Compared, Paired, Run, correct};
use crate::prelude::*;
use crate::sweep::{ALPHA, Standing, Sweep};
use slicewise_figure::FEW;
use slicewise_metrics::{CrossedT, average_ranks, crossed_t};

/// A case of a run.
type Place<'a> = (Run, &'a str);

/// What one case of one run says of a strategy in one task.
struct Seen<'a> {
    task: Task,
    arm: &'a Arm,
    place: Place<'a>,
    /// Rank among strategies, where there is one.
    rank: Option<f64>,
    /// Dice minus that of the reference, where both are known.
    difference: Option<f64>,
}

/// The strategies of all tasks together, if there are several, then of each; the best first.
pub(crate) fn standings(sweep: &Sweep) -> Vec<Standing> {
    let Some(reference) = sweep.reference() else { return Vec::new() };
    let tasks = sweep.tasks();
    let seen = tasks.iter().flat_map(|task| measure(sweep, *task, &reference)).collect_vec();
    let together = (tasks.len() > 1).then_some(None);
    let all = together.into_iter().chain(tasks.into_iter().map(Some));
    all.flat_map(|task| stand(sweep, task, &seen)).collect()
}

/// The arms of `rounds` that have at least half the runs of the fullest: one that is planned for the first
/// seed alone stands at the level of that seed.
pub(crate) fn often_run<'a>(rounds: impl Iterator<Item = &'a Round<'a>>) -> BTreeSet<&'a Arm> {
    let runs = rounds.map(|round| (&round.arm, round.records.len())).into_grouping_map().max();
    let most = runs.values().copied().max().unwrap_or(0);
    runs.into_iter().filter(|(_, runs)| 2 * runs >= most).map(|(arm, _)| arm).collect()
}

/// The ratios of a task at which its strategies are ranked, ascending, and those strategies: all but
/// oracles, and but those that are not [`often_run`].
pub(crate) fn ranked<'s>(sweep: &'s Sweep<'_>, task: Task) -> (Vec<u64>, Vec<&'s Arm>) {
    let rounds = sweep.primary().filter(|round| round.task == task && round.evaluated);
    let rounds = rounds.filter(|round| round.arm.is_ordinary()).collect_vec();
    let arms = often_run(rounds.iter().copied());
    let keys = rounds.iter().map(|round| (&round.arm, ratio_key(round.ratio)));
    let ratios = keys.into_grouping_map().collect::<BTreeSet<u64>>();
    let ratios = arms.iter().map(|arm| ratios[arm].clone()).reduce(|a, b| &a & &b);
    (ratios.unwrap_or_default().into_iter().collect(), arms.into_iter().collect())
}

/// Ranks and differences of every strategy of a task. A case counts where its run has all the ratios.
fn measure<'a>(sweep: &Sweep<'a>, task: Task, reference: &Arm) -> Vec<Seen<'a>> {
    let mut dice: BTreeMap<Place, BTreeMap<&Arm, BTreeMap<u64, f64>>> = BTreeMap::new();
    for (round, run, case, value) in sweep.observations.unseen() {
        let round = &sweep.rounds[round];
        if round.task == task && round.primary && round.arm.is_strategy() {
            let curve = dice.entry((run, case)).or_default().entry(&round.arm).or_default();
            curve.insert(ratio_key(round.ratio), value);
        }
    }
    let (ratios, rivals) = ranked(sweep, task);
    let mut seen = Vec::new();
    for (&place, arms) in &dice {
        let curve = |arm: &Arm| -> Option<Vec<f64>> {
            let curve = arms.get(arm)?;
            ratios.iter().map(|ratio| curve.get(ratio).copied()).collect()
        };
        let all: Option<Vec<Vec<f64>>> = rivals.iter().map(|arm| curve(arm)).collect();
        let ranks = (0..ratios.len()).filter_map(|at| {
            let lost = all.iter().flatten().map(|curve| -curve[at]).collect_vec();
            average_ranks(&lost).ok()
        });
        let ranks = ranks.collect_vec();
        let base = curve(reference);
        for &arm in arms.keys() {
            let index = rivals.iter().position(|rival| *rival == arm);
            let rank = mean(ranks.iter().filter_map(|ranks| ranks.get(index?).copied()));
            let own = curve(arm).into_iter().flatten();
            let pairs = own.zip(base.iter().flatten()).filter(|_| arm != reference);
            let difference = mean(pairs.map(|(ours, theirs)| ours - theirs));
            seen.push(Seen { task, arm, place, rank, difference });
        }
    }
    seen
}

/// The strategies of a task, or of all, the best first.
fn stand(sweep: &Sweep, task: Option<Task>, seen: &[Seen]) -> Vec<Standing> {
    let is_own = |other: Task| task.is_none_or(|task| task == other);
    let own = seen.iter().filter(|seen| is_own(seen.task)).into_group_map_by(|seen| seen.arm);
    let rows = own.into_iter().sorted_by_key(|(arm, _)| *arm).map(|(arm, seen)| {
        let rank = together(seen.iter().filter_map(|of| Some((of.place, of.rank?))));
        let difference = together(seen.iter().filter_map(|of| Some((of.place, of.difference?))));
        Standing {
            task,
            arm: arm.clone(),
            rank: rank.map(|test| test.interval),
            paired: difference.map(|test| Paired {
                p_holm: test.strict.filter(|_| !arm.is_oracle()),
                ..test.into()
            }),
            tests: tests(sweep, arm, is_own),
        }
    });
    let mut rows = rows.collect_vec();
    correct(rows.iter_mut().filter_map(|row| row.paired.as_mut()));
    let place = |row: &Standing| {
        let difference = row.paired.as_ref().map_or(0.0, |paired| paired.difference.mean);
        let rank = row.rank.map_or(f64::MAX, |rank| rank.mean);
        (row.arm.is_oracle(), rank, -difference)
    };
    // Stable: equals stay in the order of tables.
    rows.sort_by(|a, b| place(a).partial_cmp(&place(b)).unwrap_or(std::cmp::Ordering::Equal));
    rows
}

/// The mean over tasks of each case of a run, then over cases and runs. A case counts where it has as
/// many tasks as any.
fn together<'a>(seen: impl Iterator<Item = (Place<'a>, f64)>) -> Option<CrossedT> {
    let values = seen.into_group_map();
    let most = values.values().map(Vec::len).max()?;
    let whole = values.into_iter().filter(|(_, values)| values.len() == most);
    let scores = whole.sorted_by_key(|(place, _)| *place);
    let scores =
        scores.filter_map(|((run, case), values)| Some((run, case, mean(values.into_iter())?)));
    crossed_t(&scores.collect_vec()).ok()
}

/// Counts the tests of the penalty matrix that found a strategy better than another, nothing, and
/// worse. Oracles are nobody's rival.
fn tests(sweep: &Sweep, arm: &Arm, of_task: impl Fn(Task) -> bool) -> [usize; 3] {
    let mut counts = [0; 3];
    for Compared { ours, theirs, paired } in &sweep.comparisons {
        let Some(p) = paired.p.filter(|_| of_task(ours.task)) else { continue };
        let sign = match (ours.arm == *arm, theirs.arm == *arm) {
            (true, _) if !theirs.arm.is_oracle() => 1.0,
            (_, true) if !ours.arm.is_oracle() => -1.0,
            _ => continue,
        };
        let above = sign * paired.difference.mean > 0.0;
        counts[if p >= ALPHA { 1 } else { 2 - 2 * usize::from(above) }] += 1;
    }
    counts
}

/// Those of `arms` that a figure of curves has room for, in their order: all where they are few, else
/// the one that others are compared with, the paper's, and the best by mean rank.
pub(crate) fn few(sweep: &Sweep, arms: &[Arm]) -> Vec<Arm> {
    let reference = sweep.reference();
    let place = |arm: &&Arm| {
        let named = reference.as_ref() == Some(*arm) || arm.place_in_paper().is_some();
        let standing = sweep.standings.iter().position(|row| row.arm == **arm);
        (!named, standing.unwrap_or(usize::MAX))
    };
    arms.iter().sorted_by_key(place).take(FEW).sorted().cloned().collect()
}
