//! Rank correlations with R along the annotation ratio: Fig. 4 of the paper over all rounds, and P
//! beside other predictors.

use super::{Cast, first_round, heading, intervals};
use crate::agreement::{Agreement, Scope, Signal, Slices};
use crate::prelude::*;
use crate::sweep::Sweep;
use slicewise_figure::{
    Axes, BLACK, BLUE, Curve, DOTS, Entry, Figure, INK, Level, Look, Mark, Marker, ORANGE, P_LOOK,
    Panels, SHARED, aside,
};

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
    let arms = entries().map(|entry| &entry.arm).filter(|arm| arm.is_strategy()).sorted().dedup();
    let cast = Cast::of(sweep, arms.cloned().collect());
    if cast.arms.is_empty() {
        return None;
    }
    let panel = |task: Task, slices: Slices| {
        let of_panel = |entry: &&Agreement| entry.task == task && entry.slices == slices;
        let marks = |arm: &Arm, signal: Signal| {
            let own = entries().filter(of_panel).filter(|entry| entry.signal == signal);
            own.filter(|entry| entry.arm == *arm).map(mark).collect_vec()
        };
        let with_first = |own: Vec<Mark>, signal| [marks(&Arm::First, signal), own].concat();
        let (mut curves, mut levels) = (Vec::new(), Vec::new());
        // P last, so that it lies on top.
        for signal in [Signal::Uncertainty, Signal::P] {
            let strategies = cast.curves(true, |arm| match marks(arm, signal) {
                none if none.is_empty() => none,
                own => with_first(own, signal),
            });
            let hollow = signal == Signal::Uncertainty;
            let styled_curve = |c: Curve| Curve { look: styled(c.look, signal), hollow, ..c };
            curves.extend(strategies.into_iter().map(styled_curve));
            curves.push(Curve { hollow, ..first_round(&marks(&Arm::First, signal)) });
            let look = styled(SHARED, signal);
            let full = marks(&Arm::Full, signal).into_iter();
            levels.extend(full.map(|full| Level { value: full.value, look, places: 2 }));
        }
        let which = match slices {
            Slices::All => "all slices",
            Slices::Foreground => "foreground slices",
            Slices::Zero => "all slices, 0/0 := 0",
        };
        let title = format!("{} · {which}", task_title(task));
        let others = cast.lines(|arm| with_first(marks(arm, Signal::P), Signal::P));
        Axes { title, levels, curves, others }
    };
    let entry = |label: &str, look: Look| Entry::marker(label, look.marker, look.color);
    let mut legend = cast.legend(entry, |arm| entries().any(|entry| entry.arm == *arm));
    let ink = |signal| styled(Look { color: INK, ..SHARED }, signal);
    legend.extend([
        Entry::line("P with R (solid, filled)", ink(Signal::P)),
        Entry::line("−uncertainty with R (dotted, hollow)", ink(Signal::Uncertainty)),
    ]);
    let tasks = entries().map(|entry| entry.task).sorted().dedup();
    let panels = tasks.map(|task| Slices::SHOWN.map(|slices| panel(task, slices)));
    let n = entries().map(|entry| entry.spearman.n).max().unwrap_or(0);
    let over = intervals(sweep, "mean and 95 % interval over seeds and cases");
    let statistics = format!("{over}; up to n = {n} distinct slices a point");
    let title = "Does P follow R better as annotation grows, and better than uncertainty?";
    let heading = heading(sweep, ("fig4-rounds", title), &statistics);
    let figure = correlations(panels.collect()).figure(heading, &legend);
    Some(figure.captioned(format!(
        "Spearman's correlation with R over all slices of all unseen cases of a seed: of P (solid lines, filled \
         marks), and of the uncertainty query's score with its sign flipped (dotted lines, hollow marks), on the \
         same models. Whiskers are 95 % intervals over seeds and cases; arrowheads show those that go on beyond \
         the panel; marks at one ratio stand a little apart. Grey lines, with their interval as a band: full \
         annotation. A higher curve tells a strategy more about which slices are segmented badly.{}",
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
    let arms = strategies().map(|row| &row.arm).dedup();
    let arms = arms.sorted_by_key(|arm| (!arm.is_proposed(), !arm.is_even(), *arm)).dedup();
    let arms = arms.collect_vec();
    let shown = [*arms.first()?, *arms.get(1).or(arms.first())?];
    if strategies().all(|row| row.signal == Signal::P) {
        return None;
    }
    let signals = || Signal::ALL.into_iter().zip(PREDICTORS);
    let panel = |task: Task, arm: &Arm| {
        let curves = signals().enumerate().map(|(index, (signal, look))| {
            let own = rows.iter().filter(|row| {
                let of_arm = row.arm == *arm || row.arm == Arm::First;
                row.task == task && row.signal == signal && of_arm
            });
            let marks = own.map(|row| Mark { shared: false, ..mark(row) });
            let marks = marks.sorted_by(|a, b| a.x.total_cmp(&b.x)).collect();
            Curve { aside: aside(index, PREDICTORS.len()), ..Curve::new(look, marks) }
        });
        let title = format!("{} · {}", task_title(task), arm.label());
        Axes { title, curves: curves.collect(), ..Axes::default() }
    };
    let tasks = rows.iter().map(|row| row.task).sorted().dedup();
    let panels = tasks.map(|task| shown.map(|arm| panel(task, arm)));
    let known = signals().filter(|(signal, _)| rows.iter().any(|row| row.signal == *signal));
    let legend = known.map(|(signal, look)| Entry::curve(signal.label(), look)).collect_vec();
    let statistics = intervals(sweep, "mean and 95 % interval over seeds and cases");
    let heading = heading(sweep, ("predictors", "What tells R of a slice?"), &statistics);
    let figure = correlations(panels.collect()).figure(heading, &legend);
    Some(figure.captioned(
        "Spearman's correlation with R over the foreground slices of an unseen case, mean over cases and seeds, \
         from the shared first round on: of P and of signals that need no attention map, on the same models. \
         Whiskers are 95 % intervals over seeds and cases. A higher curve tells more of which slices are bad.",
    ))
}

/// A round's mark; the first round's has none of its own in any curve.
fn mark(row: &Agreement) -> Mark {
    let shared = row.arm == Arm::First;
    Mark { shared, ..Mark::new(100.0 * row.ratio, row.spearman.value) }
}

/// Panels of correlations along the annotation ratio.
fn correlations(rows: Vec<[Axes; 2]>) -> Panels {
    let (x_label, y_label) = ("annotated slices (%)", "rank correlation with R");
    Panels { rows, x_label, y_label, limits: -1.0..1.0 }
}
