//! A network that is a program of the user's own, in whatever language.
//!
//! It is started once a run. It gets one line of JSON on standard input for each thing that it is to do
//! (begin, train a step, predict, save, load) and answers with one line of JSON on standard output.
//! Arrays are files. docs/models.md has the protocol.

use crate::config::{ModelConfig, ProgramConfig, TrainingConfig};
use crate::error::ModelError;
use ndarray::{Array3, Array4, Axis};
use serde::Deserialize;
use serde_json::{Value, json};
use slicewise_core::process::{quoted, sha256_of};
use slicewise_core::{Prediction, Process, Segmenter, SegmenterError, TrainingCase, npy};
use std::cell::RefCell;
use std::fs;
use std::io::ErrorKind;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Version of the protocol.
const PROTOCOL: u32 = 1;
/// In the files of labels, what stands on slices that are not annotated.
const NOT_ANNOTATED: u8 = 255;
/// The probabilities of a voxel may miss 1 by so much: half precision does by 0.001 a class.
const SLACK: f32 = 0.01;

/// A program that trains and predicts.
pub struct ProgramSegmenter {
    program: ProgramConfig,
    /// The first thing it is told.
    begin: Value,
    classes: usize,
    /// `None` before it is first asked, and after it failed. It is started again then.
    process: RefCell<Option<Process>>,
    /// SHA-256 of its command and files, as they were when it was last started.
    sha256: RefCell<Option<String>>,
    /// The last file of weights that the program wrote or read, with which one that is started again
    /// goes on. `None` for new weights.
    weights: RefCell<Option<PathBuf>>,
    /// What the training volumes on disk were made of.
    volumes: Option<Volumes>,
}

/// The training volumes as files.
struct Volumes {
    fingerprint: u64,
    /// Grows with every change, so that a program can keep what it has read.
    version: usize,
    files: Value,
}

/// What a program answers. It may leave out what it was not asked.
#[derive(Deserialize)]
struct Answer {
    loss: Option<f64>,
    error: Option<String>,
}

impl ProgramSegmenter {
    /// Names a program; it is started when it is first asked. `classes` counts the background too,
    /// `seed` is that of its first weights, `threads` what it may use of the machine.
    pub fn new(
        program: &ProgramConfig,
        model: &ModelConfig,
        training: &TrainingConfig,
        classes: usize,
        (seed, threads): (u64, usize),
    ) -> Self {
        let begin = json!({
            "protocol": PROTOCOL,
            "do": "begin",
            "classes": classes,
            "attention": program.attention,
            // Not more than 53 bits, which every language reads as a whole number.
            "seed": seed >> 11,
            "threads": threads,
            "model": {
                "base_width": model.base_width,
                "levels": model.levels,
                "strides": model.strides(),
            },
            "training": training,
        });
        Self {
            program: program.clone(),
            begin,
            classes,
            process: RefCell::new(None),
            sha256: RefCell::new(None),
            weights: RefCell::new(None),
            volumes: None,
        }
    }

    /// Tells the program to do something and returns its answer. One that failed is ended.
    fn tell(&self, what: &Value) -> Result<Answer, ModelError> {
        let running = self.process.borrow_mut().take();
        let running = match running {
            Some(running) => running,
            None => self.start(what)?,
        };
        let (answer, running) = self.ask(running, what)?;
        *self.process.borrow_mut() = Some(running);
        Ok(answer)
    }

    /// Starts the program, with the weights of the one before if there was one and it is not told to
    /// load others.
    fn start(&self, next: &Value) -> Result<Process, ModelError> {
        *self.sha256.borrow_mut() = Some(sha256_of(&self.program.command));
        let started = Process::start(&self.program.command).map_err(|text| self.failed(text))?;
        let (_, started) = self.ask(started, &self.begin)?;
        let weights = self.weights.borrow().clone();
        match weights {
            Some(path) if next["do"] != "load" => {
                let load = json!({"do": "load", "path": path});
                Ok(self.ask(started, &load)?.1)
            }
            _ => Ok(started),
        }
    }

