//! What can be wrong with the content of one file, with a remedy for each cause.

use crate::format::Format;
use crate::line::one_line;

/// What is wrong with one file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// There is no such file.
    #[error("not found (expected a NIfTI volume{})", near.words())]
    NotFound {
        /// What is there instead.
        near: Near,
    },
    /// It is something else than a NIfTI volume, or one of no real numbers.
    #[error("expected a NIfTI volume of real numbers, got {0}")]
    Format(Format),
    /// A gzip stream ends early or fails its checksum.
    #[error("{} gzip stream after {bytes} uncompressed bytes ({reason})", if *cut { "truncated" } else { "damaged" })]
    Gzip {
        /// Whether the file ends before the stream does.
        cut: bool,
        /// Number of bytes decompressed before the damage.
        bytes: usize,
        /// The decoder's message.
        reason: String,
    },
    /// Bytes behind a gzip stream that are neither zeros nor another stream.
    #[error(
        "expected only zeros behind the gzip stream, got {count} other bytes from byte {at} of the file on"
    )]
    Behind {
        /// Offset of the first such byte in the file.
        at: u64,
        /// Number of bytes from there to the end of the file.
        count: u64,
    },
    /// The header states more voxels than the file holds.
    #[error(
        "expected {expected} bytes of voxels, as the header's {shape} of {bytes_per_voxel} bytes each, got {got}"
    )]
    TooShort {
        /// Number of bytes that the header states.
        expected: u64,
        /// The header's dimensions, `x×y×z`.
        shape: String,
        /// Bytes of one voxel.
        bytes_per_voxel: usize,
        /// Number of bytes in the file.
        got: usize,
        /// Whether they come from a gzip stream with the right checksum, so that nothing was lost on
        /// the way.
        is_whole: bool,
    },
    /// The volume has more than one frame, or fewer than three axes.
    #[error("expected a 3D volume (or 4D with one frame), got {}", shape(dim))]
    NotThreeDimensional {
        /// The header's dimensions.
        dim: Vec<i16>,
    },
    /// A voxel is NaN or infinite.
    #[error(
        "expected finite voxels, got {count} NaN or infinite, the first at voxel (x, y, z) = {first:?}"
    )]
    NotFinite {
        /// Number of such voxels.
        count: usize,
        /// Stored index `(x, y, z)` of the first.
        first: (usize, usize, usize),
    },
    /// A label that is not a whole number.
    #[error("expected whole-number labels, got {value} at voxel (x, y, z) = {first:?}{}", cause.words())]
    NotWhole {
        /// The value.
        value: f64,
        /// Stored index `(x, y, z)` of the first.
        first: (usize, usize, usize),
        /// Why it may be none.
        cause: NotWhole,
    },
    /// A mask, or a label map in place of one, with a value that is neither inside nor outside.
    #[error("expected a mask, 0 outside and above 0 inside, got {value}{}", cause.words(*count))]
    NoMask {
        /// The value.
        value: f64,
        /// Number of voxels with such a value.
        count: usize,
        /// What they may be.
        cause: NoMask,
    },
    /// A volume has no content.
    #[error("expected {}, got none", .0.expected())]
    Blank(Blank),
}

/// What lies where a missing file was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Near {
    /// Nothing that looks like it.
    Nothing,
    /// The folder is missing as well.
    NoFolder,
    /// A file of this similar name.
    Similar(String),
    /// A link to this place, where nothing is.
    Link(String),
}

/// Why a label is no whole number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NotWhole {
    /// It is NaN or infinite.
    NotFinite,
    /// It is a whole number beyond 32 bits.
    TooLarge,
    /// All values lie between 0 and 1.
    Probability,
    /// Whole numbers are stored with this slope, and do not come out as such.
    Scaled(f64),
    /// None of these: labels between labels, or a scan.
    Between,
}

/// Why a value is no value of a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoMask {
    /// It lies between whole numbers, and other values lie far outside 0 to 1.
    Fraction,
    /// It is a fraction of a soft mask that leaves 0 to 1 a little.
    Overshoot,
    /// It is below 0.
    Negative,
    /// It is 255 above a gap: the field's value for voxels that do not count.
    Ignore,
}

/// What a volume without content lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// The scan is 0 everywhere.
    Scan,
    /// The mask is empty.
    Mask,
    /// The truth of a task of the mask is empty.
    Truth,
    /// There are labels, but all outside the mask.
    OutsideMask,
    /// The scan has neither labels nor a mask.
    NoTruth,
}

fn shape(dim: &[i16]) -> String {
    dim.iter().map(i16::to_string).collect::<Vec<_>>().join("×")
}

impl Near {
    fn words(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::NoFolder => "; its folder is missing too".to_owned(),
            Self::Similar(name) => format!("; did you mean {}?", one_line(name)),
            Self::Link(to) => format!("; it is a link to {}, where nothing is", one_line(to)),
        }
    }
}

impl NotWhole {
    fn words(self) -> String {
        match self {
            Self::Probability => ", and every value between 0 and 1: a probability map".to_owned(),
            Self::Scaled(slope) => format!(", stored with scl_slope {slope}"),
            Self::TooLarge => ", beyond 32 bits".to_owned(),
            Self::NotFinite | Self::Between => String::new(),
        }
    }
}

