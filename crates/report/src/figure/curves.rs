//! Curves along the annotation ratio, two panels a task: Fig. 5 of the paper, the same against the
//! foreground voxels that had to be drawn, and Fig. 4 over all rounds.

use super::canvas::{Canvas, Place, font};
use super::marks::{Entry, lay_out};
use super::panel::{Axis as PanelAxis, Panel, ends};
use super::style::{GREY, INK, Look, Marker, SHARED, looks};
use super::{EDGE, Figure, Name, WIDTH, intervals};
use crate::agreement::{Agreement, Scope, Signal, Slices};
use crate::arm::Arm;
use crate::format::{decimals, setting};
use crate::rounds::{Point, ratio_key};
use crate::sweep::{Sweep, task_title};
use plotters::prelude::{RGBColor, WHITE};
use slicewise_data::{Part, Task};
use slicewise_metrics::Interval;
use std::collections::BTreeSet;
use std::ops::Range;

/// Height of one row of panels.
const ROW: f64 = 330.0;
/// Strategies up to which intervals can be told apart.
const FEW: usize = 8;
/// Dashes of lines for uncertainty, whatever the strategy.
const DOTS: (f64, f64) = (1.5, 4.5);

/// What the horizontal axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    /// Annotated slices: the budget.
    Slices,
    /// Foreground voxels on them: the work.
    Voxels,
}

/// A point of a curve.
struct Mark {
    /// Percent.
    x: f64,
    value: Interval,
    /// Whether it is the shared first round, which has one mark for all curves.
    shared: bool,
    star: bool,
}

/// One curve.
struct Curve {
    look: Look,
    hollow: bool,
    /// How far to the right of their place its own marks stand, in points.
    aside: f64,
    marks: Vec<Mark>,
}

/// A level that curves are compared with: its value is written with so many decimals.
struct Level {
    value: Interval,
    look: Look,
    places: usize,
}

/// One pair of axes.
struct Axes {
    title: String,
    levels: Vec<Level>,
    curves: Vec<Curve>,
    /// Whether there are too many curves for intervals.
    crowded: bool,
}

/// All panels, and what they share.
struct Panels {
    rows: Vec<[Axes; 2]>,
    x_label: &'static str,
    y_label: &'static str,
    /// What values can be.
    limits: Range<f64>,
}

/// Says how far aside the marks of curve `index` of `n` stand, so that intervals at one ratio can be told
/// apart.
fn aside(index: usize, n: usize) -> f64 {
    (index as f64 - (n as f64 - 1.0) / 2.0) * (24.0 / n as f64).min(4.0)
}

/// A colour half way to white, for what lies under the marks.
fn pale(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let half = |channel: u8| 128 + channel / 2;
    RGBColor(half(r), half(g), half(b))
}

impl Panels {
    /// A figure of these panels below a legend.
    fn figure(self, sweep: &Sweep, name: Name, entries: &[Entry], statistics: &str) -> Figure {
        let width = WIDTH - 2.0 * EDGE;
        let top = 36.0 + lay_out(entries, width).1;
        let height = top + ROW * self.rows.len() as f64 + 46.0;
        let mut figure = Figure::new(name, (WIDTH, height), sweep, statistics);
        figure.canvas.legend(entries, (EDGE, 34.0), width);
        let x_range = self.x_range();
        for (row, panels) in self.rows.iter().enumerate() {
            let top = top + row as f64 * ROW;
            let y_range = self.y_range(panels);
            for (content, left) in panels.iter().zip([0.0, WIDTH / 2.0]) {
                let corners =
                    [(left + 70.0, top + 32.0), (left + WIDTH / 2.0 - 52.0, top + ROW - 44.0)];
                let x = PanelAxis::new(x_range.clone(), self.x_label, 8);
                let y = PanelAxis::new(y_range.clone(), self.y_label, 7);
                let panel = Panel::draw(&mut figure.canvas, corners, &content.title, x, y);
                content.draw(&mut figure.canvas, &panel);
            }
        }
        figure
    }

    /// One range for all panels.
    fn x_range(&self) -> Range<f64> {
        let curves = self.rows.iter().flatten().flat_map(|panel| &panel.curves);
        let end = curves.flat_map(|curve| &curve.marks).map(|mark| mark.x).fold(10.0, f64::max);
        0.0..(end + 4.0).min(104.0)
    }