    fn ask(&self, running: Process, what: &Value) -> Result<(Answer, Process), ModelError> {
        let doing = what["do"].as_str().unwrap_or_default();
        let timeout = Duration::from_secs_f64(self.program.timeout_s);
        let (line, running) = running
            .ask(&what.to_string(), timeout)
            .map_err(|text| self.failed(format!("{doing}: {text}")))?;
        let answer: Answer = serde_json::from_str(&line).map_err(|error| {
            self.failed(format!(
                "{doing}: expected one line of JSON, got {} ({error})",
                quoted(&line)
            ))
        })?;
        match answer.error {
            Some(error) => {
                // Of a message of several lines, a failed run shows the last.
                let lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
                let error = lines.collect::<Vec<_>>().join("; ");
                Err(self.failed(format!("{doing}: {error}")))
            }
            None => Ok((answer, running)),
        }
    }

    fn failed(&self, problem: String) -> ModelError {
        ModelError::Program {
            command: self.program.command.join(" "),
            problem,
        }
    }

    /// Writes a file of the program's folder with `write`, and returns its path.
    fn file(
        &self,
        name: &str,
        write: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<PathBuf, ModelError> {
        // The folder is the process's; it must run for it to be there.
        if self.process.borrow().is_none() {
            let started = self.start(&Value::Null)?;
            *self.process.borrow_mut() = Some(started);
        }
        let process = self.process.borrow();
        let folder = process
            .as_ref()
            .map(Process::folder)
            .unwrap_or(Path::new(""));
        let path = folder.join(name);
        write(&path).map_err(|error| self.failed(format!("{}: {error}", path.display())))?;
        Ok(path)
    }

    /// Tells the program to do something that ends with these files written.
    fn tell_to_write(&self, what: &Value, files: &[&Path]) -> Result<(), ModelError> {
        let doing = what["do"].as_str().unwrap_or_default();
        let named = |file: &Path| format!("{doing}: expected the file {}", file.display());
        // An older one would pass for what the program did not write.
        for file in files {
            if let Err(error) = fs::remove_file(file)
                && error.kind() != ErrorKind::NotFound
            {
                let problem = format!("{}, whose older one stays: {error}", named(file));
                return Err(self.failed(problem));
            }
        }
        self.tell(what)?;
        match files.iter().find(|file| !file.exists()) {
            Some(file) => Err(self.failed(format!("{}, the program wrote none", named(file)))),
            None => Ok(()),
        }
    }

    /// Writes the training volumes, unless they are there already.
    fn training_files(&mut self, cases: &[TrainingCase]) -> Result<Value, ModelError> {
        let running = self.process.borrow().is_some();
        let fingerprint = crate::crops::fingerprint(cases);
        if let Some(volumes) = &self.volumes
            && volumes.fingerprint == fingerprint
            && running
        {
            return Ok(json!({"version": volumes.version, "cases": volumes.files}));
        }
        let mut files = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            if !case.annotated.contains(&true) {
                continue;
            }
            let mut labels = case.labels.clone();
            for (slice, mut classes) in labels.axis_iter_mut(Axis(0)).enumerate() {
                if !case.annotated[slice] {
                    classes.fill(NOT_ANNOTATED);
                }
            }
            let image = self.file(&format!("image-{index}.npy"), |path| {
                npy::write(path, case.image.shape(), case.image.iter())
            })?;
            let labels = self.file(&format!("labels-{index}.npy"), |path| {
                npy::write(path, labels.shape(), labels.iter())
            })?;
            files.push(json!({"image": image, "labels": labels}));
        }
        if files.is_empty() {
            return Err(ModelError::NothingAnnotated { cases: cases.len() });
        }
        let version = self.volumes.as_ref().map_or(0, |volumes| volumes.version) + 1;
        let files = Value::from(files);
        let told = json!({"version": version, "cases": files});
        self.volumes = Some(Volumes {
            fingerprint,
            version,
            files,
        });
        Ok(told)
    }

