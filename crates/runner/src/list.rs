//! `slicewise list`: prints a registry in two columns; a strategy with its source.

use crate::command::Registry;

/// Prints the name and summary of every entry.
pub(crate) fn run(what: Registry) {
    let entries: Vec<(&str, String)> = match what {
        Registry::Strategies => slicewise_strategies::STRATEGIES
            .iter()
            .map(|strategy| {
                let line = format!("{} ({})", strategy.summary(), strategy.source());
                (strategy.name(), line)
            })
            .collect(),
        Registry::Models => slicewise_model::ARCHITECTURES
            .iter()
            .map(|architecture| (architecture.name, architecture.summary.to_owned()))
            .collect(),
        Registry::Datasets => slicewise_data::datasets::DATASETS
            .iter()
            .map(|dataset| (dataset.name(), dataset.summary().to_owned()))
            .collect(),
    };
    let width = entries
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0);
    for (name, summary) in entries {
        println!("{name:width$}  {summary}");
    }
}
