//! Manifests as people have them: from a spreadsheet, with a byte order mark. The case semicolons is one
//! of `shared/cases/README.md`.

use crate::case_files::{SHAPE, diagonal, manifest, put_case, scan};
use slicewise_data::{DataConfig, Task, TaskData, examine, load_task};
use std::fs;
use std::path::Path;

pub(crate) const TISSUES: Task = Task::TISSUE_SEGMENTATION;

/// Returns what `check` lists, `file: problem; remedy`, and the notes, without the folder's name.
/// `sweep` must stop at the first problem.
pub(crate) fn says(config: &DataConfig, task: Task, folder: &Path) -> (Vec<String>, Vec<String>) {
    let definition = task.preset().unwrap();
    let checked = examine(task, &definition, config);
    let short = |text: String| text.replace(&format!("{}/", folder.display()), "");
    let problems = checked.problems.iter().map(|found| {
        let place = found.file.display();
        short(format!("{place}: {}; {}", found.problem, found.remedy))
    });
    let problems: Vec<String> = problems.collect();
    let loaded = load_task(task, &definition, config, &folder.join("cache"));
    match (loaded, problems.first()) {
        (Ok(_), None) => {}
        (Err(error), Some(first)) => {
            let line = short(error.to_string());
            assert!(first.starts_with(&line), "{line}\n{first}");
        }
        (loaded, first) => panic!("{:?} but {first:?}", loaded.err()),
    }
    (problems, checked.notes.into_iter().map(short).collect())
}

pub(crate) fn problems(config: &DataConfig, folder: &Path) -> Vec<String> {
    says(config, TISSUES, folder).0
}

pub(crate) fn load(config: &DataConfig, folder: &Path) -> TaskData {
    assert_eq!(problems(config, folder), [""; 0]);
    let definition = TISSUES.preset().unwrap();
    load_task(TISSUES, &definition, config, &folder.join("cache")).unwrap()
}

pub(crate) fn ids(data: &TaskData) -> Vec<&str> {
    data.cases.iter().map(|case| case.id.as_str()).collect()
}

/// Writes four cases and their manifest, its text changed.
fn spreadsheet(folder: &Path, change: impl Fn(String) -> Vec<u8>) -> DataConfig {
    let config = manifest(folder, |_, scan, truth, image, labels| {
        put_case((scan, truth), (image, labels), &diagonal([1.0; 3]), |_| ());
    });
    let path = folder.join("manifest.csv");
    fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    config
}

#[test]
fn semicolons_tabs_and_marks() {
    type Change<'a> = &'a dyn Fn(String) -> Vec<u8>;
    let changes: [Change; 7] = [
        &|text| text.replace(',', ";").into(),
        &|text| text.replace(',', "\t").into(),
        &|text| ["\u{feff}".to_owned(), text].concat().into(),
        &|text| {
            ["\u{feff}".to_owned(), text.replace(',', ";")]
                .concat()
                .into()
        },
        &|text| text.replace('\n', "\r\n").replace(',', ";").into(),
        // A comma within a field, and fields in quotes.
        &|text| {
            text.replace(',', "\";\"")
                .replace('\n', "\"\n\"")
                .trim_end_matches('"')
                .replacen("case", "\"case", 1)
                .into()
        },
        // Empty columns and rows, as spreadsheets write them.
        &|text| format!("{},,\n,,,,,,\n", text.trim_end().replace('\n', ",,\n")).into(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let config = spreadsheet(folder.path(), change);
        let data = load(&config, folder.path());
        assert_eq!(ids(&data), ["s0", "s1", "s2", "s3"], "change {number}");
        assert_eq!(data.cases[0].labels.voxels, scan(0, SHAPE).1);
    }
    // Files may have the other separator in their names.
    let folder = tempfile::tempdir().unwrap();
    let config = spreadsheet(folder.path(), |text| {
        text.replace(',', ";")
            .replace("s1.nii", "s1,new.nii")
            .into()
    });
    let path = folder.path().join("s1.nii.gz");
    fs::rename(path, folder.path().join("s1,new.nii.gz")).unwrap();
    assert_eq!(load(&config, folder.path()).cases.len(), 4);
}

#[test]
fn tables_that_are_no_such_text() {
    for (change, expected) in [
        (
            &(|text: String| {
                let units = text.encode_utf16().flat_map(u16::to_le_bytes);
                [0xff, 0xfe].into_iter().chain(units).collect()
            }) as &dyn Fn(String) -> Vec<u8>,
            "manifest.csv: expected UTF-8 text, got UTF-16 (it begins with FF FE); Save the file as UTF-8.",
        ),
        (
            &|text| text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            "manifest.csv: expected UTF-8 text, got UTF-16 or no text (a zero is among its first two bytes); Save the file as UTF-8.",
        ),
        (
            &|text| {
                text.replace("s2,", "M#ller,")
                    .bytes()
                    .map(|byte| if byte == b'#' { 0xfc } else { byte })
                    .collect()
            },
            "manifest.csv: expected UTF-8 text, got the byte FC in line 4; Save the file as UTF-8.",
        ),
        (
            &|_| b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(),
            "manifest.csv: expected UTF-8 text, got a Git LFS pointer; Run git lfs pull.",
        ),
        (
            &|_| b"\n".to_vec(),
            "manifest.csv: expected UTF-8 text, got an empty file; Copy or download the file again.",
        ),
        (
            &|text| text.replace("case,image", "Case,IMAGE").into(),
            "manifest.csv:1: unknown column \"Case\"; did you mean \"case\"?; Correct that line.",
        ),
        (
            &|text| text.replace("image,", "case,").into(),
            "manifest.csv:1: column \"case\" appears twice; Correct that line.",
        ),
        (
            &|text| {
                text.replace("s1_seg.nii.gz,,A", "s1_seg.nii.gz,,A,x")
                    .into()
            },
            "manifest.csv:3: expected no field without a column, got \"x\"; Correct that line.",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = spreadsheet(folder.path(), change);
        assert_eq!(problems(&config, folder.path())[0], expected);
    }
}
