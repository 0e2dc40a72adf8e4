//! The comparison that decides the experiment's question, as its YAML named it before the run. Columns
//! are those of `comparison.csv`.
//!
//! Source of the form: one endpoint that is named beforehand, one correction over all that it asks
//! (Holm 1979), so that the best of many comparisons is not taken for a finding. Oracles see the
//! ground truth, so nobody asks whether they are better; they are not in the family.

use super::comparison::differences;
use super::measures::slice_r;
use crate::format::{around, ends, percents, signed};
use crate::observations::{CROSSED, Compared, STRICT, compare};
use crate::prelude::*;
use crate::section::{Content, Format, Made, Sweep};
use crate::sweep::{ALPHA, observed};
use slicewise_experiment::Endpoint;
use slicewise_figure::FEW;

pub(crate) fn make(sweep: &Sweep) -> Made {
    let Some(endpoint) = &sweep.results.manifest.endpoint else { return Ok(None) };
    let against = Arm::of(&endpoint.against);
    let asked = endpoint.ratios.iter().map(|ratio| ratio_key(ratio.0)).collect_vec();
    let rounds = sweep.primary().filter(|round| asked.contains(&ratio_key(round.asked)));
    let rounds = rounds.collect_vec();
    let pairs = rounds.iter().filter(|round| round.arm == against).flat_map(|&theirs| {
        let ours = rounds.iter().filter(|round| round.arm.is_ordinary() && round.arm != against);
        ours.filter(|round| round.state() == theirs.state()).map(move |&ours| [ours, theirs])
    });
    // Rounds are sorted by task, so each task's are neighbours: one family.
    let pairs = pairs.collect_vec();
    let rows = compare(&sweep.observations, &pairs, |round| round.task)?;
    let by_slices = compare(&observed(sweep.rounds, slice_r)?, &pairs, |round| round.task)?;
    let by_slices = |row: &Compared| {
        let places = |of: &Compared| [of.ours.place, of.theirs.place];
        Some(by_slices.iter().find(|of| places(of) == places(row))?.paired.difference)
    };
    let how = format!(
        "The experiment named this before it ran: Dice on Part B where {} of the slices were asked for, each strategy minus {}. {CROSSED} {STRICT} \
         Holm's correction is over all rows of a task. Beside it the same difference, untested, in the \
         paper's measure: mean R over the slices with foreground (its eq. 1), each slice alike.",
        percents(endpoint.ratios.iter().map(|ratio| ratio.0)),
        endpoint.against
    );
    let table = differences(&rows, how, "against", |round| round.ratio)
        .spread("by_slices", by_slices)
        .shown("by slices", Format::Difference, by_slices)
        .shown("interval by slices", Format::Ends, by_slices);
    let content = Content::of("endpoint", table)?;
    Ok(Some(content.told(sweep, |task| sentence(&rows, by_slices, endpoint, task))))
}

/// Says what the endpoint found, and what it is by slices.
fn sentence(
    rows: &[Compared],
    by_slices: impl Fn(&Compared) -> Option<Interval>,
    endpoint: &Endpoint,
    task: Task,
) -> Option<String> {
    let own = rows.iter().filter(|row| row.ours.task == task).collect_vec();
    let name = |row: &Compared| format!("{} at {}", row.ours.arm, percent(row.ours.ratio));
    // Of many the table says each.
    let says = |difference: &dyn Fn(&Compared) -> Option<Interval>| {
        let shown = own.iter().filter(|_| own.len() <= 2 * FEW);
        let words = shown.filter_map(|row| {
            let difference = difference(row)?;
            let interval = around(" (", &ends(difference, 3), ")");
            Some(format!("{} {}{interval}", name(row), signed(difference.mean, 3)))
        });
        around(": ", &words.collect_vec().join("; "), "")
    };
    let differ = own.iter().filter(|row| row.paired.p_holm.is_some_and(|p| p < ALPHA));
    let better = |row: &Compared| if row.paired.difference.mean > 0.0 { "better" } else { "worse" };
    let differ = list(differ.map(|row| format!("{} ({})", name(row), better(row))));
    let verdict = match own.iter().any(|row| row.paired.p_holm.is_some()) {
        false => "There are too few runs to test any of it.".to_owned(),
        true if differ.is_empty() => "After Holm's correction none differs at 0.05.".to_owned(),
        true => format!("After Holm's correction these differ at 0.05: {differ}."),
    };
    let by_volume = says(&|row| Some(row.paired.difference));
    let by_slices = around(" By slices, the paper's measure", &says(&by_slices), ".");
    let sentence = format!(
        "The endpoint, named before the run: Dice on Part B minus that of {}{by_volume}. {verdict}{by_slices}",
        endpoint.against
    );
    (!own.is_empty()).then_some(sentence)
}
