//! What a file is that is no NIfTI volume: told by its first bytes, or else by its name.
//!
//! Sources: the formats' own descriptions. Git LFS `docs/spec.md`; git-annex "pointer file format";
//! DICOM PS3.10 section 7.1; teem's NRRD and ITK's MetaIO pages; `nifti1.h` for Analyze 7.5 and pairs;
//! `nifti2.h` and the CIFTI-2 specification; NetCDF and HDF5 signatures for MINC; FreeSurfer's MGH
//! format.

use crate::line::one_line;
use std::fmt;
use std::path::Path;

/// What a file is, or what its voxels are, if slicewise does not read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// No bytes at all.
    Nothing,
    /// A folder.
    Folder,
    /// The pointer that Git checks out in place of a large file.
    GitLfsPointer,
    /// The pointer that git-annex (and DataLad) leaves in place of a file.
    GitAnnexPointer,
    /// A page of the web.
    Html,
    /// Another document in XML, such as a server's error.
    Xml,
    /// Any other text, with its beginning.
    Text(String),
    /// A zip archive.
    Zip,
    /// A tar archive.
    Tar,
    /// A stream of another compressor, by the name of the program that reads it.
    Compressed(&'static str),
    /// A gzip stream in a gzip stream.
    TwiceGzip,
    /// One file of a DICOM series.
    Dicom,
    /// Nearly raw raster data, 3D Slicer's format.
    Nrrd,
    /// ITK's MetaImage.
    MetaImage,
    /// The header of an Analyze 7.5 pair.
    Analyze,
    /// One file of a NIfTI pair.
    Pair,
    /// MINC 1, or another NetCDF file.
    NetCdf,
    /// MINC 2, MATLAB 7.3 or another HDF5 file.
    Hdf5,
    /// FreeSurfer's MGH or MGZ.
    Mgh,
    /// AFNI's HEAD and BRIK.
    Afni,
    /// Data on a cortical surface.
    Cifti,
    /// PNG, JPEG or TIFF.
    Picture,
    /// An array of NumPy or MATLAB.
    Array,
    /// NIfTI with colours as voxels.
    Colours,
    /// NIfTI with complex numbers as voxels.
    Complex,
    /// NIfTI with numbers of 128 bits.
    Quadruple,
}

/// First bytes that name a format.
const MAGIC: &[(&[u8], Format)] = &[
    (b"version https://git-lfs", Format::GitLfsPointer),
    (b"/annex/objects/", Format::GitAnnexPointer),
    (b"PK\x03\x04", Format::Zip),
    (b"PK\x05\x06", Format::Zip),
    (b"\x1f\x8b", Format::TwiceGzip),
    (b"BZh", Format::Compressed("bunzip2")),
    (b"\xfd7zXZ\0", Format::Compressed("unxz")),
    (b"\x28\xb5\x2f\xfd", Format::Compressed("unzstd")),
    (b"7z\xbc\xaf\x27\x1c", Format::Compressed("7z x")),
    (b"NRRD0", Format::Nrrd),
    (b"ObjectType", Format::MetaImage),
    (b"NDims", Format::MetaImage),
    (b"CDF\x01", Format::NetCdf),
    (b"CDF\x02", Format::NetCdf),
    (b"\x89HDF\r\n\x1a\n", Format::Hdf5),
    (b"\x89PNG", Format::Picture),
    (b"\xff\xd8\xff", Format::Picture),
    (b"II*\0", Format::Picture),
    (b"MM\0*", Format::Picture),
    (b"\x93NUMPY", Format::Array),
    (b"MATLAB 5.0", Format::Array),
];

/// Endings of names, in small letters.
const ENDINGS: &[(&[&str], Format)] = &[
    (&["nrrd", "nhdr"], Format::Nrrd),
    (&["mha", "mhd", "zraw"], Format::MetaImage),
    (&["dcm", "ima"], Format::Dicom),
    (&["mgh", "mgz"], Format::Mgh),
    (&["mnc"], Format::Hdf5),
    (&["hdr", "img"], Format::Pair),
    (&["brik", "head"], Format::Afni),
    (&["zip"], Format::Zip),
    (&["tar", "tgz"], Format::Tar),
    (&["png", "jpg", "jpeg", "tif", "tiff"], Format::Picture),
    (&["npy", "npz", "mat"], Format::Array),
];

impl Format {
    /// Tells a format by a file's first bytes (a few hundred are enough), or `None`. `start` must
    /// not be a NIfTI header.
    pub(crate) fn of_bytes(start: &[u8]) -> Option<Self> {
        if start.is_empty() {
            return Some(Self::Nothing);
        }
        let magic = MAGIC.iter().find(|(magic, _)| start.starts_with(magic));
        if let Some((_, format)) = magic {
            return Some(format.clone());
        }
        let at = |at: usize, magic: &[u8]| start.get(at..).is_some_and(|s| s.starts_with(magic));
        if at(128, b"DICM") {
            return Some(Self::Dicom);
        }
        if at(257, b"ustar") {
            return Some(Self::Tar);
        }
        if is_mgh(start) {
            return Some(Self::Mgh);
        }
        of_text(start)
    }

