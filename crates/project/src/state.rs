//! What a project is at a moment: the fold of its history.

use crate::history::{AskedSlice, Event, Line, ScanEntry, sha256};
use std::collections::BTreeMap;

/// One annotator's drawing of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Who drew it.
    pub annotator: String,
    /// The round in which it was asked for.
    pub round: u32,
    /// SHA-256 of the labels, `annotations/SHA256.nii.gz`.
    pub labels: String,
}

/// A task that was handed out.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedTask {
    /// Number of the round, from 1.
    pub round: u32,
    /// Its folder below `tasks/`.
    pub name: String,
    /// Whom it is for; `None` for whoever takes it.
    pub to: Option<String>,
    /// The slices, in the order in which they are to be drawn.
    pub slices: Vec<AskedSlice>,
    /// SHA-256 of the labels of each case that were handed out.
    pub labels: BTreeMap<String, String>,
}

impl AskedTask {
    /// The slices that a case was asked for, ascending.
    pub fn slices_of(&self, case: &str) -> Vec<usize> {
        let of_case = self.slices.iter().filter(|asked| asked.case == case);
        let mut slices: Vec<usize> = of_case.map(|asked| asked.slice).collect();
        slices.sort_unstable();
        slices
    }
}

/// A model that was trained.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedModel {
    /// Its id, its folder below `models/`.
    pub id: String,
    /// Steps of its training.
    pub steps: usize,
    /// Number of slices that it was trained on.
    pub slices: usize,
    /// Mean loss over the last quarter of its steps.
    pub loss: f64,
    /// Whether all scans were segmented with it.
    pub predicted: bool,
    /// How well its drafts agreed with what was drawn since: Dice of each slice.
    pub draft_dice: Vec<f64>,
}

/// What became of something that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// Nothing yet.
    Open,
    /// It was refused, for this reason.
    Refused(String),
    /// Slices of it were accepted.
    Accepted,
}

/// The state of a project.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// The project's id: the beginning of the SHA-256 of its first line.
    pub id: String,
    /// Names of the classes, background first.
    pub classes: Vec<String>,
    /// The scans by case.
    pub scans: BTreeMap<String, ScanEntry>,
    /// The tasks, in the order in which they were handed out.
    pub tasks: Vec<AskedTask>,
    /// For each case and slice, the newest drawing of each annotator.
    pub drawn: BTreeMap<String, BTreeMap<usize, Vec<Drawn>>>,
    /// What came back, by case, task and SHA-256 (or the browser's version).
    pub submitted: BTreeMap<(String, String, String), Submitted>,
    /// The models, oldest first; one that was trained again is where it was first.
    pub models: Vec<TrainedModel>,
    /// Numbers of slices with a measured time, and these seconds.
    pub measured: (usize, f64),
}

impl State {
    /// Folds a history.
    pub fn of(lines: &[Line]) -> Self {
        let mut state = Self::default();
        for line in lines {
            state.apply(line);
        }
        state
    }

    /// Applies one more line.
    pub fn apply(&mut self, line: &Line) {
        match &line.event {
            Event::Init { classes } => {
                let text = serde_json::to_vec(line).unwrap_or_default();
                self.id = sha256(&text)[..12].to_owned();
                self.classes.clone_from(classes);
            }
            Event::Scans { scans } => {
                let entries = scans.iter().map(|scan| (scan.case.clone(), scan.clone()));
                self.scans.extend(entries);
            }
            Event::Ask {
                round,
                task,
                to,
                slices,
                labels,
                ..
            } => self.tasks.push(AskedTask {
                round: *round,
                name: task.clone(),
                to: to.clone(),
                slices: slices.clone(),
                labels: labels.clone(),
            }),
            Event::Export { .. } => {}
            Event::Submit {
                case, task, sha256, ..
            } => {
                let file = (case.clone(), task.clone(), sha256.clone());
                self.submitted.insert(file, Submitted::Open);
            }
            Event::Refuse {
                case,
                task,
                sha256,
                problem,
            } => {
                let file = (case.clone(), task.clone(), sha256.clone());
                self.submitted
                    .insert(file, Submitted::Refused(problem.clone()));
            }
            Event::Accept { .. } => self.accept(&line.event),
            Event::Retract {
                case,
                slice,
                annotator,
            } => {
                if let Some(slices) = self.drawn.get_mut(case)
                    && let Some(drawn) = slices.get_mut(slice)
                {
                    let whose =
                        |drawn: &Drawn| annotator.as_ref().is_none_or(|a| *a == drawn.annotator);
                    drawn.retain(|drawn| !whose(drawn));
                    if drawn.is_empty() {
                        slices.remove(slice);
                    }
                }
            }
            Event::Train {
                model,
                steps,
                slices,
                loss,
            } => {
                // A model that was trained before is now the newest; its drafts are what they were.
                let before = self.models.iter().position(|known| known.id == *model);
                let before = before.map(|place| self.models.remove(place));
                self.models.push(before.unwrap_or_else(|| TrainedModel {
                    id: model.clone(),
                    steps: *steps,
                    slices: *slices,
                    loss: *loss,
                    predicted: false,
                    draft_dice: Vec::new(),
                }));
            }
            Event::Predict { model } => {
                if let Some(known) = self.models.iter_mut().find(|known| known.id == *model) {
                    known.predicted = true;
                }
            }
        }
    }

