//! The history of a project: an append-only file with one line of JSON for each event. What the project
//! is at any moment follows from these lines alone ([`State`](crate::State)).
//!
//! Each line names the SHA-256 of the line before, so that a line that was changed or lost is noticed. A
//! line counts once its newline is on disk; what it names was put on disk before. A process that is
//! killed while writing leaves a torn last line, which the next one removes.

use crate::error::ProjectError;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use slicewise_core::SliceAxis;
use slicewise_core::hash::hex;
use slicewise_experiment::holder::seconds;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When, as `2026-11-28T15:04:05Z`.
    pub time: String,
    /// Who called the program, by the name that they gave or that the system knows.
    pub who: String,
    /// SHA-256 of the line before, in hexadecimal; empty in the first.
    pub before: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A scan of the project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanEntry {
    /// The case's id.
    pub case: String,
    /// SHA-256 of the scan's file, in hexadecimal.
    pub sha256: String,
    /// The name of the project's copy of it, below `scans/`.
    pub file: String,
    /// The axis that the scan is sliced along.
    pub axis: SliceAxis,
    /// Number of the scan's own voxels `[D, H, W]`, the sliced axis first.
    pub shape: [usize; 3],
    /// Voxel size `[D, H, W]` in mm.
    pub spacing_mm: [f64; 3],
}

/// A slice that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AskedSlice {
    /// The case's id.
    pub case: String,
    /// The scan's own slice, from 0 at the inferior, left or posterior end.
    pub slice: usize,
    /// Why it was asked for, in a few words.
    pub why: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The project began.
    Init {
        /// Names of the classes, background first.
        classes: Vec<String>,
    },
    /// Scans joined the project.
    Scans {
        /// The scans.
        scans: Vec<ScanEntry>,
    },
    /// Slices were asked for.
    Ask {
        /// Number of the round, from 1.
        round: u32,
        /// The task's folder below `tasks/`.
        task: String,
        /// Whom the task is for; `None` for whoever takes it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// The query strategy.
        strategy: String,
        /// The model whose predictions it saw, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// The slices, in the order in which they are to be drawn.
        slices: Vec<AskedSlice>,
        /// SHA-256 of the labels of each case that were handed out, which are kept as
        /// `handed-out/SHA256.nii.gz`.
        labels: BTreeMap<String, String>,
    },
    /// A file came back.
    Submit {
        /// The case's id.
        case: String,
        /// The task that it answers.
        task: String,
        /// SHA-256 of the file, which is kept as `submitted/SHA256.*`.
        sha256: String,
        /// Its name when it came.
        name: String,
    },
    /// Slices of a file that came back were accepted.
    Accept {
        /// The case's id.
        case: String,
        /// The task that it answers.
        task: String,
        /// Who drew them.
        annotator: String,
        /// SHA-256 of the labels, which are kept as `annotations/SHA256.nii.gz`.
        labels: String,
        /// The slices.
        slices: Vec<usize>,
        /// What came back: the SHA-256 of a file, or `drawing/SLICE/VERSION` of the browser.
        submission: String,
        /// Seconds that drawing took, where a tool measured them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
        /// How well the newest model's draft agreed with what was drawn: mean Dice over classes of each
        /// slice that the model had not been trained on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        draft_dice: Vec<(usize, f64)>,
        /// The model of that draft.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// A file that came back was refused.
    Refuse {
        /// The case's id.
        case: String,
        /// The task that it answers.
        task: String,
        /// SHA-256 of the file, which is kept as `submitted/SHA256.*`.
        sha256: String,
        /// Why, in one line.
        problem: String,
    },
    /// A drawn slice was taken back.
    Retract {
        /// The case's id.
        case: String,
        /// The slice.
        slice: usize,
        /// Whose drawing; `None` for everybody's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        annotator: Option<String>,
    },
    /// A model was trained on what was drawn so far.
    Train {
        /// The model's id, its folder below `models/`.
        model: String,
        /// Steps of its training.
        steps: usize,
        /// Number of slices that it was trained on.
        slices: usize,
        /// Mean loss over the last quarter of the steps.
        loss: f64,
    },
    /// All scans were segmented.
    Predict {
        /// The model.
        model: String,
    },
    /// Something was written for use elsewhere.
    Export {
        /// What: `dense` or `nnunet`.
        kind: String,
        /// Where.
        out: PathBuf,
        /// The model whose segmentations are in it, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
}

/// The history, open for appending.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    file: File,
    lines: Vec<Line>,
    /// SHA-256 of the last line.
    last: String,
}

