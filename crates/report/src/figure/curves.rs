//! Fig. 5 of the paper: Dice against what was annotated, a panel a task and part; and the same
//! against the foreground voxels that had to be drawn.

use super::marks::{Entry, legend, line, marker, stroke, text, whisker};
use super::panel::{AxisSpec, Panel};
use super::style::{GREY, INK, Look, Marker, bold, font, looks};
use super::{Area, Drawn, Figure, SCALE, footer};
use crate::curve::{Curves, Point};
use crate::finding::task_title;
use crate::minimum_cost::cost_margin;
use plotters::prelude::{Color, DrawingBackend, PathElement, Rectangle, WHITE};
use slicewise_data::{Part, Task};
use slicewise_experiment::Results;
use slicewise_experiment::record::FIRST;
use std::ops::Range;

/// What the horizontal axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// Annotated axial slices: the budget.
    Slices,
    /// Foreground voxels on them: the work.
    Voxels,
}

/// Height of one row of panels at reading size.
const ROW: u32 = 330;
/// Title, legend and footer.
const AROUND: u32 = 132;

/// Dice curves of all strategies.
pub(super) struct CurveFigure<'a> {
    curves: &'a Curves,
    axis: Axis,
    strategies: Vec<String>,
    looks: Vec<Look>,
    footer: [String; 2],
}

impl<'a> CurveFigure<'a> {
    pub(super) fn new(results: &Results, curves: &'a Curves, axis: Axis) -> Self {
        let strategies = curves.strategies();
        Self {
            curves,
            axis,
            looks: looks(&strategies),
            strategies,
            footer: footer(
                results,
                if results.manifest.seeds.len() > 1 {
                    "points and whiskers: mean and 95 % Student-t interval over seeds"
                } else {
                    "a single seed, so no intervals"
                },
            ),
        }
    }

    /// Annotated percentage of a point.
    fn x(&self, point: &Point) -> f64 {
        100.0
            * match self.axis {
                Axis::Slices => point.ratio,
                Axis::Voxels => point.cost.voxel_share,
            }
    }

    fn x_range(&self) -> Range<f64> {
        let points = self.curves.points.iter();
        let shown = points.filter(|p| p.strategy == FIRST || self.strategies.contains(&p.strategy));
        let end = shown.map(|point| self.x(point)).fold(10.0, f64::max);
        0.0..(end + 4.0).min(104.0)
    }

