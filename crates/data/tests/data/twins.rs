//! The same scan, or the same subject, in both parts. Cases by name are those of
//! `shared/cases/README.md`.

use crate::case_files::{SHAPE, diagonal, file, gzip, manifest, put, put_case, scan};
use ndarray::{Array3, Axis};
use slicewise_data::{DataConfig, Task, examine, load_task};
use std::fs;
use std::io::Write;
use std::path::Path;

/// Returns what `check` lists and notes, without the folder's name. `sweep` must refuse alike, with
/// and without a cache.
fn says(config: &DataConfig, folder: &Path) -> (Vec<String>, Vec<String>) {
    let task = Task::TISSUE_SEGMENTATION;
    let definition = task.preset().unwrap();
    let checked = examine(task, &definition, config);
    let short = |text: &str| text.replace(&format!("{}/", folder.display()), "");
    for _ in 0..2 {
        let loaded = load_task(task, &definition, config, &folder.join("cache"));
        let message = loaded.err().map(|error| short(&error.to_string()));
        let first = checked.problems.first();
        let first =
            first.map(|found| short(&format!("{}: {}", found.file.display(), found.problem)));
        let expected = first.map(|first| first.replace("data: data.", "data."));
        assert_eq!(message, expected);
    }
    let problems = checked.problems.iter();
    let problems = problems.map(|found| short(&format!("{}; {}", found.problem, found.remedy)));
    (
        problems.collect(),
        checked.notes.iter().map(|note| short(note)).collect(),
    )
}

fn good(folder: &Path) -> DataConfig {
    manifest(folder, |_, scan, truth, image, labels| {
        put_case(
            (scan, truth),
            (image, labels),
            &diagonal([1.0, 1.0, 2.0]),
            |_| (),
        );
    })
}

fn change_table(folder: &Path, from: &str, to: &str) {
    let path = folder.join("manifest.csv");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replace(from, to)).unwrap();
}

const LEAVE_OUT: &str = "Leave one of the two out, or put both in the same part.";

/// The case one-scan-in-both-parts.
#[test]
fn one_file_in_both_parts() {
    let folder = tempfile::tempdir().unwrap();
    let config = good(folder.path());
    assert_eq!(says(&config, folder.path()), (vec![], vec![]));
    change_table(folder.path(), "s3,s3.nii.gz,s3_seg", "s3,s0.nii.gz,s0_seg");
    let expected =
        format!("case \"s3\" of Part B has the same image as case \"s0\" of Part A; {LEAVE_OUT}");
    assert_eq!(says(&config, folder.path()).0, [expected]);
}

/// The case a-copy-in-both-parts, and copies whose bytes differ.
#[test]
fn a_copy_in_both_parts() {
    let (image, _) = scan(0, SHAPE);
    let spacing = [1.0, 1.0, 2.0];
    let affine = diagonal(spacing);
    let recompressed = || {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&file(&image, &affine, |_| ())).unwrap();
        encoder.finish().unwrap()
    };
    // The same scan, stored from right to left and from front to back.
    let mut turned = image.clone();
    turned.invert_axis(Axis(2));
    let mut other_way = diagonal([-1.0, 1.0, 2.0]);
    other_way[0][3] = (SHAPE[2] - 1) as f64;
    // A wider border: the copy begins four voxels earlier. Without zeros the scan has no border.
    let mut wide = Array3::zeros([SHAPE[0] + 6, SHAPE[1], SHAPE[2] + 4]);
    wide.slice_mut(ndarray::s![2..2 + SHAPE[0], .., 4..])
        .assign(&image);
    let copies: [(&str, Vec<u8>); 6] = [
        ("a copy", gzip(&file(&image, &affine, |_| ()))),
        ("another gzip level", recompressed()),
        (
            "stored the other way",
            gzip(&file(&turned, &other_way, |_| ())),
        ),
        ("a lost orientation", gzip(&file(&turned, &affine, |_| ()))),
        (
            "another number type",
            gzip(&file(&image.mapv(f64::from), &affine, |_| ())),
        ),
        (
            "another spacing",
            gzip(&file(&image, &diagonal([1.0; 3]), |_| ())),
        ),
    ];
    let expected = format!(
        "case \"s3\" of Part B has the same voxels as case \"s0\" of Part A, s0.nii.gz; {LEAVE_OUT}"
    );
    for (what, copy) in copies {
        let folder = tempfile::tempdir().unwrap();
        let config = good(folder.path());
        let bytes = fs::read(folder.path().join("s0.nii.gz")).unwrap();
        assert!(what == "a copy" || bytes != copy, "{what}");
        fs::write(folder.path().join("s3.nii.gz"), copy).unwrap();
        if what == "another spacing" {
            put(
                &folder.path().join("s3_seg.nii.gz"),
                &scan(3, SHAPE).1,
                &diagonal([1.0; 3]),
                |_| (),
            );
        }
        if what == "stored the other way" {
            let mut labels = scan(3, SHAPE).1;
            labels.invert_axis(Axis(2));
            put(
                &folder.path().join("s3_seg.nii.gz"),
                &labels,
                &other_way,
                |_| (),
            );
        }
        assert_eq!(
            says(&config, folder.path()).0,
            [expected.as_str()],
            "{what}"
        );
    }
    // With a wider border.
    let folder = tempfile::tempdir().unwrap();
    let config = good(folder.path());
    let labels = wide.mapv(|value| u8::from(value > 150.0) + u8::from(value > 100.0));
    put_case(
        (
            &folder.path().join("s3.nii.gz"),
            &folder.path().join("s3_seg.nii.gz"),
        ),
        (&wide, &labels),
        &affine,
        |_| (),
    );
    assert_eq!(says(&config, folder.path()).0, [expected]);
}

