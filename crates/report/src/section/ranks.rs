//! Who beats whom, where, by how much? A row a strategy, the best first.
//!
//! `task` is `all` for the mean over several tasks; `kind` is `strategy` or `oracle`, which has no
//! rank. `difference` is the Dice minus that of `against`. Wins, ties and losses count the tests of the
//! penalty matrix against all strategies, a ratio each; they are empty where none could be tested.

use crate::format::{list_of, percents, signed, with_ends};
use crate::observations::{CROSSED, STRICT};
use crate::prelude::*;
use crate::section::{Column, Content, Format, Made, Sweep, Table};
use crate::standing::ranked;
use crate::sweep::ALPHA;
use crate::sweep::Standing;

/// Names that a sentence lists before it counts the rest.
const NAMED: usize = 5;

pub(crate) fn make(sweep: &Sweep) -> Made {
    let (rows, Some(reference)) = (&sweep.standings, sweep.reference()) else { return Ok(None) };
    let first = rows.first().and_then(|row| row.task);
    let lines = rows.iter().filter(|row| row.task == first).collect_vec();
    if lines.len() < 2 {
        return Ok(None);
    }
    let difference = |row: &Standing| Some(row.paired?.difference);
    let tested =
        |row: &Standing, at: usize| row.tests.iter().any(|count| *count > 0).then(|| row.tests[at]);
    let frame = Table::of(rows, "")
        .tidy("task", |r| r.task.map_or("all", Task::name))
        .tidy("strategy", |r| &r.arm)
        .tidy("kind", |r| if r.arm.is_oracle() { "oracle" } else { "strategy" })
        .spread("rank", |r| r.rank)
        .tidy("against", |_| &reference)
        .spread("difference", difference)
        .tidy("p", |r| r.paired?.p)
        .tidy("p_holm", |r| r.paired?.p_holm)
        .tidy("wins", |r| tested(r, 0))
        .tidy("ties", |r| tested(r, 1))
        .tidy("losses", |r| tested(r, 2))
        .tidy("seeds", |r| Some(r.paired?.runs))
        .tidy("cases", |r| Some(r.paired?.cases))
        .frame("ranks")?;
    let over = if first.is_none() { "all tasks" } else { "" };
    let under = |title: &str, format| Column::new(title, format).under(over);
    let minus = format!("minus {}", reference.label());
    let mut grid = Table::of(&lines, how(sweep, &reference))
        .shown("strategy", Format::Words, |r| match &r.arm {
            arm if *arm == reference => format!("{arm} (reference)"),
            arm if arm.is_oracle() => format!("{arm} (bound: sees the truth)"),
            arm => arm.to_string(),
        })
        .shown_as(under("mean rank", Format::Decimals(1)), |r| r.rank)
        .shown_as(under(&minus, Format::Difference), |r| difference(r))
        .shown_as(under("p, Holm", Format::P), |r| r.paired?.p_holm);
    for (at, title) in ["wins", "ties", "losses"].into_iter().enumerate() {
        grid = grid.shown_as(under(title, Format::Decimals(0)), |r| tested(r, at));
    }
    for task in sweep.tasks().into_iter().filter(|_| first.is_none()) {
        let of =
            |line: &Standing| rows.iter().find(|row| row.task == Some(task) && row.arm == line.arm);
        let under = |title: &str, format| {
            Column::new(format!("{} {title}", task_short(task)), format).under(task_title(task))
        };
        grid = grid
            .shown_as(under("rank", Format::Decimals(1)), |r| of(r)?.rank)
            .shown_as(under(&minus, Format::Difference), |r| difference(of(r)?));
    }
    let content = Content::table(frame, vec![grid.grid()]);
    Ok(Some(content.told(sweep, |task| sentences(sweep, task, &reference))))
}

fn how(sweep: &Sweep, reference: &Arm) -> String {
    let ratios = sweep.tasks().into_iter().map(|task| {
        let (ratios, _) = ranked(sweep, task);
        format!("{}: {}", task.label(), percents(ratios.into_iter().map(|key| key as f64 / 1e6)))
    });
    format!(
        "The best stands first. Rank 1 is the best mean Dice on a Part B case in one run, among all \
         strategies that are no oracle; the mean is over cases, runs and the ratios that all of them have \
         ({}). The difference from {} is over the same, and Holm's correction over the strategies of \
         the column. {CROSSED} {STRICT} Wins, ties and losses count paired tests against each other strategy at \
         each ratio that both have, uncorrected, as in the penalty matrix. Oracles see the truth: they bound what a query can give, have no rank \
         and are nobody's rival.",
        ratios.collect_vec().join("; "),
        reference.label()
    )
}

/// Says which strategies lead, and which differ from the reference.
fn sentences(sweep: &Sweep, task: Task, reference: &Arm) -> Vec<String> {
    let rows = || sweep.standings.iter().filter(|row| row.task == Some(task));
    let ranks = rows()
        .filter_map(|row| Some(format!("{} {}", row.arm.label(), with_ends(row.rank?, 1))))
        .collect_vec();
    let Some((last, others)) = ranks.split_last() else { return Vec::new() };
    let best = list(others.iter().take(3));
    let n = ranks.len();
    let mut sentences = vec![format!(
        "Of {n} strategies these have the best mean rank: {best}; the last is {last}."
    )];
    let compared = rows().filter_map(|row| Some((row.arm.label(), row.paired?)));
    let tested =
        compared.filter_map(|(arm, paired)| Some((arm, paired.difference, paired.p_holm?)));
    let tested = tested.collect_vec();
    let named = |sign: f64| {
        let differ = tested.iter().filter(|(_, value, p)| *p < ALPHA && sign * value.mean > 0.0);
        let words = differ.map(|(arm, value, _)| format!("{arm} {}", signed(value.mean, 3)));
        let words = list_of(&words.collect_vec(), NAMED);
        if words.is_empty() { "none".to_owned() } else { words }
    };
    if !tested.is_empty() {
        sentences.push(format!(
            "Over the ratios that all have, after Holm's correction, better than {}: {}; worse: {}.",
            reference.label(),
            named(1.0),
            named(-1.0)
        ));
    }
    sentences
}