    /// One range for both parts of a task, so that they compare at a glance. It holds every
    /// mean; a long interval may leave it by the top or bottom.
    fn y_range(&self, task: Task) -> Range<f64> {
        let points: Vec<&Point> = self
            .curves
            .points
            .iter()
            .filter(|p| p.task == task)
            .collect();
        let extent = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::MAX, f64::MIN), |(low, high), v| {
                (low.min(v), high.max(v))
            })
        };
        let (low, high) = extent(&mut points.iter().map(|p| p.dice.mean));
        let (whisker_low, _) =
            extent(&mut points.iter().map(|p| p.dice.low.unwrap_or(p.dice.mean)));
        let (_, whisker_high) =
            extent(&mut points.iter().map(|p| p.dice.high.unwrap_or(p.dice.mean)));
        let span = (high - low).max(0.02);
        let low = whisker_low.max(low - 0.3 * span) - 0.06 * span;
        let high = whisker_high.min(high + 0.3 * span) + 0.06 * span;
        low.max(0.0)..high.min(1.0)
    }

    fn panel<DB: DrawingBackend>(
        &self,
        root: &Area<DB>,
        cell: &Area<DB>,
        task: Task,
        part: Part,
    ) -> Drawn<DB> {
        let y = self.y_range(task);
        let part_title = match part {
            Part::A => "Part A (training)",
            Part::B => "Part B (unseen)",
        };
        let title = format!("{} · {part_title}", task_title(task));
        let panel = Panel::draw(
            cell,
            &title,
            AxisSpec {
                range: self.x_range(),
                label: match self.axis {
                    Axis::Slices => "annotated axial slices (%)",
                    Axis::Voxels => "annotated foreground voxels (%)",
                },
                decimals: 0,
                ticks: 8,
            },
            AxisSpec {
                decimals: if y.end - y.start < 0.06 { 3 } else { 2 },
                range: y,
                label: "mean Dice",
                ticks: 7,
            },
            52,
        )?;
        self.full_annotation(root, &panel, task, part)?;
        // Sideways, so that whiskers at one ratio do not hide each other.
        let middle = (self.strategies.len() as f64 - 1.0) / 2.0;
        for (index, (strategy, look)) in self.strategies.iter().zip(&self.looks).enumerate() {
            let aside = match self.axis {
                Axis::Slices => ((index as f64 - middle) * 7.0).round() as i32,
                Axis::Voxels => 0,
            };
            self.curve(
                root,
                &panel,
                &self.curves.of_strategy(task, part, strategy),
                *look,
                aside,
            )?;
        }
        if let Some(first) = self.curves.panel(task, part).find(|p| p.strategy == FIRST) {
            marker(
                root,
                panel.place(self.x(first), first.dice.mean),
                Marker::Circle,
                9.0,
                GREY,
            )?;
        }
        if part == Part::B {
            self.stars(root, &panel, task)?;
        }
        Ok(())
    }

    /// Minimum labelling costs at the foot of the panel, where no curve runs: a row a strategy,
    /// so that equal costs do not hide each other.
    fn stars<DB: DrawingBackend>(&self, root: &Area<DB>, panel: &Panel, task: Task) -> Drawn<DB> {
        for (index, (strategy, look)) in self.strategies.iter().zip(&self.looks).enumerate() {
            if let Some(star) = self.curves.minimum_cost(task, strategy) {
                let (x, _) = panel.place(self.x(star), star.dice.mean);
                let y = panel.pixels.1.end - 24 - 32 * index as i32;
                marker(root, (x, y), Marker::Star, 16.0, look.color)?;
            }
        }
        Ok(())
    }

    fn full_annotation<DB: DrawingBackend>(
        &self,
        root: &Area<DB>,
        panel: &Panel,
        task: Task,
        part: Part,
    ) -> Drawn<DB> {
        let Some(full) = self.curves.full(task, part) else {
            return Ok(());
        };
        let (left, right) = (panel.pixels.0.start, panel.pixels.0.end);
        if let (Some(low), Some(high)) = (full.dice.low, full.dice.high) {
            let corners = [(left, panel.clamp_y(high).0), (right, panel.clamp_y(low).0)];
            root.draw(&Rectangle::new(corners, GREY.mix(0.14).filled()))?;
        }
        let (_, y) = panel.place(0.0, full.dice.mean);
        root.draw(&PathElement::new(
            vec![(left, y), (right, y)],
            stroke(GREY, 3),
        ))?;
        text(
            root,
            &format!("{:.3}", full.dice.mean),
            &font(11.0, GREY),
            (right + 8, y),
        )
    }

    fn curve<DB: DrawingBackend>(
        &self,
        root: &Area<DB>,
        panel: &Panel,
        points: &[&Point],
        look: Look,
        aside: i32,
    ) -> Drawn<DB> {
        let place = |point: &Point| {
            let (x, y) = panel.place(self.x(point), point.dice.mean);
            (
                if point.strategy == FIRST {
                    x
                } else {
                    x + aside
                },
                y,
            )
        };
        let at: Vec<_> = points.iter().map(|point| place(point)).collect();
        for (point, &(x, _)) in points.iter().zip(&at) {
            if let (Some(low), Some(high)) = (point.dice.low, point.dice.high) {
                let color = if point.strategy == FIRST {
                    GREY
                } else {
                    look.color
                };
                whisker(root, x, panel.clamp_y(low), panel.clamp_y(high), color)?;
            }
        }
        line(root, &at, look)?;
        for (point, &at) in points.iter().zip(&at) {
            if point.strategy != FIRST {
                marker(root, at, look.marker, 10.0, look.color)?;
            }
        }
        Ok(())
    }

    /// The rule of the stars: `0.005 (Task 1) and 0.01 (Task 2)`.
    fn margins(&self, and: &str) -> String {
        let tasks = self.curves.tasks().into_iter();
        tasks
            .map(|task| format!("{} (Task {})", cost_margin(task), task.number()))
            .collect::<Vec<_>>()
            .join(and)
    }

    fn legend(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self
            .strategies
            .iter()
            .zip(&self.looks)
            .map(|(name, look)| Entry {
                label: name.clone(),
                line: Some(*look),
                marker: Some((look.marker, look.color)),
            })
            .collect();
        let has = |strategy| self.curves.points.iter().any(|p| p.strategy == strategy);
        if has(FIRST) {
            entries.push(Entry {
                label: "first round (shared)".to_owned(),
                line: None,
                marker: Some((Marker::Circle, GREY)),
            });
        }
        if has(slicewise_experiment::record::FULL) {
            let line = Look {
                color: GREY,
                marker: Marker::Circle,
                dash: None,
            };
            entries.push(Entry {
                label: "full annotation".to_owned(),
                line: Some(line),
                marker: None,
            });
            entries.push(Entry {
                label: format!(
                    "minimum labelling cost: Part B within {} of full",
                    self.margins(", ")
                ),
                line: None,
                marker: Some((Marker::Star, WHITE)),
            });
        }
        entries
    }
}

