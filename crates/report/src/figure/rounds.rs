//! Fig. 4 over all rounds: how well P, and uncertainty beside it, rank unseen slices as R does
//! while annotation grows. The paper shows one sample at one round.

use super::marks::{Entry, hollow_marker, legend, line, marker, text, whisker};
use super::panel::{AxisSpec, Panel, number};
use super::style::{GREY, INK, Look, Marker, bold, font, looks};
use super::{Area, Drawn, Figure, Place, SCALE, draw_footer, footer};
use crate::agreement::{PrAgreement, Scope, Signal, Slices};
use crate::finding::task_title;
use crate::order::{is_strategy, ratio_key, strategy_key};
use plotters::prelude::{DrawingBackend, RGBColor};
use slicewise_data::Task;
use slicewise_experiment::Results;
use slicewise_experiment::record::{FIRST, FULL};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Height of one row of panels at reading size.
const ROW: u32 = 330;
/// Title, legend and footer.
const AROUND: u32 = 140;
/// Of lines for uncertainty, whatever the strategy.
const DOTS: (u32, u32) = (3, 9);

/// Coefficients of every strategy, a panel a task and choice of slices.
pub(super) struct RoundFigure<'a> {
    entries: Vec<&'a PrAgreement>,
    tasks: BTreeSet<Task>,
    strategies: Vec<String>,
    looks: Vec<Look>,
    footer: [String; 2],
}

impl<'a> RoundFigure<'a> {
    /// `None` if no strategy's records hold P.
    pub(super) fn new(results: &Results, agreements: &'a [PrAgreement]) -> Option<Self> {
        let entries: Vec<&PrAgreement> = agreements
            .iter()
            .filter(|entry| entry.scope == Scope::Pooled)
            .collect();
        let of_strategies = entries.iter().filter(|entry| is_strategy(&entry.strategy));
        let strategies: BTreeMap<_, String> = of_strategies
            .map(|entry| (strategy_key(&entry.strategy), entry.strategy.clone()))
            .collect();
        let strategies: Vec<String> = strategies.into_values().collect();
        let n = entries.iter().map(|entry| entry.n).max().unwrap_or(0);
        let over = if results.manifest.seeds.len() > 1 {
            "mean and 95 % Student-t interval over seeds"
        } else {
            "a single seed, so no intervals"
        };
        (!strategies.is_empty()).then(|| Self {
            tasks: entries.iter().map(|entry| entry.task).collect(),
            looks: looks(&strategies),
            strategies,
            entries,
            footer: footer(
                results,
                &format!("{over}; up to n = {n} slices a point, all seeds together"),
            ),
        })
    }

    fn panel_entries(&self, task: Task, slices: Slices) -> Vec<&'a PrAgreement> {
        let entries = self.entries.iter().copied();
        entries
            .filter(|entry| entry.task == task && entry.slices == slices)
            .collect()
    }

    fn x_range(&self) -> Range<f64> {
        let shown = self.entries.iter().filter(|entry| entry.strategy != FULL);
        let end = shown.map(|entry| 100.0 * entry.ratio).fold(10.0, f64::max);
        0.0..(end + 4.0).min(104.0)
    }

    /// One range for both panels of a task: every mean is inside, long intervals may leave it.
    fn y_range(&self, task: Task) -> Range<f64> {
        let of_task = self.entries.iter().filter(|entry| entry.task == task);
        let lowest = of_task.map(|entry| entry.spearman.mean).fold(1.0, f64::min);
        ((lowest * 5.0).floor() / 5.0 - 0.2).max(-1.0)..1.04
    }

    fn panel<DB: DrawingBackend>(
        &self,
        root: &Area<DB>,
        cell: &Area<DB>,
        task: Task,
        slices: Slices,
    ) -> Drawn<DB> {
        let which = match slices {
            Slices::All => "all slices",
            Slices::Foreground => "slices with foreground",
        };
        let panel = Panel::draw(
            cell,
            &format!("{} · {which}", task_title(task)),
            AxisSpec {
                range: self.x_range(),
                label: "annotated axial slices (%)",
                decimals: 0,
                ticks: 8,
            },
            AxisSpec {
                range: self.y_range(task),
                label: "rank correlation with R",
                decimals: 1,
                ticks: 8,
            },
            52,
        )?;
        let entries = self.panel_entries(task, slices);
        // P last, so that it lies on top.
        for signal in [Signal::Uncertainty, Signal::P] {
            let of_signal = |name: &str| -> Vec<&PrAgreement> {
                let entries = entries.iter().copied();
                entries
                    .filter(|entry| entry.signal == signal && entry.strategy == name)
                    .collect()
            };
            if let Some(full) = of_signal(FULL).first() {
                full_annotation(root, &panel, full)?;
            }
            let first = of_signal(FIRST);
            let middle = (self.strategies.len() as f64 - 1.0) / 2.0;
            for (index, (strategy, look)) in self.strategies.iter().zip(&self.looks).enumerate() {
                let mut curve = of_signal(strategy);
                curve.sort_by_key(|entry| ratio_key(entry.ratio));
                let aside = ((index as f64 - middle) * 7.0).round() as i32;
                draw_curve(root, &panel, &first, &curve, styled(*look, signal), aside)?;
            }
            for entry in first {
                let at = panel.place(100.0 * entry.ratio, entry.spearman.mean);
                draw_interval(root, &panel, entry, at.0, GREY)?;
                signal_marker(root, at, Marker::Circle, signal, GREY)?;
            }
        }
        Ok(())
    }

    fn legend(&self) -> Vec<Entry> {
        let strategies = self.strategies.iter().zip(&self.looks);
        let mut entries: Vec<Entry> = strategies
            .map(|(name, look)| Entry {
                label: name.clone(),
                line: None,
                marker: Some((look.marker, look.color)),
            })
            .collect();
        let any = |strategy| self.entries.iter().any(|entry| entry.strategy == strategy);
        if any(FIRST) {
            entries.push(Entry {
                label: "first round (shared)".to_owned(),
                line: None,
                marker: Some((Marker::Circle, GREY)),
            });
        }
        let of_line = |signal, label: &str, color| Entry {
            label: label.to_owned(),
            line: Some(plain(signal, color)),
            marker: None,
        };
        entries.extend([
            of_line(Signal::P, "P with R (solid, filled)", INK),
            of_line(
                Signal::Uncertainty,
                "−uncertainty with R (dotted, hollow)",
                INK,
            ),
        ]);
        if any(FULL) {
            entries.push(of_line(Signal::P, "full annotation", GREY));
        }
        entries
    }
}