    /// Tells a format by a name's last ending, or `None`.
    pub(crate) fn of_name(name: &Path) -> Option<Self> {
        let text = name.file_name()?.to_string_lossy().to_lowercase();
        let stem = text.strip_suffix(".gz").unwrap_or(&text);
        let (_, ending) = stem.rsplit_once('.')?;
        let known = ENDINGS.iter().find(|(known, _)| known.contains(&ending));
        known.map(|(_, format)| format.clone())
    }

    /// Returns what the user can do, in one sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Folder => "Name the file inside this folder.",
            Self::Nothing => "Copy or download the file again: nothing of it was saved.",
            Self::GitLfsPointer => "Run git lfs pull in its repository, which fetches the file.",
            Self::GitAnnexPointer => {
                "Run git annex get (or datalad get) on it, which fetches the file."
            }
            Self::Html => {
                "Download the file itself: a page, perhaps one to log in, was saved in its place."
            }
            Self::Xml | Self::Text(_) => {
                "Look at its text: it may be a server's error that was saved in the file's place."
            }
            Self::Zip => "Unpack it (unzip) and name the volume that was inside.",
            Self::Tar => "Unpack it (tar -xf) and name the volume that was inside.",
            Self::Compressed(_) => {
                "Unpack it with that program; gzip is the only compression of NIfTI."
            }
            Self::TwiceGzip => "Unpack it once with gunzip: it was compressed twice.",
            Self::Dicom => "Convert the folder of the series: dcm2niix -z y FOLDER.",
            Self::Nrrd => {
                "Convert it: python3 -c \"import SimpleITK as s; s.WriteImage(s.ReadImage('x.nrrd'), 'x.nii.gz')\" (pip install SimpleITK), or save it as NIfTI in 3D Slicer."
            }
            Self::MetaImage => {
                "Convert it: python3 -c \"import SimpleITK as s; s.WriteImage(s.ReadImage('x.mha'), 'x.nii.gz')\" (pip install SimpleITK), or save it as NIfTI in 3D Slicer."
            }
            Self::Analyze => {
                "Convert the pair: python3 -c \"import nibabel as n; i = n.load('x.hdr'); n.save(n.Nifti1Image(i.get_fdata(), i.affine), 'x.nii.gz')\"; Analyze does not say which side is left, so look at the result."
            }
            Self::Pair => {
                "Convert the pair: python3 -c \"import nibabel as n; n.save(n.load('x.hdr'), 'x.nii.gz')\"."
            }
            Self::NetCdf | Self::Hdf5 => {
                "If it is a MINC volume, convert it: mnc2nii x.mnc x.nii, or nibabel as for MGH."
            }
            Self::Mgh => {
                "Convert it: python3 -c \"import nibabel as n; i = n.load('x.mgz'); n.save(n.Nifti1Image(i.dataobj, i.affine), 'x.nii.gz')\", or mri_convert x.mgz x.nii.gz."
            }
            Self::Afni => "Convert it: 3dAFNItoNIFTI -prefix x.nii.gz x+orig.",
            Self::Cifti => {
                "Name a volume: this file holds values on a cortical surface, which has no slices."
            }
            Self::Picture => "Name the volume: a picture has no third axis and no voxel size.",
            Self::Array => {
                "Save it with its affine: python3 -c \"import nibabel as n, numpy as p; n.save(n.Nifti1Image(p.load('x.npy'), AFFINE), 'x.nii.gz')\"."
            }
            Self::Colours => {
                "Name the volume of numbers that the colours were made from, or save one channel as a volume."
            }
            Self::Complex => {
                "Save the magnitude: python3 -c \"import nibabel as n; i = n.load('x.nii'); n.save(n.Nifti1Image(abs(i.dataobj[:]), i.affine), 'y.nii.gz', dtype='float32')\"."
            }
            Self::Quadruple => {
                "Save it as float32: python3 -c \"import nibabel as n; i = n.load('x.nii'); n.save(n.Nifti1Image(i.get_fdata(dtype='float32'), i.affine), 'y.nii.gz')\"."
            }
        }
    }
}