/// Scans that differ, however little, are two.
#[test]
fn scans_that_only_resemble_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let config = good(folder.path());
    let (mut image, _) = scan(0, SHAPE);
    image[[3, 4, 5]] += 1.0 / 64.0;
    let path = folder.path().join("s3.nii.gz");
    put(&path, &image, &diagonal([1.0, 1.0, 2.0]), |_| ());
    assert_eq!(says(&config, folder.path()), (vec![], vec![]));
    // The same intensities in other places.
    image[[3, 4, 5]] -= 1.0 / 64.0;
    let (one, other) = (image[[3, 4, 5]], image[[3, 4, 9]]);
    assert_ne!(one, other);
    (image[[3, 4, 5]], image[[3, 4, 9]]) = (other, one);
    put(&path, &image, &diagonal([1.0, 1.0, 2.0]), |_| ());
    assert_eq!(says(&config, folder.path()), (vec![], vec![]));
}

/// Within a part the same scan twice is a note; folds put it in both parts at some time, unless the
/// subject is the same.
#[test]
fn twins_in_one_part_and_in_folds() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = good(folder.path());
    fs::copy(
        folder.path().join("s0.nii.gz"),
        folder.path().join("s2.nii.gz"),
    )
    .unwrap();
    let note =
        "s2.nii.gz: case \"s2\" of Part A has the same voxels as case \"s0\" of Part A, s0.nii.gz";
    assert_eq!(
        says(&config, folder.path()),
        (vec![], vec![note.to_owned()])
    );
    config.folds = Some(2);
    let expected = "case \"s2\" has the same voxels as case \"s0\", s0.nii.gz; \
                    Leave one of the two out; in a manifest both can also have the same subject.";
    for fold in [1, 2] {
        config.fold = Some(fold);
        assert_eq!(
            says(&config, folder.path()),
            (vec![expected.to_owned()], vec![])
        );
    }
    let path = folder.path().join("manifest.csv");
    let text = fs::read_to_string(&path).unwrap();
    let rows = text.lines().zip(["subject", "x", "y", "x", "z"]);
    let rows: Vec<String> = rows
        .map(|(row, subject)| format!("{row},{subject}"))
        .collect();
    fs::write(&path, rows.join("\n")).unwrap();
    let (problems, notes) = says(&config, folder.path());
    assert_eq!((problems.len(), notes.len()), (0, 1), "{problems:?}");
}

#[test]
fn sessions_of_one_subject_in_both_parts() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = good(folder.path());
    let say = |names: [&str; 4], config: &DataConfig| {
        let mut table = "case,image,label\n".to_owned();
        for (number, name) in names.into_iter().enumerate() {
            table += &format!("{name},s{number}.nii.gz,s{number}_seg.nii.gz\n");
        }
        fs::write(folder.path().join("manifest.csv"), table).unwrap();
        says(config, folder.path()).0
    };
    let names = ["sub-01_ses-1", "sub-01_ses-2", "sub-02_ses-1", "sub-03"];
    config.part_b = Some(vec!["sub-01_ses-2".to_owned()]);
    let remedy = "Put all sessions of a subject in one part; a manifest can name subjects in a column subject.";
    let expected = format!(
        "subject \"sub-01\" is in both parts (its sessions show one brain): \
         case \"sub-01_ses-1\" (s0.nii.gz) in Part A, case \"sub-01_ses-2\" (s1.nii.gz) in Part B; {remedy}"
    );
    assert_eq!(say(names, &config), [expected]);
    config.part_b = Some(vec!["sub-02_ses-1".to_owned()]);
    assert_eq!(say(names, &config), [""; 0]);
    // A draw and folds never divide them.
    config.part_b = None;
    for seed in 0..6 {
        config.split_seed = seed;
        (config.part_b_count, config.folds) = (Some(1), None);
        assert_eq!(say(names, &config), [""; 0]);
        (config.part_b_count, config.folds) = (None, Some(3));
        assert_eq!(say(names, &config), [""; 0]);
    }
    // Not BIDS: four subjects.
    (config.part_b, config.folds) = (Some(vec!["sub-a_02".to_owned()]), None);
    assert_eq!(
        say(["sub-a_01", "sub-a_02", "sub-a_03", "sub-a_04"], &config),
        [""; 0]
    );
    // The files say who it is where the ids do not.
    for number in 0..2 {
        let (from, to) = (
            format!("s{number}.nii.gz"),
            format!("sub-01/ses-{number}/T2w.nii.gz"),
        );
        fs::create_dir_all(folder.path().join(&to).parent().unwrap()).unwrap();
        fs::copy(folder.path().join(from), folder.path().join(to)).unwrap();
    }
    config.part_b = Some(vec!["b".to_owned()]);
    fs::write(
        folder.path().join("manifest.csv"),
        "case,image,label\na,sub-01/ses-0/T2w.nii.gz,s0_seg.nii.gz\nb,sub-01/ses-1/T2w.nii.gz,s1_seg.nii.gz\nc,s2.nii.gz,s2_seg.nii.gz\n",
    )
    .unwrap();
    let problems = says(&config, folder.path()).0;
    assert!(
        problems[0].starts_with("subject \"sub-01\" is in both parts"),
        "{problems:?}"
    );
}
