//! The comparison that decides the experiment's question, as its YAML named it before the run;
//! `task,ratio,strategy,against,mean,ci_low,ci_high,p,p_holm,seeds,cases,n`. Columns are those of
//! `comparison.csv`.
//!
//! Source of the form: one endpoint that is named beforehand, one correction over all that it asks
//! (Holm 1979), so that the best of many comparisons is not taken for a finding. Oracles see the
//! ground truth, so nobody asks whether they are better; they are not in the family.

use crate::arm::Arm;
use crate::format::{ends, list, percent, percents, signed};
use crate::frame::Columns;
use crate::grid::{Format, Grid};
use crate::paired::{CROSSED, Paired, Scores, compare, scores};
use crate::rounds::{Round, ratio_key};
use crate::section::{Content, Made};
use crate::sweep::Sweep;
use slicewise_data::Task;
use slicewise_experiment::Endpoint;

/// A difference is called so below this p, after the correction.
const LEVEL: f64 = 0.05;

/// One strategy at one of the endpoint's ratios.
struct Row<'a> {
    task: Task,
    ratio: f64,
    arm: &'a Arm,
    paired: Paired,
}

pub(crate) fn make(sweep: &Sweep) -> Made {
    let Some(endpoint) = &sweep.results.manifest.endpoint else {
        return Ok(None);
    };
    let tasks = sweep.tasks();
    let rows: Vec<Row> = tasks.iter().flat_map(|&task| rows(sweep, endpoint, task)).collect();
    let frame = Columns::of(&rows)
        .task(|r| r.task)
        .real("ratio", |r| r.ratio)
        .text("strategy", |r| r.arm.name())
        .text("against", |_| &endpoint.against)
        .interval(|r| r.paired.difference)
        .maybe("p", |r| r.paired.p)
        .maybe("p_holm", |r| r.paired.p_holm)
        .count("seeds", |r| r.paired.runs)
        .count("cases", |r| r.paired.cases)
        .count("n", |r| r.paired.difference.n)
        .frame("endpoint")?;
    let how = format!(
        "The experiment named this before it ran: Dice on Part B at {}, each strategy minus {}. {CROSSED} \
         Holm's correction is over all rows of a task.",
        percents(endpoint.ratios.iter().map(|ratio| ratio.0)),
        endpoint.against
    );
    let grid = Grid::of(&rows, how)
        .column("task", Format::Words, |r| r.task.label())
        .column("slices", Format::Ratio, |r| r.ratio)
        .column("strategy", Format::Words, |r| r.arm.label())
        .column(format!("minus {}", endpoint.against), Format::Difference, |r| r.paired.difference)
        .column("interval", Format::Ends, |r| r.paired.difference)
        .column("p", Format::P, |r| r.paired.p)
        .column("p, Holm", Format::P, |r| r.paired.p_holm)
        .column(format!("{}s", sweep.run_word()), Format::Decimals(0), |r| r.paired.runs)
        .column("cases", Format::Decimals(0), |r| r.paired.cases);
    let sentence = |task: &Task| Some((*task, sentence(&rows, endpoint, *task)?));
    let sentences = tasks.iter().filter_map(sentence).collect();
    let grids = vec![grid.grid()];
    Ok(Some(Content { frame: Some(frame), grids, sentences, ..Content::default() }))
}

/// Compares all strategies of a task at all ratios of the endpoint, as one family.
fn rows<'a>(sweep: &'a Sweep, endpoint: &Endpoint, task: Task) -> Vec<Row<'a>> {
    let against = Arm::of(&endpoint.against);
    let asked = |round: &&Round| {
        let mut ratios = endpoint.ratios.iter();
        round.task == task && ratios.any(|ratio| ratio_key(ratio.0) == ratio_key(round.ratio))
    };
    let rounds: Vec<(&Round, Scores)> =
        sweep.primary().filter(asked).map(|round| (round, scores([round]))).collect();
    let mut family = Vec::new();
    for (theirs, their_scores) in rounds.iter().filter(|(round, _)| round.arm == against) {
        let same = |round: &Round| ratio_key(round.ratio) == ratio_key(theirs.ratio);
        let ours = rounds.iter().filter(|(round, _)| {
            let compared = round.arm.is_strategy() && !round.arm.is_oracle();
            compared && round.arm != against && same(round)
        });
        family.extend(ours.map(|(round, scores)| (*round, scores, their_scores)));
    }
    let rows = compare(family).into_iter().map(|(round, paired)| Row {
        task,
        ratio: round.ratio,
        arm: &round.arm,
        paired,
    });
    rows.collect()
}

/// Says what the endpoint found.
fn sentence(rows: &[Row], endpoint: &Endpoint, task: Task) -> Option<String> {
    let own: Vec<&Row> = rows.iter().filter(|row| row.task == task).collect();
    let says = own.iter().map(|row| {
        let difference = row.paired.difference;
        let interval = match ends(difference, 3) {
            none if none.is_empty() => none,
            ends => format!(" ({ends})"),
        };
        let (arm, ratio) = (row.arm.label(), percent(row.ratio));
        format!("{arm} at {ratio} {}{interval}", signed(difference.mean, 3))
    });
    let tested = own.iter().any(|row| row.paired.p_holm.is_some());
    let differ = own.iter().filter(|row| row.paired.p_holm.is_some_and(|p| p < LEVEL));
    let differ = list(differ.map(|row| {
        let better = if row.paired.difference.mean > 0.0 { "better" } else { "worse" };
        format!("{} at {} ({better})", row.arm.label(), percent(row.ratio))
    }));
    let verdict = match (tested, differ.is_empty()) {
        (false, _) => "There are too few runs to test any of it.".to_owned(),
        (true, true) => "After Holm's correction none differs at 0.05.".to_owned(),
        (true, false) => format!("After Holm's correction these differ at 0.05: {differ}."),
    };
    (!own.is_empty()).then(|| {
        format!(
            "The endpoint, named before the run: Dice on Part B minus that of {}: {}. {verdict}",
            endpoint.against,
            says.collect::<Vec<_>>().join("; ")
        )
    })
}
