//! Dice of strategies along what was annotated: Fig. 5 of the paper, the same against the foreground
//! voxels that had to be drawn.

use super::{Cast, first_round, heading, intervals};
use crate::format::setting;
use crate::prelude::*;
use crate::sweep::Sweep;
use slicewise_figure::{
    Axes, Curve, DOTS, Entry, Figure, Level, Look, Mark, Marker, Panels, SHARED, WHITE,
};

/// What the horizontal axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    /// Annotated slices: the budget.
    Slices,
    /// Foreground voxels on them: what is drawn.
    Voxels,
    /// Minutes of drawing by the stated model: the work.
    Minutes,
    /// Foreground voxels near an annotated slice: what was shown of the anatomy.
    Covered,
}

/// Dice of all strategies on both parts, with a star where one is as good as full annotation.
pub(crate) fn dice_figure(sweep: &Sweep, axis: Axis) -> Figure {
    let cast = Cast::of(sweep, sweep.strategies());
    let x_of = |point: &Point| match axis {
        Axis::Slices => 100.0 * point.ratio,
        Axis::Voxels => 100.0 * point.cost().voxel_share,
        Axis::Minutes => sweep.minutes(&point.cost()).unwrap_or(f64::NAN),
        Axis::Covered => 100.0 * sweep.covered(point).unwrap_or(f64::NAN),
    };
    let mark = |point: &Point| {
        let shared = point.arm == Arm::First;
        Mark { shared, ..Mark::new(x_of(point), point.dice.value) }
    };
    let panel = |task: Task, part: Part| {
        let strategies = cast.curves(axis == Axis::Slices, |arm| {
            let star = sweep.star(task, arm).filter(|_| part == Part::B);
            let starred = |point: &Point| star.is_some_and(|star| star.ratio == point.ratio);
            let points = sweep.curve(task, part, arm).into_iter();
            points.map(|point| Mark { star: starred(point), ..mark(point) }).collect()
        });
        let first = sweep.panel(task, part).filter(|point| point.arm == Arm::First).map(mark);
        // What is compared with lies under all strategies, and the first round under their stars.
        let (levels, mut curves) = references(sweep, (task, part), &cast, &x_of);
        curves.push(first_round(&first.collect_vec()));
        curves.extend(strategies);
        let others = cast.lines(|arm| sweep.curve(task, part, arm).into_iter().map(mark).collect());
        let part = if part == Part::A { "Part A (training)" } else { "Part B (unseen)" };
        Axes { title: format!("{} · {part}", task_title(task)), levels, curves, others }
    };
    let margins = |and: &str| {
        let margin = |task| setting(sweep.margin(task));
        let tasks = sweep.tasks().into_iter();
        tasks.map(|task| format!("{} ({})", margin(task), task.label())).join(and)
    };
    let has = |arm: &Arm| sweep.points.iter().any(|point| point.arm == *arm);
    let mut entries =
        cast.legend(|name, look| Entry::curve(name, look), |arm| *arm != Arm::Full && has(arm));
    entries.extend(has(&Arm::Full).then(|| full_entry(sweep)));
    if sweep.costs.iter().any(|cost| cost.reached.is_some()) {
        let label = format!("minimum labelling cost: Part B within {} of full", margins(", "));
        entries.push(Entry::marker(label, Marker::Star, WHITE));
    }
    let row = |task| [Part::A, Part::B].map(|part| panel(task, part));
    let panels = Panels {
        rows: sweep.tasks().into_iter().map(row).collect(),
        x_label: match axis {
            Axis::Slices => "annotated slices (%)",
            Axis::Voxels => "annotated foreground voxels (%)",
            Axis::Minutes => "minutes of drawing, by the stated model",
            Axis::Covered => "foreground voxels near an annotated slice (%)",
        },
        y_label: "mean Dice",
        limits: 0.0..1.0,
    };
    let (name, what) = match axis {
        Axis::Slices => (
            ("fig5", "Dice against annotated slices"),
            "Mean Dice over foreground classes against the annotated share of each training volume's slices (the \
             paper's Fig. 5). All strategies fork from one shared first round; marks at one ratio stand a little \
             apart so that intervals can be told apart.",
        ),
        Axis::Voxels => (
            ("voxels", "Dice against the foreground voxels that had to be drawn"),
            "The same points against the share of all foreground voxels that lie on annotated slices, which is what \
             an annotator has to draw: slices are not equally much work.",
        ),
        Axis::Minutes => (
            ("minutes", "Dice against the minutes of drawing"),
            "The same points against the minutes that drawing the annotated slices takes by the stated model of a \
             time for each slice and each mm of outline: not measured, but nearer to what annotation costs.",
        ),
        Axis::Covered => (
            ("covered", "Dice against the share of foreground near an annotated slice"),
            "The same points against the share of all foreground voxels that lie within 7 mm of an annotated slice: \
             what the network was shown of the anatomy. If strategies differ by that alone, their points lie on one curve.",
        ),
    };
    let statistics =
        intervals(sweep, "points and whiskers: mean and 95 % Student-t interval over seeds");
    let figure = panels.figure(heading(sweep, name, &statistics), &entries);
    figure.captioned(format!(
        "{what} Whiskers and the grey band are 95 % Student-t intervals over seeds; arrowheads show those that go on \
         beyond the panel. In Part B a star on a strategy's curve is its minimum labelling cost: the smallest ratio at \
         which its Dice is on average at most {} below that of full annotation with as many training steps on the same \
         case and seed, a rule of ours since the paper states none; a curve without a star reaches that at none of its \
         ratios.{}{}",
        margins(" and "),
        cast.caption(),
        trained(sweep)
    ))
}

