//! The ablation of the attention head: a row a model; how well P ranks slices as R does on the
//! left, the Dice of both segmentations on the right.

use super::marks::{Entry, legend, marker, stroke, text};
use super::style::{FAINT, GREY, INK, Marker, P_LOOK, R_LOOK, bold, font};
use super::{Area, Drawn, Figure, Place, SCALE, draw_footer, footer};
use crate::finding::task_title;
use crate::heads::{HeadMeasure, HeadRound, HeadRow, compared_rounds, head_rows};
use crate::order::{label, percent};
use plotters::prelude::{DrawingBackend, PathElement, RGBColor, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use slicewise_data::Task;
use slicewise_experiment::Results;
use slicewise_experiment::record::FULL;
use slicewise_metrics::Interval;
use std::ops::Range;

/// Height of a model's row, of a task's title and axis, and of all else, at reading size.
const ROW: u32 = 40;
const BLOCK: u32 = 84;
const AROUND: u32 = 112;

/// Measures of one panel, and the name of its axis.
const PANELS: [([HeadMeasure; 2], &str); 2] = [
    (
        [HeadMeasure::AllSlices, HeadMeasure::ForegroundSlices],
        "rank correlation of P with R",
    ),
    ([HeadMeasure::Sr1, HeadMeasure::Sr2], "mean Dice"),
];

/// All tasks of a sweep.
pub(super) struct HeadFigure {
    rows: Vec<HeadRow>,
    tasks: Vec<Task>,
    footer: [String; 2],
}

/// One horizontal axis on the figure.
struct Axis {
    range: Range<f64>,
    /// Distance of two ticks.
    step: f64,
    /// Drawn units, left and right.
    ends: (i32, i32),
}

impl Axis {
    /// Holds every mean and interval of `values`, the latter within `limits`.
    fn of(values: &[Interval], limits: Range<f64>, ends: (i32, i32)) -> Self {
        let lows = values.iter().map(|value| value.low.unwrap_or(value.mean));
        let highs = values.iter().map(|value| value.high.unwrap_or(value.mean));
        let low = lows.fold(limits.end, f64::min).max(limits.start);
        let high = highs.fold(limits.start, f64::max).min(limits.end);
        let span = (high - low).max(0.02);
        let step = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
            .into_iter()
            .find(|step| span / step <= 6.0)
            .unwrap_or(0.5);
        let range = (low / step).floor() * step..(high / step).ceil() * step;
        Self { range, step, ends }
    }

    fn x(&self, value: f64) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        let (left, right) = self.ends;
        left + (share.clamp(0.0, 1.0) * f64::from(right - left)).round() as i32
    }

    /// Ticks from the left end to the right one.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.range.end - self.range.start) / self.step).round() as i32;
        let (start, step) = (self.range.start, self.step);
        (0..=count).map(move |tick| start + f64::from(tick) * step)
    }

    /// Grid, tick labels and name, around rows from `top` to `bottom`.
    fn draw<DB: DrawingBackend>(
        &self,
        root: &Area<DB>,
        name: &str,
        (top, bottom): (i32, i32),
    ) -> Drawn<DB> {
        let below = |points| font(points, INK).pos(Pos::new(HPos::Center, VPos::Top));
        let decimals = match self.step {
            step if step < 0.01 => 3,
            step if step < 0.1 => 2,
            _ => 1,
        };
        for tick in self.ticks() {
            let x = self.x(tick);
            // A zero stands out: a head below it ranks slices the wrong way.
            let color = if tick.abs() < self.step / 2.0 {
                GREY
            } else {
                FAINT
            };
            root.draw(&PathElement::new(
                vec![(x, top), (x, bottom)],
                stroke(color, 2),
            ))?;
            let words = format!("{tick:.decimals$}").replace('-', "−");
            root.draw_text(&words, &below(10.0), (x, bottom + 6))?;
        }
        let (left, right) = self.ends;
        root.draw(&Rectangle::new(
            [(left, top), (right, bottom)],
            stroke(INK, 2),
        ))?;
        root.draw_text(name, &below(11.0), ((left + right) / 2, bottom + 38))
    }
}

/// How the first and the second measure of a panel look.
fn looks(measures: [HeadMeasure; 2]) -> [(Marker, RGBColor); 2] {
    match measures {
        [HeadMeasure::Sr1, _] => [
            (Marker::Triangle, super::style::BLACK),
            (Marker::Diamond, super::style::ORANGE),
        ],
        _ => [(P_LOOK.marker, P_LOOK.color), (R_LOOK.marker, R_LOOK.color)],
    }
}

impl HeadFigure {
    /// `None` unless two models with attention share a round.
    pub(super) fn new(results: &Results) -> Option<Self> {
        let rows = head_rows(results);
        let mut tasks: Vec<Task> = results.manifest.data.iter().map(|data| data.task).collect();
        tasks.retain(|&task| !compared_rounds(&rows, task).is_empty());
        (!tasks.is_empty()).then(|| Self {
            rows,
            tasks,
            footer: footer(
                results,
                if results.manifest.seeds.len() > 1 {
                    "Part B, mean and 95 % Student-t interval over seeds"
                } else {
                    "Part B, a single seed, so no intervals"
                },
            ),
        })
    }

