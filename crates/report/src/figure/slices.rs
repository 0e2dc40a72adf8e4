//! Fig. 4 of the paper: P and R of every axial slice of one unseen case, and the scatter of
//! their ranks with the regression line; beside it the scatter over all unseen cases.

use super::marks::{Entry, dot, legend, line, marker, stroke};
use super::panel::{AxisSpec, Panel};
use super::style::{GREY, INK, Look, P_LOOK, R_LOOK, bold, font};
use super::{Area, Drawn, Figure, SCALE, draw_footer, footer};
use crate::agreement::{Signal, Slices, pairs};
use crate::curve::{cases_of, primary};
use crate::finding::task_title;
use crate::order::{PROPOSED, label, percent, ratio_key};
use plotters::prelude::{DrawingBackend, PathElement};
use slicewise_data::{Part, Task};
use slicewise_experiment::record::{FIRST, FULL};
use slicewise_experiment::{CaseRecord, Results, RoundRecord};
use slicewise_metrics::{Line, average_ranks, rank_regression, spearman_interval};

/// Height of one task's row at reading size.
const ROW: u32 = 346;
/// Task, case and round above a row's panels.
const ROW_TITLE: u32 = 22;
/// Title, legend and footer.
const AROUND: u32 = 108;

/// P and R of one case a task.
pub(super) struct SliceFigure {
    samples: Vec<Sample>,
    footer: [String; 2],
}

/// One case at one round.
struct Sample {
    task: Task,
    case: String,
    /// `attention-guided at 50 %, seed 0`.
    state: String,
    /// Per axial slice, from inferior, in `[0, 1]`.
    p: Vec<f64>,
    r: Vec<f64>,
    /// Of this case, and of all unseen cases of the round and seed.
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

impl Scatter {
    /// `None` if P or R is constant.
    fn of(cases: &[&CaseRecord], label: &'static str) -> Option<Self> {
        let slices = cases
            .iter()
            .flat_map(|case| pairs(case, Signal::P, Slices::All));
        let (p, r): (Vec<f64>, Vec<f64>) = slices.unzip();
        let ranks = average_ranks(&p).ok()?.into_iter();
        let with_p = cases.iter().filter(|case| case.p.is_some());
        Some(Self {
            label,
            ranks: ranks.zip(average_ranks(&r).ok()?).collect(),
            foreground: with_p.flat_map(|case| case.foreground.clone()).collect(),
            line: rank_regression(&p, &r).ok()?,
        })
    }

    /// Of a dot: many leave less room.
    fn radius(&self) -> f64 {
        if self.ranks.len() > 100 { 6.0 } else { 9.0 }
    }

    /// `0.93 (0.90 to 0.95), n = 64`.
    fn title(&self) -> String {
        let (r, n) = (self.line.r, self.ranks.len());
        // Too few slices have no interval.
        let interval = spearman_interval(r, n).map_or_else(
            |_| String::new(),
            |(low, high)| format!(" ({low:.2} to {high:.2})"),
        );
        format!("{r:.2}{interval}, n = {n}").replace('-', "−")
    }
}

impl SliceFigure {
    /// `None` if no record holds P, or P or R is constant.
    pub(super) fn new(results: &Results) -> Option<Self> {
        let tasks = results.manifest.data.iter().map(|data| data.task);
        let samples: Vec<Sample> = tasks.filter_map(|task| sample(results, task)).collect();
        (!samples.is_empty()).then(|| Self {
            samples,
            footer: footer(
                results,
                "ties share their mean rank; 95 % intervals over slices",
            ),
        })
    }

    fn profile<DB: DrawingBackend>(root: &Area<DB>, cell: &Area<DB>, sample: &Sample) -> Drawn<DB> {
        let lowest = sample
            .p
            .iter()
            .chain(&sample.r)
            .copied()
            .fold(1.0, f64::min);
        let lowest = ((lowest * 10.0).floor() / 10.0 - 0.1).max(0.0);
        let panel = Panel::draw(
            cell,
            "each axial slice",
            AxisSpec {
                range: 0.0..(sample.p.len().max(2) - 1) as f64,
                label: "axial slice (from inferior)",
                decimals: 0,
                ticks: 9,
            },
            AxisSpec {
                range: lowest..1.02,
                label: "P and R",
                decimals: 1,
                ticks: 6,
            },
            12,
        )?;
        for (values, look) in [(&sample.r, R_LOOK), (&sample.p, P_LOOK)] {
            let points: Vec<_> = values
                .iter()
                .enumerate()
                .map(|(slice, value)| panel.place(slice as f64, *value))
                .collect();
            line(root, &points, look)?;
            for at in points {
                marker(root, at, look.marker, 6.0, look.color)?;
            }
        }
        Ok(())
    }

