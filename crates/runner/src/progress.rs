//! Shows how far a sweep is and how long it still takes: as bars on a terminal, as plain lines
//! elsewhere.

use crate::config::ExperimentConfig;
use crate::estimate::{Estimate, Paces};
use crate::notice::{is_quiet, notice};
use crate::worker::Event;
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use slicewise_experiment::Run;
use slicewise_model::InstructionSet;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Time between two lines of progress where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(30);

/// The longest time that the first estimate waits for the slowest of the first workers.
const LONGEST_WAIT_FOR_ESTIMATE: Duration = Duration::from_secs(10);

/// The sweep's display, on standard error.
pub(crate) struct Progress {
    started: Instant,
    last_line: Instant,
    bars: Option<Bars>,
    total_steps: usize,
    /// Steps done so far by each run, at work or ended.
    done: BTreeMap<Run, usize>,
    whole: BTreeMap<Run, usize>,
    ended: usize,
    /// Number of ended runs that failed.
    failed: usize,
    /// Seconds of training and predicting over all rounds, and seconds of those for writing
    /// checkpoints.
    seconds: f64,
    saving: f64,
    estimate: Estimate,
    /// Instruction set or GPU, and precision: `AVX2, float32`.
    machine: String,
    jobs: usize,
    /// For each run at work: when it started or last reported, and its steps at that report.
    since: BTreeMap<Run, (Instant, Option<usize>)>,
    /// Whether the sweep's duration has been announced.
    announced: bool,
}

struct Bars {
    all: MultiProgress,
    sweep: ProgressBar,
    runs: BTreeMap<Run, ProgressBar>,
}

impl Progress {
    /// Starts a display for the runs in `open`, whose duration `estimate` knows.
    pub(crate) fn new(
        config: &ExperimentConfig,
        open: &[Run],
        jobs: usize,
        estimate: Estimate,
    ) -> Self {
        let whole: BTreeMap<Run, usize> = open
            .iter()
            .map(|run| (run.clone(), config.steps(run)))
            .collect();
        let total_steps = whole.values().sum();
        let all = MultiProgress::new();
        let runs = config.runs().len();
        let bars = (!all.is_hidden() && !is_quiet()).then(|| {
            let sweep = all.add(ProgressBar::new(total_steps as u64));
            sweep.set_style(style("{bar:30} {percent:>3} %  {msg}"));
            Bars {
                all,
                sweep,
                runs: BTreeMap::new(),
            }
        });
        let progress = Self {
            started: Instant::now(),
            last_line: Instant::now(),
            bars,
            total_steps,
            done: BTreeMap::new(),
            whole,
            ended: 0,
            failed: 0,
            seconds: 0.0,
            saving: 0.0,
            estimate,
            machine: machine(config),
            jobs,
            since: BTreeMap::new(),
            announced: false,
        };
        progress.line(&format!(
            "{} of {runs} runs left, {total_steps} training steps, {jobs} side by side",
            open.len()
        ));
        progress
    }

    /// Adds a run that a worker has started.
    pub(crate) fn started(&mut self, run: &Run) {
        self.done.insert(run.clone(), 0);
        self.since.insert(run.clone(), (Instant::now(), None));
        if let Some(bars) = &mut self.bars {
            let bar = bars.all.add(ProgressBar::new(self.whole[run] as u64));
            bar.set_style(style("  {bar:28} {pos:>5}/{len} steps  {prefix}"));
            bar.set_prefix(run.to_string());
            bars.runs.insert(run.clone(), bar);
        }
    }

    /// Shows an event that a worker reported.
    pub(crate) fn event(&mut self, run: &Run, event: &Event) {
        match event {
            Event::Ready { probe_s } => {
                if let Some((since, None)) = self.since.get(run) {
                    let elapsed = since.elapsed().as_secs_f64();
                    let start_s = elapsed - probe_s.unwrap_or(0.0);
                    self.estimate.ready(run, start_s.max(0.0), *probe_s);
                }
            }
            Event::Steps(steps) => {
                self.done.insert(run.clone(), *steps);
                let now = Instant::now();
                let before = self.since.insert(run.clone(), (now, Some(*steps)));
                let timed = match before {
                    Some((since, Some(before))) => {
                        let seconds = now.duration_since(since).as_secs_f64();
                        Some((steps.saturating_sub(before), seconds))
                    }
                    _ => None,
                };
                let left = self.whole[run].saturating_sub(*steps);
                self.estimate.stepped(run, left, timed);
                self.announce_duration();
                self.show(run);
            }
            Event::Note(text) => self.line(text),
            Event::Round {
                ratio,
                loss,
                dice_a,
                dice_b,
                train_s,
                predict_s,
                saving,
            } => {
                let seconds = train_s + predict_s;
                self.seconds += seconds;
                self.saving += saving;
                self.estimate.round(run, *predict_s);
                // The time until the next step includes other work, so it is not counted as a
                // step's.
                self.since.remove(run);
                let dice = |value: &Option<f64>| {
                    value.map_or_else(|| "–".to_owned(), |dice| format!("{dice:.3}"))
                };
                self.line(&format!(
                    "{run} · {:.1} % annotated: Dice A {} B {}, loss {loss:.3}, {seconds:.0} s",
                    100.0 * ratio,
                    dice(dice_a),
                    dice(dice_b)
                ));
            }
        }
    }