impl History {
    /// Reads the history at `path`.
    ///
    /// # Errors
    /// The file cannot be read, a line is no event, or the chain of lines is broken.
    pub fn read(path: &Path) -> Result<Vec<Line>, ProjectError> {
        let text = fs::read(path).map_err(ProjectError::io(path))?;
        Ok(parse(path, &text)?.lines)
    }

    /// Opens the history at `path` for appending, and makes it if there is none. A torn last line is
    /// removed. The caller holds the project's lock.
    ///
    /// # Errors
    /// Those of [`read`](Self::read); the file cannot be written.
    pub fn open(path: &Path) -> Result<Self, ProjectError> {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(path);
        let file = file.map_err(ProjectError::io(path))?;
        let text = fs::read(path).map_err(ProjectError::io(path))?;
        let parsed = parse(path, &text)?;
        if parsed.whole < text.len() {
            let whole = parsed.whole as u64;
            file.set_len(whole).map_err(ProjectError::io(path))?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            lines: parsed.lines,
            last: parsed.last,
        })
    }

    /// Returns all lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Appends an event and waits until it is on disk.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, who: &str, event: Event) -> Result<(), ProjectError> {
        let line = Line {
            time: now(),
            who: who.to_owned(),
            before: self.last.clone(),
            event,
        };
        let failed = ProjectError::io(&self.path);
        let text = serde_json::to_string(&line).map_err(std::io::Error::other);
        let text = text.map_err(ProjectError::io(&self.path))?;
        self.file
            .write_all(format!("{text}\n").as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(failed)?;
        self.last = sha256(text.as_bytes());
        self.lines.push(line);
        Ok(())
    }
}

struct Parsed {
    lines: Vec<Line>,
    /// SHA-256 of the last line.
    last: String,
    /// Length of the whole lines in bytes.
    whole: usize,
}

fn parse(path: &Path, text: &[u8]) -> Result<Parsed, ProjectError> {
    let end = text.iter().rposition(|&byte| byte == b'\n');
    let whole = end.map_or(0, |end| end + 1);
    let (mut lines, mut last) = (Vec::new(), String::new());
    for (number, bytes) in (1..).zip(text[..whole].split_inclusive(|&byte| byte == b'\n')) {
        let bytes = &bytes[..bytes.len() - 1];
        let wrong = |problem: String| ProjectError::History {
            path: path.to_owned(),
            line: number,
            problem,
        };
        let line: Line = serde_json::from_slice(bytes)
            .map_err(|error| wrong(format!("expected an event, got none ({error})")))?;
        if line.before != last {
            return Err(wrong(
                "expected the SHA-256 of the line before, got another: a line was changed, added or \
                 removed"
                    .to_owned(),
            ));
        }
        last = sha256(bytes);
        lines.push(line);
    }
    Ok(Parsed { lines, last, whole })
}

/// Returns the SHA-256 of bytes in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn now() -> String {
    let time = DateTime::from_timestamp(seconds(SystemTime::now()), 0);
    time.unwrap_or_default().format("%FT%TZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predict(model: &str) -> Event {
        Event::Predict {
            model: model.to_owned(),
        }
    }

    #[test]
    fn events_are_read_back_and_a_torn_line_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let mut history = History::open(&path).unwrap();
        history.append("anna", predict("one")).unwrap();
        history.append("ben", predict("two")).unwrap();
        drop(history);
        let whole = fs::read(&path).unwrap();
        for torn in ["{", "{\"time\":\"2026"] {
            fs::write(&path, [&whole[..], torn.as_bytes()].concat()).unwrap();
            assert_eq!(History::read(&path).unwrap().len(), 2);
            let mut history = History::open(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole);
            assert_eq!(history.lines()[1].who, "ben");
            history.append("anna", predict("three")).unwrap();
            drop(history);
            let lines = History::read(&path).unwrap();
            assert_eq!(lines.len(), 3);
            assert_eq!(lines[2].event, predict("three"));
            fs::write(&path, &whole).unwrap();
        }
    }

    #[test]
    fn a_line_that_was_changed_or_lost_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let mut history = History::open(&path).unwrap();
        for model in ["one", "two", "three"] {
            history.append("anna", predict(model)).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let changed = text.replace("two", "one");
        let lost = format!("{}\n{}\n", lines[0], lines[2]);
        for (text, line) in [
            (changed, 3),
            (lost, 2),
            (text.replace("\"who\"", "\"whom\""), 1),
        ] {
            fs::write(&path, text).unwrap();
            let error = History::read(&path).unwrap_err().to_string();
            let expected = format!("{}, line {line}: expected ", path.display());
            assert!(error.starts_with(&expected), "{error}");
            assert!(History::open(&path).is_err());
        }
    }
}