/// What the points of a panel are compared with: full annotation with as many steps. Where all have
/// one number of steps that is a level; else a dotted curve over each strategy's points, in its
/// colour, or grey where strategies share it. A single round of full annotation is a level
/// anyhow; the caption says whom it was trained longer than.
fn references(
    sweep: &Sweep,
    (task, part): (Task, Part),
    Cast { arms, looks, .. }: &Cast,
    x_of: &dyn Fn(&Point) -> f64,
) -> (Vec<Level>, Vec<Curve>) {
    if let [full] = sweep.fulls(task, part)[..] {
        return (vec![Level { value: full.dice.value, look: SHARED, places: 3 }], Vec::new());
    }
    let mut ladders: Vec<(Vec<(f64, &Point)>, Look)> = Vec::new();
    for (arm, look) in arms.iter().zip(looks) {
        let alike = |point| Some((x_of(point), sweep.full(task, part, point.steps)?));
        let alike = sweep.curve(task, part, arm).into_iter().filter_map(alike).collect_vec();
        let key = |ladder: &[(f64, &Point)]| {
            ladder.iter().map(|(x, full)| (x.to_bits(), full.steps)).collect_vec()
        };
        match ladders.iter_mut().find(|(ladder, _)| key(ladder) == key(&alike)) {
            Some((_, shared)) => *shared = SHARED,
            None => ladders.push((alike, *look)),
        }
    }
    let curves = ladders.into_iter().map(|(ladder, look)| {
        let mark =
            |(x, full): (f64, &Point)| Mark { shared: true, ..Mark::new(x, full.dice.value) };
        let look = Look { dash: Some(DOTS), ..look };
        Curve { hollow: true, ..Curve::new(look, ladder.into_iter().map(mark).collect()) }
    });
    (Vec::new(), curves.collect())
}

/// The legend's entry for full annotation, which says whether it was trained as long.
fn full_entry(sweep: &Sweep) -> Entry {
    let (tasks, name) = (sweep.tasks(), Arm::Full.label());
    if sweep.tasks().iter().any(|task| sweep.fulls(*task, Part::B).len() > 1) {
        let dotted = Look { dash: Some(DOTS), ..SHARED };
        return Entry::line(format!("{name}, as many steps"), dotted);
    }
    let other = tasks.iter().any(|task| sweep.unequal_steps(*task).is_some());
    let trained = if other { ", other numbers of steps" } else { "" };
    Entry::line(format!("{name}{trained}"), SHARED)
}

/// What a caption adds where full annotation had several numbers of steps, or not that of a point.
fn trained(sweep: &Sweep) -> String {
    let several = sweep.tasks().iter().any(|task| sweep.fulls(*task, Part::B).len() > 1);
    let dotted = " Dotted: full annotation with as many training steps as the point at that place has, \
                  grey where strategies have the same steps.";
    let dotted = if several { dotted } else { "" };
    let unequal = sweep.tasks().into_iter().filter_map(|task| {
        let unequal = sweep.unequal_steps(task)?;
        Some(format!(" {}: {unequal}, so there are no stars.", task.label()))
    });
    dotted.to_owned() + &unequal.collect::<String>()
}
