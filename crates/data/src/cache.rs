//! Keeps preprocessed cases on disk, so that the processes of a sweep need not all resample the
//! same volumes.
//!
//! The name of a case's file is the SHA-256 of all that made it: the bytes of its source files (for
//! a phantom: the source code of the generator and its arguments), the settings, the task's
//! definition, the grouping of labels and [`FORMAT`]. The file is little-endian and holds, in this order: magic bytes, what
//! [`crate::twins`] says of the scan (u64), the scan's slice that it begins with (u64), the grid, intensities (f32) and classes (u8); if the case was resampled, its own grid and the classes
//! (u8) there; and the SHA-256 of all before. A grid is the shape `[z, y, x]` (u64), the affine (f64,
//! row by row), and the stored axes and flips (u8). A file whose hash is wrong is rebuilt.
//!
//! Where cases of Part A decide how all are normalised, the intensities of each are kept as well
//! (`.intensities`, [`crate::normalise`]), and what they come to is a setting of every case.

use crate::config::DataConfig;
use crate::datasets::{MaskFile, Source};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use crate::missing::unreadable;
use crate::normalise::Intensities;
use crate::preprocess::Prepared;
use ndarray::Array3;
use sha2::{Digest, Sha256};
use slicewise_core::hash::hex;
use slicewise_core::{
    Geometry, Image, IntensityScale, LabelMap, StoredAxes, TaskDefinition, Volume, write_whole,
};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Version of the content. Raise it whenever preprocessing or this format changes.
const FORMAT: u32 = 5;
const MAGIC: &[u8; 16] = b"slicewise case\0\n";
const HASH_BYTES: usize = 32;

/// The source code of the phantom generator. It is part of the name, so a change of the generator
/// makes new phantoms instead of reading old ones.
const PHANTOM_CODE: &[(&str, &str)] = &[
    ("phantom.rs", include_str!("phantom.rs")),
    ("anatomy.rs", include_str!("phantom/anatomy.rs")),
    ("appearance.rs", include_str!("phantom/appearance.rs")),
    ("head.rs", include_str!("phantom/head.rs")),
    ("noise.rs", include_str!("phantom/noise.rs")),
    ("shapes.rs", include_str!("phantom/shapes.rs")),
    ("subject.rs", include_str!("phantom/subject.rs")),
];

/// Returns the path of a case's file. `scale` is what the case's intensities are normalised by, if
/// not by themselves.
///
/// # Errors
/// A source file cannot be read.
pub(crate) fn path(
    folder: &Path,
    source: &Source,
    definition: &TaskDefinition,
    grouping: &LabelGrouping,
    config: &DataConfig,
    scale: Option<&IntensityScale>,
) -> Result<PathBuf, DataError> {
    let mut settings = format!("{:?} {:?}", config.spacing_mm, config.margin_mm);
    if let Some(scale) = scale {
        settings += &format!(" {scale:?}");
    }
    let name = hash_of_all(source, definition, grouping, config, &settings)?;
    Ok(folder.join(format!("{name}.case")))
}

/// Returns the path of the file with a case's intensities.
///
/// # Errors
/// A source file cannot be read.
pub(crate) fn path_of_intensities(
    folder: &Path,
    source: &Source,
    definition: &TaskDefinition,
    grouping: &LabelGrouping,
    config: &DataConfig,
) -> Result<PathBuf, DataError> {
    let name = hash_of_all(source, definition, grouping, config, "intensities")?;
    Ok(folder.join(format!("{name}.intensities")))
}

/// Returns the hash of all that makes a file, in hexadecimal.
fn hash_of_all(
    source: &Source,
    definition: &TaskDefinition,
    grouping: &LabelGrouping,
    config: &DataConfig,
    settings: &str,
) -> Result<String, DataError> {
    let mut hasher = Sha256::new();
    hasher.update(FORMAT.to_le_bytes());
    hasher.update(format!("{definition} {grouping:?}"));
    // How a file is read, and whether it is refused.
    let position = (config.position, config.grid_tolerance_voxels);
    hasher.update(format!("{settings} {position:?}"));
    match source {
        Source::Files {
            image,
            labels,
            mask,
        } => {
            let files = [
                ("image", Some(image.as_path())),
                ("labels", labels.as_deref()),
                ("mask", mask.as_ref().map(MaskFile::path)),
            ];
            for (role, file) in files {
                if let Some(file) = file {
                    hasher.update(role);
                    hasher.update(hash_of(file)?);
                }
            }
        }
        Source::Phantom { .. } => {
            hasher.update(format!("{source:?}"));
            for (_, code) in PHANTOM_CODE {
                hasher.update(Sha256::digest(code));
            }
        }
    }
    Ok(hex(&hasher.finalize()))
}

