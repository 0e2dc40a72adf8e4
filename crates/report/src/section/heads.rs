//! The ablation of the attention head: which head's P follows R, and what does its attention map
//! segment? For sweeps with two or more models that have attention.
//!
//! `measure` is `spearman_all`,
//! `spearman_foreground`, `sr1_dice` or `sr2_dice`, all on Part B; `n` counts slices of the first two
//! and cases of the others, over all seeds.

use crate::agreement::{Scope, Signal, Slices, correlation};
use crate::figure::{heading, intervals};
use crate::prelude::*;
use crate::section::{Content, Format, Grid, Line, Made, Sweep, Table, pivot};
use slicewise_figure::{DotBlock, dot_plot};

/// What is measured, in the order of tables: the name in tidy tables, and the heading.
const MEASURES: [(&str, &str); 4] = [
    ("spearman_all", "P–R, all slices"),
    ("spearman_foreground", "P–R, foreground slices"),
    ("sr1_dice", "Dice of SR1"),
    ("sr2_dice", "Dice of SR2"),
];

/// One measure of one model at one round.
struct HeadRow<'a> {
    round: &'a Round<'a>,
    /// The model's place in the manifest.
    model: usize,
    /// The place in [`MEASURES`].
    measure: usize,
    /// Mean and 95 % Student-t interval over the seeds that have it.
    value: Interval,
    /// Slices ranked, or cases scored, all seeds together.
    n: usize,
}

/// Where a row stands: task, model's place, arm and ratio.
type Place<'a> = (Task, usize, &'a Arm, u64);
/// A round of one model, and its measures.
type HeadRound<'r, 'a> = Line<'r, Place<'a>, HeadRow<'a>>;

pub(crate) fn make(sweep: &Sweep) -> Made {
    let rows = head_rows(sweep);
    if rows.is_empty() {
        return Ok(None);
    }
    let frame = Table::of(&rows, "")
        .tidy("task", |r| r.round.task)
        .tidy("model", |r| r.round.model)
        .tidy("strategy", |r| &r.round.arm)
        .tidy("ratio", |r| r.round.ratio)
        .tidy("measure", |r| MEASURES[r.measure].0)
        .interval(|r| r.value)
        .tidy("seeds", |r| r.value.n)
        .tidy("n", |r| r.n)
        .frame("heads")?;
    let rounds = pivot(&rows, &[0, 1, 2, 3], |row| {
        let Round { task, arm, ratio, .. } = row.round;
        ((*task, row.model, arm, ratio_key(*ratio)), row.measure)
    });
    let tasks = sweep.tasks().into_iter();
    let blocks = tasks.filter_map(|task| block(&rounds, task)).collect_vec();
    let statistics = intervals(sweep, "Part B, mean and 95 % Student-t interval over seeds");
    let heading = heading(sweep, ("heads", "Which attention head makes P follow R?"), &statistics);
    let axes = [("rank correlation of P with R", -1.0..1.0), ("mean Dice", 0.0..1.0)];
    let figure = dot_plot(heading, &blocks, MEASURES.map(|(_, title)| title), axes);
    let figure = figure.map(|figure| {
        figure.captioned(
            "Every model with an attention map, at one round that they share. Left: Spearman's \
             correlation of P, which a strategy may see, with R, over all unseen slices of a seed and \
             over those with foreground. Right: mean Dice of the segmentation (SR1) and of the \
             attention map's (SR2). Bars are 95 % intervals over seeds, of correlations over cases \
             too, cut where they leave what the measure can be.",
        )
    });
    Ok(Some(Content::table(frame, vec![grid(sweep, &rounds)]).drawn(figure)))
}

