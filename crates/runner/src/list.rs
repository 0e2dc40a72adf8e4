//! `slicewise list`: prints a registry in two columns.

use crate::command::Registry;

/// Prints the name and summary of every entry.
pub(crate) fn run(what: Registry) {
    let entries: Vec<(&str, &str)> = match what {
        Registry::Strategies => slicewise_strategies::STRATEGIES
            .iter()
            .map(|strategy| (strategy.name(), strategy.summary()))
            .collect(),
        Registry::Models => slicewise_model::ARCHITECTURES
            .iter()
            .map(|architecture| (architecture.name, architecture.summary))
            .collect(),
        Registry::Datasets => slicewise_data::datasets::DATASETS
            .iter()
            .map(|dataset| (dataset.name(), dataset.summary()))
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
