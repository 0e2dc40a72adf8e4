//! What a results folder already holds of an experiment.
//!
//! Runs know nothing of each other but the first round that they continue from. So a sweep may get
//! more strategies and more seeds after it has begun, and what is on record stays as it is.

use crate::config::ExperimentConfig;
use slicewise_core::process::sha256_of;
use slicewise_experiment::record::{FIRST, FULL};
use slicewise_experiment::versions::versions;
use slicewise_experiment::{ExperimentError, ResultsFolder, RoundRecord};
use std::collections::BTreeSet;
use std::fs;

/// What a results folder holds of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// Nothing yet, or this experiment.
    Same,
    /// This experiment with fewer strategies or seeds.
    Less,
}

/// Compares `config`, whose text is `text`, with the folder's `config.yaml`. One written by an older version
/// may lack settings, which count as their defaults, and may have keys under former names.
///
/// # Errors
/// The folder holds another experiment, or cannot be read.
pub(crate) fn held(
    folder: &ResultsFolder,
    config: &ExperimentConfig,
    text: &str,
) -> Result<Held, ExperimentError> {
    let path = folder.config();
    let held = match fs::read_to_string(&path) {
        Ok(held) => held,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Held::Same),
        Err(error) => return Err(ExperimentError::io(path)(error)),
    };
    // Compared as today's program writes it, so that an older version's defaults and names of keys
    // are no difference.
    let mut today = ExperimentConfig::parse(&held, &path);
    if let Ok(held) = &mut today {
        held.sweep = config.sweep;
    }
    if today
        .as_ref()
        .is_ok_and(|held| held != config && only_adds(held, config))
    {
        return Ok(Held::Less);
    }
    let held = today.and_then(|held| held.to_yaml()).unwrap_or(held);
    if held == text {
        return Ok(Held::Same);
    }
    let end = "(end of file)";
    let mut lines = (held.lines().chain([end]), text.lines().chain([end]));
    let mut number = 0;
    let difference = loop {
        number += 1;
        match (lines.0.next(), lines.1.next()) {
            (Some(a), Some(b)) if a == b => {}
            (a, b) => {
                break format!(
                    "line {number} is `{}`, this experiment has `{}`",
                    a.unwrap_or(end).trim(),
                    b.unwrap_or(end).trim()
                );
            }
        }
    };
    Err(ExperimentError::OtherConfig { path, difference })
}

/// Says, a line for each of a user's programs, which runs on record were made by another version of it
/// than the one that `config` names. They stay as they are.
pub(crate) fn other_versions(config: &ExperimentConfig, records: &[RoundRecord]) -> Vec<String> {
    let mut lines = Vec::new();
    for of in versions(records) {
        let (now, program, made) = match of.strategy {
            Some(strategy) => {
                let plan = config.tasks.get(&of.task);
                let plan = plan.and_then(|plan| plan.strategies.get(strategy));
                let now = plan.and_then(|plan| plan.asked(strategy).ok()?.sha256());
                (now, strategy.to_owned(), "slices of these runs were chosen")
            }
            None => {
                let model = config.models.get(of.model);
                let program = model.and_then(|model| model.architecture.program());
                let now = program.map(|program| sha256_of(&program.command));
                (
                    now,
                    format!("model {}", of.model),
                    "it was trained in these runs",
                )
            }
        };
        let others = of
            .runs
            .iter()
            .filter(|(sha256, _)| Some(**sha256) != now.as_deref());
        let runs: BTreeSet<&str> = others
            .flat_map(|(_, runs)| runs)
            .map(String::as_str)
            .collect();
        if !runs.is_empty() {
            lines.push(format!(
                "{}, {program}: the program or its command has changed since {made}, and they are kept: {}; \
                 another --out asks the changed one alone",
                of.task.label(),
                runs.into_iter().collect::<Vec<_>>().join("; ")
            ));
        }
    }
    lines
}

/// Returns whether `config` is `held` with more strategies, or more seeds behind those that `held` has:
/// every run of `held` is a run of `config` with the same rounds, and nothing else differs but the
/// effort, which only the report reads, and the command and time of a program, which may be mended.
fn only_adds(held: &ExperimentConfig, config: &ExperimentConfig) -> bool {
    let runs: BTreeSet<_> = config.runs().into_iter().collect();
    let mut grown = held.clone();
    for (task, plan) in &mut grown.tasks {
        let Some(now) = config.tasks.get(task) else {
            return false;
        };
        let same_rounds = |name: &str| plan.rounds(name) == now.rounds(name);
        let mut asked = plan.strategies.0.iter();
        let same = asked.all(|(name, held)| {
            let now = now.strategies.0.get(name);
            same_rounds(&name.0) && now.is_some_and(|now| held.asks_as(now))
        });
        if !(same && [FIRST, FULL].into_iter().all(same_rounds)) {
            return false;
        }
        plan.strategies.clone_from(&now.strategies);
        plan.first_seed_only.clone_from(&now.first_seed_only);
    }
    grown.seeds.clone_from(&config.seeds);
    // A strategy that is added may ask a committee, which nobody asked before.
    if held.committee.is_none() {
        grown.committee = config.committee;
    }
    grown.effort = config.effort;
    for (name, model) in &mut grown.models {
        if let Some(now) = config.models.get(name) {
            model.architecture = model.architecture.mended(&now.architecture);
        }
    }
    // The first seed's runs keep volumes for the figures.
    config.seeds.starts_with(&held.seeds)
        && held.runs().iter().all(|run| runs.contains(run))
        && grown == *config
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn more_strategies_and_seeds_are_more_of_the_same_and_nothing_else_is() {
        const TEXT: &str = include_str!("../../../experiments/smoke.yaml");
        let parse = |text: &str| ExperimentConfig::parse(text, Path::new("a.yaml")).unwrap();
        let held = parse(TEXT);
        let with = |from: &str, to: &str| {
            assert!(TEXT.contains(from), "{from}: {TEXT}");
            only_adds(&held, &parse(&TEXT.replacen(from, to, 1)))
        };
        let seeds = TEXT
            .lines()
            .find(|line| line.starts_with("seeds:"))
            .unwrap();
        let [first, ..] = held.seeds[..] else {
            panic!("{seeds}")
        };
        assert!(with(seeds, seeds), "the same is no more, and no less");
        let more = |added: &str| seeds.replace(']', added);
        assert!(with(seeds, &more(", 777]")));
        assert!(!with(seeds, "seeds: [777]"), "a run is gone");
        assert!(
            !with(seeds, &format!("seeds: [777, {first}]")),
            "another first seed"
        );
        let strategy = "      uncertainty: [0.25, 0.5]\n";
        let further = format!("{strategy}      spacing-aware: [0.25, 0.5]\n");
        assert!(with(strategy, &further));
        assert!(!with(strategy, ""), "a strategy is gone");
        assert!(
            !with(strategy, "      uncertainty: [0.25]\n"),
            "a round is gone"
        );
        assert!(!with("budget: 12", "budget: 14"), "other rounds");
        assert!(!with("question: ", "question: Or "), "another question");
    }
}
