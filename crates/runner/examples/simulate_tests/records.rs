//! Variance components of the difference between two strategies, from the committed records.

use slicewise_core::Task;
use slicewise_data::Part;
use slicewise_experiment::Results;
use slicewise_experiment::record::{FIRST, FULL};
use slicewise_metrics::variance_components;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// Sweeps of strategies, and what they are called here.
const SWEEPS: [(&str, &str); 2] = [
    ("results/newborns/table2-neonates", "newborns"),
    ("results/phantoms/table2", "phantoms"),
];
/// Ratios at which at least three strategies meet, in thousandths.
const RATIOS: [u64; 3] = [125, 250, 500];

/// What tables are drawn from.
pub(crate) struct Setting {
    pub(crate) name: String,
    /// Pairs of strategies behind it; `None` if it is made up.
    pub(crate) pairs: Option<usize>,
    /// Standard deviations between runs, between cases, and of residuals.
    pub(crate) deviations: [f64; 3],
    /// Residuals of all pairs together, scaled to variance 1.
    pub(crate) residuals: Vec<f64>,
}

/// Dice by seed and case of one fold.
type Scores<'a> = BTreeMap<(u64, &'a str), f64>;
/// Those of each strategy in one fold.
type Fold<'a> = BTreeMap<&'a str, Scores<'a>>;

/// Reads the settings of every sweep, task and ratio; then one without components.
pub(crate) fn settings() -> Result<Vec<Setting>, Box<dyn Error>> {
    let mut settings = Vec::new();
    for (folder, name) in SWEEPS {
        let results = Results::read(Path::new(folder))?;
        let mut groups: BTreeMap<(Task, u64), BTreeMap<Option<usize>, Fold>> = BTreeMap::new();
        for record in &results.records {
            let ratio = (1000.0 * record.ratio).round() as u64;
            let queried = ![FIRST, FULL].contains(&record.strategy.as_str());
            if queried && RATIOS.contains(&ratio) && record.model == results.manifest.models[0] {
                let folds = groups.entry((record.task, ratio)).or_default();
                let strategies = folds.entry(record.fold).or_default();
                let scores = strategies.entry(&record.strategy).or_default();
                let unseen = record.cases.iter().filter(|case| case.part == Part::B);
                scores.extend(
                    unseen.filter_map(|case| {
                        Some(((record.seed, case.case.as_str()), case.mean_dice?))
                    }),
                );
            }
        }
        for ((task, ratio), folds) in groups {
            let name = format!(
                "{name}, {}, {} %",
                task.name().replace('-', " "),
                ratio as f64 / 10.0
            );
            settings.push(setting(name, folds.into_values())?);
        }
    }
    let residuals = settings
        .iter()
        .flat_map(|setting: &Setting| setting.residuals.clone());
    settings.push(Setting {
        name: "residuals alone".to_owned(),
        pairs: None,
        deviations: [0.0, 0.0, 1.0],
        residuals: residuals.collect(),
    });
    Ok(settings)
}

/// What pairs of strategies of a task at a ratio show, each within each of the `folds` that has two or
/// more seeds of both.
fn setting<'a>(
    name: String,
    folds: impl Iterator<Item = Fold<'a>>,
) -> Result<Setting, Box<dyn Error>> {
    let (mut sums, mut pairs, mut residuals) = ([0.0; 3], 0, Vec::new());
    for strategies in folds.map(|fold| Vec::from_iter(fold.into_values())) {
        for (place, ours) in strategies.iter().enumerate() {
            for theirs in &strategies[..place] {
                let scores = differences(ours, theirs);
                let Some(found) = variance_components(&scores)? else {
                    continue;
                };
                for (sum, one) in sums.iter_mut().zip([found.run, found.case, found.residual]) {
                    *sum += one;
                }
                pairs += 1;
                residuals.extend(left_over(&scores));
            }
        }
    }
    let deviations = sums.map(|sum| (sum / f64::from(pairs)).max(0.0).sqrt());
    let squares: f64 = residuals.iter().map(|left| left * left).sum();
    let scale = (squares / residuals.len() as f64).sqrt();
    residuals.iter_mut().for_each(|left| *left /= scale);
    Ok(Setting {
        name,
        pairs: Some(pairs as usize),
        deviations,
        residuals,
    })
}

/// One strategy minus another, by seed and case.
fn differences<'a>(ours: &Scores<'a>, theirs: &Scores<'a>) -> Vec<(u64, &'a str, f64)> {
    let both = ours
        .iter()
        .filter_map(|(&(seed, case), dice)| Some((seed, case, dice - theirs.get(&(seed, case))?)));
    both.collect()
}

/// What is left of a whole table without the means of its rows and columns.
fn left_over(scores: &[(u64, &str, f64)]) -> Vec<f64> {
    let mean = |keep: &dyn Fn(&(u64, &str, f64)) -> bool| {
        let kept: Vec<f64> = scores.iter().filter(|s| keep(s)).map(|s| s.2).collect();
        kept.iter().sum::<f64>() / kept.len() as f64
    };
    let all = mean(&|_| true);
    let left = scores.iter().map(|(seed, case, value)| {
        value - mean(&|other| other.0 == *seed) - mean(&|other| other.1 == *case) + all
    });
    left.collect()
}