    fn accept(&mut self, event: &Event) {
        let Event::Accept {
            case,
            task,
            annotator,
            labels,
            slices,
            submission,
            seconds,
            draft_dice,
            model,
        } = event
        else {
            return;
        };
        let key = (case.clone(), task.clone(), submission.clone());
        self.submitted.insert(key, Submitted::Accepted);
        let asked = self.tasks.iter().find(|asked| asked.name == *task);
        let round = asked.map_or(0, |asked| asked.round);
        let of_case = self.drawn.entry(case.clone()).or_default();
        for &slice in slices {
            let drawn = of_case.entry(slice).or_default();
            drawn.retain(|drawn| drawn.annotator != *annotator);
            drawn.push(Drawn {
                annotator: annotator.clone(),
                round,
                labels: labels.clone(),
            });
        }
        if let Some(seconds) = seconds {
            self.measured.0 += slices.len();
            self.measured.1 += seconds;
        }
        let model = self
            .models
            .iter_mut()
            .find(|known| Some(&known.id) == model.as_ref());
        if let Some(model) = model {
            model
                .draft_dice
                .extend(draft_dice.iter().map(|(_, dice)| dice));
        }
    }

    /// Number of the next round, from 1.
    pub fn next_round(&self) -> u32 {
        self.tasks.last().map_or(1, |task| task.round + 1)
    }

    /// Number of slices that were drawn.
    pub fn slices_drawn(&self) -> usize {
        self.drawn.values().map(BTreeMap::len).sum()
    }

    /// The newest model.
    pub fn newest(&self) -> Option<&TrainedModel> {
        self.models.last()
    }

    /// Whether a slice has been drawn, by `annotator` or, if `None`, by anybody.
    pub fn is_drawn(&self, case: &str, slice: usize, annotator: Option<&str>) -> bool {
        let drawn = self.drawn.get(case).and_then(|slices| slices.get(&slice));
        let of = |drawn: &Drawn| annotator.is_none_or(|annotator| annotator == drawn.annotator);
        drawn.is_some_and(|drawn| drawn.iter().any(of))
    }

    /// Whether a slice has been asked for and not been drawn.
    pub fn is_waiting(&self, case: &str, slice: usize) -> bool {
        let of = |task: &AskedTask| {
            let mut waiting = self.waiting(task);
            waiting.any(|asked| asked.case == case && asked.slice == slice)
        };
        self.tasks.iter().any(of)
    }

    /// The slices of a task that wait to be drawn: by whom the task is for, or by anybody.
    pub fn waiting<'a>(&'a self, task: &'a AskedTask) -> impl Iterator<Item = &'a AskedSlice> {
        let to = task.to.as_deref();
        let open = move |asked: &&AskedSlice| !self.is_drawn(&asked.case, asked.slice, to);
        task.slices.iter().filter(open)
    }

    /// Seconds that a slice takes: as measured so far, or `None`.
    pub fn seconds_per_slice(&self) -> Option<f64> {
        let (slices, seconds) = self.measured;
        (slices > 0).then(|| seconds / slices as f64)
    }

    /// What all that is drawn comes to, in a few words that change when it does: the case, slice,
    /// annotator and labels of each drawing.
    pub(crate) fn drawn_key(&self) -> String {
        let mut text = String::new();
        for (case, slices) in &self.drawn {
            for (slice, drawn) in slices {
                let mut drawn: Vec<&Drawn> = drawn.iter().collect();
                drawn.sort_by_key(|drawn| &drawn.annotator);
                for drawn in drawn {
                    text += &format!("{case} {slice} {} {}\n", drawn.annotator, drawn.labels);
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: Event) -> Line {
        Line {
            time: String::new(),
            who: "anna".to_owned(),
            before: String::new(),
            event,
        }
    }

    fn accept(annotator: &str, labels: &str, slices: &[usize], seconds: Option<f64>) -> Line {
        line(Event::Accept {
            case: "a".to_owned(),
            task: "r01".to_owned(),
            annotator: annotator.to_owned(),
            labels: labels.to_owned(),
            slices: slices.to_vec(),
            submission: labels.to_owned(),
            seconds,
            draft_dice: Vec::new(),
            model: None,
        })
    }

    #[test]
    fn the_newest_drawing_of_each_annotator_counts() {
        let asked = [3, 5, 9].map(|slice| AskedSlice {
            case: "a".to_owned(),
            slice,
            why: "far from drawn slices".to_owned(),
        });
        let ask = line(Event::Ask {
            round: 1,
            task: "r01".to_owned(),
            to: None,
            strategy: "equal-interval".to_owned(),
            model: None,
            slices: asked.to_vec(),
            labels: BTreeMap::new(),
        });
        let mut state = State::of(&[
            ask,
            accept("anna", "one", &[3, 5], Some(100.0)),
            accept("ben", "two", &[5], None),
            accept("anna", "three", &[5], Some(20.0)),
        ]);
        let labels = |state: &State, slice| -> Vec<String> {
            let drawn = state.drawn["a"].get(&slice);
            let drawn = drawn.into_iter().flatten();
            drawn.map(|drawn| drawn.labels.clone()).collect()
        };
        assert_eq!(labels(&state, 5), ["two", "three"]);
        assert_eq!(state.slices_drawn(), 2);
        assert_eq!(state.seconds_per_slice(), Some(40.0));
        let waiting = |state: &State| -> Vec<usize> {
            let waiting = state.waiting(&state.tasks[0]);
            waiting.map(|asked| asked.slice).collect()
        };
        assert_eq!(waiting(&state), [9]);
        assert_eq!(state.next_round(), 2);
        let before = state.drawn_key();
        let retract = |annotator: Option<&str>| {
            line(Event::Retract {
                case: "a".to_owned(),
                slice: 5,
                annotator: annotator.map(str::to_owned),
            })
        };
        state.apply(&retract(Some("anna")));
        assert_eq!(labels(&state, 5), ["two"]);
        assert_ne!(state.drawn_key(), before);
        state.apply(&retract(None));
        assert_eq!(waiting(&state), [5, 9]);
    }
}