fn hash_of(file: &Path) -> Result<[u8; HASH_BYTES], DataError> {
    let fail = |source| unreadable(file, source);
    let mut hasher = Sha256::new();
    io::copy(&mut fs::File::open(file).map_err(fail)?, &mut hasher).map_err(fail)?;
    Ok(hasher.finalize().into())
}

/// Reads a case, or returns `None` if there is none or its file is damaged.
pub(crate) fn read(path: &Path) -> Option<Prepared> {
    decode(&content_of(path)?)
}

/// Reads a case's intensities, or returns `None` if there are none or their file is damaged.
pub(crate) fn read_intensities(path: &Path) -> Option<Intensities> {
    Intensities::decode(&content_of(path)?)
}

/// Returns what stands in a file before its hash, if the hash is right.
fn content_of(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = fs::read(path).ok()?;
    let hash = bytes.split_off(bytes.len().checked_sub(HASH_BYTES)?);
    (Sha256::digest(&bytes).as_slice() == hash).then_some(bytes)
}

/// Writes a case, whole or not at all.
///
/// # Errors
/// The folder or the file cannot be written.
pub(crate) fn write(path: &Path, case: &Prepared) -> Result<(), DataError> {
    keep(path, encode(case))
}

/// Writes a case's intensities, whole or not at all.
///
/// # Errors
/// The folder or the file cannot be written.
pub(crate) fn write_intensities(path: &Path, counts: &Intensities) -> Result<(), DataError> {
    keep(path, counts.encode())
}

/// Writes content and its hash.
fn keep(path: &Path, mut content: Vec<u8>) -> Result<(), DataError> {
    let mut save = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let hash = Sha256::digest(&content);
        content.extend_from_slice(&hash);
        write_whole(path, &content)
    };
    save().map_err(|source| DataError::Io {
        path: path.to_owned(),
        source,
    })
}

fn encode(case: &Prepared) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(case.content.to_le_bytes());
    bytes.extend((case.first_slice as u64).to_le_bytes());
    encode_grid(&mut bytes, &case.image);
    let intensities = case.image.voxels.iter();
    bytes.extend(intensities.flat_map(|value| value.to_le_bytes()));
    bytes.extend(case.labels.voxels.iter());
    if let Some(own) = &case.own {
        encode_grid(&mut bytes, own);
        bytes.extend(own.voxels.iter());
    }
    bytes
}

fn encode_grid<T>(bytes: &mut Vec<u8>, volume: &Volume<T>) {
    for &length in volume.voxels.shape() {
        bytes.extend((length as u64).to_le_bytes());
    }
    for value in volume.geometry.affine.iter().flatten() {
        bytes.extend(value.to_le_bytes());
    }
    let stored = volume.geometry.stored;
    bytes.extend(stored.axis.map(|axis| axis as u8));
    bytes.extend(stored.flipped.map(u8::from));
}

fn decode(bytes: &[u8]) -> Option<Prepared> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let content = u64::from_le_bytes(take(&mut rest)?);
    let first_slice = usize::try_from(u64::from_le_bytes(take(&mut rest)?)).ok()?;
    let (shape, geometry) = decode_grid(&mut rest)?;
    let count = shape.iter().try_fold(1usize, |n, &m| n.checked_mul(m))?;
    let (intensities, after) = rest.split_at_checked(count.checked_mul(4)?)?;
    let (classes, mut rest) = after.split_at_checked(count)?;
    let (values, _) = intensities.as_chunks::<4>();
    let values = values
        .iter()
        .map(|value| f32::from_le_bytes(*value))
        .collect();
    let own = if rest.is_empty() {
        None
    } else {
        let (shape, geometry) = decode_grid(&mut rest)?;
        Some(label_map(shape, geometry, rest)?)
    };
    Some(Prepared {
        image: Image {
            voxels: Array3::from_shape_vec(shape, values).ok()?,
            geometry: geometry.clone(),
        },
        labels: label_map(shape, geometry, classes)?,
        own,
        first_slice,
        content,
    })
}

