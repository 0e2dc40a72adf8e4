//! What of the sweep is not there yet.
//!
//! The manifest names the planned cells; which ratios each should reach is inferred from the
//! records: what one seed has, every other is expected to have.

use crate::order::{percent, ratio_key, strategy_key};
use slicewise_experiment::Results;
use std::collections::{BTreeMap, BTreeSet};

/// One line for seeds without any record, one for each task, model and strategy that lacks something
/// of the others; empty if nothing is missing.
pub(crate) fn missing(results: &Results) -> Vec<String> {
    let manifest = &results.manifest;
    let recorded: BTreeSet<u64> = results.records.iter().map(|record| record.seed).collect();
    let (begun, absent): (Vec<u64>, Vec<u64>) = manifest
        .seeds
        .iter()
        .partition(|&seed| recorded.contains(seed));
    let mut lines = Vec::new();
    if !begun.is_empty() && !absent.is_empty() {
        let absent: Vec<String> = absent.iter().map(u64::to_string).collect();
        lines.push(format!("seed {}: no record yet", absent.join(", ")));
    }
    for data in &manifest.data {
        for model in &manifest.models {
            let records = results
                .records
                .iter()
                .filter(|record| record.task == data.task && record.model == *model);
            let mut found: BTreeMap<_, BTreeMap<u64, BTreeSet<u64>>> = BTreeMap::new();
            for record in records {
                let seeds = found.entry(strategy_key(&record.strategy)).or_default();
                let ratios = seeds.entry(record.seed).or_default();
                ratios.insert(ratio_key(record.ratio));
            }
            let place = format!("Task {}, model {model}", data.task.number());
            if found.is_empty() {
                lines.push(format!("{place}: no record"));
                continue;
            }
            let planned = manifest
                .cells
                .iter()
                .filter(|cell| cell.task == data.task && cell.model == *model);
            let strategies: BTreeSet<_> = planned
                .map(|cell| strategy_key(&cell.strategy))
                .chain(found.keys().cloned())
                .collect();
            for strategy in strategies {
                let seeds = found.get(&strategy);
                let line = match seeds {
                    None => "no record".to_owned(),
                    Some(seeds) => gaps(seeds, &begun),
                };
                if !line.is_empty() {
                    lines.push(format!("{place}, {}: {line}", strategy.1));
                }
            }
        }
    }
    lines
}

/// Seeds without any round, and rounds that only other seeds have.
fn gaps(found: &BTreeMap<u64, BTreeSet<u64>>, seeds: &[u64]) -> String {
    let planned: BTreeSet<u64> = found.values().flatten().copied().collect();
    let gaps = seeds.iter().filter_map(|seed| match found.get(seed) {
        None => Some(format!("seed {seed} missing")),
        Some(ratios) => {
            let lacking: Vec<String> = planned
                .difference(ratios)
                .map(|&ratio| percent(ratio as f64 / 1e6))
                .collect();
            (!lacking.is_empty()).then(|| format!("seed {seed} without {}", lacking.join(", ")))
        }
    });
    gaps.collect::<Vec<_>>().join("; ")
}