impl NoMask {
    fn words(self, count: usize) -> String {
        match self {
            Self::Fraction | Self::Overshoot => format!(
                ", the first of {count} voxels that hold no whole number, in a file that leaves 0 to 1"
            ),
            Self::Negative => format!(" in {count} voxels"),
            Self::Ignore => format!(" in {count} voxels beside lower values: voxels to ignore?"),
        }
    }
}

impl Blank {
    fn expected(self) -> &'static str {
        match self {
            Self::Scan => "voxels that are not 0",
            Self::Mask => "a mask with voxels inside",
            Self::Truth => "labels of at least one foreground class for it",
            Self::NoTruth => "a label map or a mask beside it",
            Self::OutsideMask => "labels inside the mask, since there are some outside",
        }
    }
}

impl Fault {
    /// Returns what the user can do, in one sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound { near } => near.remedy(),
            Self::Format(format) => format.remedy(),
            Self::Gzip { cut: true, .. } => "Copy or download the file again: it is incomplete.",
            Self::Gzip { cut: false, .. } => "Copy or download the file again: it is damaged.",
            Self::Behind { .. } => {
                "Download it again, or unpack it (gunzip, which leaves the rest out) and compress it anew."
            }
            Self::TooShort { is_whole: true, .. } => {
                "Export the volume again: the program that wrote it stopped early, or wrote wrong dimensions."
            }
            Self::TooShort { .. } => "Copy or download the file again: it is incomplete.",
            Self::NotThreeDimensional { dim } => match dim.len() {
                0..=2 => "Name a volume: this is one slice or less.",
                3 | 4 => {
                    "Name one volume of the series: python3 -c \"import nibabel as n; n.save(n.load('x.nii.gz').slicer[..., 0], 'y.nii.gz')\"."
                }
                _ => "Name a scan: this looks like vectors or tensors, such as a deformation.",
            },
            Self::NotFinite { .. } => "Replace the NaN voxels, for instance by 0, and save again.",
            Self::NotWhole { cause, .. } => cause.remedy(),
            Self::NoMask { cause, .. } => cause.remedy(),
            Self::Blank(blank) => blank.remedy(),
        }
    }
}

impl Near {
    fn remedy(&self) -> &'static str {
        match self {
            Self::Nothing => {
                "Put the file there, or correct its path: one in a table starts at the table's folder, and data.path (or SLICEWISE_DATA) is where a data set lies."
            }
            Self::NoFolder => {
                "Correct the path, or mount the folder: one in a table starts at the table's folder, and data.path (or SLICEWISE_DATA) is where a data set lies."
            }
            Self::Similar(_) => "Write the name as the file has it, or rename the file.",
            Self::Link(to) if to.contains("annex/objects/") => {
                "Run git annex get (or datalad get) on it, which fetches the file."
            }
            Self::Link(_) => "Put back what the link points to, or name the file itself.",
        }
    }
}

impl NotWhole {
    fn remedy(self) -> &'static str {
        match self {
            Self::NotFinite => "Replace the NaN voxels by the background's 0, and save again.",
            Self::TooLarge => "Number the labels from 0, and save again.",
            Self::Probability => "Name the label map, not a probability map.",
            Self::Scaled(_) => {
                "Save labels as integers without scaling: python3 -c \"import nibabel as n; i = n.load('x.nii.gz'); n.save(n.Nifti1Image(i.get_fdata().round().astype('int16'), i.affine), 'y.nii.gz')\"."
            }
            Self::Between => {
                "Resample labels by nearest neighbour; if it is a scan, name the label map."
            }
        }
    }
}

impl NoMask {
    fn remedy(self) -> &'static str {
        match self {
            Self::Fraction => {
                "If it is a scan that is 0 outside, make a mask of it: python3 -c \"import nibabel as n; i = n.load('x.nii.gz'); n.save(n.Nifti1Image((i.get_fdata() > 0).astype('uint8'), i.affine), 'mask.nii.gz')\"."
            }
            Self::Overshoot => {
                "Cut it at 0.5: python3 -c \"import nibabel as n; i = n.load('x.nii.gz'); n.save(n.Nifti1Image((i.get_fdata() > 0.5).astype('uint8'), i.affine), 'mask.nii.gz')\"."
            }
            Self::Negative => {
                "Write 0 for what is outside, and a number above 0 for what is inside."
            }
            Self::Ignore => {
                "Decide for these voxels: 0 if they are outside, the label of the others if they are inside; no voxel of a mask is left out."
            }
        }
    }
}

impl Blank {
    fn remedy(self) -> &'static str {
        match self {
            Self::Scan => "Look at the scan: it is blank, or not the file that was meant.",
            Self::Mask => "Look at the mask: it is blank, or not the file that was meant.",
            Self::Truth => {
                "Look at its mask or labels: they are blank, or not the file that was meant; a scan without the structure is no case of a task of the mask."
            }
            Self::NoTruth => "Name its label map or its mask, or leave the case out.",
            Self::OutsideMask => "Look at both: the mask or the labels belong to another scan.",
        }
    }
}