    /// One range for both panels of a row, so that they compare at a glance. It holds every mean,
    /// and intervals up to the means' own span away; arrowheads show those that go on.
    fn y_range(&self, panels: &[Axes; 2]) -> Range<f64> {
        let marks = panels.iter().flat_map(|panel| &panel.curves).flat_map(|curve| &curve.marks);
        let levels = panels.iter().flat_map(|panel| &panel.levels);
        let values = marks.map(|mark| mark.value).chain(levels.map(|level| level.value));
        let values: Vec<Interval> = values.collect();
        let alone = |value: &Interval| Interval { low: None, high: None, ..*value };
        let [low, high] = ends(values.iter().map(alone));
        let [least, most] = ends(values);
        let span = (high - low).max(0.02);
        let (low, high) = (least.max(low - span), most.min(high + span));
        // A little more, so that marks are whole.
        low.max(self.limits.start) - 0.06 * span..high.min(self.limits.end) + 0.06 * span
    }
}

impl Axes {
    /// Intervals lie under all curves, and curves under all marks.
    fn draw(&self, canvas: &mut Canvas, panel: &Panel) {
        let [(left, _), (right, _)] = panel.corners;
        for Level { value, look, places } in &self.levels {
            if let (Some(low), Some(high)) = (value.low, value.high) {
                let ([top, bottom], color) =
                    ([high, low].map(|end| panel.height(end).0), look.color);
                canvas.area(
                    vec![(left, top), (right, top), (right, bottom), (left, bottom)],
                    color,
                    0.14,
                );
            }
            let (y, _) = panel.height(value.mean);
            canvas.curve(&[(left, y), (right, y)], *look);
            canvas.text(&decimals(value.mean, *places), (right + 4.0, y), font(11.0, GREY));
        }
        let own = || self.curves.iter().flat_map(|curve| curve.places(panel));
        for (curve, mark, (x, _)) in own() {
            let hidden = mark.shared || self.crowded;
            if let (Some(low), Some(high), false) = (mark.value.low, mark.value.high, hidden) {
                canvas.whisker(x, [low, high].map(|end| panel.height(end)), pale(curve.look.color));
            }
        }
        for curve in &self.curves {
            let places: Vec<Place> = curve.places(panel).map(|(_, _, place)| place).collect();
            canvas.curve(&places, curve.look);
        }
        for (Curve { look, hollow, .. }, _, at) in own().filter(|(_, mark, _)| !mark.shared) {
            if *hollow {
                canvas.hollow_marker(at, look.marker, 4.0, look.color);
            } else {
                canvas.marker(at, look.marker, 5.0, look.color);
            }
        }
        for (curve, _, at) in own().filter(|(_, mark, _)| mark.star) {
            canvas.marker(at, Marker::Star, 8.0, curve.look.color);
        }
    }
}

impl Curve {
    /// Finds where each of its marks stands.
    fn places(&self, panel: &Panel) -> impl Iterator<Item = (&Self, &Mark, Place)> {
        self.marks.iter().map(move |mark| {
            let (x, y) = panel.place(mark.x, mark.value.mean);
            (self, mark, (if mark.shared { x } else { x + self.aside }, y))
        })
    }
}

