//! A strategy that is a program of the user's own, in whatever language.
//!
//! The program is started once a run. For each case it gets one line of JSON on standard input, which
//! names files with the case's arrays, and answers with one line of JSON on standard output: scores or
//! slices. What it writes to standard error goes to the run's log. docs/strategies.md has the protocol.

use crate::{CaseView, QueryStrategy, StrategyError};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use serde_json::{Map, json};
use slicewise_core::process::quoted;
use slicewise_core::{Process, npy};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Version of the protocol, which every question names.
const PROTOCOL: u32 = 1;
/// In the file of labels, what stands on slices that are not annotated.
const NOT_ANNOTATED: u8 = 255;

/// A program that chooses slices.
pub struct Program {
    name: String,
    command: Vec<String>,
    /// Seconds that it has for each answer.
    pub timeout_s: f64,
    /// Whether it is given SR2.
    pub attention: bool,
    /// Whether it is given the decoder's features.
    pub features: bool,
    /// Whether it is given the predictions of a committee.
    pub committee: bool,
    process: Mutex<Option<Process>>,
    /// SHA-256 of what was started.
    sha256: OnceLock<String>,
}

/// What a program answers: scores or slices, and for which case if it says so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    case: Option<String>,
    scores: Option<Vec<f64>>,
    slices: Option<Vec<usize>>,
}

impl Program {
    /// Names a program by its `command`, the program and its arguments. It is started when it is first
    /// asked.
    pub fn new(name: &str, command: &[String]) -> Self {
        Self {
            name: name.to_owned(),
            command: command.to_vec(),
            timeout_s: 600.0,
            attention: false,
            features: false,
            committee: false,
            process: Mutex::new(None),
            sha256: OnceLock::new(),
        }
    }

    /// Returns the SHA-256, in hexadecimal, of the command's words and of each file that one of them
    /// names: as they were when the program was started, or as they are if it was not yet.
    pub fn sha256(&self) -> String {
        self.sha256
            .get()
            .cloned()
            .unwrap_or_else(|| self.sha256_now())
    }

    fn sha256_now(&self) -> String {
        slicewise_core::process::sha256_of(&self.command)
    }

    fn problem(&self, problem: impl Into<String>) -> StrategyError {
        StrategyError::Program {
            strategy: self.name.clone(),
            problem: problem.into(),
        }
    }

    /// Writes the case's arrays and returns the question that names them.
    fn question(&self, view: &CaseView, seed: u64, folder: &Path) -> std::io::Result<String> {
        let prediction = view.prediction;
        let mut files = Map::new();
        let mut path = |name: String| {
            let path = folder.join(format!("{name}.npy"));
            files.insert(name, json!(path));
            path
        };
        let labels = view.labels.with(NOT_ANNOTATED);
        npy::write(
            &path("image".to_owned()),
            view.image.shape(),
            view.image.iter(),
        )?;
        let sr2 = prediction.sr2.as_ref().filter(|_| self.attention);
        for (name, array) in [
            ("labels", Some(&labels)),
            ("sr1", Some(&prediction.sr1)),
            ("sr2", sr2),
        ] {
            if let Some(array) = array {
                npy::write(&path(name.to_owned()), array.shape(), array.iter())?;
            }
        }
        let mut arrays = vec![("probabilities".to_owned(), &prediction.probabilities)];
        let features = prediction.features.iter().filter(|_| self.features);
        arrays.extend(features.map(|array| ("features".to_owned(), array)));
        let members = prediction.members.iter().filter(|_| self.committee);
        let members = members.enumerate();
        arrays.extend(members.map(|(index, array)| (format!("member-{index}"), array)));
        for (name, array) in arrays {
            npy::write(&path(name), array.shape(), array.iter())?;
        }
        let question = json!({
            "protocol": PROTOCOL,
            "case": view.case,
            "place": view.place,
            "round": view.round[0],
            "rounds": view.round[1],
            "budget": view.budget,
            "depth": view.depth(),
            "classes": prediction.probabilities.dim().0,
            "spacing_mm": view.spacing_mm,
            "annotated": view.annotated,
            "seed": seed,
            "files": files,
        });
        Ok(question.to_string())
    }

