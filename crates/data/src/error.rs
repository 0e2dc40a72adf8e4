//! Everything that can be wrong with a dataset.
//!
//! Every message is one line and names the file (or the setting), what was expected and what was
//! found. [`DataError::remedy`] says what to do about it.

use crate::fault::Fault;
use crate::format::Format;
pub use crate::grid_cause::GridCause;
use crate::line::one_line;
use slicewise_core::{Task, UnknownName, nearest};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What is wrong with a file, a folder, a table or a setting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder does not exist.
    #[error("{}: not found (expected {expected})", one_line(&path.display()))]
    Missing {
        /// The path that was looked for.
        path: PathBuf,
        /// What it should have been.
        expected: String,
    },
    /// The operating system could not read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// One file cannot be used because of what it holds.
    #[error("{}: {fault}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A data set's description says that its volumes have an ending that is not read.
    #[error("{}: expected the file_ending .nii.gz or .nii, got \"{}\"{}", path.display(), one_line(ending), of_ending(ending).map_or_else(String::new, |format| format!(", {format}")))]
    FileEnding {
        /// The description.
        path: PathBuf,
        /// The ending that it gives.
        ending: String,
    },
    /// The header of a NIfTI file makes no sense.
    #[error("{}: not a readable NIfTI file: {reason}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with the header.
        reason: String,
    },
    /// A header does not say where its voxels lie.
    #[error("{}: its header states no position: {reason}", path.display())]
    NoPosition {
        /// The file.
        path: PathBuf,
        /// What was expected and what is there.
        reason: String,
    },
    /// The volume has too many voxels, as stored or after resampling.
    #[error("{}: expected at most {most} voxels{after}, got {shape}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most voxels allowed.
        most: u64,
        /// The step that gives so many voxels, in words; empty for reading.
        after: String,
        /// The dimensions, `x×y×z`.
        shape: String,
    },
    /// The dataset's grouping has no class for a label value.
    #[error("{}: unknown label value {value} in {count} voxels (expected one of {expected})", path.display())]
    UnknownLabel {
        /// The label file.
        path: PathBuf,
        /// The label value.
        value: i32,
        /// Number of voxels with this value.
        count: usize,
        /// The values that have a class.
        expected: String,
    },
    /// Two files of one case have different shapes.
    #[error("{}: expected the shape {expected} (x×y×z) of {}, got {got}", path.display(), reference.display())]
    ShapeMismatch {
        /// The label or mask file.
        path: PathBuf,
        /// The image file.
        reference: PathBuf,
        /// The image's shape.
        expected: Box<str>,
        /// The other file's shape.
        got: Box<str>,
        /// What the difference most likely comes from.
        cause: GridCause,
    },
    /// The grids of two files of one case lie in different places.
    #[error("{}: expected the grid of {} to within {tolerance_voxels} voxels (data.grid_tolerance_voxels), but its corners are {distance_voxels:.3} voxels ({distance_mm:.3} mm) away", path.display(), reference.display())]
    AffineMismatch {
        /// The label or mask file.
        path: PathBuf,
        /// The image file.
        reference: PathBuf,
        /// The largest distance allowed, in voxels of the image.
        tolerance_voxels: f64,
        /// The root mean square distance between corners of the two grids, in voxels of the image.
        distance_voxels: f64,
        /// The same in mm.
        distance_mm: f64,
        /// What the difference most likely comes from.
        cause: GridCause,
    },
    /// The statements of a header about the position of its voxels contradict each other.
    #[error("{}: sform and {name} contradict each other: by sform {sform}; by {name} {other} (data.position: sform or qform chooses)", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// What the sform says.
        sform: String,
        /// The other statement: `qform`, or `pixdim` without one.
        name: &'static str,
        /// What it says.
        other: String,
    },
    /// All intensities are the same, so there is no z-score.
    #[error("{}: expected intensities that differ, got {value} in every voxel of the content", path.display())]
    Constant {
        /// The image file.
        path: PathBuf,
        /// The intensity.
        value: f64,
    },
    /// A line of a table (CSV or JSON) cannot be used.
    #[error("{}: {}", self.place(), one_line(problem))]
    Table {
        /// The table.
        path: PathBuf,
        /// Its line number, from 1.
        line: Option<u64>,
        /// What is wrong.
        problem: String,
    },
    /// A setting of the `data:` section cannot be used.
    #[error("data.{field}: {}", one_line(problem))]
    Setting {
        /// The setting's name within the section.
        field: &'static str,
        /// What was expected and what was given.
        problem: String,
    },
    /// A case is in both parts of the split.
    #[error("data.part_a, data.part_b: {} is in both parts", one_line(what))]
    TwoParts {
        /// The case.
        what: String,
    },
    /// A subject has sessions in both parts.
    #[error(
        "data: subject \"{}\" is in both parts (its sessions show one brain): {}",
        one_line(subject),
        one_line(cases)
    )]
    SubjectInBoth {
        /// The subject.
        subject: String,
        /// A case of each part and its file.
        cases: String,
    },
    /// Two cases that may be in different parts show the same scan.
    #[error("{}: {}", path.display(), one_line(problem))]
    SameScan {
        /// The image file of one case.
        path: PathBuf,
        /// Which cases, and the other file.
        problem: String,
        /// Whether the parts change from fold to fold.
        folds: bool,
    },
    /// A table or a `dataset.json` as a whole: it is no text, contradicts its folder, or asks for
    /// what this program lacks.
    #[error("{}: {}", path.display(), one_line(problem))]
    Description {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        problem: String,
        /// What the user can do.
        remedy: &'static str,
    },
    /// A case appears twice.
    #[error("{place}: case \"{}\" appears twice", one_line(id))]
    DuplicateCase {
        /// The setting or the table where it does.
        place: String,
        /// The case's id.
        id: String,
    },
    /// A setting names something that the dataset lacks.
    #[error("data.{field}: {unknown}")]
    UnknownName {
        /// The setting's name within the section.
        field: &'static str,
        /// The unknown name, and what is similar.
        unknown: UnknownName,
    },
    /// A task's definition names a class that the dataset lacks.
    #[error("{}: unknown class \"{}\"{}; the data set has {}", self.place(), one_line(class), meant(class, known), one_line(&known.join(", ")))]
    UnknownClass {
        /// The task.
        task: Task,
        /// The unknown name.
        class: String,
        /// The classes that there are.
        known: Vec<String>,
    },
    /// A case lacks classes of a task that allows none to be absent.
    #[error("{}: expected every class of the task in its labels, got none of {}", path.display(), classes.join(", "))]
    AbsentClasses {
        /// The image file.
        path: PathBuf,
        /// The classes that it lacks.
        classes: Vec<String>,
    },
    /// A part has no cases.
    #[error("data: Part {part} is empty ({cases} cases found)")]
    EmptyPart {
        /// `A` or `B`.
        part: &'static str,
        /// Number of cases in the whole dataset.
        cases: usize,
    },
}

