//! Takes in what people drew: reads a file that came back, checks it, and keeps what is accepted.

use crate::accept::{Answer, accept};
use crate::annotations::in_ras;
use crate::check::{Found, Pending, Returned, Told, check};
use crate::error::ProjectError;
use crate::folder::{Project, keep};
use crate::history::{Event, sha256};
use crate::returned::ending_of;
use crate::settings::Settings;
use crate::state::{AskedTask, Submitted};
use slicewise_core::Geometry;
use slicewise_data::nifti::read_labels;
use slicewise_data::read_drawing;
use slicewise_data::scan::read_scan;
use std::fs;
use std::path::Path;

/// A file that came back.
#[derive(Debug)]
pub struct Submission<'a> {
    /// The file.
    pub path: &'a Path,
    /// The case that it is of.
    pub case: &'a str,
    /// The task that it answers.
    pub task: &'a str,
    /// Who drew it.
    pub annotator: &'a str,
    /// What else was told about it.
    pub told: &'a Told,
    /// Whether a file without a position is taken by its voxel indices.
    pub by_index: bool,
}

/// What became of a file that came back.
#[derive(Debug, Default)]
pub struct Imported {
    /// Slices that were accepted now.
    pub accepted: Vec<usize>,
    /// Whether nothing in it differs from what was handed out.
    pub untouched: bool,
    /// Whether it was taken in before.
    pub known: bool,
    /// Slices that were asked for and are not answered yet, with why.
    pub pending: Vec<(usize, Pending)>,
    /// What the person should read, a line each.
    pub notes: Vec<String>,
    /// Why the file was refused, in one line.
    pub refused: Option<String>,
}

/// Takes in a file. What is taken in once is not taken in twice.
///
/// # Errors
/// The file is gone, the case was not asked for in the task, or the disk failed. A file that is refused
/// is no error.
pub fn import(
    project: &mut Project,
    settings: &Settings,
    submission: &Submission,
) -> Result<Imported, ProjectError> {
    let Submission {
        path, case, task, ..
    } = *submission;
    let bytes = fs::read(path).map_err(ProjectError::io(path))?;
    let sha256 = sha256(&bytes);
    let asked = project
        .state()
        .tasks
        .iter()
        .find(|asked| asked.name == task);
    let asked = asked
        .filter(|asked| asked.labels.contains_key(case))
        .cloned();
    let asked = asked.ok_or_else(|| {
        ProjectError::Input(format!(
            "{}: expected a case that task {task} asks for, got {case}; `--case` and `--task` say which it \
             answers",
            path.display()
        ))
    })?;
    if asked.labels[case] == sha256 && submission.told.empty.is_empty() {
        return Ok(Imported {
            untouched: true,
            ..Imported::default()
        });
    }
    keep(&project.folder.submitted(&sha256, ending_of(path)), &bytes)?;
    let key = (case.to_owned(), task.to_owned(), sha256.clone());
    let before = project.state().submitted.get(&key).cloned();
    // Otherwise a slice that was taken back would come again with the same file.
    if before == Some(Submitted::Accepted) && submission.told.is_nothing() {
        return Ok(Imported {
            known: true,
            ..Imported::default()
        });
    }
    if before.is_none() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        project.record(Event::Submit {
            case: case.to_owned(),
            task: task.to_owned(),
            sha256: sha256.clone(),
            name: name.into_owned(),
        })?;
    }
    match read_and_check(project, settings, submission, &asked)? {
        Ok((found, grid, notes)) => take(project, submission, &sha256, found, &grid, notes),
        Err(problem) => {
            if before != Some(Submitted::Refused(problem.clone())) {
                project.record(Event::Refuse {
                    case: case.to_owned(),
                    task: task.to_owned(),
                    sha256,
                    problem: problem.clone(),
                })?;
            }
            Ok(Imported {
                refused: Some(problem),
                ..Imported::default()
            })
        }
    }
}

/// Reads a file and checks it. The inner error is why it is refused.
#[allow(clippy::type_complexity)]
fn read_and_check(
    project: &Project,
    settings: &Settings,
    submission: &Submission,
    asked: &AskedTask,
) -> Result<Result<(Found, Geometry, Vec<String>), String>, ProjectError> {
    let (folder, state) = (&project.folder, project.state());
    let case = submission.case;
    let scan = &state.scans[case];
    let image = read_scan(
        &folder.scan_file(&scan.file),
        settings.axis,
        &settings.preparation,
    )?;
    let handed_out = read_labels(&folder.handed_out(&asked.labels[case]))?;
    let handed_out = handed_out.sliced_along(scan.axis).voxels;
    let handed_out = handed_out.mapv(|label| u8::try_from(label).unwrap_or(0));
    let reference = in_ras(&image);
    let (path, by_index) = (submission.path, submission.by_index);
    let drawing = match read_drawing(path, &reference, &settings.classes, by_index) {
        Ok(drawing) => drawing,
        Err(problem) => return Ok(Err(problem)),
    };
    let before = state.drawn.get(case).into_iter().flatten();
    let own = before.filter_map(|(&slice, drawings)| {
        let own = drawings
            .iter()
            .find(|drawn| drawn.annotator == submission.annotator);
        own.map(|drawn| (slice, drawn.round))
    });
    let returned = Returned {
        classes: &settings.classes,
        file: path,
        values: drawing.labels.sliced_along(scan.axis).voxels,
        handed_out: &handed_out,
        asked: &asked.slices_of(case),
        drawn_before: &own.collect(),
    };
    match check(&returned, submission.told) {
        Ok(found) => Ok(Ok((found, image.geometry, drawing.notes))),
        Err(refused) => Ok(Err(refused.to_string())),
    }
}

/// Keeps what was found in a file, and says what the person should read.
fn take(
    project: &mut Project,
    submission: &Submission,
    sha256: &str,
    found: Found,
    grid: &Geometry,
    mut notes: Vec<String>,
) -> Result<Imported, ProjectError> {
    let Submission { case, task, .. } = *submission;
    let answer = Answer {
        case,
        task,
        annotator: submission.annotator,
        slices: found.accepted,
        submission: sha256,
        seconds: None,
        grid,
    };
    let accepted = accept(project, answer)?;
    let list = |slices: &[(usize, usize)]| {
        let parts: Vec<String> = slices
            .iter()
            .map(|(slice, voxels)| format!("{slice} ({voxels} voxels)"))
            .collect();
        parts.join(", ")
    };
    for (slice, round) in &found.replaced {
        if accepted.contains(slice) {
            notes.push(format!("slice {slice} supersedes that of round {round}"));
        }
    }
    for (slice, pending) in &found.pending {
        notes.push(format!("slice {slice} still waits: {pending}"));
    }
    if !found.stray.is_empty() {
        let list = list(&found.stray);
        notes.push(format!(
            "dropped a few voxels on slices that were not asked for: {list}"
        ));
    }
    if !found.set_aside.is_empty() {
        let also: Vec<String> = found
            .set_aside
            .iter()
            .map(|(slice, _)| format!("{case}:{slice}"))
            .collect();
        notes.push(format!(
            "set aside slices that were not asked for: {}; `slicewise import --also {}` takes them in",
            list(&found.set_aside),
            also.join(",")
        ));
    }
    notes.extend(found.warnings);
    Ok(Imported {
        accepted,
        untouched: found.untouched,
        pending: found.pending,
        notes,
        ..Imported::default()
    })
}