/// A line of no strategy.
fn plain(signal: Signal, color: RGBColor) -> Look {
    let solid = Look {
        color,
        marker: Marker::Circle,
        dash: None,
    };
    styled(solid, signal)
}

/// Solid for P, dotted for uncertainty.
fn styled(look: Look, signal: Signal) -> Look {
    Look {
        dash: (signal == Signal::Uncertainty).then_some(DOTS),
        ..look
    }
}

/// Filled for P, hollow for uncertainty.
fn signal_marker<DB: DrawingBackend>(
    root: &Area<DB>,
    at: Place,
    shape: Marker,
    signal: Signal,
    color: RGBColor,
) -> Drawn<DB> {
    match signal {
        Signal::P => marker(root, at, shape, 10.0, color),
        Signal::Uncertainty => hollow_marker(root, at, shape, 8.0, color),
    }
}

/// A level line with its interval and value at the right.
fn full_annotation<DB: DrawingBackend>(
    root: &Area<DB>,
    panel: &Panel,
    full: &PrAgreement,
) -> Drawn<DB> {
    let (left, right) = (panel.pixels.0.start, panel.pixels.0.end);
    let (y, _) = panel.clamp_y(full.spearman.mean);
    line(root, &[(left, y), (right, y)], plain(full.signal, GREY))?;
    draw_interval(root, panel, full, right, GREY)?;
    let value = number(full.spearman.mean, 2);
    text(root, &value, &font(11.0, GREY), (right + 12, y))
}

/// A whisker at `x`, if there is an interval.
fn draw_interval<DB: DrawingBackend>(
    root: &Area<DB>,
    panel: &Panel,
    entry: &PrAgreement,
    x: i32,
    color: RGBColor,
) -> Drawn<DB> {
    match (entry.spearman.low, entry.spearman.high) {
        (Some(low), Some(high)) => whisker(root, x, panel.clamp_y(low), panel.clamp_y(high), color),
        _ => Ok(()),
    }
}

fn draw_curve<DB: DrawingBackend>(
    root: &Area<DB>,
    panel: &Panel,
    first: &[&PrAgreement],
    curve: &[&PrAgreement],
    look: Look,
    aside: i32,
) -> Drawn<DB> {
    let place = |entry: &PrAgreement, aside: i32| {
        let (x, y) = panel.place(100.0 * entry.ratio, entry.spearman.mean);
        (x + aside, y)
    };
    let own: Vec<Place> = curve.iter().map(|entry| place(entry, aside)).collect();
    for (entry, &(x, _)) in curve.iter().zip(&own) {
        draw_interval(root, panel, entry, x, look.color)?;
    }
    let start = first.iter().map(|entry| place(entry, 0));
    let points: Vec<Place> = start.chain(own.iter().copied()).collect();
    line(root, &points, look)?;
    for (entry, &at) in curve.iter().zip(&own) {
        signal_marker(root, at, look.marker, entry.signal, look.color)?;
    }
    Ok(())
}

impl Figure for RoundFigure<'_> {
    fn name(&self) -> &'static str {
        "fig4-rounds"
    }

    fn size(&self) -> (u32, u32) {
        (900, AROUND + ROW * self.tasks.len() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, root: &Area<DB>) -> Drawn<DB> {
        let (width, height) = root.dim_in_pixel();
        let (width, height, scale) = (width as i32, height as i32, SCALE as i32);
        let title = "Does P follow R better as annotation grows, and better than uncertainty?";
        root.draw_text(title, &bold(15.0, INK), (16 * scale, 10 * scale))?;
        let place = (16 * scale, 34 * scale);
        legend(
            root,
            &self.legend(),
            &font(12.0, INK),
            place,
            width - 32 * scale,
        )?;
        draw_footer(root, &self.footer)?;
        let (cell_width, cell_height) = (width / 2, ROW as i32 * scale);
        for (row, &task) in self.tasks.iter().enumerate() {
            let top = 94 * scale + row as i32 * cell_height;
            let bottom = height - top - cell_height;
            for (column, slices) in Slices::ALL.into_iter().enumerate() {
                let left = column as i32 * cell_width;
                let cell = root.margin(top, bottom, left, width - left - cell_width);
                self.panel(root, &cell, task, slices)?;
            }
        }
        Ok(())
    }

    fn caption(&self) -> String {
        "Spearman's correlation with R over all slices of all unseen cases of a seed: of P (solid \
         lines, filled marks), and of the uncertainty query's score with its sign flipped (dotted \
         lines, hollow marks), on the same models. Whiskers are 95 % Student-t intervals over seeds, \
         cut at the edge where they are longer than the panel; points at one ratio stand a little \
         apart. Grey lines, with their interval at the right: full annotation. A higher curve tells \
         a strategy more about which slices are segmented badly."
            .to_owned()
    }
}
