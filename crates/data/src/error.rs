//! Everything that can be wrong with a data set, one clear line each.
//!
//! Every message names the file (or the setting), what was expected and what was found;
//! [`DataError::remedy`] says what to do about it.

use slicewise_core::UnknownName;
use std::path::{Path, PathBuf};

/// What is wrong with a file, a folder, a table or a setting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or a folder is not there.
    #[error("{}: not found (expected {expected})", one_line(&path.display()))]
    Missing {
        /// What was looked for.
        path: PathBuf,
        /// What it should have been.
        expected: String,
    },
    /// The operating system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A gzip stream that stops early or fails its checksum.
    #[error("{}: truncated or damaged gzip stream after {bytes} uncompressed bytes ({reason})", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// Bytes decompressed before the damage.
        bytes: usize,
        /// The decoder's reason.
        reason: String,
    },
    /// Not a NIfTI-1 single file, or one with a senseless header.
    #[error("{}: not a readable NIfTI-1 file: {reason}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with the header.
        reason: String,
    },
    /// The header promises more voxels than the file holds.
    #[error("{}: expected {expected} bytes of voxels, as the header's {shape} of {bytes_per_voxel} bytes each, got {got}", path.display())]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Bytes promised.
        expected: u128,
        /// The header's dimensions `x×y×z`.
        shape: String,
        /// Bytes of one voxel.
        bytes_per_voxel: usize,
        /// Bytes present.
        got: usize,
    },
    /// More than one frame, or fewer than three axes.
    #[error("{}: expected a 3D volume (or 4D with one frame), got {shape}", path.display())]
    NotThreeDimensional {
        /// The file.
        path: PathBuf,
        /// The header's dimensions.
        shape: String,
    },
    /// More voxels than are read, or resampled to.
    #[error("{}: expected at most {most} voxels{after}, got {shape}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        most: u64,
        /// After which step, in words; empty on reading.
        after: String,
        /// The dimensions `x×y×z`.
        shape: String,
    },
    /// A NaN or infinite voxel.
    #[error("{}: expected finite voxels, got {count} NaN or infinite, the first at voxel (x, y, z) = {first:?}", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// How many.
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
    /// A label value that the layout's grouping does not know.
    #[error("{}: unknown label value {value} in {count} voxels (expected one of {expected})", path.display())]
    UnknownLabel {
        /// The label file.
        path: PathBuf,
        /// The value.
        value: i32,
        /// Voxels that have it.
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
        expected: String,
        /// The other's shape.
        got: String,
    },
    /// Two files of one case lie in different places.
    #[error("{}: expected the affine of {} to within {tolerance_mm} mm, but a corner of the grid is {distance_mm:.3} mm away", path.display(), reference.display())]
    AffineMismatch {
        /// The label or mask file.
        path: PathBuf,
        /// The image file.
        reference: PathBuf,
        /// Largest distance allowed.
        tolerance_mm: f64,
        /// Largest distance of the grids' corners.
        distance_mm: f64,
    },
    /// A volume without content.
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
    /// A line of a table (CSV or JSON) that cannot be used.
    #[error("{}: {}", self.place(), one_line(problem))]
    Table {
        /// The table.
        path: PathBuf,
        /// Its line, counted from 1.
        line: Option<u64>,
        /// What is wrong.
        problem: String,
    },
    /// A setting of the `data:` section that cannot be used.
    #[error("data.{field}: {}", one_line(problem))]
    Setting {
        /// Name within the section.
        field: &'static str,
        /// What is wrong: expected, got.
        problem: String,
    },
    /// A case on both sides of the split.
    #[error("data.part_a, data.part_b: {} is in both parts", one_line(what))]
    TwoParts {
        /// The case, or the subject with sessions in both.
        what: String,
    },
    /// A case named twice.
    #[error("{place}: case \"{}\" appears twice", one_line(id))]
    DuplicateCase {
        /// The setting or the table.
        place: String,
        /// The case.
        id: String,
    },
    /// A name that the data set does not have.
    #[error("data.{field}: {unknown}")]
    UnknownName {
        /// The setting.
        field: &'static str,
        /// What it names, and what is like it.
        unknown: UnknownName,
    },
    /// A part without cases.
    #[error("data: Part {part} is empty ({cases} cases found)")]
    EmptyPart {
        /// `A` or `B`.
        part: &'static str,
        /// Cases of the whole data set.
        cases: usize,
    },
}

/// A text as one line: control characters, which a file may have in a name, as `\n`, `\u{1b}`.
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
    /// The file or folder at fault, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Missing { path, .. }
            | Self::Io { path, .. }
            | Self::Gzip { path, .. }
            | Self::Header { path, .. }
            | Self::TooShort { path, .. }
            | Self::NotThreeDimensional { path, .. }
            | Self::TooLarge { path, .. }
            | Self::NotFinite { path, .. }
            | Self::NotInteger { path, .. }
            | Self::UnknownLabel { path, .. }
            | Self::ShapeMismatch { path, .. }
            | Self::AffineMismatch { path, .. }
            | Self::Empty { path, .. }
            | Self::Constant { path, .. }
            | Self::Table { path, .. } => Some(path),
            Self::Setting { .. }
            | Self::TwoParts { .. }
            | Self::DuplicateCase { .. }
            | Self::UnknownName { .. }
            | Self::EmptyPart { .. } => None,
        }
    }

    /// What the message begins with: the file and line, or the setting.
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
            Self::TwoParts { .. } => "data.part_a, data.part_b".to_owned(),
            Self::DuplicateCase { place, .. } => place.clone(),
            Self::EmptyPart { .. } => "data".to_owned(),
            other => other
                .path()
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
        }
    }

    /// What to do about it, one sentence.
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
            Self::ShapeMismatch { .. } | Self::AffineMismatch { .. } => {
                "Resample it to the image's grid, or name the file that belongs to this image."
            }
            Self::Empty { .. } | Self::Constant { .. } => {
                "Look at the volume: it is blank, or it is not the file that was meant."
            }
            Self::Table { .. } => "Correct that line.",
            Self::Setting { .. } => "Correct the setting in the experiment's YAML.",
            Self::TwoParts { .. } | Self::DuplicateCase { .. } => {
                "Name every case once, in one part."
            }
            Self::UnknownName { .. } => "Use a name that exists.",
            Self::EmptyPart { .. } => "Give each part at least one case.",
        }
    }
}
