//! Defects that `tests/fuzz.rs`, or writing it, found, each as a test of its own
//! (`docs/fuzzing.md`).

use crate::small_files::{fixtures, good_manifest, image, put_image};
use flate2::Compression;
use flate2::write::GzEncoder;
use slicewise_data::nifti::{read_f64, read_image};
use slicewise_data::{DataConfig, Task, check_task, load_task};
use slicewise_fuzz::most_held;
use std::fs;
use std::io::Write;
use std::path::Path;

fn message(folder: &Path, error: impl ToString) -> String {
    error
        .to_string()
        .replace(&format!("{}/", folder.display()), "")
}

#[test]
fn a_float64_scan_beyond_float32_has_infinite_voxels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nii");
    let mut bytes = fs::read(fixtures().join("float64-big-endian.nii")).unwrap();
    bytes[352..360].copy_from_slice(&1e300f64.to_be_bytes());
    fs::write(&path, bytes).unwrap();
    assert!(
        read_f64(&path)
            .unwrap()
            .voxels
            .iter()
            .any(|&value| value == 1e300)
    );
    assert_eq!(
        message(folder.path(), read_image(&path).unwrap_err()),
        "x.nii: expected finite voxels, got 1 NaN or infinite, \
         the first at voxel (x, y, z) = (0, 0, 0)"
    );
}

/// Half a megabyte that unpacks to the 537 million voxels that its header states.
#[test]
fn a_gzip_bomb_is_read_to_its_end_but_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.nii.gz");
    let member = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut header = fs::read(fixtures().join("uint8-big-endian.nii")).unwrap()[..352].to_vec();
    for at in [42, 44, 46] {
        header[at..at + 2].copy_from_slice(&813i16.to_be_bytes());
    }
    let megabyte = member(&vec![0; 1 << 20]);
    let bomb = [member(&header), megabyte.repeat(513)].concat();
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    fs::write(&path, &bomb).unwrap();
    let (result, held) = most_held(|| read_image(&path));
    assert_eq!(
        message(folder.path(), result.unwrap_err()),
        "bomb.nii.gz: expected at most 536870912 voxels, got 813×813×813"
    );
    assert!(held < 1 << 20, "held {held} bytes");
    // The same file with fewer voxels than stated gives the usual error.
    fs::write(&path, &bomb[..bomb.len() - megabyte.len()]).unwrap();
    assert_eq!(
        message(folder.path(), read_image(&path).unwrap_err()),
        "bomb.nii.gz: expected 537367797 bytes of voxels, as the header's 813×813×813 \
         of 1 bytes each, got 536870912"
    );
}

#[test]
fn voxels_of_a_metre_are_not_resampled_to_millimetres() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = good_manifest(folder.path());
    config.spacing_mm = Some(1.0.into());
    assert_eq!(
        check_task(
            Task::BRAIN_EXTRACTION,
            &Task::BRAIN_EXTRACTION.preset().unwrap(),
            &config
        ),
        []
    );
    let mut huge = image();
    for axis in 0..3 {
        huge.geometry.affine[axis][axis] = 1000.0;
    }
    for name in ["one.nii.gz", "one-label.nii.gz"] {
        let mut volume = huge.clone();
        volume.voxels.mapv_inplace(|value| (value - 100.0) % 3.0);
        put_image(&folder.path().join(name), &volume);
    }
    let (result, held) = most_held(|| {
        load_task(
            Task::BRAIN_EXTRACTION,
            &Task::BRAIN_EXTRACTION.preset().unwrap(),
            &config,
            &folder.path().join("cache"),
        )
    });
    assert_eq!(
        message(folder.path(), result.unwrap_err()),
        "one.nii.gz: expected at most 245760 voxels after resampling to 1 mm, got 10000×8000×6000"
    );
    assert!(held < 1 << 20, "held {held} bytes");
}

/// A control character in a name must neither break a message's line nor reach the terminal.
#[test]
fn names_with_control_characters() {
    let folder = tempfile::tempdir().unwrap();
    let problems_of = |config: &DataConfig| -> Vec<String> {
        let problems = check_task(
            Task::TISSUE_SEGMENTATION,
            &Task::TISSUE_SEGMENTATION.preset().unwrap(),
            config,
        );
        problems
            .into_iter()
            .map(|problem| problem.problem)
            .collect()
    };
    let mut config = good_manifest(folder.path());
    let table = folder.path().join("cases.csv");
    fs::write(&table, "case,im\u{1b}age,label\n").unwrap();
    assert!(
        problems_of(&config)
            .contains(&"unknown column \"im\\u{1b}age\"; did you mean \"image\"?".to_owned())
    );
    fs::write(
        &table,
        "case,image,label\n\"o\nne\",one.nii.gz,one-label.nii.gz\n",
    )
    .unwrap();
    assert!(
        problems_of(&config).contains(
            &"expected names without line breaks and other control characters, \
          got some in the row of \"o\\nne\""
                .to_owned()
        )
    );
    config.part_b = Some(vec!["t\nwo".to_owned()]);
    fs::write(
        &table,
        "case,image,label\none,one.nii.gz,one-label.nii.gz\n",
    )
    .unwrap();
    assert!(problems_of(&config).contains(&"unknown case \"t\\nwo\"; known are one".to_owned()));

    let mut msd = DataConfig::new("msd");
    msd.path = Some(folder.path().to_owned());
    let dataset = r#"{"labels": {"0": "background", "1": "one"}, "file_ending": "\n.gz"}"#;
    fs::write(folder.path().join("dataset.json"), dataset).unwrap();
    assert_eq!(
        problems_of(&msd),
        ["expected the file_ending .nii.gz or .nii, got \"\\n.gz\""]
    );
}
