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
use crate::paired::{CROSSED, Paired, compare};
use crate::rounds::{Round, ratio_key};
use crate::section::{Content, Made};
use crate::sweep::{ALPHA, Sweep};
use slicewise_data::Task;
use slicewise_experiment::Endpoint;
use slicewise_figure::FEW;

/// A strategy at one of the endpoint's ratios, and how it differs from the one it is compared with.
type Row<'a> = (&'a Round<'a>, Paired);

pub(crate) fn make(sweep: &Sweep) -> Made {
    let Some(endpoint) = &sweep.results.manifest.endpoint else {
        return Ok(None);
    };
    let against = Arm::of(&endpoint.against);
    let asked = |round: &&Round| {
        let mut ratios = endpoint.ratios.iter();
        ratios.any(|ratio| ratio_key(ratio.0) == ratio_key(round.asked))
    };
    let rounds: Vec<&Round> = sweep.primary().filter(asked).collect();
    let place = |round: &Round| (round.task, ratio_key(round.ratio));
    let mut pairs = Vec::new();
    for theirs in rounds.iter().filter(|round| round.arm == against) {
        let ours = rounds.iter().filter(|round| {
            let compared = round.arm.is_strategy() && !round.arm.is_oracle();
            compared && round.arm != against && place(round) == place(theirs)
        });
        pairs.extend(ours.map(|ours| (*ours, (ours.place, theirs.place))));
    }
    // Rounds are sorted by task, so each task's are neighbours: one family.
    let rows: Vec<Row> = compare(&sweep.observations, pairs, |round| round.task)?;
    let frame = Columns::of(&rows)
        .task(|r| r.0.task)
        .real("ratio", |r| r.0.ratio)
        .text("strategy", |r| r.0.arm.name())
        .text("against", |_| &endpoint.against)
        .paired(|r| &r.1)
        .frame("endpoint")?;
    let how = format!(
        "The experiment named this before it ran: Dice on Part B where {} of the slices were asked for, each strategy minus {}. {CROSSED} \
         Holm's correction is over all rows of a task.",
        percents(endpoint.ratios.iter().map(|ratio| ratio.0)),
        endpoint.against
    );
    let grid = Grid::of(&rows, how)
        .column("strategy", Format::Words, |r| r.0.arm.label())
        .column("minus", Format::Words, |_| endpoint.against.as_str())
        .column("task", Format::Words, |r| r.0.task.label())
        .column("slices", Format::Ratio, |r| r.0.ratio)
        .paired(|r| &r.1);
    let content = Content::table(frame, vec![grid.grid()]);
    Ok(Some(content.told(sweep, |task| sentence(&rows, endpoint, task))))
}

/// Says what the endpoint found.
fn sentence(rows: &[Row], endpoint: &Endpoint, task: Task) -> Option<String> {
    let own: Vec<&Row> = rows.iter().filter(|row| row.0.task == task).collect();
    // Of many the table says each.
    let says = own.iter().filter(|_| own.len() <= 2 * FEW).map(|row| {
        let difference = row.1.difference;
        let interval = match ends(difference, 3) {
            none if none.is_empty() => none,
            ends => format!(" ({ends})"),
        };
        let (arm, ratio) = (row.0.arm.label(), percent(row.0.ratio));
        format!("{arm} at {ratio} {}{interval}", signed(difference.mean, 3))
    });
    let tested = own.iter().any(|row| row.1.p_holm.is_some());
    let differ = own.iter().filter(|row| row.1.p_holm.is_some_and(|p| p < ALPHA));
    let differ = list(differ.map(|row| {
        let better = if row.1.difference.mean > 0.0 { "better" } else { "worse" };
        format!("{} at {} ({better})", row.0.arm.label(), percent(row.0.ratio))
    }));
    let verdict = match (tested, differ.is_empty()) {
        (false, _) => "There are too few runs to test any of it.".to_owned(),
        (true, true) => "After Holm's correction none differs at 0.05.".to_owned(),
        (true, false) => format!("After Holm's correction these differ at 0.05: {differ}."),
    };
    let says = match says.collect::<Vec<_>>().join("; ") {
        none if none.is_empty() => none,
        says => format!(": {says}"),
    };
    (!own.is_empty()).then(|| {
        format!(
            "The endpoint, named before the run: Dice on Part B minus that of {}{says}. {verdict}",
            endpoint.against
        )
    })
}
