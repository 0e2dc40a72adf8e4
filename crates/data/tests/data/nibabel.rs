//! Compares files that we write with what nibabel reads from them: directly if python3 has nibabel,
//! and otherwise by committed files that nibabel has read before.
//!
//! nibabel is looked for in `$SLICEWISE_PYTHONPATH`, then in `.tools/python` of the repository,
//! then where python3 finds it. If the variable is set, a missing nibabel is a failure.

use crate::nifti_fixtures::{Expected, close, expected};
use crate::small_files::{fixtures, image, labels};
use slicewise_data::nifti::{read_image, read_labels, write_image, write_labels};
use slicewise_data::{Geometry, Image, LabelMap};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes every orientation among the fixtures, a new grid, a sheared one and labels.
fn written_files(folder: &Path, ending: &str) -> BTreeMap<String, Image> {
    let mut images = BTreeMap::new();
    for code in ["ras", "las", "lpi", "lia", "psr", "oblique"] {
        let source = fixtures().join(format!("{code}-both.nii.gz"));
        images.insert(format!("{code}{ending}"), read_image(&source).unwrap());
    }
    images.insert(format!("fresh{ending}"), image());
    let mut sheared = Geometry::axis_aligned([2.0, 1.0, 1.0]);
    sheared.affine[0][1] = 0.25;
    sheared.affine[2][3] = -40.5;
    images.insert(
        format!("sheared{ending}"),
        Image {
            geometry: sheared,
            ..image()
        },
    );
    for (name, image) in &images {
        write_image(&folder.join(name), image).unwrap();
    }
    let name = format!("labels{ending}");
    let mut las = labels(|z, y, x| (z + y + x) as u8);
    las.geometry.stored = images[&format!("las{ending}")].geometry.stored;
    write_labels(&folder.join(&name), &las).unwrap();
    images.insert(
        name,
        Image {
            voxels: las.voxels.mapv(f32::from),
            geometry: las.geometry,
        },
    );
    images
}

fn compare(images: &BTreeMap<String, Image>, read: &BTreeMap<String, Expected>) {
    assert_eq!(
        images.keys().collect::<Vec<_>>(),
        read.keys().collect::<Vec<_>>()
    );
    for (name, image) in images {
        let read = &read[name];
        let [x, y, z] = read.shape_xyz;
        assert_eq!(image.voxels.dim(), (z, y, x), "{name}");
        assert_eq!(
            image.geometry.stored.code(),
            read.code,
            "{name}: axis order"
        );
        for (ours, theirs) in image.voxels.iter().zip(&read.voxels) {
            assert_eq!(f64::from(*ours), *theirs, "{name}");
        }
        let affine = image.geometry.affine.as_flattened();
        for (ours, theirs) in affine.iter().zip(read.affine.as_flattened()) {
            // The header stores float32.
            assert!(close(*theirs, *ours), "{name}: affine {theirs} for {ours}");
        }
    }
}

#[test]
fn nibabel_reads_what_we_write() {
    let Some(python_path) = nibabel() else {
        eprintln!("skipped: python3 has no nibabel (pip install --target .tools/python nibabel)");
        return;
    };
    for ending in [".nii.gz", ".nii"] {
        let folder = tempfile::tempdir().unwrap();
        let images = written_files(folder.path(), ending);
        let output = python(&python_path)
            .arg(fixtures().join("read_nifti.py"))
            .arg(folder.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "read_nifti.py: {errors}");
        compare(&images, &serde_json::from_slice(&output.stdout).unwrap());
    }
}

/// Checks, where there is no nibabel, that we still write byte for byte the files that it has read.
/// `SLICEWISE_BLESS=1` writes them anew; then run `python3 read_nifti.py written > written.json`
/// (in `fixtures`).
#[test]
fn we_write_the_bytes_that_nibabel_has_read() {
    let committed = fixtures().join("written");
    let folder = tempfile::tempdir().unwrap();
    let images = written_files(folder.path(), ".nii");
    if std::env::var_os("SLICEWISE_BLESS").is_some() {
        std::fs::create_dir_all(&committed).unwrap();
        written_files(&committed, ".nii");
        return;
    }
    for name in images.keys() {
        let ours = std::fs::read(folder.path().join(name)).unwrap();
        let read = std::fs::read(committed.join(name)).unwrap();
        assert!(ours == read, "{name} differs from fixtures/written/{name}");
    }
    compare(&images, &expected("written.json"));
}

#[test]
fn what_we_write_we_read_back() {
    let folder = tempfile::tempdir().unwrap();
    // The nifti crate would cut a name at its dots.
    for name in ["sub-1.v2.nii", "sub-1.v2.nii.gz"] {
        let path = folder.path().join(name);
        let original = read_image(&fixtures().join("lia-both.nii.gz")).unwrap();
        write_image(&path, &original).unwrap();
        assert_eq!(read_image(&path).unwrap(), original);
        let map: LabelMap = labels(|_, y, _| y as u8);
        write_labels(&path, &map).unwrap();
        assert_eq!(
            read_labels(&path).unwrap().voxels,
            map.voxels.mapv(i32::from)
        );
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "no temporary file is left");
}

/// Returns a command that runs python3 with this PYTHONPATH.
pub(crate) fn python(path: &Option<PathBuf>) -> Command {
    let mut command = Command::new("python3");
    if let Some(path) = path {
        command.env("PYTHONPATH", path);
    }
    command
}

/// Returns the PYTHONPATH with which python3 imports nibabel, if any does.
fn nibabel() -> Option<Option<PathBuf>> {
    python_path("nibabel")
}

/// Returns the PYTHONPATH with which python3 imports these modules, if any does.
pub(crate) fn python_path(modules: &str) -> Option<Option<PathBuf>> {
    let imports = |path: &Option<PathBuf>| {
        let output = python(path)
            .args(["-c", &format!("import {modules}")])
            .output();
        output.is_ok_and(|output| output.status.success())
    };
    if let Some(path) = std::env::var_os("SLICEWISE_PYTHONPATH") {
        let path = Some(PathBuf::from(path));
        assert!(
            imports(&path),
            "SLICEWISE_PYTHONPATH={path:?} lacks one of {modules} (scripts/python.sh fetches them)"
        );
        return Some(path);
    }
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/python");
    [Some(tools), None].into_iter().find(imports)
}
