//! Hands out slices as a folder of files that people's tools open.
//!
//! What is handed out of a case has three kinds of slices: those asked for, with the newest model's draft;
//! those drawn before, as they were drawn; and all others, empty.

use crate::annotations::{drawn_slices, in_ras};
use crate::error::ProjectError;
use crate::folder::{Project, keep};
use crate::handout::{CaseFiles, Start, start_page};
use crate::history::{AskedSlice, Event, sha256};
use crate::settings::Settings;
use crate::train::predicted;
use ndarray::{Array3, Axis};
use serde::{Deserialize, Serialize};
use slicewise_core::{IGNORE, Image, LabelMap, Volume, write_whole};
use slicewise_data::nifti::{write_labels, write_like};
use slicewise_data::scan::read_scan;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The name of the file that says which task a folder is.
pub(crate) const TASK_FILE: &str = "task.json";

/// What `task.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskFile {
    /// The project's id.
    pub project: String,
    /// The task's name.
    pub task: String,
    /// The slices of each case, from 0.
    pub slices: BTreeMap<String, Vec<usize>>,
}

/// Who is asked, by which strategy.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Whom the task is for; `None` for whoever takes it.
    pub to: Option<&'a str>,
    /// Number of the round.
    pub round: u32,
    /// The strategy's name.
    pub strategy: &'a str,
    /// Minutes that a slice takes to draw.
    pub minutes_per_slice: f64,
}

/// Hands out slices: writes the task's folder, and that they were asked for. Returns the task's name.
///
/// # Errors
/// A scan, a drawing or a draft cannot be read, or the disk failed.
pub fn hand_out(
    project: &mut Project,
    settings: &Settings,
    slices: Vec<AskedSlice>,
    order: Order,
) -> Result<String, ProjectError> {
    let name = match order.to {
        Some(to) => format!("r{:02}-{to}", order.round),
        None => format!("r{:02}", order.round),
    };
    let model = project.state().newest().filter(|model| model.predicted);
    let model = model.map(|model| model.id.clone());
    // A folder without an event is what a kill left of the same request.
    let making = project.folder.tasks().join(format!(".{name}"));
    let place = project.folder.task(&name);
    for old in [&making, &place] {
        if old.exists() {
            fs::remove_dir_all(old).map_err(ProjectError::io(old))?;
        }
    }
    fs::create_dir_all(&making).map_err(ProjectError::io(&making))?;
    let cases: BTreeSet<&str> = slices.iter().map(|asked| asked.case.as_str()).collect();
    let mut kept = BTreeMap::new();
    let mut task = TaskFile {
        project: project.state().id.clone(),
        task: name.clone(),
        slices: BTreeMap::new(),
    };
    let mut files = Vec::new();
    for &case in &cases {
        let asked: Vec<&AskedSlice> = slices.iter().filter(|asked| asked.case == case).collect();
        let scan = &project.state().scans[case];
        let path = project.folder.scan_file(&scan.file);
        let image = read_scan(&path, settings.axis, &settings.preparation)?;
        let labels = handed_out(project, settings, model.as_deref(), case, &asked, &image)?;
        let folder = making.join(case);
        fs::create_dir_all(&folder).map_err(ProjectError::io(&folder))?;
        write_like(&folder.join("image.nii.gz"), &in_ras(&image), &path)?;
        kept.insert(case.to_owned(), keep_handed_out(project, &labels, &folder)?);
        let numbers = asked.iter().map(|asked| asked.slice).collect();
        task.slices.insert(case.to_owned(), numbers);
        files.push((case, labels, scan.axis, asked));
    }
    let files: Vec<CaseFiles> = files
        .iter()
        .map(|(case, labels, axis, asked)| CaseFiles {
            case,
            labels,
            axis: *axis,
            classes: &settings.classes,
            asked,
        })
        .collect();
    for case in &files {
        case.write(&making.join(case.case))?;
    }
    let start = Start {
        task: &name,
        to: order.to,
        classes: &settings.classes,
        minutes_per_slice: order.minutes_per_slice,
    };
    let path = making.join("START.html");
    write_whole(&path, start_page(&start, &files).as_bytes()).map_err(ProjectError::io(&path))?;
    drop(files);
    let text = serde_json::to_vec_pretty(&task).map_err(std::io::Error::other);
    let path = making.join(TASK_FILE);
    let text = text.map_err(ProjectError::io(&path))?;
    write_whole(&path, &text).map_err(ProjectError::io(&path))?;
    fs::rename(&making, &place).map_err(ProjectError::io(&place))?;
    project.record(Event::Ask {
        round: order.round,
        task: name.clone(),
        to: order.to.map(str::to_owned),
        strategy: order.strategy.to_owned(),
        model,
        slices,
        labels: kept,
    })?;
    Ok(name)
}

/// Returns the labels that are handed out of a case, on the scan's own voxels in RAS.
fn handed_out(
    project: &Project,
    settings: &Settings,
    model: Option<&str>,
    case: &str,
    asked: &[&AskedSlice],
    image: &Image,
) -> Result<LabelMap, ProjectError> {
    let (folder, state) = (&project.folder, project.state());
    let mut voxels = Array3::zeros(image.voxels.dim());
    let unsure = settings.classes.len() as u8;
    for (slice, drawn) in drawn_slices(folder, state, case)? {
        let shown = drawn.mapv(|class| if class == IGNORE { unsure } else { class });
        voxels.index_axis_mut(Axis(0), slice).assign(&shown);
    }
    let draft = match model {
        Some(model) => predicted(folder, state, model, case)?,
        None => None,
    };
    for asked in asked {
        // A slice that somebody else draws too begins with the draft, not with the other's drawing.
        let mut place = voxels.index_axis_mut(Axis(0), asked.slice);
        match &draft {
            Some(draft) => place.assign(&draft.index_axis(Axis(0), asked.slice)),
            None => place.fill(0),
        }
    }
    Ok(in_ras(&Volume {
        voxels,
        geometry: image.geometry.clone(),
    }))
}

/// Keeps labels that are handed out, to compare with what comes back, and writes them to the case's
/// `folder`.
fn keep_handed_out(
    project: &Project,
    map: &LabelMap,
    folder: &Path,
) -> Result<String, ProjectError> {
    let path = folder.join("labels.nii.gz");
    write_labels(&path, map)?;
    let bytes = fs::read(&path).map_err(ProjectError::io(&path))?;
    let name = sha256(&bytes);
    keep(&project.folder.handed_out(&name), &bytes)?;
    Ok(name)
}