    fn scatter<DB: DrawingBackend>(
        root: &Area<DB>,
        cell: &Area<DB>,
        scatter: &Scatter,
    ) -> Drawn<DB> {
        let n = scatter.ranks.len();
        let range = 0.0..n as f64 + 1.0;
        let panel = Panel::draw(
            cell,
            &scatter.title(),
            AxisSpec {
                range: range.clone(),
                label: scatter.label,
                decimals: 0,
                ticks: 5,
            },
            AxisSpec {
                range,
                label: "rank of R",
                decimals: 0,
                ticks: 6,
            },
            16,
        )?;
        let at = |x: f64| panel.place(x, scatter.line.slope * x + scatter.line.intercept);
        for (&(p, r), &foreground) in scatter.ranks.iter().zip(&scatter.foreground) {
            dot(root, panel.place(p, r), scatter.radius(), foreground)?;
        }
        root.draw(&PathElement::new(
            vec![at(1.0), at(n as f64)],
            stroke(GREY, 3),
        ))?;
        Ok(())
    }
}

/// The first Part B case with P, at the last attention-guided round of the first seed; without
/// that strategy, with full annotation or after the first round.
fn sample(results: &Results, task: Task) -> Option<Sample> {
    let seed = results.manifest.seeds.first();
    let with_p = |record: &RoundRecord| cases_of(record, Part::B).any(|case| case.p.is_some());
    let preference = |record: &RoundRecord| {
        let place = [FIRST, FULL, PROPOSED]
            .iter()
            .position(|name| *name == record.strategy);
        (
            Some(&record.seed) == seed,
            place.map(|place| place + 1),
            ratio_key(record.ratio),
        )
    };
    let record = primary(results)
        .filter(|record| record.task == task && with_p(record))
        .max_by_key(|record| preference(record))?;
    let case: &CaseRecord = cases_of(record, Part::B).find(|case| case.p.is_some())?;
    let all: Vec<&CaseRecord> = cases_of(record, Part::B).collect();
    Some(Sample {
        task,
        case: case.case.clone(),
        state: format!(
            "{} at {}, seed {}",
            label(&record.strategy),
            percent(record.ratio),
            record.seed
        ),
        p: case.p.clone()?,
        r: case.r.clone(),
        scatters: [
            Scatter::of(&[case], "rank of P, this case")?,
            Scatter::of(&all, "rank of P, all unseen cases")?,
        ],
    })
}

impl Figure for SliceFigure {
    fn name(&self) -> &'static str {
        "fig4"
    }

    fn size(&self) -> (u32, u32) {
        (900, AROUND + ROW * self.samples.len() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, root: &Area<DB>) -> Drawn<DB> {
        let (width, height) = root.dim_in_pixel();
        let (width, height, scale) = (width as i32, height as i32, SCALE as i32);
        let title = "Does P, which a strategy may see, follow R?";
        root.draw_text(title, &bold(15.0, INK), (16 * scale, 10 * scale))?;
        let of = |label: &str, look: Look| Entry {
            label: label.to_owned(),
            line: Some(look),
            marker: Some((look.marker, look.color)),
        };
        let entries = [
            of("P: prediction against attention map", P_LOOK),
            of("R: prediction against ground truth", R_LOOK),
        ];
        legend(
            root,
            &entries,
            &font(12.0, INK),
            (16 * scale, 36 * scale),
            width,
        )?;
        draw_footer(root, &self.footer)?;
        let top = 64 * scale;
        let (cell_height, splits) = (ROW as i32 * scale, [36, 66, 100].map(|x| width * x / 100));
        for (row, sample) in self.samples.iter().enumerate() {
            let top = top + row as i32 * cell_height;
            let bottom = height - top - cell_height;
            let title = format!(
                "{} · case {} · {}",
                task_title(sample.task),
                sample.case,
                sample.state
            );
            root.draw_text(&title, &bold(12.0, INK), (16 * scale, top))?;
            let top = top + ROW_TITLE as i32 * scale;
            let cell = |left: i32, right: i32| root.margin(top, bottom, left, width - right);
            Self::profile(root, &cell(0, splits[0]), sample)?;
            for (scatter, edges) in sample.scatters.iter().zip(splits.windows(2)) {
                Self::scatter(root, &cell(edges[0], edges[1]), scatter)?;
            }
        }
        Ok(())
    }

    fn caption(&self) -> String {
        "Left: P and R of every axial slice of one unseen case (the paper's Fig. 4); Task 1 \
         compares by Dice, Task 2 by accuracy over foreground. Middle: the same slices by their \
         ranks, with the least-squares line; its coefficient is Spearman's correlation. Right: the \
         slices of all unseen cases at that round and seed. Brackets: 95 % intervals by Fisher's \
         transformation, as if slices were independent; neighbours are not, so they are too narrow. \
         Hollow circles are slices without foreground."
            .to_owned()
    }
}
