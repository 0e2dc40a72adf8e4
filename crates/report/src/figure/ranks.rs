//! Rank correlations with R along the annotation ratio: Fig. 4 of the paper over all rounds, and P
//! beside other predictors.

use super::{Cast, heading, intervals, shared_entries};
use crate::agreement::{Agreement, Scope, Signal, Slices};
use crate::arm::Arm;
use crate::rounds::ratio_key;
use crate::sweep::{Sweep, task_title};
use slicewise_data::Task;
use slicewise_figure::{
    Axes, BLACK, BLUE, Curve, DOTS, Entry, Figure, INK, Level, Look, Mark, Marker, ORANGE, P_LOOK,
    Panels, SHARED, aside,
};
use std::collections::BTreeSet;

/// How the signals of [`Signal::ALL`] look.
const PREDICTORS: [Look; 4] = [
    P_LOOK,
    Look::new(BLUE, Marker::Square, Some((7.0, 4.0))),
    Look::new(BLACK, Marker::Triangle, Some((4.0, 4.0))),
    Look::new(ORANGE, Marker::Diamond, Some((12.0, 3.0))),
];

/// Fig. 4 over all rounds: how well P, and uncertainty beside it, rank unseen slices as R does while
/// annotation grows. The paper shows one sample at one round. `None` if no strategy's records hold P.
pub(crate) fn agreement_figure(sweep: &Sweep) -> Option<Figure> {
    let entries = || sweep.agreements.iter().filter(|entry| entry.scope == Scope::Pooled);
    let arms: BTreeSet<&Arm> = entries().map(|entry| &entry.arm).collect();
    let arms: Vec<Arm> = arms.into_iter().filter(|arm| arm.is_strategy()).cloned().collect();
    if arms.is_empty() {
        return None;
    }
    let cast = Cast::of(sweep, arms);
    let Cast { arms, looks, others } = &cast;
    let panel = |task: Task, slices: Slices| {
        let of = |arm: &Arm, signal: Signal| {
            let of_panel = entries().filter(|entry| entry.task == task && entry.slices == slices);
            let own = of_panel.filter(|entry| entry.arm == *arm && entry.signal == signal);
            own.collect::<Vec<_>>()
        };
        let (mut curves, mut levels) = (Vec::new(), Vec::new());
        // P last, so that it lies on top.
        for signal in [Signal::Uncertainty, Signal::P] {
            let hollow = signal == Signal::Uncertainty;
            let first = of(&Arm::First, signal);
            for (index, (arm, &look)) in arms.iter().zip(looks).enumerate() {
                let mut own = of(arm, signal);
                own.sort_by_key(|entry| ratio_key(entry.ratio));
                let all = first.iter().filter(|_| !own.is_empty()).chain(&own);
                let (marks, aside) =
                    (all.map(|entry| mark(entry)).collect(), aside(index, arms.len()));
                curves.push(Curve { look: styled(look, signal), hollow, aside, marks });
            }
            let marks = first.iter().map(|entry| Mark { shared: false, ..mark(entry) }).collect();
            curves.push(Curve { look: SHARED, hollow, aside: 0.0, marks });
            levels.extend(of(&Arm::Full, signal).into_iter().map(|full| Level {
                value: full.spearman.value,
                look: styled(SHARED, signal),
                places: 2,
            }));
        }
        let which = match slices {
            Slices::All => "all slices",
            Slices::Foreground => "foreground slices",
            Slices::Zero => "all slices, 0/0 := 0",
        };
        let title = format!("{} · {which}", task_title(task));
        // Of P alone.
        let first = of(&Arm::First, Signal::P);
        let others = others.iter().map(|arm| {
            let mut own = of(arm, Signal::P);
            own.sort_by_key(|entry| ratio_key(entry.ratio));
            let all = first.iter().chain(&own).map(|entry| mark(entry));
            all.map(|mark| (mark.x, mark.value.mean)).collect()
        });
        Axes { title, levels, curves, others: others.collect() }
    };
    let marker = |(arm, look): (&Arm, &Look)| Entry::marker(arm.label(), look.marker, look.color);
    let mut legend: Vec<Entry> = arms.iter().zip(looks).map(marker).collect();
    legend.extend(cast.rest());
    legend.extend(shared_entries(|arm| entries().any(|entry| entry.arm == *arm)));
    let ink = |signal| styled(Look { color: INK, ..SHARED }, signal);
    legend.extend([
        Entry::line("P with R (solid, filled)", ink(Signal::P)),
        Entry::line("−uncertainty with R (dotted, hollow)", ink(Signal::Uncertainty)),
    ]);
    let tasks: BTreeSet<Task> = entries().map(|entry| entry.task).collect();
    let panels = tasks.into_iter().map(|task| Slices::SHOWN.map(|slices| panel(task, slices)));
    let n = entries().map(|entry| entry.spearman.n).max().unwrap_or(0);
    let over = intervals(sweep, "mean and 95 % interval over seeds and cases");
    let statistics = format!("{over}; up to n = {n} distinct slices a point");
    let title = "Does P follow R better as annotation grows, and better than uncertainty?";
    let heading = heading(sweep, ("fig4-rounds", title), &statistics);
    let figure = correlations(panels.collect()).figure(heading, &legend);
    Some(figure.captioned(format!(
        "Spearman's correlation with R over all slices of all unseen cases of a seed: of \
         P (solid lines, filled marks), and of the uncertainty query's score with its sign flipped \
         (dotted lines, hollow marks), on the same models. Whiskers are 95 % intervals over seeds \
         and cases; arrowheads show those that go on beyond the panel; marks at one ratio stand a \
         little apart. Grey lines, with their interval as a band: full annotation. A higher curve \
         tells a strategy more about which slices are segmented badly.{}",
        cast.caption()
    )))
}

