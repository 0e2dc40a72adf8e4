//! Compares files of every type, byte order, orientation and form with what nibabel reads from them
//! (`fixtures/make_nifti.py`).

use crate::small_files::fixtures;
use serde::Deserialize;
use slicewise_data::nifti::{read_f64, read_image, read_labels};
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    pub(crate) code: String,
    pub(crate) shape_xyz: [usize; 3],
    pub(crate) affine: [[f64; 4]; 4],
    pub(crate) voxels: Vec<f64>,
}

pub(crate) fn expected(name: &str) -> BTreeMap<String, Expected> {
    let text = std::fs::read_to_string(fixtures().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Whether two numbers agree to 1e-6 of their size, or to 1e-6 if they are below 1.
pub(crate) fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * b.abs().max(1.0)
}

#[test]
fn every_fixture_reads_as_in_nibabel() {
    let expected = expected("expected.json");
    assert_eq!(expected.len(), 46, "fixtures listed");
    for (name, expected) in expected {
        let path = fixtures().join(&name);
        let volume = read_f64(&path).unwrap();
        let [x, y, z] = expected.shape_xyz;
        assert_eq!(volume.voxels.dim(), (z, y, x), "{name}");
        assert_eq!(volume.geometry.stored.code(), expected.code, "{name}");
        for (ours, theirs) in volume.voxels.iter().zip(&expected.voxels) {
            assert!(close(*ours, *theirs), "{name}: {ours} for {theirs}");
        }
        let ours = volume.geometry.affine.as_flattened();
        for (ours, theirs) in ours.iter().zip(expected.affine.as_flattened()) {
            assert!(close(*ours, *theirs), "{name}: affine {ours} for {theirs}");
        }
        let image = read_image(&path).unwrap();
        for (ours, theirs) in image.voxels.iter().zip(&expected.voxels) {
            assert!(
                close(f64::from(*ours), *theirs),
                "{name}: float32 {ours} for {theirs}"
            );
        }
    }
}

#[test]
fn labels_of_any_type_are_whole_numbers() {
    for name in ["uint8.nii.gz", "int16-big-endian.nii", "uint16.nii.gz"] {
        let labels = read_labels(&fixtures().join(name)).unwrap();
        let values = read_f64(&fixtures().join(name)).unwrap();
        assert_eq!(labels.voxels.mapv(f64::from), values.voxels, "{name}");
    }
}