/// Makes the rows, sorted by task, models in the manifest's order, then arm, ratio and measure; none with fewer
/// than two models that have attention.
fn head_rows<'a>(sweep: &Sweep<'a>) -> Vec<HeadRow<'a>> {
    let models = &sweep.results.manifest.models;
    let scored = |round: &&Round| {
        let mut cases = round.records.iter().flat_map(|record| &record.cases);
        round.evaluated && round.longest && cases.any(|case| case.p.is_some())
    };
    let rounds = sweep.rounds.iter().filter(scored).collect_vec();
    if rounds.iter().map(|round| round.model).all_equal() {
        return Vec::new();
    }
    let sr2 = sweep.observations.scores(|case| case.sr2_mean_dice);
    let mut rows = Vec::new();
    for round in rounds {
        let Some(model) = models.iter().position(|model| model == round.model) else { continue };
        let ranks = Slices::SHOWN.map(|slices| {
            let ranked = (Part::B, Scope::Pooled, slices);
            correlation(&round.records, Signal::P, ranked).map(|(found, _)| (found.value, found.n))
        });
        let dice = [&sweep.dice, &sr2].map(|scores| {
            let score = scores.get(&(round.place, Part::B))?;
            Some((score.value, score.all_cases))
        });
        for (measure, found) in ranks.into_iter().chain(dice).enumerate() {
            rows.extend(found.map(|(value, n)| HeadRow { round, model, measure, value, n }));
        }
    }
    rows
}

/// Shows the last round of each task, model and strategy, and full annotation; the first round not.
fn grid(sweep: &Sweep, rounds: &[HeadRound]) -> Grid {
    // Sorted by ratio last, so that the last of a model and strategy is its last round.
    let same = |(a, _): &HeadRound, (b, _): &HeadRound| (a.0, a.1, a.2) == (b.0, b.1, b.2);
    let last = rounds.chunk_by(same).filter_map(<[_]>::last);
    let last = last.filter(|((.., arm, _), _)| **arm != Arm::First).collect_vec();
    let how = "Part B, mean ± half the 95 % Student-t interval over seeds (of P–R, over seeds and cases; none below \
         three seeds), after the last round of each \
         strategy. P–R: Spearman's correlation of P with R over the slices of all cases of a seed, n \
         distinct slices. SR1 is the segmentation, SR2 that of the attention map; their Dice \
         is the mean over foreground classes, then over cases. Every round is in tables/heads.csv.";
    let [all, foreground, sr1, sr2] = MEASURES.map(|(_, title)| title);
    let (words, count, dice) = (Format::Words, Format::Decimals(0), Format::Decimals(3));
    Table::of(&last, how)
        .shown("model", words, |r| sweep.results.manifest.models[r.0.1].as_str())
        .shown("trained by", words, |r| r.0.2)
        .shown("task", words, |r| r.0.0)
        .shown("slices", Format::Ratio, |r| r.0.3 as f64 / 1e6)
        .shown(all, dice, |r| Some(r.1[0]?.value))
        .shown("n", count, |r| Some(r.1[0]?.n))
        .shown(foreground, dice, |r| Some(r.1[1]?.value))
        .shown("n", count, |r| Some(r.1[1]?.n))
        .shown(sr1, dice, |r| Some(r.1[2]?.value))
        .shown(sr2, dice, |r| Some(r.1[3]?.value))
        .shown("seeds", count, |r| r.1.iter().flatten().map(|row| row.value.n).max())
        .grid()
}

/// Finds all models of a task at one state that they share, so that only the head differs: the proposed
/// strategy's last shared round, else full annotation, else another strategy's; `None` without a
/// state that two models share.
fn block(rounds: &[HeadRound], task: Task) -> Option<DotBlock> {
    let own = rounds.iter().filter(|((of, ..), _)| *of == task);
    let states = own.clone().counts_by(|((_, _, arm, ratio), _)| (*arm, *ratio)).into_iter();
    let shared = states.filter(|(_, models)| *models > 1).sorted();
    let ((arm, ratio), _) =
        shared.max_by_key(|((arm, ratio), models)| (*models, arm.preference(), *ratio))?;
    let state = match arm {
        Arm::Full => arm.label().to_owned(),
        arm => format!("{} at {}", arm.label(), percent(ratio as f64 / 1e6)),
    };
    let of_state = own.filter(|((_, _, with, at), _)| (*with, *at) == (arm, ratio));
    let rows = of_state.filter_map(|(_, found)| {
        let model = found.iter().flatten().next()?.round.model.to_owned();
        Some((model, std::array::from_fn(|place| found[place].map(|row| row.value))))
    });
    Some(DotBlock { title: format!("{} · {state}", task_title(task)), rows: rows.collect() })
}