/// Dice of all strategies on both parts, with a star where one is as good as full annotation.
pub(crate) fn dice_figure(sweep: &Sweep, axis: Axis) -> Figure {
    let arms = sweep.strategies();
    let looks = looks(&arms);
    let x_of = |point: &Point| {
        100.0 * if axis == Axis::Slices { point.ratio } else { point.cost.voxel_share }
    };
    let mark = |point: &Point, star: Option<&Point>| Mark {
        x: x_of(point),
        value: point.dice.value,
        shared: point.arm == Arm::First,
        star: point.part == Part::B && star.is_some_and(|star| star.ratio == point.ratio),
    };
    let panel = |task: Task, part: Part| {
        let mut curves: Vec<Curve> = Vec::new();
        for (index, (arm, &look)) in arms.iter().zip(&looks).enumerate() {
            let star = sweep.star(task, arm);
            let points = sweep.curve(task, part, arm).into_iter();
            let aside = if axis == Axis::Slices { aside(index, arms.len()) } else { 0.0 };
            let marks = points.map(|point| mark(point, star)).collect();
            curves.push(Curve { look, hollow: false, aside, marks });
        }
        let first = sweep.panel(task, part).filter(|point| point.arm == Arm::First);
        let first = first.map(|point| Mark { shared: false, ..mark(point, None) });
        // Under the others, so that a star on it shows.
        curves.insert(0, Curve { look: SHARED, hollow: false, aside: 0.0, marks: first.collect() });
        let (levels, trained_alike) = references(sweep, (task, part), &arms, &looks, &x_of);
        // Under all strategies.
        curves.splice(0..0, trained_alike);
        let part = if part == Part::A { "Part A (training)" } else { "Part B (unseen)" };
        Axes {
            title: format!("{} · {part}", task_title(task)),
            levels,
            curves,
            crowded: arms.len() > FEW,
        }
    };
    let margins = |and: &str| {
        let tasks = sweep.tasks().into_iter();
        let margins =
            tasks.map(|task| format!("{} ({})", setting(sweep.margin(task)), task.label()));
        margins.collect::<Vec<_>>().join(and)
    };
    let mut entries: Vec<Entry> =
        arms.iter().zip(&looks).map(|(arm, look)| Entry::curve(arm.label(), *look)).collect();
    entries.extend(shared_entries(|arm| sweep.points.iter().any(|point| point.arm == *arm)));
    if !sweep.costs.is_empty() {
        let label = format!("minimum labelling cost: Part B within {} of full", margins(", "));
        entries.push(Entry::marker(label, Marker::Star, WHITE));
    }
    let panels = Panels {
        rows: sweep
            .tasks()
            .into_iter()
            .map(|task| [Part::A, Part::B].map(|p| panel(task, p)))
            .collect(),
        x_label: match axis {
            Axis::Slices => "annotated slices (%)",
            Axis::Voxels => "annotated foreground voxels (%)",
        },
        y_label: "mean Dice",
        limits: 0.0..1.0,
    };
    let (name, what) = match axis {
        Axis::Slices => (
            ("fig5", "Dice against annotated slices"),
            "Mean Dice over foreground classes against the annotated share of each training \
             volume's slices (the paper's Fig. 5). All strategies fork from one shared first \
             round; marks at one ratio stand a little apart so that intervals can be told apart.",
        ),
        Axis::Voxels => (
            ("voxels", "Dice against the foreground voxels that had to be drawn"),
            "The same points against the share of all foreground voxels that lie on annotated \
             slices, which is what an annotator has to draw: slices are not equally much work.",
        ),
    };
    let statistics =
        intervals(sweep, "points and whiskers: mean and 95 % Student-t interval over seeds");
    let mut figure = panels.figure(sweep, name, &entries, &statistics);
    figure.caption = format!(
        "{what} Whiskers and the grey band are 95 % Student-t intervals over seeds; arrowheads show \
         those that go on beyond the panel; more than {FEW} strategies have no whiskers. In Part B a star on a strategy's curve is its minimum \
         labelling cost: the smallest ratio at which its Dice is on average at most {} below that \
         of full annotation with as many training steps on the same case and seed, a rule of ours \
         since the paper states none; a curve without a star reaches that at none of its ratios.{}",
        margins(" and "),
        trained(sweep)
    );
    figure
}

/// What the points of a panel are compared with: full annotation with as many steps. Where all have
/// one number of steps that is a level; else a dotted curve over each strategy's points, in its
/// colour, or grey where strategies share it. A single round of full annotation is a level
/// anyhow; the caption says whom it was trained longer than.
fn references(
    sweep: &Sweep,
    (task, part): (Task, Part),
    arms: &[Arm],
    looks: &[Look],
    x_of: &dyn Fn(&Point) -> f64,
) -> (Vec<Level>, Vec<Curve>) {
    if let [full] = sweep.fulls(task, part)[..] {
        return (vec![Level { value: full.dice.value, look: SHARED, places: 3 }], Vec::new());
    }
    let mut ladders: Vec<(Vec<(f64, &Point)>, Look)> = Vec::new();
    for (arm, look) in arms.iter().zip(looks) {
        let curve = sweep.curve(task, part, arm).into_iter();
        let alike = curve
            .filter_map(|point| Some((x_of(point), sweep.full(task, part, point.steps)?)))
            .collect::<Vec<_>>();
        let key = |ladder: &[(f64, &Point)]| {
            ladder.iter().map(|(x, full)| (x.to_bits(), full.steps)).collect::<Vec<_>>()
        };
        match ladders.iter_mut().find(|(ladder, _)| key(ladder) == key(&alike)) {
            Some((_, shared)) => *shared = SHARED,
            None => ladders.push((alike, *look)),
        }
    }
    let curves = ladders.into_iter().map(|(ladder, look)| Curve {
        look: Look { dash: Some(DOTS), ..look },
        hollow: true,
        aside: 0.0,
        marks: ladder
            .into_iter()
            .map(|(x, full)| Mark { x, value: full.dice.value, shared: true, star: false })
            .collect(),
    });
    (Vec::new(), curves.collect())
}

