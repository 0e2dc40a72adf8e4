//! Everything that can be wrong with a dataset.
//!
//! Every message is one line and names the file (or the setting), what was expected and what was
//! found. [`DataError::remedy`] says what to do about it.

pub use crate::grid_cause::GridCause;
use slicewise_core::{Task, UnknownName, nearest};
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
    /// A gzip stream ends early or fails its checksum.
    #[error("{}: truncated or damaged gzip stream after {bytes} uncompressed bytes ({reason})", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// Number of bytes decompressed before the damage.
        bytes: usize,
        /// The decoder's message.
        reason: String,
    },
    /// A file is no NIfTI-1 single file, or its header makes no sense.
    #[error("{}: not a readable NIfTI-1 file: {reason}", path.display())]
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
    /// The header states more voxels than the file holds.
    #[error("{}: expected {expected} bytes of voxels, as the header's {shape} of {bytes_per_voxel} bytes each, got {got}", path.display())]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Number of bytes that the header states.
        expected: u128,
        /// The header's dimensions, `x×y×z`.
        shape: String,
        /// Bytes of one voxel.
        bytes_per_voxel: usize,
        /// Number of bytes in the file.
        got: usize,
    },
    /// The volume has more than one frame, or fewer than three axes.
    #[error("{}: expected a 3D volume (or 4D with one frame), got {shape}", path.display())]
    NotThreeDimensional {
        /// The file.
        path: PathBuf,
        /// The header's dimensions.
        shape: String,
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
    /// A voxel is NaN or infinite.
    #[error("{}: expected finite voxels, got {count} NaN or infinite, the first at voxel (x, y, z) = {first:?}", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Number of such voxels.
        count: usize,
        /// Stored index `(x, y, z)` of the first.
        first: (usize, usize, usize),
    },
    /// A label that is not a whole number.
    #[error("{}: expected whole-number labels, got {value} at voxel (x, y, z) = {first:?}", path.display())]
    NotInteger {
        /// The file.
        path: PathBuf,
        /// The value.
        value: f64,
        /// Stored index `(x, y, z)` of the first.
        first: (usize, usize, usize),
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
    /// A volume has no content.
    #[error("{}: expected {expected}, got none", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What is missing.
        expected: &'static str,
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
        /// The case, or the subject that has sessions in both parts.
        what: String,
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

/// Writes a text on one line. Control characters, which a file's name may contain, become `\n`,
/// `\u{1b}` and the like.
pub fn one_line(text: &impl ToString) -> String {
    let mut line = String::new();
    for character in text.to_string().chars() {
        if character.is_control() {
            line.extend(character.escape_debug());
        } else {
            line.push(character);
        }
    }
    line
}

impl DataError {
    /// Returns the file or folder at fault, or `None` if a setting is.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Missing { path, .. }
            | Self::Io { path, .. }
            | Self::Gzip { path, .. }
            | Self::Header { path, .. }
            | Self::NoPosition { path, .. }
            | Self::TooShort { path, .. }
            | Self::NotThreeDimensional { path, .. }
            | Self::TooLarge { path, .. }
            | Self::NotFinite { path, .. }
            | Self::NotInteger { path, .. }
            | Self::UnknownLabel { path, .. }
            | Self::ShapeMismatch { path, .. }
            | Self::AffineMismatch { path, .. }
            | Self::Contradiction { path, .. }
            | Self::Empty { path, .. }
            | Self::Constant { path, .. }
            | Self::AbsentClasses { path, .. }
            | Self::Table { path, .. } => Some(path),
            Self::Setting { .. }
            | Self::TwoParts { .. }
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
            Self::EmptyPart { .. } => "data".to_owned(),
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
            Self::Io { .. } => "Check the file's permissions and the disk.",
            Self::Gzip { .. } | Self::TooShort { .. } => {
                "Copy or download the file again: it is incomplete."
            }
            Self::Header { .. } => "Convert it to NIfTI-1 (.nii or .nii.gz).",
            Self::NoPosition { .. } => {
                "Correct sform, qform or pixdim in the header, for instance by copying the header of a file on the same grid (fslcpgeom)."
            }
            Self::NotThreeDimensional { .. } => "Split the series and name one 3D volume.",
            Self::TooLarge { .. } => {
                "Correct the header's dimensions or voxel size, crop the volume, or choose a larger data.spacing_mm."
            }
            Self::NotFinite { .. } => "Replace the NaN voxels, for instance by 0, and save again.",
            Self::NotInteger { .. } => {
                "Name the label map, not a probability map, and resample labels by nearest neighbour."
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
            Self::Empty { .. } | Self::Constant { .. } => {
                "Look at the volume: it is blank, or it is not the file that was meant."
            }
            Self::Table { .. } => "Correct that line.",
            Self::Setting { .. } => "Correct the setting in the experiment's YAML.",
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