    /// Notes that a run is complete.
    pub(crate) fn ended(&mut self, run: &Run) {
        self.done.insert(run.clone(), self.whole[run]);
        self.end(run);
    }

    /// Notes that a run failed, and shows why.
    pub(crate) fn failed(&mut self, run: &Run, why: &str) {
        self.line(&format!("FAILED {run}: {why}"));
        self.total_steps -= self.whole[run];
        self.done.remove(run);
        self.failed += 1;
        self.end(run);
    }

    /// Notes that a run failed for the `attempt`th time and begins again, `retries` times at most.
    pub(crate) fn again(&mut self, run: &Run, why: &str, attempt: usize, retries: usize) {
        self.line(&format!(
            "{run}: {why}; tried again ({attempt} of {retries})"
        ));
        self.since.remove(run);
        if let Some(bar) = self.bars.as_mut().and_then(|bars| bars.runs.remove(run)) {
            bar.finish_and_clear();
        }
    }

    /// Removes the bars and prints a summary.
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
                "{} runs in {}{failed}{saving}",
                self.ended,
                HumanDuration(self.started.elapsed())
            ));
        }
    }

    fn end(&mut self, run: &Run) {
        self.ended += 1;
        self.estimate.ended(run);
        self.since.remove(run);
        if let Some(bar) = self.bars.as_mut().and_then(|bars| bars.runs.remove(run)) {
            bar.finish_and_clear();
        }
        self.show(run);
    }

    fn show(&mut self, run: &Run) {
        if self.bars.is_none() && self.last_line.elapsed() < PLAIN_EVERY {
            return;
        }
        let done: usize = self.done.values().sum();
        let left = match self.estimate.seconds() {
            None => "estimating what is left".to_owned(),
            Some(seconds) => format!("about {} left", duration(seconds)),
        };
        let text = format!("{}/{} runs, {left}", self.ended, self.whole.len());
        match &self.bars {
            Some(bars) => {
                bars.sweep.set_length(self.total_steps as u64);
                bars.sweep.set_position(done as u64);
                bars.sweep.set_message(text);
                if let (Some(bar), Some(&steps)) = (bars.runs.get(run), self.done.get(run)) {
                    bar.set_position(steps as u64);
                }
            }
            None => {
                self.last_line = Instant::now();
                notice(format_args!("{done}/{} steps, {text}", self.total_steps));
            }
        }
    }

    /// Announces once how long the sweep takes on this machine: as soon as all workers that started
    /// first have timed a prediction and a step, or when the slowest took too long.
    fn announce_duration(&mut self) {
        if self.announced {
            return;
        }
        let all = self.since.keys().all(|run| self.estimate.knows(run));
        if !all && self.started.elapsed() < LONGEST_WAIT_FOR_ESTIMATE {
            return;
        }
        let (Some(seconds), Some(paces)) = (self.estimate.seconds(), self.estimate.paces()) else {
            return;
        };
        self.announced = true;
        let Paces { step_s, round_s } = paces;
        self.line(&format!(
            "about {} for {} runs on this machine ({}), {} side by side: {} s a step, {} s to \
             segment all cases, from the first ones timed",
            duration(seconds),
            self.whole.len() - self.ended,
            self.machine,
            self.jobs,
            range(step_s),
            range(round_s)
        ));
    }

    /// Prints `text` above the bars.
    pub(crate) fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => {
                // Printing fails on a terminal that is gone; the sweep continues.
                let _ = bars.all.println(text);
            }
            None => notice(text),
        }
    }
}

/// Describes what decides how fast a run is, such as `AVX2, float32`.
fn machine(config: &ExperimentConfig) -> String {
    let device = match config.device.as_str() {
        "cpu" => InstructionSet::available().name(),
        gpu => gpu,
    };
    let models = config.models.keys();
    let precisions: BTreeSet<&str> = models.map(|name| config.precision(name).name()).collect();
    let precisions: Vec<&str> = precisions.into_iter().collect();
    format!("{device}, {}", precisions.join(" and "))
}

fn duration(seconds: f64) -> HumanDuration {
    HumanDuration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Formats a range with two digits: `0.21`, or `0.21 to 0.4`.
fn range((least, most): (f64, f64)) -> String {
    let digits = |value: f64| match value {
        value if value >= 10.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value if value >= 0.1 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    };
    let (least, most) = (digits(least), digits(most));
    if least == most {
        least
    } else {
        format!("{least} to {most}")
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█▌·")
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn seconds_have_about_two_digits() {
        assert_eq!(range((0.2149, 0.2149)), "0.21");
        assert_eq!(range((0.0312, 1.26)), "0.031 to 1.3");
        assert_eq!(range((9.96, 61.4)), "10.0 to 61");
    }
}