/// Solid for P, dotted for uncertainty.
fn styled(look: Look, signal: Signal) -> Look {
    Look { dash: (signal == Signal::Uncertainty).then_some(DOTS), ..look }
}

/// How well each predictor tells R within a case while annotation grows: on the left after the
/// strategy that says most, on the right after even annotation or another. `None` if no strategy's
/// round has two predictors.
pub(crate) fn predictor_figure(sweep: &Sweep, rows: &[&Agreement]) -> Option<Figure> {
    let strategies = || rows.iter().filter(|row| row.arm.is_strategy());
    let mut arms: Vec<&Arm> = strategies().map(|row| &row.arm).collect();
    arms.sort_by_key(|arm| (!arm.is_proposed(), !arm.is_even(), *arm));
    arms.dedup();
    let shown = [*arms.first()?, *arms.get(1).or(arms.first())?];
    if strategies().all(|row| row.signal == Signal::P) {
        return None;
    }
    let panel = |task: Task, arm: &Arm| {
        let curves = Signal::ALL.into_iter().zip(PREDICTORS).enumerate();
        let curves = curves.map(|(index, (signal, look))| {
            let own = rows.iter().filter(|row| {
                let of_arm = row.arm == *arm || row.arm == Arm::First;
                row.task == task && row.signal == signal && of_arm
            });
            let mut marks: Vec<Mark> = own.map(|row| Mark { shared: false, ..mark(row) }).collect();
            marks.sort_by(|a, b| a.x.total_cmp(&b.x));
            Curve { look, hollow: false, aside: aside(index, PREDICTORS.len()), marks }
        });
        let title = format!("{} · {}", task_title(task), arm.label());
        Axes { title, levels: Vec::new(), curves: curves.collect(), others: Vec::new() }
    };
    let tasks: BTreeSet<Task> = rows.iter().map(|row| row.task).collect();
    let panels = tasks.into_iter().map(|task| shown.map(|arm| panel(task, arm)));
    let looks = Signal::ALL.into_iter().zip(PREDICTORS);
    let known = looks.filter(|(signal, _)| rows.iter().any(|row| row.signal == *signal));
    let legend: Vec<Entry> =
        known.map(|(signal, look)| Entry::curve(signal.label(), look)).collect();
    let statistics = intervals(sweep, "mean and 95 % interval over seeds and cases");
    let heading = heading(sweep, ("predictors", "What tells R of a slice?"), &statistics);
    let figure = correlations(panels.collect()).figure(heading, &legend);
    Some(figure.captioned(
        "Spearman's correlation with R over the foreground slices of an unseen case, mean \
         over cases and seeds, from the shared first round on: of P and of signals that need no \
         attention map, on the same models. Whiskers are 95 % intervals over seeds and cases. A \
         higher curve tells more about which slices are segmented badly.",
    ))
}

/// A round's mark; the first round's has none of its own in any curve.
fn mark(row: &Agreement) -> Mark {
    let (x, value) = (100.0 * row.ratio, row.spearman.value);
    Mark { x, value, shared: row.arm == Arm::First, star: false }
}

/// Panels of correlations along the annotation ratio.
fn correlations(rows: Vec<[Axes; 2]>) -> Panels {
    let (x_label, y_label) = ("annotated slices (%)", "rank correlation with R");
    Panels { rows, x_label, y_label, limits: -1.0..1.0 }
}