    /// Points that the names of models take.
    fn label_width(&self) -> i32 {
        let longest = self.rows.iter().map(|row| row.model.chars().count()).max();
        (7 * longest.unwrap_or(0) as i32 + 24).min(360)
    }

    fn height(&self, task: Task) -> u32 {
        BLOCK + ROW * compared_rounds(&self.rows, task).len() as u32
    }

    fn task<DB: DrawingBackend>(&self, root: &Area<DB>, task: Task, top: i32) -> Drawn<DB> {
        let scale = SCALE as i32;
        let rounds = compared_rounds(&self.rows, task);
        let Some(first) = rounds.first() else {
            return Ok(());
        };
        let state = match first.strategy {
            FULL => label(FULL).to_owned(),
            strategy => format!("{strategy} at {}", percent(first.ratio)),
        };
        let state = format!("{} · {state}", task_title(task));
        root.draw_text(&state, &bold(12.0, INK), (16 * scale, top))?;
        let top = top + 24 * scale;
        let bottom = top + rounds.len() as i32 * ROW as i32 * scale;
        let (width, _) = root.dim_in_pixel();
        let labels = 16 * scale + self.label_width() * scale;
        let panel = (width as i32 - labels) / 2;
        for (column, (measures, name)) in PANELS.into_iter().enumerate() {
            let left = labels + column as i32 * panel;
            let ends = (left, left + panel - 40 * scale);
            let values: Vec<Interval> = rounds
                .iter()
                .flat_map(|round| round.cells.iter().flatten())
                .filter(|row| measures.contains(&row.measure))
                .map(|row| row.value)
                .collect();
            let limits = if column == 0 { -1.0..1.0 } else { 0.0..1.0 };
            let axis = Axis::of(&values, limits, ends);
            axis.draw(root, name, (top, bottom))?;
            for (index, round) in rounds.iter().enumerate() {
                let y = top + (index as i32 * ROW as i32 + ROW as i32 / 2) * scale;
                Self::dots(root, &axis, round, measures, y)?;
            }
        }
        for (index, round) in rounds.iter().enumerate() {
            let y = top + (index as i32 * ROW as i32 + ROW as i32 / 2) * scale;
            text(root, round.model, &font(11.0, INK), (16 * scale, y))?;
        }
        Ok(())
    }

    /// The first measure a little above the middle of the row, the second below.
    fn dots<DB: DrawingBackend>(
        root: &Area<DB>,
        axis: &Axis,
        round: &HeadRound<'_>,
        measures: [HeadMeasure; 2],
        middle: i32,
    ) -> Drawn<DB> {
        let rows = round.cells.iter().flatten();
        for ((measure, (shape, color)), aside) in
            measures.into_iter().zip(looks(measures)).zip([-16, 16])
        {
            let Some(row) = rows.clone().find(|row| row.measure == measure) else {
                continue;
            };
            let y = middle + aside;
            if let (Some(low), Some(high)) = (row.value.low, row.value.high) {
                let line: Vec<Place> = vec![(axis.x(low), y), (axis.x(high), y)];
                root.draw(&PathElement::new(line, stroke(color, 3)))?;
                for end in [low, high]
                    .into_iter()
                    .filter(|end| axis.range.contains(end))
                {
                    let x = axis.x(end);
                    root.draw(&PathElement::new(
                        vec![(x, y - 6), (x, y + 6)],
                        stroke(color, 3),
                    ))?;
                }
            }
            marker(root, (axis.x(row.value.mean), y), shape, 9.0, color)?;
        }
        Ok(())
    }
}

impl Figure for HeadFigure {
    fn name(&self) -> &'static str {
        "heads"
    }

    fn size(&self) -> (u32, u32) {
        let tasks: u32 = self.tasks.iter().map(|&task| self.height(task)).sum();
        (900, AROUND + tasks)
    }

    fn draw<DB: DrawingBackend>(&self, root: &Area<DB>) -> Drawn<DB> {
        let (width, _) = root.dim_in_pixel();
        let scale = SCALE as i32;
        let title = "Which attention head makes P follow R?";
        root.draw_text(title, &bold(15.0, INK), (16 * scale, 10 * scale))?;
        let entries: Vec<Entry> = PANELS
            .into_iter()
            .flat_map(|(measures, _)| measures.into_iter().zip(looks(measures)))
            .map(|(measure, mark)| Entry {
                label: measure.title().to_owned(),
                line: None,
                marker: Some(mark),
            })
            .collect();
        let style = font(12.0, INK);
        legend(root, &entries, &style, (0, 34 * scale), width as i32)?;
        draw_footer(root, &self.footer)?;
        let mut top = 70 * scale;
        for &task in &self.tasks {
            self.task(root, task, top)?;
            top += self.height(task) as i32 * scale;
        }
        Ok(())
    }

    fn caption(&self) -> String {
        "Every model with an attention map, at one round that they share. Left: Spearman's \
         correlation of P, which a strategy may see, with R, over all unseen slices of a seed and \
         over those with foreground. Right: mean Dice of the segmentation (SR1) and of the \
         attention map's (SR2). Bars are 95 % Student-t intervals over seeds, cut at the edge \
         where they leave what the measure can be."
            .to_owned()
    }
}
