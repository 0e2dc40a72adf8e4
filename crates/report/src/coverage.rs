//! What of the sweep is not there yet.
//!
//! The manifest names the planned runs. Which ratios each should reach is inferred from the
//! records: what one seed has, every other is expected to have, unless the configuration lets the
//! stop rule end runs and it did.

use crate::arm::Arm;
use crate::config::setting;
use crate::format::{list, percents};
use crate::rounds::ratio_key;
use crate::sweep::Sweep;
use slicewise_data::Task;
use slicewise_experiment::RoundRecord;
use std::collections::{BTreeMap, BTreeSet};

/// The records of one task, model and arm by seed and ratio.
type Found<'a> = BTreeMap<u64, BTreeMap<u64, &'a RoundRecord>>;

/// Gives one line for seeds without any record, and one for each task, model and arm that lacks
/// something of the others; none if nothing is missing.
pub(crate) fn missing(sweep: &Sweep) -> Vec<String> {
    let manifest = &sweep.results.manifest;
    let recorded: BTreeSet<u64> = sweep.results.records.iter().map(|record| record.seed).collect();
    let (begun, absent): (Vec<u64>, Vec<u64>) =
        manifest.seeds.iter().partition(|&seed| recorded.contains(seed));
    let mut lines = Vec::new();
    if !begun.is_empty() && !absent.is_empty() {
        lines.push(format!("seed {}: no record yet", list(absent)));
    }
    for task in manifest.data.iter().map(|data| data.task) {
        for model in &manifest.models {
            let mut found: BTreeMap<Arm, Found> = BTreeMap::new();
            let rounds = sweep.rounds.iter();
            for round in rounds.filter(|round| round.task == task && round.model == model) {
                let seeds = found.entry(round.arm.clone()).or_default();
                for record in &round.records {
                    seeds.entry(record.seed).or_default().insert(ratio_key(round.ratio), record);
                }
            }
            let place = format!("{}, model {model}", task.label());
            if found.is_empty() {
                lines.push(format!("{place}: no record"));
                continue;
            }
            let planned = manifest.cells.iter();
            for cell in planned.filter(|cell| cell.task == task && cell.model == *model) {
                found.entry(Arm::of(&cell.strategy)).or_default();
            }
            for (arm, seeds) in found {
                let line = if seeds.is_empty() {
                    "no record".to_owned()
                } else {
                    gaps(&seeds, &begun, ends_runs(sweep, task))
                };
                if !line.is_empty() {
                    lines.push(format!("{place}, {}: {line}", arm.name()));
                }
            }
        }
    }
    lines
}

/// Tells whether the configuration lets the stop rule end the task's runs.
pub(crate) fn ends_runs(sweep: &Sweep, task: Task) -> bool {
    setting(&sweep.results.config, &["tasks", task.name(), "stop", "ends_run"]) == Some("true")
}

/// Names seeds without any round, and rounds that only other seeds have. Where the rule `ends_runs`,
/// nothing is expected after a seed's last round if it fired there.
fn gaps(found: &Found, seeds: &[u64], ends_runs: bool) -> String {
    let planned: BTreeSet<u64> = found.values().flat_map(BTreeMap::keys).copied().collect();
    let gaps = seeds.iter().filter_map(|seed| {
        let Some(rounds) = found.get(seed) else {
            return Some(format!("seed {seed} missing"));
        };
        let last = rounds.last_key_value();
        let ended = last.filter(|(_, record)| ends_runs && record.converged == Some(true));
        let due = |ratio: &u64| ended.is_none_or(|(last, _)| ratio < last);
        let lacking = planned.iter().filter(|ratio| !rounds.contains_key(ratio) && due(ratio));
        let lacking = percents(lacking.map(|&ratio| ratio as f64 / 1e6));
        (!lacking.is_empty()).then(|| format!("seed {seed} without {lacking}"))
    });
    gaps.collect::<Vec<_>>().join("; ")
}
