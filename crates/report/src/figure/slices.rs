//! Fig. 4 of the paper: P and R of every slice of one unseen case, and the scatter of
//! their ranks with the regression line; beside it the scatter over all unseen cases.

use crate::agreement::{Signal, Slices, pairs};
use crate::figure::heading;
use crate::format::{decimals, percent};
use crate::rounds::{cases_of, ratio_key};
use crate::sweep::{Sweep, task_title};
use slicewise_data::{Agreement, Part, SliceAxis, Task};
use slicewise_experiment::CaseRecord;
use slicewise_figure::{
    Axis, Canvas, EDGE, Entry, Figure, GREY, INK, Marker, P_LOOK, Panel, Place, R_LOOK, WIDTH, font,
};
use slicewise_metrics::{Line, average_ranks, rank_regression, spearman_interval};

/// Height of one task's row.
const ROW: f64 = 346.0;
/// Left and right ends of the three panels, as shares of the width.
const PANELS: [[f64; 2]; 3] = [[0.078, 0.345], [0.44, 0.645], [0.74, 0.98]];

/// One case of one task at one round.
struct Sample {
    /// `Task 1, brain extraction · case a · attention-guided at 50 %, seed 0`.
    title: String,
    /// How P and R compare slices: `Task 1 compares by Dice`.
    measure: String,
    axis: SliceAxis,
    /// Per slice, from the first, in `[0, 1]`.
    p: Vec<f64>,
    r: Vec<f64>,
    /// The slices of this case, and of all unseen cases of the round and seed.
    scatters: [Scatter; 2],
}

/// Slices by their ranks.
struct Scatter {
    /// Name of the horizontal axis.
    label: &'static str,
    /// Average ranks of P and R.
    ranks: Vec<(f64, f64)>,
    /// Whether the truth has foreground, for each slice.
    foreground: Vec<bool>,
    line: Line,
}

/// P and R of one case a task; `None` if no record holds P, or P or R is constant.
pub(crate) fn slice_figure(sweep: &Sweep) -> Option<Figure> {
    let tasks = sweep.results.manifest.data.iter().map(|data| data.task);
    let samples: Vec<Sample> = tasks.filter_map(|task| sample(sweep, task)).collect();
    if samples.is_empty() {
        return None;
    }
    let title = ("fig4", "Does P, which a strategy may see, follow R?");
    let height = 108.0 + ROW * samples.len() as f64;
    let statistics = "ties share their mean rank; 95 % intervals over slices";
    let mut figure = Figure::new(heading(sweep, title, statistics), (WIDTH, height));
    let entries = [
        Entry::curve("P: prediction against attention map", P_LOOK),
        Entry::curve("R: prediction against ground truth", R_LOOK),
    ];
    figure.canvas.legend(&entries, (EDGE, 36.0), WIDTH);
    for (row, sample) in samples.iter().enumerate() {
        sample.draw(&mut figure.canvas, 74.0 + ROW * row as f64);
    }
    let measures: Vec<&str> = samples.iter().map(|sample| sample.measure.as_str()).collect();
    figure.caption = format!(
        "Left: P and R of every slice of one unseen case (the paper's Fig. 4); \
         {}. Middle: the same slices by \
         their ranks, with the least-squares line; its coefficient is Spearman's correlation. Right: \
         the slices of all unseen cases at that round and seed. Brackets: 95 % intervals by Fisher's \
         transformation, as if slices were independent; neighbours are not, so they are too narrow. \
         Hollow circles are slices without foreground.",
        measures.join(", ")
    );
    Some(figure)
}

/// The first Part B case with P, at the last attention-guided round of the first seed; without
/// that strategy, with full annotation or at another round.
fn sample(sweep: &Sweep, task: Task) -> Option<Sample> {
    let first_seed = sweep.results.manifest.seeds.first();
    let rounds = sweep.primary().filter(|round| round.task == task);
    let records = rounds.flat_map(|round| round.records.iter().map(move |record| (round, *record)));
    let with_p =
        records.filter(|(_, record)| cases_of(record, Part::B).any(|case| case.p.is_some()));
    let (round, record) = with_p.max_by_key(|(round, record)| {
        (Some(&record.seed) == first_seed, round.arm.preference(), ratio_key(round.ratio))
    })?;
    let all: Vec<&CaseRecord> = cases_of(record, Part::B).collect();
    let case = *all.iter().find(|case| case.p.is_some())?;
    let data = sweep.data(task);
    Some(Sample {
        title: format!(
            "{} · case {} · {} at {}, seed {}",
            task_title(task),
            case.case,
            round.arm.label(),
            percent(round.ratio),
            record.seed
        ),
        measure: format!(
            "{} compares by {}",
            task.label(),
            match sweep.measure(task) {
                Agreement::Dice => "Dice",
                Agreement::Accuracy => "accuracy over foreground",
            }
        ),
        axis: data.map_or(SliceAxis::Axial, |data| data.slice_axis(&case.case)),
        p: case.p.clone()?,
        r: case.r.clone(),
        scatters: [
            Scatter::of(&[case], "rank of P, this case")?,
            Scatter::of(&all, "rank of P, all unseen cases")?,
        ],
    })
}

