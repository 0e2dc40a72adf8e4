//! `slicewise verify`: checks that a results folder is complete and that its tables follow from its
//! records.

use crate::failure::{Failure, Outcome};
use anyhow::{Context, anyhow};
use slicewise_core::hash::sha256_hex;
use slicewise_experiment::{Results, ResultsFolder};
use std::fs;
use std::path::Path;

/// Prints what was checked. Fails with a list of what is wrong.
pub(crate) fn run(root: &Path) -> Outcome {
    let folder = ResultsFolder::new(root);
    let results = Results::read(root).map_err(Failure::input)?;
    let mut problems = Vec::new();

    let config =
        fs::read(folder.config()).with_context(|| folder.config().display().to_string())?;
    let (held, stated) = (sha256_hex(&config), &results.manifest.config_sha256);
    if held == *stated {
        println!("config.yaml is the one that manifest.json names");
    } else {
        problems.push(format!(
            "{}: expected SHA-256 {stated} (manifest.json), got {held}",
            folder.config().display()
        ));
    }

    let verdict = slicewise_report::verify(root).map_err(Failure::input)?;
    println!(
        "{} rounds of {} runs on record",
        verdict.records,
        results.manifest.runs.len()
    );
    problems.extend(
        verdict
            .missing
            .iter()
            .map(|line| format!("missing: {line}")),
    );
    println!(
        "{} of {} tables follow from the records to the byte",
        verdict.tables - verdict.stale.len(),
        verdict.tables
    );
    let stale = verdict.stale.iter();
    problems.extend(stale.map(|path| {
        format!(
            "{}: not what the records give; `slicewise report` writes it again",
            path.display()
        )
    }));
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::Run(anyhow!(
        "{}: {} problem(s)\n  {}",
        root.display(),
        problems.len(),
        problems.join("\n  ")
    )))
}