impl Figure for CurveFigure<'_> {
    fn name(&self) -> &'static str {
        match self.axis {
            Axis::Slices => "fig5",
            Axis::Voxels => "voxels",
        }
    }

    fn size(&self) -> (u32, u32) {
        (900, AROUND + ROW * self.curves.tasks().len() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, root: &Area<DB>) -> Drawn<DB> {
        let (width, height) = root.dim_in_pixel();
        let (width, height, scale) = (width as i32, height as i32, SCALE as i32);
        let title = match self.axis {
            Axis::Slices => "Dice against annotated slices",
            Axis::Voxels => "Dice against the foreground voxels that had to be drawn",
        };
        root.draw_text(title, &bold(15.0, INK), (16 * scale, 10 * scale))?;
        legend(
            root,
            &self.legend(),
            &font(12.0, INK),
            (16 * scale, 34 * scale),
            width - 32 * scale,
        )?;
        super::draw_footer(root, &self.footer)?;

        let top = 86 * scale;
        let tasks = self.curves.tasks();
        let (cell_width, cell_height) = (width / 2, ROW as i32 * scale);
        debug_assert!(top + cell_height * tasks.len() as i32 <= height);
        for (row, &task) in tasks.iter().enumerate() {
            for (column, part) in [Part::A, Part::B].into_iter().enumerate() {
                let (left, top) = (column as i32 * cell_width, top + row as i32 * cell_height);
                let cell = root.margin(
                    top,
                    height - top - cell_height,
                    left,
                    width - left - cell_width,
                );
                self.panel(root, &cell, task, part)?;
            }
        }
        Ok(())
    }

    fn caption(&self) -> String {
        let star = format!(
            "The stars at the foot of the Part B panels stand at each strategy's minimum labelling \
             cost: the smallest ratio at which its Part B Dice is on average at most {} below full annotation's on \
             the same case and seed, a rule of ours since the paper states none; a strategy without a star reaches that at none of its ratios.",
            self.margins(" and ")
        );
        let what = match self.axis {
            Axis::Slices => {
                "Mean Dice over foreground classes against the annotated share of each training \
                 volume's axial slices (the paper's Fig. 5). All strategies fork from one shared \
                 first round; points at one ratio stand a little apart so that whiskers can be \
                 told apart."
            }
            Axis::Voxels => {
                "The same points against the share of all foreground voxels that lie on annotated \
                 slices, which is what an annotator has to draw: slices are not equally much work."
            }
        };
        format!(
            "{what} Whiskers and the grey band are 95 % Student-t intervals over seeds, cut at \
             the edge where they are longer than the panel. {star}"
        )
    }
}