/// What a caption adds where full annotation had several numbers of steps, or not that of a point.
fn trained(sweep: &Sweep) -> String {
    let mut words = String::new();
    if sweep.tasks().into_iter().any(|task| sweep.fulls(task, Part::B).len() > 1) {
        words.push_str(
            " Dotted: full annotation with as many training steps as the point at that place has, \
             grey where strategies have the same steps.",
        );
    }
    for task in sweep.tasks() {
        if let Some(unequal) = sweep.unequal_steps(task) {
            words.push_str(&format!(" {}: {unequal}, so there are no stars.", task.label()));
        }
    }
    words
}

/// Entries of a legend for the first round and full annotation, as far as the sweep has them.
fn shared_entries(has: impl Fn(&Arm) -> bool) -> Vec<Entry> {
    let first = Entry::marker(Arm::First.label(), SHARED.marker, SHARED.color);
    let full = Entry::line(Arm::Full.label(), SHARED);
    let entries = [(Arm::First, first), (Arm::Full, full)].into_iter();
    entries.filter(|(arm, _)| has(arm)).map(|(_, entry)| entry).collect()
}

/// Fig. 4 over all rounds: how well P, and uncertainty beside it, rank unseen slices as R does while
/// annotation grows. The paper shows one sample at one round. `None` if no strategy's records hold P.
pub(crate) fn agreement_figure(sweep: &Sweep) -> Option<Figure> {
    let entries = || sweep.agreements.iter().filter(|entry| entry.scope == Scope::Pooled);
    let arms: BTreeSet<&Arm> = entries().map(|entry| &entry.arm).collect();
    let arms: Vec<Arm> = arms.into_iter().filter(|arm| arm.is_strategy()).cloned().collect();
    if arms.is_empty() {
        return None;
    }
    let looks = looks(&arms);
    let mark = |entry: &Agreement| {
        let (x, value) = (100.0 * entry.ratio, entry.spearman.value);
        Mark { x, value, shared: entry.arm == Arm::First, star: false }
    };
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
            for (index, (arm, &look)) in arms.iter().zip(&looks).enumerate() {
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
        };
        let title = format!("{} · {which}", task_title(task));
        Axes { title, levels, curves, crowded: arms.len() > FEW }
    };
    let marker = |(arm, look): (&Arm, &Look)| Entry::marker(arm.label(), look.marker, look.color);
    let mut legend: Vec<Entry> = arms.iter().zip(&looks).map(marker).collect();
    legend.extend(shared_entries(|arm| entries().any(|entry| entry.arm == *arm)));
    let ink = |signal| styled(Look { color: INK, ..SHARED }, signal);
    legend.extend([
        Entry::line("P with R (solid, filled)", ink(Signal::P)),
        Entry::line("−uncertainty with R (dotted, hollow)", ink(Signal::Uncertainty)),
    ]);
    let tasks: BTreeSet<Task> = entries().map(|entry| entry.task).collect();
    let panels = Panels {
        rows: tasks.into_iter().map(|task| Slices::ALL.map(|slices| panel(task, slices))).collect(),
        x_label: "annotated slices (%)",
        y_label: "rank correlation with R",
        limits: -1.0..1.0,
    };
    let n = entries().map(|entry| entry.spearman.n).max().unwrap_or(0);
    let over = intervals(sweep, "mean and 95 % interval over seeds and cases");
    let statistics = format!("{over}; up to n = {n} distinct slices a point");
    let title = "Does P follow R better as annotation grows, and better than uncertainty?";
    let mut figure = panels.figure(sweep, ("fig4-rounds", title), &legend, &statistics);
    figure.caption =
        "Spearman's correlation with R over all slices of all unseen cases of a seed: of \
         P (solid lines, filled marks), and of the uncertainty query's score with its sign flipped \
         (dotted lines, hollow marks), on the same models. Whiskers are 95 % intervals over seeds \
         and cases; arrowheads show those that go on beyond the panel; marks at one ratio stand a \
         little apart. Grey lines, with their interval as a band: full annotation. A higher curve \
         tells a strategy more about which slices are segmented badly."
            .to_owned();
    Some(figure)
}

/// Solid for P, dotted for uncertainty.
fn styled(look: Look, signal: Signal) -> Look {
    Look { dash: (signal == Signal::Uncertainty).then_some(DOTS), ..look }
}