impl Format {
    /// Returns what to do about a data set whose volumes all have this format.
    pub(crate) fn remedy_of_all(&self) -> &'static str {
        match self {
            Self::Nrrd => {
                "Convert all volumes, then set file_ending to .nii.gz: python3 -c \"import SimpleITK as s, pathlib as p; [s.WriteImage(s.ReadImage(str(f)), str(f.with_suffix('.nii.gz'))) for f in p.Path('.').rglob('*.nrrd')]\" (pip install SimpleITK)."
            }
            Self::MetaImage => {
                "Convert all volumes, then set file_ending to .nii.gz: python3 -c \"import SimpleITK as s, pathlib as p; [s.WriteImage(s.ReadImage(str(f)), str(f.with_suffix('.nii.gz'))) for f in p.Path('.').rglob('*.mh[ad]')]\" (pip install SimpleITK)."
            }
            _ => "Convert all volumes to .nii.gz, and set file_ending to it.",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "an empty file of 0 bytes",
            Self::Folder => "a folder",
            Self::GitLfsPointer => "the pointer of Git LFS to the file, not the file",
            Self::GitAnnexPointer => "the pointer of git-annex to the file, not the file",
            Self::Html => "an HTML page",
            Self::Xml => "an XML document",
            Self::Text(start) => return write!(f, "text that begins \"{}\"", one_line(start)),
            Self::Zip => "a zip archive",
            Self::Tar => "a tar archive",
            Self::Compressed(program) => return write!(f, "a file for {program}"),
            Self::TwiceGzip => "a gzip stream in a gzip stream",
            Self::Dicom => "a DICOM file",
            Self::Nrrd => "an NRRD volume",
            Self::MetaImage => "a MetaImage volume (MHA, MHD)",
            Self::Analyze => "the header of an Analyze 7.5 pair (.hdr, .img)",
            Self::Pair => "half of a NIfTI pair (.hdr, .img)",
            Self::NetCdf => "a NetCDF file, as MINC 1 is",
            Self::Hdf5 => "an HDF5 file, as MINC 2 is",
            Self::Mgh => "a FreeSurfer volume (MGH, MGZ)",
            Self::Afni => "an AFNI volume (HEAD, BRIK)",
            Self::Cifti => "a CIFTI-2 file",
            Self::Picture => "a picture (PNG, JPEG or TIFF)",
            Self::Array => "an array of NumPy or MATLAB",
            Self::Colours => "one with colours (RGB) as voxels",
            Self::Complex => "one with complex numbers as voxels",
            Self::Quadruple => "one with numbers of 128 bits as voxels",
        })
    }
}

/// Whether bytes are the header of an MGH file: version 1, four lengths and a type, big-endian.
fn is_mgh(start: &[u8]) -> bool {
    let Some((fields, _)) = start.split_at_checked(24) else {
        return false;
    };
    let (fields, _) = fields.as_chunks::<4>();
    let [version, lengths @ .., kind] = &fields
        .iter()
        .map(|field| i32::from_be_bytes(*field))
        .collect::<Vec<_>>()[..]
    else {
        return false;
    };
    let plausible = lengths.iter().all(|length| (1..=65_536).contains(length));
    *version == 1 && plausible && [0, 1, 3, 4].contains(kind)
}

/// Tells kinds of text, or `None` if the bytes are no text.
fn of_text(start: &[u8]) -> Option<Format> {
    /// As many letters of a text are shown.
    const SHOWN: usize = 24;
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    // The last character may be cut.
    let (text, cut) = match std::str::from_utf8(start) {
        Ok(text) => (text, true),
        Err(error) => {
            let (text, _) = start.split_at(error.valid_up_to());
            (std::str::from_utf8(text).ok()?, error.error_len().is_none())
        }
    };
    let is_text = |letter: char| !letter.is_control() || "\t\r\n".contains(letter);
    if !cut || !text.chars().all(is_text) {
        return None;
    }
    let text = text.trim();
    let small = text.to_lowercase();
    Some(
        if small.starts_with("<!doctype html") || small.starts_with("<html") {
            Format::Html
        } else if small.starts_with("<?xml") || small.starts_with('<') {
            Format::Xml
        } else if small.contains("annex/objects/") {
            // A link of git-annex that was saved as a file.
            Format::GitAnnexPointer
        } else {
            Format::Text(text.chars().take(SHOWN).collect())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_a_format_whatever_their_letters() {
        let of = |name: &str| Format::of_name(Path::new(name));
        assert_eq!(of("a/CASE.NRRD"), Some(Format::Nrrd));
        assert_eq!(of("aseg.mgz"), Some(Format::Mgh));
        assert_eq!(of("x.img.gz"), Some(Format::Pair));
        assert_eq!(of(".mha"), Some(Format::MetaImage));
        for none in ["x.nii", "x.nii.gz", "x", "nrrd", ""] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn short_or_random_bytes_are_no_format() {
        for none in [&[1u8, 2, 3][..], &[0; 24], &[0xff; 400]] {
            assert_eq!(Format::of_bytes(none), None, "{none:?}");
        }
    }
}
