//! How far a sweep is: bars on a terminal, plain lines elsewhere, both with what is left.

use crate::config::ExperimentConfig;
use crate::schedule::steps;
use crate::worker::Event;
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use slicewise_experiment::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two lines of progress where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(30);

/// The sweep's display, on standard error.
pub(crate) struct Progress {
    started: Instant,
    said: Instant,
    bars: Option<Bars>,
    total_steps: usize,
    /// Steps of each cell so far, running or ended.
    done: BTreeMap<Cell, usize>,
    whole: BTreeMap<Cell, usize>,
    ended: usize,
    /// Of those that ended.
    failed: usize,
    /// Of all rounds: training and predicting, and of it writing checkpoints.
    seconds: f64,
    saving: f64,
}

struct Bars {
    all: MultiProgress,
    sweep: ProgressBar,
    cells: BTreeMap<Cell, ProgressBar>,
}

impl Progress {
    /// For the cells in `open`.
    pub(crate) fn new(config: &ExperimentConfig, open: &[Cell], jobs: usize) -> Self {
        let whole: BTreeMap<Cell, usize> = open
            .iter()
            .map(|cell| (cell.clone(), steps(config, cell)))
            .collect();
        let total_steps = whole.values().sum();
        let all = MultiProgress::new();
        let cells = config.cells().len();
        let bars = (!all.is_hidden()).then(|| {
            let sweep = all.add(ProgressBar::new(total_steps as u64));
            sweep.set_style(style("{bar:30} {percent:>3} %  {msg}"));
            Bars {
                all,
                sweep,
                cells: BTreeMap::new(),
            }
        });
        let progress = Self {
            started: Instant::now(),
            said: Instant::now(),
            bars,
            total_steps,
            done: BTreeMap::new(),
            whole,
            ended: 0,
            failed: 0,
            seconds: 0.0,
            saving: 0.0,
        };
        progress.line(&format!(
            "{} of {cells} cells to run, {total_steps} training steps, {jobs} side by side",
            open.len()
        ));
        progress
    }

    /// A worker runs `cell`.
    pub(crate) fn started(&mut self, cell: &Cell) {
        self.done.insert(cell.clone(), 0);
        if let Some(bars) = &mut self.bars {
            let bar = bars.all.add(ProgressBar::new(self.whole[cell] as u64));
            bar.set_style(style("  {bar:28} {pos:>5}/{len} steps  {prefix}"));
            bar.set_prefix(cell.to_string());
            bars.cells.insert(cell.clone(), bar);
        }
    }

    /// A worker said something.
    pub(crate) fn event(&mut self, cell: &Cell, event: &Event) {
        match event {
            Event::Steps(steps) => {
                self.done.insert(cell.clone(), *steps);
                self.show(cell);
            }
            Event::Note(text) => self.line(text),
            Event::Round {
                ratio,
                loss,
                dice_a,
                dice_b,
                seconds,
                saving,
            } => {
                self.seconds += seconds;
                self.saving += saving;
                let dice = |value: &Option<f64>| {
                    value.map_or_else(|| "–".to_owned(), |dice| format!("{dice:.3}"))
                };
                self.line(&format!(
                    "{cell} · {:.1} % annotated: Dice A {} B {}, loss {loss:.3}, {seconds:.0} s",
                    100.0 * ratio,
                    dice(dice_a),
                    dice(dice_b)
                ));
            }
        }
    }

    /// A cell is whole.
    pub(crate) fn ended(&mut self, cell: &Cell) {
        self.done.insert(cell.clone(), self.whole[cell]);
        self.end(cell);
    }

    /// A cell is lost.
    pub(crate) fn failed(&mut self, cell: &Cell, why: &str) {
        self.line(&format!("FAILED {cell}: {why}"));
        self.total_steps -= self.whole[cell];
        self.done.remove(cell);
        self.failed += 1;
        self.end(cell);
    }

    /// Takes the bars away.
    pub(crate) fn finish(&self) {
        if let Some(bars) = &self.bars {
            bars.sweep.finish_and_clear();
        }
        if !self.whole.is_empty() {
            let failed = match self.failed {
                0 => String::new(),
                failed => format!(", {failed} of them failed"),
            };
            let saving = match self.seconds {
                0.0 => String::new(),
                seconds => format!(
                    "; checkpoints took {:.2} % of training and predicting",
                    100.0 * self.saving / seconds
                ),
            };
            self.line(&format!(
                "{} cells in {}{failed}{saving}",
                self.ended,
                HumanDuration(self.started.elapsed())
            ));
        }
    }

    fn end(&mut self, cell: &Cell) {
        self.ended += 1;
        if let Some(bar) = self.bars.as_mut().and_then(|bars| bars.cells.remove(cell)) {
            bar.finish_and_clear();
        }
        self.show(cell);
    }

    fn show(&mut self, cell: &Cell) {
        let done: usize = self.done.values().sum();
        let left = if done == 0 {
            "estimating what is left".to_owned()
        } else {
            let rest = self.total_steps.saturating_sub(done) as f64 / done as f64;
            format!(
                "about {} left",
                HumanDuration(self.started.elapsed().mul_f64(rest))
            )
        };
        let text = format!("{}/{} cells, {left}", self.ended, self.whole.len());
        match &self.bars {
            Some(bars) => {
                bars.sweep.set_length(self.total_steps as u64);
                bars.sweep.set_position(done as u64);
                bars.sweep.set_message(text);
                if let (Some(bar), Some(&steps)) = (bars.cells.get(cell), self.done.get(cell)) {
                    bar.set_position(steps as u64);
                }
            }
            None if self.said.elapsed() >= PLAIN_EVERY => {
                self.said = Instant::now();
                eprintln!("{done}/{} steps, {text}", self.total_steps);
            }
            None => {}
        }
    }

    /// Says `text` above the bars.
    pub(crate) fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => {
                // A terminal that is gone shows nothing; the sweep goes on.
                let _ = bars.all.println(text);
            }
            None => eprintln!("{text}"),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█▌·")
}
