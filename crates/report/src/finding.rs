//! What the Dice of a sweep shows, in sentences made from its numbers; nothing here is typed in but
//! the paper's own values. Strategies are compared on the same Part B cases in the same seeds.
//! "Separated" means that the 95 % interval, for random seeds and cases, leaves out 0.

use crate::arm::PROPOSED;
use crate::format::{around, decimals, ends, signed, with_ends};
use crate::observations::Paired;
use crate::paper::{self, COMPARED_RATIO};
use crate::prelude::*;
use crate::sweep::Sweep;
use slicewise_figure::FEW;

/// The sentences of one task; empty if it has no point on Part B.
pub(crate) fn findings(sweep: &Sweep, task: Task) -> Result<Vec<String>> {
    let full = full_annotation(sweep, task).map(Ok);
    let sentences = [full, best(sweep, task), headline(sweep, task)];
    sentences.into_iter().flatten().collect()
}

fn full_annotation(sweep: &Sweep, task: Task) -> Option<String> {
    let fulls = sweep.fulls(task, Part::B).into_iter();
    let dice = |full: &Point| with_ends(full.dice.value, 3);
    let fulls = list(fulls.map(|full| format!("{} after {} steps", dice(full), full.steps)));
    let unequal = sweep.unequal_steps(task).unwrap_or_default();
    let unequal =
        around(" Points are not compared with it where it had other training: ", &unequal, ".");
    let words = format!("Full annotation reaches a mean Dice of {fulls} on unseen cases.{unequal}");
    (!fulls.is_empty()).then_some(words)
}

/// The best strategy against the next, at the ratio at which strategies are compared; oracles apart.
fn best(sweep: &Sweep, task: Task) -> Option<Result<String>> {
    let ratio = ratio_key(sweep.compared_ratio(task)?);
    let points = sweep.panel(task, Part::B).filter(|point| ratio_key(point.ratio) == ratio);
    let points = points.filter(|point| point.arm.is_ordinary());
    let points = points.sorted_by(|a, b| b.dice.value.mean.total_cmp(&a.dice.value.mean));
    let points = points.collect_vec();
    let [best, next, ..] = points[..] else { return None };
    let (n, ratio, best_dice, next_dice) =
        (points.len(), percent(best.ratio), three(best), three(next));
    Some(compared(sweep, best, next).map(|compared| {
        format!(
            "With {ratio} of the slices annotated, {} has the best mean ({best_dice}) of {n} \
             strategies, {} the next ({next_dice}): {compared}.",
            best.arm, next.arm
        )
    }))
}

/// The paper's claim: attention-guided query at a low ratio is no worse than any rival at 50 %.
fn headline(sweep: &Sweep, task: Task) -> Option<Result<String>> {
    let (low, proposed) = (paper::headline_ratio(task)?, Arm::of(PROPOSED));
    let ours = sweep.at(task, Part::B, &proposed, low)?;
    let rivals = sweep.strategies().into_iter();
    let rivals = rivals.filter(|arm| arm.is_ordinary() && *arm != proposed);
    let rivals = rivals.filter_map(|arm| sweep.at(task, Part::B, &arm, COMPARED_RATIO));
    let best_first = rivals.sorted_by(|a, b| b.dice.value.mean.total_cmp(&a.dice.value.mean));
    let (rival, others) = best_first.as_slice().split_first()?;
    let better = ours.dice.value.mean >= rival.dice.value.mean;
    let holds = if better { "holds" } else { "does not hold" };
    let others = others.iter().take(FEW).filter_map(|other| {
        let difference = with_ends(sweep.paired([ours.round, other.round]).ok()??.difference, 3);
        Some(format!("{difference} from {} ({})", other.arm, three(other)))
    });
    let others = around("; the difference is ", &others.collect_vec().join(", "), "");
    let papers = decimals(paper::table_2(&proposed, low, task, Part::B)?, 3);
    let (low, compared_at) = (percent(low), percent(COMPARED_RATIO));
    Some(compared(sweep, ours, rival).map(|compared| {
        format!(
            "The paper's claim, that {PROPOSED} query at {low} ({papers} there) is no worse than any \
             rival at {compared_at}, {holds} here: {} against {} ({}); {compared}{others}.",
            three(ours),
            three(rival),
            rival.arm
        )
    }))
}

fn three(point: &Point) -> String {
    decimals(point.dice.value.mean, 3)
}

/// Says by how much `a` differs from `b` on the same cases and seeds, and whether that is separated
/// from 0.
fn compared<'a>(sweep: &Sweep<'a>, a: &Point<'a>, b: &Point<'a>) -> Result<String> {
    let Some(Paired { difference, runs, cases, .. }) = sweep.paired([a.round, b.round])? else {
        return Ok("no seed has both yet".to_owned());
    };
    let (mean, run) = (signed(difference.mean, 3), sweep.run_word());
    let words = match (difference.low, difference.high) {
        (Some(low), Some(high)) => {
            let separated = low > 0.0 || high < 0.0;
            let separates = if separated { "separates" } else { "does not separate" };
            format!(
                "paired over {runs} {run}s and {cases} cases the difference is {mean} (95\u{a0}% \
                 interval {}), so this sweep {separates} the two",
                ends(difference, 3)
            )
        }
        _ => format!(
            "a difference of {mean} over {runs} {run}(s) and {cases} case(s), too few to separate \
             anything"
        ),
    };
    let steps = format!("; the first had {} training steps, the second {}", a.steps, b.steps);
    Ok(if a.steps == b.steps { words } else { words + &steps })
}
