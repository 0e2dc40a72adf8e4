//! Slices that are being drawn in the browser: each save is a line of a file of its slice, so nothing that
//! was drawn is lost, whoever draws over it. A drawing that is said to be finished is accepted as soon as
//! nobody else is at work in the project.

use crate::accept::{Answer, accept};
use crate::error::ProjectError;
use crate::folder::{Project, ProjectFolder, make_parent};
use crate::history::{AskedSlice, ScanEntry};
use crate::settings::Settings;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use slicewise_core::Geometry;
use slicewise_data::scan::read_scan;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// One save of a slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Save {
    /// Its number, from 1.
    pub version: u64,
    /// Who drew it.
    pub who: String,
    /// Whether the slice is finished.
    pub finished: bool,
    /// Seconds of work since the save before.
    pub seconds: f64,
    /// The labels `[H, W]` row by row, each as often as it comes in a row: `[label, count, …]`.
    runs: Vec<u32>,
}

impl Save {
    /// Makes a save of the labels of a slice, row by row.
    pub fn new(version: u64, who: &str, finished: bool, seconds: f64, labels: &[u8]) -> Self {
        let mut runs: Vec<u32> = Vec::new();
        for &label in labels {
            match runs.last_chunk_mut::<2>() {
                Some([last, count]) if *last == u32::from(label) => *count += 1,
                _ => runs.extend([u32::from(label), 1]),
            }
        }
        Self {
            version,
            who: who.to_owned(),
            finished,
            seconds,
            runs,
        }
    }

    /// Returns the labels row by row.
    pub fn labels(&self) -> Vec<u8> {
        let (pairs, _) = self.runs.as_chunks::<2>();
        let runs = pairs.iter().flat_map(|&[label, count]| {
            let label = u8::try_from(label).unwrap_or(u8::MAX);
            std::iter::repeat_n(label, count as usize)
        });
        runs.collect()
    }
}

/// Path of the saves of a slice of a task.
fn path_of(folder: &ProjectFolder, task: &str, case: &str, slice: usize) -> PathBuf {
    let name = format!("{case}-{slice}.jsonl");
    folder.root().join("drawing").join(task).join(name)
}

/// Reads the saves of a slice, oldest first. A line that was cut short is left out.
///
/// # Errors
/// The file cannot be read.
pub fn saves(
    folder: &ProjectFolder,
    task: &str,
    case: &str,
    slice: usize,
) -> Result<Vec<Save>, ProjectError> {
    let path = path_of(folder, task, case, slice);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ProjectError::io(path)(source)),
    };
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}

/// Adds a save of a slice and waits until it is on disk.
///
/// # Errors
/// The file cannot be written.
pub fn add_save(
    folder: &ProjectFolder,
    task: &str,
    case: &str,
    slice: usize,
    save: &Save,
) -> Result<(), ProjectError> {
    let path = path_of(folder, task, case, slice);
    make_parent(&path)?;
    let failed = |source| ProjectError::io(&path)(source);
    let text = serde_json::to_string(save).map_err(std::io::Error::other);
    let text = text.map_err(failed)?;
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(failed)?;
    // A newline first: a line that a kill cut short does not spoil this one.
    file.write_all(format!("\n{text}\n").as_bytes())
        .and_then(|()| file.sync_data())
        .map_err(failed)
}

/// Accepts every slice that was finished in the browser since it was last accepted. Returns how many.
///
/// # Errors
/// A file cannot be read, or the disk failed.
pub fn take_finished(project: &mut Project, settings: &Settings) -> Result<usize, ProjectError> {
    let folder = project.folder.clone();
    take_finished_on(project, |scan| {
        let path = folder.scan_file(&scan.file);
        Ok(read_scan(&path, settings.axis, &settings.preparation)?.geometry)
    })
}

/// Does the same as [`take_finished`] where `grid` knows the grid of a scan, its sliced axis first.
///
/// # Errors
/// Those of [`take_finished`], and those of `grid`.
pub fn take_finished_on(
    project: &mut Project,
    grid: impl Fn(&ScanEntry) -> Result<Geometry, ProjectError>,
) -> Result<usize, ProjectError> {
    let mut accepted = 0;
    for task in project.state().tasks.clone() {
        for AskedSlice { case, slice, .. } in &task.slices {
            let saves = saves(&project.folder, &task.name, case, *slice)?;
            let Some(last) = saves.last().filter(|last| last.finished) else {
                continue;
            };
            let submission = |save: &Save| {
                let name = format!("drawing/{slice}/{}", save.version);
                (case.clone(), task.name.clone(), name)
            };
            let known = &project.state().submitted;
            let scan = project.state().scans.get(case);
            let (false, Some(scan)) = (known.contains_key(&submission(last)), scan) else {
                continue;
            };
            let [_, height, width] = scan.shape;
            let Ok(labels) = Array2::from_shape_vec((height, width), last.labels()) else {
                continue;
            };
            // Time that was counted with an earlier version is not counted again.
            let counted = saves
                .iter()
                .rposition(|save| known.contains_key(&submission(save)));
            let since = saves.iter().skip(counted.map_or(0, |place| place + 1));
            let seconds: f64 = since.map(|save| save.seconds).sum();
            let grid = grid(scan)?;
            let (_, _, name) = submission(last);
            let answer = Answer {
                case,
                task: &task.name,
                annotator: task.to.as_deref().unwrap_or(&last.who),
                slices: BTreeMap::from([(*slice, labels)]),
                submission: &name,
                seconds: (seconds > 0.0).then_some(seconds),
                grid: &grid,
            };
            accepted += accept(project, answer)?.len();
        }
    }
    Ok(accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_keeps_every_label_and_survives_a_torn_line() {
        let labels = [0, 0, 1, 1, 1, 255, 0, 2];
        let save = Save::new(1, "anna", false, 2.5, &labels);
        assert_eq!(save.runs, [0, 2, 1, 3, 255, 1, 0, 1, 2, 1]);
        assert_eq!(save.labels(), labels);
        let scratch = tempfile::tempdir().unwrap();
        let folder = ProjectFolder::new(scratch.path());
        assert!(saves(&folder, "r01", "a", 3).unwrap().is_empty());
        add_save(&folder, "r01", "a", 3, &save).unwrap();
        let path = path_of(&folder, "r01", "a", 3);
        let mut torn = fs::read_to_string(&path).unwrap();
        torn += "\n{\"version\":2,\"wh";
        fs::write(&path, torn).unwrap();
        let next = Save::new(2, "ben", true, 1.0, &labels);
        add_save(&folder, "r01", "a", 3, &next).unwrap();
        assert_eq!(saves(&folder, "r01", "a", 3).unwrap(), [save, next]);
    }
}
