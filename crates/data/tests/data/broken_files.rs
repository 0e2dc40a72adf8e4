//! Files that cannot be used: each must give one clear line.

use crate::small_files::{SHAPE, fixtures, good_manifest, image, labels, put_image, put_labels};
use slicewise_data::nifti::{read_image, read_labels};
use slicewise_data::{DataConfig, DataError, Task, check_task, load_task};
use std::path::Path;

fn message(folder: &Path, error: &DataError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n'), "one line: {text}");
    text.replace(&format!("{}/", folder.display()), "")
}

/// Returns the message for a file with the fixture's bytes, changed.
fn read_changed(fixture: &str, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut bytes = std::fs::read(fixtures().join(fixture)).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    message(folder.path(), &read_image(&path).unwrap_err())
}

/// Returns the message for a little-endian uncompressed volume (float32, 10×8×6) with a changed
/// header.
fn read_with_header(change: impl FnOnce(&mut Vec<u8>)) -> String {
    read_changed("written/fresh.nii", "x.nii", change)
}

fn set_i16(bytes: &mut [u8], offset: usize, value: i16) {
    bytes[offset..offset + 2].copy_from_slice(&value.to_le_bytes());
}

fn set_f32(bytes: &mut [u8], offset: usize, value: f32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn damaged_gzip_streams() {
    assert_eq!(
        read_changed("float64.nii.gz", "x.nii.gz", |bytes| bytes
            .truncate(bytes.len() / 2)),
        "x.nii.gz: truncated gzip stream after 544 uncompressed bytes (incomplete deflate stream)"
    );
    // All voxels are there; only the checksum is cut off.
    assert_eq!(
        read_changed("int16.nii.gz", "x.nii.gz", |bytes| bytes
            .truncate(bytes.len() - 3)),
        "x.nii.gz: truncated gzip stream after 472 uncompressed bytes (unexpected end of file)"
    );
    assert_eq!(
        read_changed("int16.nii.gz", "x.nii.gz", |bytes| {
            let crc = bytes.len() - 8;
            bytes[crc] ^= 1;
        }),
        "x.nii.gz: damaged gzip stream after 472 uncompressed bytes \
         (corrupt gzip stream does not have a matching checksum)"
    );
}

#[test]
fn headers_that_promise_too_much() {
    assert_eq!(
        read_with_header(|bytes| bytes.truncate(1000)),
        "x.nii: expected 1920 bytes of voxels, as the header's 10×8×6 of 4 bytes each, got 648"
    );
    assert_eq!(
        read_with_header(|bytes| [42, 44, 46]
            .into_iter()
            .for_each(|at| set_i16(bytes, at, 32767))),
        "x.nii: expected 140724603846652 bytes of voxels, \
         as the header's 32767×32767×32767 of 4 bytes each, got 1920"
    );
    assert_eq!(
        read_with_header(|bytes| set_i16(bytes, 42, 0)),
        "x.nii: not a readable NIfTI file: expected 1 to 7 axes of at least one voxel, \
         got dim = [3, 0, 8, 6, 1, 1, 1, 1]"
    );
    assert_eq!(
        read_with_header(|bytes| {
            set_i16(bytes, 40, 4);
            set_i16(bytes, 42, 5);
            set_i16(bytes, 48, 2);
        }),
        "x.nii: expected a 3D volume (or 4D with one frame), got 5×8×6×2"
    );
}

#[test]
fn headers_that_are_none() {
    type Change<'a> = &'a dyn Fn(&mut Vec<u8>);
    let cases: [(&str, Change); 4] = [
        ("expected 348 header bytes, got 5", &|bytes| {
            *bytes = vec![92, 1, 0, 0, 0];
        }),
        (
            "expected the header size 348 in its first bytes, got 0",
            &|bytes| {
                bytes[..4].fill(0);
                bytes[344..348].fill(0);
            },
        ),
        (
            "expected n+2 in bytes 4 to 6 of a NIfTI-2 header, got something else",
            &|bytes| bytes[..4].copy_from_slice(&540i32.to_le_bytes()),
        ),
        (
            "expected voxels to start at byte 352 or later, got 3.5",
            &|bytes| set_f32(bytes, 108, 3.5),
        ),
    ];
    for (expected, change) in cases {
        assert_eq!(
            read_with_header(change),
            format!("x.nii: not a readable NIfTI file: {expected}")
        );
    }
}

#[test]
fn headers_without_a_position() {
    assert_eq!(
        read_with_header(|bytes| {
            // No size along x in pixdim that would contradict the sform.
            set_f32(bytes, 80, 0.0);
            set_f32(bytes, 280, 0.0);
        }),
        "x.nii: its header states no position: expected an invertible affine, got rows \
         [[0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.5, 0.0]]"
    );
}

#[test]
fn voxels_that_are_no_intensities_or_labels() {
    assert_eq!(
        read_with_header(|bytes| {
            set_f32(bytes, 352 + 4 * (80 + 10 + 3), f32::NAN);
            set_f32(bytes, 352 + 4 * 400, f32::INFINITY);
        }),
        "x.nii: expected finite voxels, got 2 NaN or infinite, \
         the first at voxel (x, y, z) = (3, 1, 1)"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nii");
    let mut soft = image();
    soft.voxels.fill(1.0);
    soft.voxels[[2, 0, 4]] = 1.5;
    put_image(&path, &soft);
    assert_eq!(
        message(folder.path(), &read_labels(&path).unwrap_err()),
        "x.nii: expected whole-number labels, got 1.5 at voxel (x, y, z) = (4, 0, 2)"
    );
}

/// Returns what loading and checking report about the good manifest with something changed.
fn load_changed(task: Task, change: impl FnOnce(&Path, &mut DataConfig)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut config = good_manifest(folder.path());
    assert_eq!(check_task(task, &task.preset().unwrap(), &config), []);
    change(folder.path(), &mut config);
    let error = load_task(
        task,
        &task.preset().unwrap(),
        &config,
        &folder.path().join("cache"),
    )
    .unwrap_err();
    let text = message(folder.path(), &error);
    let problems = check_task(task, &task.preset().unwrap(), &config);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let (place, problem) = (problems[0].file.display(), &problems[0].problem);
    assert_eq!(format!("{place}: {problem}"), error.to_string());
    assert!(problems[0].remedy.ends_with('.'));
    text
}

#[test]
fn files_that_do_not_fit_each_other() {
    let mut smaller = labels(|_, _, _| 1);
    smaller.voxels = smaller.voxels.slice_move(ndarray::s![..5, .., ..]);
    assert_eq!(
        load_changed(Task::BRAIN_EXTRACTION, |folder, _| {
            put_labels(&folder.join("two-label.nii.gz"), &smaller);
        }),
        "two-label.nii.gz: expected the shape 10×8×6 (x×y×z) of two.nii.gz, got 10×8×5"
    );
    let mut shifted = labels(|_, _, _| 1);
    shifted.geometry.affine[1][3] = 0.25;
    assert_eq!(
        load_changed(Task::TISSUE_SEGMENTATION, |folder, _| {
            put_labels(&folder.join("one-label.nii.gz"), &shifted);
        }),
        "one-label.nii.gz: expected the grid of one.nii.gz to within 0.05 voxels \
         (data.grid_tolerance_voxels), but its corners are 0.250 voxels (0.250 mm) away"
    );
    assert_eq!(
        load_changed(Task::TISSUE_SEGMENTATION, |folder, _| {
            put_labels(&folder.join("one-label.nii.gz"), &labels(|_, _, x| x as u8));
        }),
        "one-label.nii.gz: unknown label value 3 in 16 voxels (expected one of 0, 1, 2)"
    );
    assert_eq!(
        load_changed(Task::BRAIN_EXTRACTION, |folder, _| {
            std::fs::remove_file(folder.join("one.nii.gz")).unwrap();
        }),
        "one.nii.gz: not found (expected a NIfTI volume)"
    );
}

#[test]
fn volumes_without_content() {
    let filled = |value: f32| {
        let mut blank = image();
        blank.voxels = ndarray::Array3::from_elem(SHAPE, value);
        blank
    };
    assert_eq!(
        load_changed(Task::BRAIN_EXTRACTION, |folder, _| {
            put_image(&folder.join("one.nii.gz"), &filled(0.0));
        }),
        "one.nii.gz: expected voxels that are not 0, got none"
    );
    assert_eq!(
        load_changed(Task::TISSUE_SEGMENTATION, |folder, _| {
            put_image(&folder.join("one.nii.gz"), &filled(7.0));
        }),
        "one.nii.gz: expected intensities that differ, got 7 in every voxel of the content"
    );
    assert_eq!(
        load_changed(Task::BRAIN_EXTRACTION, |folder, _| {
            put_labels(&folder.join("two-label.nii.gz"), &labels(|_, _, _| 0));
        }),
        "two.nii.gz: expected labels of at least one foreground class for it, got none"
    );
}

#[test]
fn a_check_finds_everything_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = good_manifest(folder.path());
    std::fs::write(folder.path().join("one.nii.gz"), b"hello").unwrap();
    std::fs::remove_file(folder.path().join("one-label.nii.gz")).unwrap();
    put_labels(
        &folder.path().join("two-label.nii.gz"),
        &labels(|_, _, _| 9),
    );
    let problems = check_task(
        Task::TISSUE_SEGMENTATION,
        &Task::TISSUE_SEGMENTATION.preset().unwrap(),
        &config,
    );
    let names: Vec<_> = problems
        .iter()
        .map(|problem| problem.file.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["one.nii.gz", "one-label.nii.gz", "two-label.nii.gz"]
    );
    assert_eq!(
        problems[2].problem,
        "unknown label value 9 in 96 voxels (expected one of 0, 1, 2)"
    );
    assert_eq!(
        problems[0].remedy,
        "Look at its text: it may be a server's error that was saved in the file's place."
    );
}