    /// Turns an answer into scores: those given, or for slices falling whole numbers, so that they are
    /// the highest and in order.
    fn scores_of(&self, view: &CaseView, answer: &str) -> Result<Vec<f64>, StrategyError> {
        let case = view.case;
        let parsed: Answer = serde_json::from_str(answer).map_err(|error| {
            // The types' names mean nothing to who writes in another language.
            let error = error.to_string();
            let error = error.replace("expected usize", "expected a whole number from 0");
            let error = error.replace("expected f64", "expected a number");
            let no_numbers = ["NaN", "Infinity"].iter().any(|word| answer.contains(word));
            self.problem(format!(
                "expected one line of JSON with \"scores\" or \"slices\" for case {case}, got {} ({error}){}",
                quoted(answer),
                if no_numbers { "; NaN and Infinity are no JSON" } else { "" }
            ))
        })?;
        if let Some(other) = parsed.case.filter(|other| other != case) {
            return Err(self.problem(format!(
                "expected the answer for case {case}, got that for case {}",
                quoted(&other)
            )));
        }
        match (parsed.scores, parsed.slices) {
            (Some(scores), None) => Ok(scores),
            (None, Some(slices)) => self.scores_of_slices(view, &slices),
            (both, _) => Err(self.problem(format!(
                "expected \"scores\" or \"slices\" for case {case}, got {}",
                if both.is_some() { "both" } else { "neither" }
            ))),
        }
    }

    fn scores_of_slices(
        &self,
        view: &CaseView,
        slices: &[usize],
    ) -> Result<Vec<f64>, StrategyError> {
        let case = view.case;
        let Some(budget) = view.budget else {
            return Err(self.problem(format!(
                "expected \"scores\" for case {case}, because all volumes share one budget (budget: \
                 pool), got \"slices\""
            )));
        };
        let open = view.annotated.iter().filter(|&&done| !done).count();
        let expected = budget.min(open);
        if slices.len() != expected {
            return Err(self.problem(format!(
                "expected {expected} slices of case {case}, got {}",
                slices.len()
            )));
        }
        let mut scores = vec![0.0; view.depth()];
        for (&slice, score) in slices.iter().zip((1..=expected).rev()) {
            match view.annotated.get(slice) {
                None => {
                    return Err(self.problem(format!(
                        "expected slices below {} of case {case}, got {slice}",
                        view.depth()
                    )));
                }
                Some(true) => {
                    return Err(self.problem(format!(
                        "expected slices of case {case} that are not annotated, got {slice}, which is"
                    )));
                }
                Some(false) if scores[slice] > 0.0 => {
                    return Err(self.problem(format!(
                        "expected each slice of case {case} once, got {slice} twice"
                    )));
                }
                Some(false) => scores[slice] = score as f64,
            }
        }
        Ok(scores)
    }
}

impl QueryStrategy for Program {
    fn name(&self) -> &str {
        &self.name
    }

    fn summary(&self) -> &'static str {
        "a program of your own"
    }

    fn source(&self) -> &'static str {
        "its command"
    }

    fn needs_attention(&self) -> bool {
        self.attention
    }

    fn needs_features(&self) -> bool {
        self.features
    }

    fn needs_committee(&self) -> bool {
        self.committee
    }

    fn scores(&self, view: &CaseView, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let running = match process.take() {
            Some(running) => running,
            None => {
                self.sha256.get_or_init(|| self.sha256_now());
                Process::start(&self.command).map_err(|problem| self.problem(problem))?
            }
        };
        // Not more than 53 bits, which every language reads as a whole number.
        let question = self
            .question(view, rng.random::<u64>() >> 11, running.folder())
            .map_err(|error| self.problem(format!("{}: {error}", running.folder().display())))?;
        let timeout = Duration::from_secs_f64(self.timeout_s);
        // One that failed is gone: it is dropped here, which ends it.
        let (answer, running) = running
            .ask(&question, timeout)
            .map_err(|problem| self.problem(format!("case {}: {problem}", view.case)))?;
        *process = Some(running);
        self.scores_of(view, &answer)
    }
}