    /// Reads an array `[C, D, H, W]` of numbers from 0 to 1 that the program wrote.
    fn unit_numbers(&self, path: &Path, shape: [usize; 3]) -> Result<Array4<f32>, ModelError> {
        let [d, h, w] = shape;
        let whole = [self.classes, d, h, w];
        let wrong =
            |problem: String| self.failed(format!("predict: {}: {problem}", path.display()));
        let values = npy::read::<f32>(path, &whole).map_err(wrong)?;
        if let Some(value) = values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
            return Err(wrong(format!(
                "expected probabilities from 0 to 1, got {value}"
            )));
        }
        let array = Array4::from_shape_vec((self.classes, d, h, w), values);
        array.map_err(|error| wrong(error.to_string()))
    }

    /// Reads class probabilities `[C, D, H, W]` that the program wrote.
    fn probabilities(&self, path: &Path, shape: [usize; 3]) -> Result<Array4<f32>, ModelError> {
        let array = self.unit_numbers(path, shape)?;
        let sums = array.sum_axis(Axis(0));
        let is_off = |sum: f32| (sum - 1.0).abs() > SLACK;
        if let Some(((z, y, x), sum)) = sums.indexed_iter().find(|&(_, &sum)| is_off(sum)) {
            return Err(self.failed(format!(
                "predict: {}: expected probabilities whose sum over the classes is 1, got {sum} at voxel \
                 [{z}, {y}, {x}]; divide them by their sum, or take the softmax over axis 0",
                path.display()
            )));
        }
        Ok(array)
    }
}

/// The class of highest probability, the first of equals, `[D, H, W]`.
fn classes_of(probabilities: &Array4<f32>) -> Array3<u8> {
    probabilities.map_axis(Axis(0), |p| {
        let mut best = 0;
        for class in 1..p.len() {
            if p[class] > p[best] {
                best = class;
            }
        }
        best as u8
    })
}

impl Segmenter for ProgramSegmenter {
    fn has_attention(&self) -> bool {
        self.program.attention
    }

    fn program_sha256(&self) -> Option<String> {
        let started = self.sha256.borrow().clone();
        Some(started.unwrap_or_else(|| sha256_of(&self.program.command)))
    }

    /// One step is asked at a time, so that a run can be stopped after any of them.
    fn train(
        &mut self,
        cases: &[TrainingCase],
        steps: Range<usize>,
        of: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<(), SegmenterError> {
        let volumes = self.training_files(cases)?;
        for step in steps {
            let told = json!({
                "do": "train", "volumes": volumes, "step": step, "of": of, "seed": seed >> 11,
            });
            let answer = self.tell(&told)?;
            let Some(loss) = answer.loss.filter(|loss| loss.is_finite()) else {
                return Err(self
                    .failed("train: expected a finite \"loss\", got none".to_owned())
                    .into());
            };
            if progress(step + 1, loss).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn predict(&self, image: &Array3<f32>) -> Result<Prediction, SegmenterError> {
        let (depth, height, width) = image.dim();
        let shape = [depth, height, width];
        let path = self.file("image.npy", |path| {
            npy::write(path, image.shape(), image.iter())
        })?;
        let probabilities = path.with_file_name("probabilities.npy");
        let attention = path.with_file_name("attention.npy");
        let mut told = json!({"do": "predict", "image": path, "probabilities": probabilities});
        let mut files = vec![probabilities.as_path()];
        if self.program.attention {
            told["attention"] = json!(attention);
            files.push(&attention);
        }
        self.tell_to_write(&told, &files)?;
        let probabilities = self.probabilities(&probabilities, shape)?;
        let attention = match self.program.attention {
            true => Some(self.unit_numbers(&attention, shape)?),
            false => None,
        };
        Ok(Prediction {
            sr1: classes_of(&probabilities),
            probabilities,
            sr2: attention.as_ref().map(classes_of),
            attention,
            ..Prediction::default()
        })
    }

    fn save(&self, path: &Path) -> Result<(), SegmenterError> {
        // Whole or not at all: the program writes beside, and the file is then renamed.
        let partial = path.with_extension("partial");
        self.tell_to_write(&json!({"do": "save", "path": partial}), &[&partial])?;
        fs::rename(&partial, path)
            .map_err(|error| self.failed(format!("save: {}: {error}", partial.display())))?;
        *self.weights.borrow_mut() = Some(path.to_owned());
        Ok(())
    }

    fn load(&mut self, path: &Path) -> Result<(), SegmenterError> {
        // A program is not asked to tell a missing file from a bad one.
        fs::metadata(path)
            .map_err(|error| self.failed(format!("load: {}: {error}", path.display())))?;
        self.tell(&json!({"do": "load", "path": path}))?;
        *self.weights.borrow_mut() = Some(path.to_owned());
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests;
