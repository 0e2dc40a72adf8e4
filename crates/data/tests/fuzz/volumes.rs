//! Valid volumes for the fuzz tests to break, where their numbers lie, and how they are compressed.

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use ndarray::Array3;
use rand::Rng;
use slicewise_data::nifti::{write_image, write_labels};
use slicewise_data::{Geometry, Volume};
use slicewise_fuzz::ChaCha8Rng;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

/// Offset and width in bytes of the numbers that are read from a NIfTI-1 header (`nifti1.h`), and
/// before them of those that only NIfTI-2 has there (`nifti2.h`).
pub(crate) const FIELDS: &[(usize, usize)] = &[
    (0, 4),
    // NIfTI-2: datatype, dim, pixdim, vox_offset, scl_slope, scl_inter, sform_code, srow_x, intent
    (12, 2),
    (16, 8),
    (24, 8),
    (48, 8),
    (112, 8),
    (168, 8),
    (176, 8),
    (184, 8),
    (348, 4),
    (400, 8),
    (504, 4),
    // dim
    (40, 2),
    (42, 2),
    (44, 2),
    (46, 2),
    (48, 2),
    (50, 2),
    // datatype, bitpix
    (70, 2),
    (72, 2),
    // pixdim
    (76, 4),
    (80, 4),
    (84, 4),
    (88, 4),
    // vox_offset, scl_slope, scl_inter
    (108, 4),
    (112, 4),
    (116, 4),
    // xyzt_units
    (123, 1),
    // qform_code, sform_code, quaternion and offsets
    (252, 2),
    (254, 2),
    (256, 4),
    (260, 4),
    (264, 4),
    (268, 4),
    (272, 4),
    (276, 4),
    // srow_x, srow_y, srow_z
    (280, 4),
    (284, 4),
    (288, 4),
    (292, 4),
    (296, 4),
    (300, 4),
    (304, 4),
    (308, 4),
    (312, 4),
    (316, 4),
    (320, 4),
    (324, 4),
    // magic
    (344, 4),
    // extension
    (348, 4),
];

/// Returns the bytes of committed volumes of every type, byte order, orientation and form.
pub(crate) fn volumes() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".nii"))
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 46, "fixtures");
    let one = paths.iter().map(|path| inflated(&fs::read(path).unwrap()));
    one.chain([second(), scaled()]).collect()
}

/// Returns a NIfTI-2 file of 2×2×2 voxels in bytes.
fn second() -> Vec<u8> {
    let mut bytes = vec![0; 552];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, &540i32.to_le_bytes());
    put(4, b"n+2\0\r\n\x1a\n");
    put(12, &2i16.to_le_bytes());
    for (axis, length) in [3i64, 2, 2, 2].into_iter().enumerate() {
        put(16 + 8 * axis, &length.to_le_bytes());
    }
    put(168, &544i64.to_le_bytes());
    put(348, &1i32.to_le_bytes());
    for at in [112, 120, 128, 400, 440, 480] {
        put(at, &1f64.to_le_bytes());
    }
    put(544, &[0, 1, 2, 3, 3, 2, 1, 0]);
    bytes
}

/// Returns labels 0, 1 and 2 as nibabel saves them in bytes if they are floating-point numbers.
fn scaled() -> Vec<u8> {
    let mut bytes = label_maps(0)[0].clone();
    bytes[112..116].copy_from_slice(&(2f32 / 255.0).to_le_bytes());
    for voxel in &mut bytes[352..] {
        *voxel = [0, 128, 255][usize::from(*voxel % 3)];
    }
    bytes
}

/// Returns masks: of zeros and ones, of labels, soft, and scaled.
pub(crate) fn masks() -> Vec<Vec<u8>> {
    let mut maps = label_maps(0);
    // The second map is of float32.
    let mut soft = maps[1].clone();
    for voxel in soft[352..].chunks_exact_mut(4) {
        let value = f32::from_le_bytes([voxel[0], voxel[1], voxel[2], voxel[3]]);
        voxel.copy_from_slice(&(value / 4.0).to_le_bytes());
    }
    let mut plain = maps[0].clone();
    for voxel in &mut plain[352..] {
        *voxel = u8::from(*voxel > 1);
    }
    maps.extend([soft, plain, scaled()]);
    maps
}

/// Returns what a gzip stream holds, as far as it can be read; returns other bytes as they are.
fn inflated(bytes: &[u8]) -> Vec<u8> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes.to_vec();
    }
    let mut body = Vec::new();
    let _ = MultiGzDecoder::new(bytes).read_to_end(&mut body);
    body
}

/// Returns the length of what a gzip stream unpacks to, as far as it can be read, zeros between its
/// members left out.
pub(crate) fn inflated_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    let mut piece = [0; 8192];
    let mut length = 0;
    while rest.starts_with(&[0x1f]) {
        let mut member = flate2::bufread::GzDecoder::new(rest);
        while let Ok(count @ 1..) = member.read(&mut piece) {
            length += count;
        }
        rest = member.into_inner();
        let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
        rest = &rest[zeros..];
    }
    length
}

/// Compresses. One time in three the stream is damaged, padded or divided as well.
pub(crate) fn gzipped(body: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let compress = |bytes: &[u8], level| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut stream = compress(&body, 1);
    match rng.random_range(0..20) {
        16 => stream.extend(vec![0; rng.random_range(0..20_000)]),
        17 => stream.extend([[0, rng.random()], [rng.random(), 0x1f]].concat()),
        18 => {
            let (head, tail) = body.split_at(rng.random_range(0..=body.len()));
            stream = [compress(head, 1), vec![0; 3], compress(tail, 1)].concat();
        }
        // Padding behind the last voxel.
        19 => stream = compress(&[&body[..], &[0; 100]].concat(), 1),
        0 => stream.truncate(rng.random_range(0..=stream.len())),
        1 | 2 => {
            let at = rng.random_range(0..stream.len());
            stream[at] ^= 1 << rng.random_range(0..8);
        }
        // A gzip bomb: a kilobyte that unpacks to a megabyte, as a second member or in place of the
        // voxels.
        3 if rng.random_ratio(1, 64) => stream.extend(compress(&vec![0; 1 << 20], 9)),
        4 if rng.random_ratio(1, 64) => {
            let mut long = body;
            long.resize(1 << 20, 0);
            stream = compress(&long, 9);
        }
        _ => {}
    }
    stream
}

/// Returns volumes that serve as image and label map at once: of two types, straight and rotated.
pub(crate) fn label_maps(shift: usize) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.nii");
    let voxels = Array3::from_shape_fn((6, 8, 10), |(z, y, x)| ((z * y * x + shift) % 5) as u8);
    let straight = Geometry::axis_aligned([1.5, 1.0, 0.8]);
    let mut turned = straight.clone();
    turned.stored.axis = [2, 0, 1];
    turned.stored.flipped = [true, false, true];
    let mut files = Vec::new();
    for geometry in [straight, turned] {
        let labels = Volume {
            voxels: voxels.clone(),
            geometry,
        };
        let image = Volume {
            voxels: voxels.mapv(f32::from),
            geometry: labels.geometry.clone(),
        };
        write_labels(&path, &labels).unwrap();
        files.push(fs::read(&path).unwrap());
        write_image(&path, &image).unwrap();
        files.push(fs::read(&path).unwrap());
    }
    files
}
