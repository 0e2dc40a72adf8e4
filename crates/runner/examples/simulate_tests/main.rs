//! How often do our tests, and those they took the place of, reject a true null? `./just simulate-tests`.
//!
//! ```text
//! simulate_tests [OUT]    OUT is results/statistics/null.md unless said
//! ```
//!
//! Tables of differences without a difference are drawn with the variance components that the
//! committed records show between two strategies, for the numbers of seeds, folds and cases of our
//! sweeps. A test that holds its level rejects 5 % of them at 0.05. Seeds are fixed.

mod null;
mod rates;
mod records;

use null::{DESIGNS, Design, Shape};
use rates::{CORRECTED, FAMILIES, Rates, TESTS, families, rates};
use records::{Setting, settings};
use slicewise_experiment::replace;
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// Tables drawn for each design, setting and shape.
const TABLES: usize = 4000;
/// Of these, those given to the bootstrap, which takes a thousand times as long.
const BOOTSTRAPPED: usize = 500;
/// Tables drawn for families, whose rates are small.
const TAIL: usize = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args()
        .nth(1)
        .unwrap_or("results/statistics/null.md".to_owned());
    let out = PathBuf::from(out);
    let settings = settings()?;
    let mut text = introduction();
    text += &components(&settings);
    let all = Shape::ALL.map(|shape| {
        let of_design = |design| {
            settings
                .iter()
                .map(|setting| rates(design, setting, shape))
                .collect()
        };
        DESIGNS.map(of_design)
    });
    text += &by_test(&all);
    text += &by_family(&settings);
    for (shape, rates) in Shape::ALL.into_iter().zip(&all) {
        text += &by_setting(shape, &settings, rates);
    }
    std::fs::create_dir_all(out.parent().ok_or("OUT has no folder")?)?;
    replace(&out, text.as_bytes())?;
    println!("{}", out.display());
    Ok(())
}

/// Rates by design and setting.
type Table = [Vec<Rates>; DESIGNS.len()];

fn introduction() -> String {
    format!(
        "True nulls rejected at 0.05. `./just simulate-tests`, commit {}. Tables of differences with mean 0, {TABLES} a cell \
         ({BOOTSTRAPPED} for the bootstrap), so a cell of 5 % is known to ± 0.7 ({:.0} for the bootstrap). \
         A size is folds × seeds × cases of a fold; where a test says seeds, with folds it is given \
         every fold with every seed. The crossed test's interval covers the true mean in 100 % less \
         the rate.\n\n",
        commit(),
        196.0 * (0.05 * 0.95 / BOOTSTRAPPED as f64).sqrt(),
    )
}

/// The commit that is checked out, with a `+` where tracked files differ from it.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_default();
    let changed = git(&[
        "status",
        "--porcelain",
        "--untracked-files=no",
        "crates",
        "results",
    ]);
    commit
        + if changed.is_some_and(|lines| !lines.is_empty()) {
            "+"
        } else {
            ""
        }
}

fn components(settings: &[Setting]) -> String {
    let mut text = String::from(
        "### Components\n\nStandard deviations, of Dice, of the difference between two strategies at a \
         ratio: between seeds, between cases, and what is left. Mean variance over all pairs of \
         strategies; 0 where the estimate is negative.\n\n\
         | setting | pairs | seeds | cases | residual |\n|---|---:|---:|---:|---:|\n",
    );
    for setting in settings {
        let [run, case, residual] = setting.deviations;
        let name = &setting.name;
        let pairs = setting
            .pairs
            .map_or(String::new(), |pairs| pairs.to_string());
        let _ = writeln!(
            text,
            "| {name} | {pairs} | {run:.4} | {case:.4} | {residual:.4} |"
        );
    }
    text + "\n"
}

/// Lowest to highest rate of each test over all settings.
fn by_test(all: &[Table]) -> String {
    let mut text = String::from(
        "### By test\n\nLowest to highest rate, %, over all settings and both shapes of the null.\n\n",
    );
    text += &head("test");
    for (test, name) in TESTS.into_iter().enumerate() {
        let _ = write!(text, "| {name} |");
        for design in 0..DESIGNS.len() {
            let rates = all
                .iter()
                .flat_map(|table| table[design].iter().map(|rates| rates[test]));
            text += &ends(rates);
        }
        text.push('\n');
    }
    text + "\n"
}

/// Lowest to highest chance, over all settings, that one of a family is rejected.
fn by_family(settings: &[Setting]) -> String {
    let mut text = format!(
        "### Many comparisons\n\nChance, %, that Holm's correction leaves at least one of so many true nulls \
         below 0.05, if they were independent ({TAIL} tables a setting, normal effects; lowest to highest over the \
         settings). The reports correct the largest p.\n\n"
    );
    text += &head("what is corrected");
    let all = DESIGNS.map(|design| {
        let of = settings.iter().map(|setting| families(design, setting));
        of.collect::<Vec<_>>()
    });
    for (size, n) in FAMILIES.into_iter().enumerate() {
        for (p, name) in CORRECTED.into_iter().enumerate() {
            let _ = write!(text, "| {name}, {n} |");
            for of_design in &all {
                text += &ends(of_design.iter().map(|families| families[p][size]));
            }
            text.push('\n');
        }
    }
    text + "\n"
}

/// A cell of the lowest and the highest rate.
fn ends(rates: impl Iterator<Item = f64>) -> String {
    let [low, high] = rates.fold([f64::INFINITY, 0.0], |[low, high]: [f64; 2], rate| {
        [low.min(rate), high.max(rate)]
    });
    format!(" {:.1} to {:.1} |", 100.0 * low, 100.0 * high)
}

/// The crossed test's rate at each setting.
fn by_setting(shape: Shape, settings: &[Setting], table: &Table) -> String {
    let mut text = format!("### The crossed test, {}\n\nRate, %.\n\n", shape.name());
    text += &head("setting");
    for (place, setting) in settings.iter().enumerate() {
        let _ = write!(text, "| {} |", setting.name);
        for of_design in table {
            let _ = write!(text, " {:.1} |", 100.0 * of_design[place][0]);
        }
        text.push('\n');
    }
    text + "\n"
}

fn head(first: &str) -> String {
    let names = DESIGNS.map(|design: Design| design.name()).join(" | ");
    format!(
        "| {first} | {names} |\n|---|{}\n",
        "---:|".repeat(DESIGNS.len())
    )
}
