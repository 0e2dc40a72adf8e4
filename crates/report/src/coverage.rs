//! What of the sweep is not there yet.
//!
//! The manifest names the planned runs. Which ratios each should reach is inferred from the
//! records: what one run has, every other is expected to have, unless the configuration lets the
//! stop rule end runs and it did.

use crate::observations::{Run, run_of};
use crate::prelude::*;
use crate::sweep::Sweep;
use slicewise_experiment::{Manifest, record::run_name, uneven::unlike};

/// A round: its ratio, and of full annotation, which may have several at ratio 1, its steps.
type Place = (u64, u64);

/// The records of one task, model and arm by run and place.
type Found<'a> = BTreeMap<Run, BTreeMap<Place, &'a RoundRecord>>;

/// Gives a line for seeds without any record, for folds without any of a seed that has some, for each
/// task, model and arm that lacks something of the others, for mixed versions and uneven numbers of slices.
pub(crate) fn missing(sweep: &Sweep) -> Vec<String> {
    let manifest = &sweep.results.manifest;
    let recorded: BTreeSet<Run> = sweep.results.records.iter().map(run_of).collect();
    let (begun, absent): (Vec<Run>, Vec<Run>) =
        runs(manifest).into_iter().partition(|run| recorded.contains(run));
    let mut lines = Vec::new();
    if !begun.is_empty() {
        let has_some = |(_, seed): &Run| begun.iter().any(|(_, of)| of == seed);
        let (partly, wholly): (Vec<Run>, Vec<Run>) = absent.into_iter().partition(has_some);
        let wholly = list(wholly.iter().map(|(_, seed)| seed).sorted().dedup());
        lines.extend((!wholly.is_empty()).then(|| format!("seed {wholly}: no record yet")));
        let folds = partly.into_iter().map(|(fold, seed)| (seed, fold)).into_group_map();
        for (seed, folds) in folds.into_iter().sorted() {
            lines.push(format!("seed {seed}, fold {}: no record yet", list(folds)));
        }
    }
    for (data, model) in manifest.data.iter().cartesian_product(&manifest.models) {
        let (task, place) = (data.task, format!("{}, model {model}", data.task.label()));
        let mut found: BTreeMap<Arm, Found> = BTreeMap::new();
        for round in sweep.rounds.iter().filter(|of| of.task == task && of.model == model) {
            let runs = found.entry(round.arm.clone()).or_default();
            let steps = if round.arm == Arm::Full { round.steps } else { 0 };
            for record in &round.records {
                let places = runs.entry(run_of(record)).or_default();
                places.insert((ratio_key(round.asked), steps), record);
            }
        }
        if found.is_empty() {
            lines.push(format!("{place}: no record"));
            continue;
        }
        // A strategy may be planned for the first seed alone.
        let mut planned: BTreeMap<Arm, BTreeSet<Run>> = BTreeMap::new();
        for run in manifest.runs.iter().filter(|of| of.task == task && of.model == *model) {
            let arm = Arm::of(&run.strategy);
            found.entry(arm.clone()).or_default();
            planned.entry(arm).or_default().insert((run.fold.unwrap_or(0), run.seed));
        }
        for (arm, runs) in found {
            let due = |run: &&Run| planned.get(&arm).is_none_or(|planned| planned.contains(run));
            let due = begun.iter().filter(due).collect_vec();
            let line = match runs.is_empty() {
                true => "no record".to_owned(),
                false => gaps(&runs, &due, ends_runs(sweep, task)),
            };
            lines.extend((!line.is_empty()).then(|| format!("{place}, {}: {line}", arm.name())));
        }
    }
    lines.into_iter().chain(unlike(&sweep.results.records)).collect()
}

/// Lists the planned runs; every seed once, for a manifest from before runs were noted.
fn runs(manifest: &Manifest) -> BTreeSet<Run> {
    let planned = manifest.runs.iter().map(|run| (run.fold.unwrap_or(0), run.seed));
    let planned: BTreeSet<Run> = planned.collect();
    let unplanned = manifest.seeds.iter().filter(|seed| !planned.iter().any(|(_, of)| of == *seed));
    planned.iter().copied().chain(unplanned.map(|seed| (0, *seed))).collect()
}

/// Tells whether the configuration lets the stop rule end the task's runs.
pub(crate) fn ends_runs(sweep: &Sweep, task: Task) -> bool {
    sweep.config["tasks"][task.name()]["stop"]["ends_run"] == true
}

/// Names runs of those `due` that have no round, and rounds that only other runs have. Where the rule
/// `ends_runs`, nothing is expected after a run's last round if it fired there.
fn gaps(found: &Found, due: &[&Run], ends_runs: bool) -> String {
    let planned: BTreeSet<Place> = found.values().flat_map(BTreeMap::keys).copied().collect();
    let several = planned.iter().filter(|(_, steps)| *steps > 0).count() > 1;
    let gaps = due.iter().filter_map(|run| {
        let &&(fold, seed) = run;
        let name = run_name(seed, (fold > 0).then_some(fold));
        let Some(rounds) = found.get(run) else { return Some(format!("{name} missing")) };
        let last = rounds.last_key_value();
        let ended = last.filter(|(_, record)| ends_runs && record.converged == Some(true));
        let expected = |place: &Place| ended.is_none_or(|(last, _)| place < last);
        let lacking = planned.iter().filter(|place| !rounds.contains_key(place) && expected(place));
        let lacking = list(lacking.map(|&(ratio, steps)| match several {
            true => format!("{steps} steps"),
            false => percent(ratio as f64 / 1e6),
        }));
        (!lacking.is_empty()).then(|| format!("{name} without {lacking}"))
    });
    gaps.collect_vec().join("; ")
}
