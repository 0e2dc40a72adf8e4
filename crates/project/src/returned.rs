//! Finds the files that came back, and says which case and task each answers.

use crate::error::ProjectError;
use crate::folder::Project;
use crate::history::sha256;
use crate::state::State;
use crate::tasks::{TASK_FILE, TaskFile};
use std::fs;
use std::path::{Path, PathBuf};

/// The endings of files in which segmentations come.
const ENDINGS: [&str; 4] = [".nii.gz", ".nii", ".seg.nrrd", ".nrrd"];

/// Returns the ending of a file in which a segmentation comes, `.nii.gz` for instance; empty for others.
pub(crate) fn ending_of(path: &Path) -> &'static str {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut endings = ENDINGS.into_iter();
    endings.find(|ending| name.ends_with(ending)).unwrap_or("")
}

/// A file that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnedFile {
    /// The file.
    pub path: PathBuf,
    /// The case that it is of.
    pub case: String,
    /// The task that it answers.
    pub task: String,
}

/// Lists the files below `paths`, or without any below all tasks: of each case the one that was changed.
/// `told` is the case and the task of files from elsewhere, where they were told.
///
/// # Errors
/// A file belongs to another project, or to no case; a case has several answers.
pub fn returned_files(
    project: &Project,
    paths: &[PathBuf],
    told: (Option<&str>, Option<&str>),
) -> Result<Vec<ReturnedFile>, ProjectError> {
    let state = project.state();
    let mut files = Vec::new();
    if paths.is_empty() {
        for task in &state.tasks {
            let folder = project.folder.task(&task.name);
            if folder.is_dir() {
                of_task(state, &folder, &mut files)?;
            }
        }
        return Ok(files);
    }
    for path in paths {
        let path = std::path::absolute(path).map_err(ProjectError::io(path))?;
        if path.is_dir() {
            of_task(state, &path, &mut files)?;
        } else {
            files.push(one(state, &path, told)?);
        }
    }
    Ok(files)
}

/// Lists the answers in a task's folder, or in that of one of its cases.
fn of_task(
    state: &State,
    folder: &Path,
    files: &mut Vec<ReturnedFile>,
) -> Result<(), ProjectError> {
    let Some(root) = root_of(folder) else {
        return Err(ProjectError::Input(format!(
            "{}: expected a task's folder (with {TASK_FILE}), got another; give the file itself, with \
             --case and --task",
            folder.display()
        )));
    };
    let task = task_of(state, root)?;
    for case in task.slices.keys() {
        let of_case = root.join(case);
        if !of_case.starts_with(folder) && !folder.starts_with(&of_case) {
            continue;
        }
        let mut answers = answers(&of_case)?;
        if answers.len() > 1 {
            // The labels as they were handed out are no answer beside another.
            let asked = state.tasks.iter().find(|asked| asked.name == task.task);
            let handed_out = asked.and_then(|asked| asked.labels.get(case));
            answers.retain(|path| {
                let bytes = fs::read(path).unwrap_or_default();
                handed_out.is_none_or(|handed_out| *handed_out != sha256(&bytes))
            });
        }
        match answers.as_slice() {
            [] => {}
            [path] => files.push(ReturnedFile {
                path: path.clone(),
                case: case.clone(),
                task: task.task.clone(),
            }),
            several => {
                let names: Vec<String> = several
                    .iter()
                    .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
                    .collect();
                return Err(ProjectError::Input(format!(
                    "{}: expected one answer, got {}; import the one that counts by its path, or move the \
                     others away",
                    of_case.display(),
                    names.join(", ")
                )));
            }
        }
    }
    Ok(())
}

/// Lists the segmentations in a case's folder.
fn answers(folder: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(source) => return Err(ProjectError::io(folder)(source)),
    };
    for entry in entries {
        let path = entry.map_err(ProjectError::io(folder))?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.starts_with("image.") && !name.starts_with('.') && !ending_of(&path).is_empty() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Says which case and task a file answers.
fn one(
    state: &State,
    path: &Path,
    (case, task): (Option<&str>, Option<&str>),
) -> Result<ReturnedFile, ProjectError> {
    let of_folder = match root_of(path) {
        Some(root) => Some((task_of(state, root)?, root)),
        None => None,
    };
    let own_case = of_folder.as_ref().and_then(|(task, root)| {
        let below = path.strip_prefix(root).ok()?.components().next()?;
        let case = below.as_os_str().to_string_lossy().into_owned();
        task.slices.contains_key(&case).then_some(case)
    });
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The longest name counts: `sub-1` begins as `sub-10` does.
    let named = state
        .scans
        .keys()
        .filter(|case| name.starts_with(case.as_str()));
    let named = named.max_by_key(|case| case.len()).cloned();
    let case = case.map(str::to_owned).or(own_case).or(named);
    let wrong = |what: &str, option: &str| {
        ProjectError::Input(format!(
            "{}: expected a file of which the {what} is known, got none; {option} says it",
            path.display()
        ))
    };
    let case = case.ok_or_else(|| wrong("case", "--case"))?;
    let newest = || {
        let mut tasks = state.tasks.iter().rev();
        let asked = tasks.find(|task| task.labels.contains_key(&case));
        asked.map(|task| task.name.clone())
    };
    let task = task
        .map(str::to_owned)
        .or_else(|| of_folder.map(|(task, _)| task.task))
        .or_else(newest);
    Ok(ReturnedFile {
        path: path.to_owned(),
        task: task.ok_or_else(|| wrong("task", "--task"))?,
        case,
    })
}

/// Finds the folder of the task that a file or folder lies in.
fn root_of(path: &Path) -> Option<&Path> {
    path.ancestors()
        .find(|folder| folder.join(TASK_FILE).is_file())
}

/// Reads which task a folder is.
fn task_of(state: &State, root: &Path) -> Result<TaskFile, ProjectError> {
    let path = root.join(TASK_FILE);
    let text = fs::read(&path).map_err(ProjectError::io(&path))?;
    let task: TaskFile = serde_json::from_slice(&text)
        .map_err(|error| ProjectError::Input(format!("{}: {error}", path.display())))?;
    if task.project != state.id {
        return Err(ProjectError::Input(format!(
            "{}: expected a task of this project ({}), got one of another ({}); import it where it was \
             asked for",
            path.display(),
            state.id,
            task.project
        )));
    }
    if !state.tasks.iter().any(|known| known.name == task.task) {
        return Err(ProjectError::Input(format!(
            "{}: expected a task that was asked for, got {}; see `slicewise log`",
            path.display(),
            task.task
        )));
    }
    Ok(task)
}