fn decode_grid(rest: &mut &[u8]) -> Option<([usize; 3], Geometry)> {
    let mut shape = [0; 3];
    for length in &mut shape {
        *length = usize::try_from(u64::from_le_bytes(take(rest)?)).ok()?;
    }
    let mut affine = [[0.0; 4]; 4];
    for value in affine.iter_mut().flatten() {
        *value = f64::from_le_bytes(take(rest)?);
    }
    let axis: [u8; 3] = take(rest)?;
    let flipped: [u8; 3] = take(rest)?;
    let stored = StoredAxes {
        axis: axis.map(usize::from),
        flipped: flipped.map(|flag| flag == 1),
    };
    Some((shape, Geometry { affine, stored }))
}

/// Returns `None` unless there is one class for each voxel.
fn label_map(shape: [usize; 3], geometry: Geometry, classes: &[u8]) -> Option<LabelMap> {
    let voxels = Array3::from_shape_vec(shape, classes.to_vec()).ok()?;
    Some(LabelMap { voxels, geometry })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case with and without classes on its own grid.
    fn cases() -> [Prepared; 2] {
        let mut geometry = Geometry::axis_aligned([2.0, 1.5, 1.0]);
        geometry.stored.flipped[0] = true;
        let voxels = Array3::from_shape_fn((2, 3, 4), |(z, y, x)| (z * 12 + y * 4 + x) as f32);
        let kept = Prepared {
            labels: LabelMap {
                voxels: voxels.mapv(|value| value as u8 % 3),
                geometry: geometry.clone(),
            },
            image: Image { voxels, geometry },
            own: None,
            first_slice: 7,
            content: u64::MAX - 2,
        };
        let own = LabelMap {
            voxels: Array3::from_shape_fn((3, 2, 5), |(z, y, x)| (z + y + x) as u8 % 4),
            geometry: kept
                .image
                .geometry
                .subgrid([0.1, 0.2, -0.3], [0.6, 1.4, 0.8]),
        };
        let resampled = Prepared {
            own: Some(own),
            ..kept.clone()
        };
        [kept, resampled]
    }

    #[test]
    fn every_file_of_the_phantom_generator_counts() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/phantom");
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.push("phantom.rs".into());
        names.sort();
        let mut listed: Vec<_> = PHANTOM_CODE.iter().map(|(name, _)| *name).collect();
        listed.sort();
        assert_eq!(names, listed);
    }

    #[test]
    fn a_case_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/one.case");
        for case in cases() {
            write(&path, &case).unwrap();
            assert_eq!(read(&path), Some(case));
        }
    }

    #[test]
    fn any_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.case");
        for case in cases() {
            write(&path, &case).unwrap();
            let good = fs::read(&path).unwrap();
            for position in [0, 20, 60, good.len() / 2, good.len() - 1] {
                let mut bad = good.clone();
                bad[position] ^= 1;
                fs::write(&path, bad).unwrap();
                assert_eq!(read(&path), None, "flipped a bit at {position}");
            }
            fs::write(&path, &good[..good.len() - 7]).unwrap();
            assert_eq!(read(&path), None);
        }
        fs::write(&path, b"short").unwrap();
        assert_eq!(read(&path), None);
    }

    /// A file with a correct hash but the wrong number of bytes, as another version might write.
    #[test]
    fn content_that_does_not_fit_is_no_case() {
        let [kept, resampled] = cases();
        for case in [kept, resampled] {
            let whole = encode(&case);
            assert_eq!(decode(&whole), Some(case));
            assert_eq!(decode(&whole[..whole.len() - 1]), None);
            assert_eq!(decode(&[&whole[..], &[0]].concat()), None);
        }
    }
}