impl Sample {
    fn draw(&self, canvas: &mut Canvas, top: f64) {
        canvas.text(&self.title, (EDGE, top), font(12.0, INK).bold());
        let corners = |[left, right]: [f64; 2]| {
            [(left * WIDTH, top + 44.0), (right * WIDTH, top + ROW - 66.0)]
        };
        let [profile, case, cases] = PANELS.map(corners);
        self.draw_profile(canvas, profile);
        for (scatter, corners) in self.scatters.iter().zip([case, cases]) {
            scatter.draw(canvas, corners);
        }
    }

    fn draw_profile(&self, canvas: &mut Canvas, corners: [Place; 2]) {
        let lowest = self.p.iter().chain(&self.r).copied().fold(1.0, f64::min);
        let lowest = ((lowest * 10.0).floor() / 10.0 - 0.1).max(0.0) - 0.02;
        let last = (self.p.len().max(2) - 1) as f64;
        let (slice, start) = self.axis.slice_and_start();
        let x = Axis::new(-1.0..last + 1.0, &format!("{slice} (from {start})"), 8);
        let y = Axis::new(lowest..1.02, "P and R", 6);
        let panel = Panel::draw(canvas, corners, &format!("each {slice}"), x, y);
        for (values, look) in [(&self.r, R_LOOK), (&self.p, P_LOOK)] {
            let places = values.iter().enumerate();
            let places: Vec<Place> =
                places.map(|(slice, value)| panel.place(slice as f64, *value)).collect();
            canvas.curve(&places, look);
            for at in places {
                canvas.marker(at, look.marker, 3.0, look.color);
            }
        }
    }
}

impl Scatter {
    /// `None` if P or R is constant.
    fn of(cases: &[&CaseRecord], label: &'static str) -> Option<Self> {
        let slices = cases.iter().flat_map(|case| pairs(case, Signal::P, Slices::All));
        let (p, r): (Vec<f64>, Vec<f64>) = slices.unzip();
        let ranks = average_ranks(&p).ok()?.into_iter().zip(average_ranks(&r).ok()?).collect();
        let with_p = cases.iter().filter(|case| case.p.is_some());
        let foreground = with_p.flat_map(|case| case.foreground.clone()).collect();
        let line = rank_regression(&p, &r).ok()?;
        Some(Self { label, ranks, foreground, line })
    }

    /// `0.93 (0.90 to 0.95), n = 64`.
    fn title(&self) -> String {
        let (r, n) = (self.line.r, self.ranks.len());
        // Too few slices have no interval.
        let interval = spearman_interval(r, n).map_or_else(
            |_| String::new(),
            |(low, high)| format!(" ({} to {})", decimals(low, 2), decimals(high, 2)),
        );
        format!("{}{interval}, n = {n}", decimals(r, 2))
    }

    fn draw(&self, canvas: &mut Canvas, corners: [Place; 2]) {
        let n = self.ranks.len() as f64;
        let x = Axis::new(0.0..n + 1.0, self.label, 5);
        let y = Axis::new(0.0..n + 1.0, "rank of R", 6);
        let panel = Panel::draw(canvas, corners, &self.title(), x, y);
        // Many slices leave less room.
        let radius = if self.ranks.len() > 100 { 3.0 } else { 4.5 };
        for (&(p, r), &foreground) in self.ranks.iter().zip(&self.foreground) {
            let at = panel.place(p, r);
            if foreground {
                canvas.marker(at, Marker::Circle, radius, INK);
            } else {
                canvas.hollow_marker(at, Marker::Circle, radius - 0.5, INK);
            }
        }
        let at = |x: f64| panel.place(x, self.line.slope * x + self.line.intercept);
        canvas.line(&[at(1.0), at(n)], GREY, 1.5);
    }
}
