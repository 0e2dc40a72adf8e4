//! The paper's stop rule: `stop`.

use super::between::{grid, plus_minus};
use super::tidy::{count, maybe, text};
use crate::agreement::PrAgreement;
use crate::order::{percent, ratio_key};
use crate::stop::{HOW, Stop, Stopped};
use polars::prelude::{Column, DataFrame, PolarsResult};
use slicewise_experiment::Results;
use slicewise_metrics::Interval;

/// One row a task and strategy.
///
/// `by_seed` is `SEED:RATIO` of each seed, `never` where the rule does not fire; `stopped` and
/// `never` count seeds. `ratio*` is where they stop; `dice*` Part B Dice there, `last_*` at
/// `last_ratio`, `full_*` with full annotation; `p_r*` and `uncertainty_r*` the rank correlations
/// of P and of −uncertainty with R at the stop, over `p_n` and `uncertainty_n` slices.
pub(super) fn stop(rows: &[Stop]) -> PolarsResult<DataFrame> {
    let by_seed: Vec<String> = rows.iter().map(by_seed).collect();
    let at = |name: &str, value: fn(&Stopped) -> Option<f64>| {
        maybe(name, rows.iter().map(|r| value(r.stopped.as_ref()?)))
    };
    let interval = |name: &str, value: &dyn Fn(&Stop) -> Option<Interval>| {
        let of = |end: &str, part: fn(Interval) -> Option<f64>| {
            let values = rows.iter().map(|row| part(value(row)?));
            maybe(&format!("{name}{end}"), values)
        };
        vec![
            of("", |interval| Some(interval.mean)),
            of("_low", |interval| interval.low),
            of("_high", |interval| interval.high),
        ]
    };
    let signal = |name: &str, of: fn(&Stopped) -> Option<&PrAgreement>| {
        let found = move |row: &Stop| row.stopped.as_ref().and_then(of).cloned();
        let n = rows.iter().map(|row| Some(found(row)?.n as u32));
        let n = Column::new(format!("{name}_n").into(), n.collect::<Vec<_>>());
        let value = move |row: &Stop| Some(found(row)?.spearman);
        [interval(&format!("{name}_r"), &value), vec![n]].concat()
    };
    DataFrame::new_infer_height(
        [
            vec![
                count("task", rows.iter().map(|r| u32::from(r.task.number()))),
                text("strategy", rows.iter().map(|r| r.strategy.as_str())),
                text("by_seed", by_seed.iter().map(String::as_str)),
                count("stopped", rows.iter().map(|r| r.stops() as u32)),
                count("never", rows.iter().map(|r| r.never() as u32)),
                at("ratio", |at| Some(at.mean)),
                at("ratio_lowest", |at| Some(at.lowest)),
                at("ratio_highest", |at| Some(at.highest)),
            ],
            interval("dice", &|row| Some(row.stopped.as_ref()?.dice)),
            vec![maybe("last_ratio", rows.iter().map(|r| Some(r.last?.0)))],
            interval("last", &|row| Some(row.last?.1)),
            interval("full", &|row| row.full),
            signal("p", |at| at.p.as_ref()),
            signal("uncertainty", |at| at.uncertainty.as_ref()),
        ]
        .concat(),
    )
}

/// `1:0.25 2:never`.
fn by_seed(row: &Stop) -> String {
    let seeds = row.by_seed.iter().map(|(seed, ratio)| match ratio {
        // By its key: 0.1 · 3 is 0.3.
        Some(ratio) => format!("{seed}:{}", ratio_key(*ratio) as f64 / 1e6),
        None => format!("{seed}:never"),
    });
    seeds.collect::<Vec<_>>().join(" ")
}

/// Headings of [`cells`].
pub(crate) const HEADER: [&str; 7] = [
    "stops at",
    "seeds that stop",
    "Dice there",
    "at the last ratio",
    "P with R there",
    "−uncertainty with R",
    "n",
];

/// One strategy as a reader sees it.
pub(crate) fn cells(row: &Stop) -> [String; 7] {
    let at = row.stopped.as_ref();
    let of = |text: Option<String>| text.unwrap_or_default();
    let signal = |signal: Option<&PrAgreement>| of(signal.map(|s| plus_minus(s.spearman, 3)));
    let p = at.and_then(|at| at.p.as_ref());
    [
        at.map_or_else(|| "never".to_owned(), Stopped::place),
        format!("{} of {}", row.stops(), row.by_seed.len()),
        of(at.map(|at| plus_minus(at.dice, 3))),
        of(row
            .last
            .map(|(ratio, dice)| format!("{} ({})", plus_minus(dice, 3), percent(ratio)))),
        signal(p),
        signal(at.and_then(|at| at.uncertainty.as_ref())),
        of(p.map(|p| p.n.to_string())),
    ]
}

/// Markdown, with a line that says how the numbers were computed.
pub(super) fn markdown(rows: &[Stop], results: &Results) -> String {
    let header = ["strategy", "task", "by seed", "full annotation"];
    let header = header.into_iter().chain(HEADER);
    let body = rows.iter().map(|row| {
        let full = row.full.map(|full| plus_minus(full, 3));
        let place = [
            row.strategy.clone(),
            row.task.number().to_string(),
            by_seed(row),
            full.unwrap_or_default(),
        ];
        [place.as_slice(), cells(row).as_slice()].concat()
    });
    grid(HOW, results, header.map(str::to_owned).collect(), body, 1)
}
