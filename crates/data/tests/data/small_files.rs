//! Small volumes that other tests write to disk.

use ndarray::Array3;
use slicewise_data::nifti::{write_image, write_labels};
use slicewise_data::{Geometry, Image, LabelMap};
use std::path::{Path, PathBuf};

pub(crate) const SHAPE: [usize; 3] = [6, 8, 10];

/// Returns the folder of committed files.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Returns a grid of 1 mm voxels, slightly longer along z.
pub(crate) fn geometry() -> Geometry {
    Geometry::axis_aligned([1.5, 1.0, 1.0])
}

/// Whether a voxel lies in a box that leaves a border of two along y and x and of one along z.
pub(crate) fn inside(z: usize, y: usize, x: usize) -> bool {
    (1..5).contains(&z) && (2..6).contains(&y) && (2..8).contains(&x)
}

/// Returns intensities that differ everywhere and are nowhere 0.
pub(crate) fn image() -> Image {
    Image {
        voxels: Array3::from_shape_fn(SHAPE, |(z, y, x)| 100.0 + (z * 80 + y * 10 + x) as f32),
        geometry: geometry(),
    }
}

/// Returns [`image`] with one voxel changed, so that no two cases have the same scan.
pub(crate) fn image_of(number: usize) -> Image {
    let mut image = image();
    image.voxels[[2, 3, 4]] += 0.25 * number as f32;
    image
}

/// Returns a label map with `value(z, y, x)` inside the box and 0 outside.
pub(crate) fn labels(value: impl Fn(usize, usize, usize) -> u8) -> LabelMap {
    LabelMap {
        voxels: Array3::from_shape_fn(
            SHAPE,
            |(z, y, x)| {
                if inside(z, y, x) { value(z, y, x) } else { 0 }
            },
        ),
        geometry: geometry(),
    }
}

/// Writes a scan, and makes its folder.
pub(crate) fn put_image(path: &Path, image: &Image) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_image(path, image).unwrap();
}

/// Writes a label map, and makes its folder.
pub(crate) fn put_labels(path: &Path, labels: &LabelMap) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_labels(path, labels).unwrap();
}

/// Writes a manifest of two good cases, `one` in Part A and `two` in Part B, with labels 0, 1 and
/// 2.
pub(crate) fn good_manifest(folder: &Path) -> slicewise_data::DataConfig {
    for (number, case) in ["one", "two"].into_iter().enumerate() {
        put_image(&folder.join(format!("{case}.nii.gz")), &image_of(number));
        put_labels(
            &folder.join(format!("{case}-label.nii.gz")),
            &labels(|z, _, _| 1 + (z % 2) as u8),
        );
    }
    let table = "case,image,label,split\n\
                 one,one.nii.gz,one-label.nii.gz,A\n\
                 two,two.nii.gz,two-label.nii.gz,B\n";
    std::fs::write(folder.join("cases.csv"), table).unwrap();
    let mut config = slicewise_data::DataConfig::new("manifest");
    config.path = Some(folder.join("cases.csv"));
    config.classes = Some(["background", "odd", "even"].map(str::to_owned).to_vec());
    config
}
