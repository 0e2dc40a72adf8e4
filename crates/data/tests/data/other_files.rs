//! NIfTI-2, files that are not there, and data sets of other formats.

use crate::bytes::{assert_good, read, read_as, refused, volume};
use crate::case_files::{SHAPE, gzip, scan};
use slicewise_data::nifti::read_f64;
use slicewise_data::{DataConfig, Task, check_task};
use std::fs;

/// Returns the good volume as NIfTI-2, in either byte order, with this slope.
fn second(big: bool, slope: f64, intent: i32) -> Vec<u8> {
    let mut bytes = vec![0; 544];
    let mut put = |at: usize, little: &[u8]| {
        let mut field = little.to_vec();
        if big {
            field.reverse();
        }
        bytes[at..at + field.len()].copy_from_slice(&field);
    };
    put(0, &540i32.to_le_bytes());
    put(12, &16i16.to_le_bytes());
    put(14, &32i16.to_le_bytes());
    let [z, y, x] = SHAPE;
    for (axis, length) in [3, x, y, z, 1, 1, 1, 1].into_iter().enumerate() {
        put(16 + 8 * axis, &(length as i64).to_le_bytes());
    }
    for (axis, size) in [1.0, 1.0, 1.0, 2.0].into_iter().enumerate() {
        put(104 + 8 * axis, &f64::to_le_bytes(size));
    }
    put(168, &544i64.to_le_bytes());
    put(176, &slope.to_le_bytes());
    put(348, &1i32.to_le_bytes());
    for (at, value) in [(400, 1.0), (440, 1.0), (480, 2.0), (424, -7.5)] {
        put(at, &f64::to_le_bytes(value));
    }
    put(500, &2i32.to_le_bytes());
    put(504, &intent.to_le_bytes());
    bytes[4..12].copy_from_slice(b"n+2\0\r\n\x1a\n");
    for value in &scan(0, SHAPE).0 {
        let mut value = value.to_le_bytes();
        if big {
            value.reverse();
        }
        bytes.extend(value);
    }
    bytes
}

#[test]
fn nifti_2_is_read() {
    for big in [false, true] {
        assert_good("x.nii", &second(big, 1.0, 0));
        assert_good("x.nii.gz", &gzip(&second(big, 0.0, 0)));
        let read = read_as("x.nii", &second(big, 1.0, 0)).unwrap();
        assert_eq!(read.geometry.affine[0][3], -7.5);
    }
    // The slope has all its digits.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nii");
    fs::write(&path, second(false, 0.1, 0)).unwrap();
    let first = f64::from(scan(0, SHAPE).0[[0, 0, 0]]);
    assert_eq!(read_f64(&path).unwrap().voxels[[0, 0, 0]], first * 0.1);

    let (text, remedy) = refused("x.nii", &second(false, 1.0, 3006));
    assert!(text.ends_with("got a CIFTI-2 file"), "{text}");
    assert!(remedy.contains("cortical surface"), "{remedy}");
    let (text, _) = refused("x.nii", &second(true, 1.0, 0)[..400]);
    assert!(
        text.ends_with("expected 540 header bytes of NIfTI-2, got 400"),
        "{text}"
    );
    let mut long = second(false, 1.0, 0);
    long[24..32].copy_from_slice(&70_000i64.to_le_bytes());
    let (text, _) = refused("x.nii", &long);
    assert!(
        text.contains("expected at most 32767 voxels along an axis"),
        "{text}"
    );
    let mut pair = second(false, 1.0, 0);
    pair[4..8].copy_from_slice(b"ni2\0");
    assert!(
        refused("x.nii", &pair)
            .0
            .ends_with("half of a NIfTI pair (.hdr, .img)")
    );
}

#[test]
fn a_missing_file_is_told_by_what_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| read(folder.path(), &folder.path().join(name)).unwrap_err();
    fs::write(folder.path().join("s1_T2w.nii"), volume()).unwrap();
    fs::write(folder.path().join("s2_0000.nii.gz"), volume()).unwrap();
    let (text, remedy) = of("S1_T2w.nii.gz");
    assert_eq!(
        text,
        "S1_T2w.nii.gz: not found (expected a NIfTI volume; did you mean s1_T2w.nii?)"
    );
    assert!(
        remedy.starts_with("Write the name as the file has it"),
        "{remedy}"
    );
    assert!(of("s2.nii.gz").0.contains("did you mean s2_0000.nii.gz?"));
    let (text, remedy) = of("s3.nii.gz");
    assert_eq!(text, "s3.nii.gz: not found (expected a NIfTI volume)");
    assert!(remedy.contains("starts at the table's folder"), "{remedy}");
    let (text, remedy) = of("sub/s1_T2w.nii");
    assert!(text.ends_with("; its folder is missing too)"), "{text}");
    assert!(remedy.contains("mount the folder"), "{remedy}");
    fs::create_dir(folder.path().join("s4.nii")).unwrap();
    let (text, remedy) = of("s4.nii");
    assert!(text.ends_with("got a folder"), "{text}");
    assert!(remedy.contains("inside"), "{remedy}");
}

/// What a data set of DataLad looks like before its files are fetched.
#[cfg(unix)]
#[test]
fn a_link_to_nothing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nii.gz");
    std::os::unix::fs::symlink("../.git/annex/objects/a/b.nii.gz", &path).unwrap();
    let (text, remedy) = read(folder.path(), &path).unwrap_err();
    assert_eq!(
        text,
        "x.nii.gz: not found (expected a NIfTI volume; it is a link to \
         ../.git/annex/objects/a/b.nii.gz, where nothing is)"
    );
    assert!(remedy.contains("git annex get"), "{remedy}");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/mnt/scans/b.nii.gz", &path).unwrap();
    let (_, remedy) = read(folder.path(), &path).unwrap_err();
    assert!(remedy.contains("what the link points to"), "{remedy}");
}

/// `file_ending` of nnU-Net v2.
#[test]
fn a_data_set_of_nrrd_or_mha_is_told_how_to_convert() {
    for (ending, what, remedy) in [
        (".nrrd", ", an NRRD volume", "rglob('*.nrrd')"),
        (
            ".mha",
            ", a MetaImage volume (MHA, MHD)",
            "rglob('*.mh[ad]')",
        ),
        (".dcm", ", a DICOM file", "set file_ending"),
        (".foo", "", "set file_ending"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            r#"{{"channel_names": {{"0": "T2"}}, "labels": {{"background": 0, "one": 1}},
                "numTraining": 1, "file_ending": "{ending}"}}"#
        );
        fs::write(folder.path().join("dataset.json"), text).unwrap();
        let mut config = DataConfig::new("msd");
        config.path = Some(folder.path().to_owned());
        let task = Task::TISSUE_SEGMENTATION;
        let problems = check_task(task, &task.preset().unwrap(), &config);
        assert_eq!(
            problems[0].problem,
            format!("expected the file_ending .nii.gz or .nii, got \"{ending}\"{what}")
        );
        assert!(
            problems[0].remedy.contains(remedy),
            "{}",
            problems[0].remedy
        );
    }
}