/// Returns the class that a misspelt one was meant to be, as a question in brackets.
fn meant(class: &str, known: &[String]) -> String {
    let nearest = nearest(class, known.iter().map(String::as_str));
    nearest.map_or_else(String::new, |name| format!(" (did you mean \"{name}\"?)"))
}

/// Returns the format that an ending stands for.
fn of_ending(ending: &str) -> Option<Format> {
    Format::of_name(Path::new(&format!("x{ending}")))
}

/// Returns what to do about an error of the operating system.
fn of_system(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => {
            "Give yourself permission (chmod u+rw), or run as the user who has it."
        }
        ErrorKind::NotADirectory => "Correct the path: one of its folders is a file.",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "Make room on the disk.",
        ErrorKind::ReadOnlyFilesystem => "Choose a folder that can be written to.",
        _ => "Check the disk and the connection to it, then try again.",
    }
}

impl DataError {
    /// Returns the file or folder at fault, or `None` if a setting is.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Missing { path, .. }
            | Self::Io { path, .. }
            | Self::File { path, .. }
            | Self::FileEnding { path, .. }
            | Self::Header { path, .. }
            | Self::NoPosition { path, .. }
            | Self::TooLarge { path, .. }
            | Self::UnknownLabel { path, .. }
            | Self::ShapeMismatch { path, .. }
            | Self::AffineMismatch { path, .. }
            | Self::Contradiction { path, .. }
            | Self::Constant { path, .. }
            | Self::AbsentClasses { path, .. }
            | Self::SameScan { path, .. }
            | Self::Description { path, .. }
            | Self::Table { path, .. } => Some(path),
            Self::Setting { .. }
            | Self::TwoParts { .. }
            | Self::SubjectInBoth { .. }
            | Self::DuplicateCase { .. }
            | Self::UnknownName { .. }
            | Self::UnknownClass { .. }
            | Self::EmptyPart { .. } => None,
        }
    }

    /// Returns what the message begins with: the file and line, or the setting.
    pub fn place(&self) -> String {
        match self {
            Self::Table {
                path,
                line: Some(line),
                ..
            } => format!("{}:{line}", path.display()),
            Self::Setting { field, .. } | Self::UnknownName { field, .. } => {
                format!("data.{field}")
            }
            Self::UnknownClass { task, .. } => format!("tasks.{task}.definition.labels"),
            Self::TwoParts { .. } => "data.part_a, data.part_b".to_owned(),
            Self::DuplicateCase { place, .. } => place.clone(),
            Self::EmptyPart { .. } | Self::SubjectInBoth { .. } => "data".to_owned(),
            other => other
                .path()
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
        }
    }

    /// Returns what the user can do, in one sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "Set data.path (or SLICEWISE_DATA) to the folder that holds it, or put the file there."
            }
            Self::Io { source, .. } => of_system(source.kind()),
            Self::File { fault, .. } => fault.remedy(),
            Self::FileEnding { ending, .. } => of_ending(ending).map_or(
                "Convert all volumes to .nii.gz, and set file_ending to .nii.gz.",
                |format| format.remedy_of_all(),
            ),
            Self::Header { .. } => {
                "Export the volume again, or correct that field of its header with nibabel (load, set, save)."
            }
            Self::TooLarge { after, .. } if after.is_empty() => {
                "Correct the header's dimensions, or crop the volume."
            }
            Self::NoPosition { .. } => {
                "Correct sform, qform or pixdim in the header, for instance by copying the header of a file on the same grid (fslcpgeom)."
            }
            Self::TooLarge { .. } => {
                "Correct the voxel size in the header, crop the volume, or choose a larger data.spacing_mm."
            }
            Self::UnknownLabel { value: 255, .. } => {
                "If 255 marks voxels to ignore, decide for them: no voxel is left out; if it is a class, name it (data.classes, dataset.json)."
            }
            Self::UnknownLabel { value: ..0, .. } => {
                "Write 0 for the background: labels are numbered from 0."
            }
            Self::UnknownLabel { .. } => {
                "Correct the label file, or name all its classes (data.classes, dataset.json)."
            }
            Self::ShapeMismatch { cause, .. } | Self::AffineMismatch { cause, .. } => {
                cause.remedy()
            }
            Self::Contradiction { .. } => {
                "Look in a viewer which of them is right, and set data.position to sform, or to qform for the qform and the voxel sizes in pixdim; or correct the header."
            }
            Self::Constant { .. } => {
                "Look at the scan: it is blank, or a mask or label map was named as image."
            }
            Self::Table { .. } => "Correct that line.",
            Self::Setting { .. } => "Correct the setting in the experiment's YAML.",
            Self::SubjectInBoth { .. } => {
                "Put all sessions of a subject in one part; a manifest can name subjects in a column subject."
            }
            Self::SameScan { folds: true, .. } => {
                "Leave one of the two out; in a manifest both can also have the same subject."
            }
            Self::SameScan { .. } => "Leave one of the two out, or put both in the same part.",
            Self::Description { remedy, .. } => remedy,
            Self::TwoParts { .. } | Self::DuplicateCase { .. } => {
                "Name every case once, in one part."
            }
            Self::UnknownName { .. } | Self::UnknownClass { .. } => "Use a name that exists.",
            Self::AbsentClasses { .. } => {
                "Leave the case out, or set absent_classes: true in the task's definition."
            }
            Self::EmptyPart { .. } => "Give each part at least one case.",
        }
    }
}
