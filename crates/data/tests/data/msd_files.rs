//! Which files of a folder with a `dataset.json` are used. Cases by name are those of
//! `shared/cases/README.md`.

use crate::case_files::{SHAPE, diagonal, put, put_case, scan};
use crate::tables::{TISSUES, ids, load, problems, says};
use ndarray::Array3;
use slicewise_data::{DataConfig, TaskData};
use std::fs;

/// A folder of the Decathlon with cases `c_000` to `c_004`.
pub(crate) struct Msd {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) config: DataConfig,
}

impl Msd {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = DataConfig::new("msd");
        config.path = Some(folder.path().to_owned());
        config.part_b_count = Some(1);
        let msd = Self { folder, config };
        for number in 0..5 {
            msd.put(
                number,
                &format!("imagesTr/c_00{number}.nii.gz"),
                &format!("labelsTr/c_00{number}.nii.gz"),
            );
        }
        msd
    }

    pub(crate) fn put(&self, number: usize, image: &str, label: &str) {
        let (scan, truth) = (self.path(image), self.path(label));
        let (image, labels) = scan_of(number);
        put_case(
            (&scan, &truth),
            (&image, &labels),
            &diagonal([1.0; 3]),
            |_| (),
        );
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::create_dir_all(self.path(to).parent().unwrap()).unwrap();
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Writes `dataset.json` with labels and what else is said.
    pub(crate) fn described(&self, more: &str) -> &Self {
        let labels = r#""labels": {"0": "background", "1": "one", "2": "two"}"#;
        self.text(format!("{{{labels}{more}}}").as_bytes())
    }

    pub(crate) fn text(&self, text: &[u8]) -> &Self {
        fs::write(self.path("dataset.json"), text).unwrap();
        self
    }

    pub(crate) fn load(&self) -> TaskData {
        load(&self.config, self.folder.path())
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        problems(&self.config, self.folder.path())
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let (_, notes) = says(&self.config, TISSUES, self.folder.path());
        notes
            .iter()
            .map(|note| note.replace(&self.folder.path().display().to_string(), "FOLDER"))
            .collect()
    }
}

pub(crate) fn scan_of(number: usize) -> (Array3<f32>, Array3<u8>) {
    scan(number, SHAPE)
}

/// The list `training` of these cases.
pub(crate) fn training(cases: impl IntoIterator<Item = usize>, labels: &str) -> String {
    let cases = cases.into_iter().map(|number| {
        format!(r#"{{"image": "./imagesTr/c_00{number}.nii.gz", "label": "./{labels}/c_00{number}.nii.gz"}}"#)
    });
    format!(
        r#", "training": [{}]"#,
        cases.collect::<Vec<_>>().join(", ")
    )
}

pub(crate) const ALL: [&str; 5] = ["c_000", "c_001", "c_002", "c_003", "c_004"];

/// The case msd-other-label-folder: the labels in `labelsTr` are moved by five voxels.
#[test]
fn labels_of_another_folder() {
    let msd = Msd::new();
    for number in 0..5 {
        let (_, labels) = scan_of(number);
        let mut moved = labels.clone();
        moved.invert_axis(ndarray::Axis(2));
        let name = format!("c_00{number}.nii.gz");
        put(
            &msd.path("labelsTr2").join(&name),
            &labels,
            &diagonal([1.0; 3]),
            |_| (),
        );
        put(
            &msd.path("labelsTr").join(&name),
            &moved,
            &diagonal([1.0; 3]),
            |_| (),
        );
    }
    msd.described(&(training(0..5, "labelsTr2") + r#", "numTraining": 5"#));
    let data = msd.load();
    assert_eq!(ids(&data), ALL);
    for (number, case) in data.cases.iter().enumerate() {
        assert_eq!(case.labels.voxels, scan_of(number).1);
    }
    assert_eq!(msd.notes(), [""; 0]);
    // nnU-Net v2 names files under another key.
    let entry = |number| {
        format!(
            r#""c_00{number}": {{"images": ["imagesTr/c_00{number}.nii.gz"], "label": "labelsTr2/c_00{number}.nii.gz"}}"#
        )
    };
    let entries: Vec<String> = (0..5).map(entry).collect();
    msd.described(&format!(r#", "dataset": {{{}}}"#, entries.join(", ")));
    assert_eq!(msd.load().cases[3].labels.voxels, scan_of(3).1);
}

/// The case msd-withdrawn-cases.
#[test]
fn cases_that_are_not_named_are_left_out() {
    let msd = Msd::new();
    msd.described(&(training(0..3, "labelsTr") + r#", "numTraining": 3"#));
    assert_eq!(ids(&msd.load()), ALL[..3]);
    let note = "FOLDER: left out are images that training does not name: imagesTr/c_003.nii.gz, imagesTr/c_004.nii.gz";
    assert_eq!(msd.notes(), [note]);
    // A list of images alone, in the Decathlon's way and by name.
    for list in [
        r#", "training": ["./imagesTr/c_000.nii.gz", "./imagesTr/c_002.nii.gz"]"#,
        r#", "training": ["c_000", "c_002"]"#,
    ] {
        msd.described(list);
        assert_eq!(ids(&msd.load()), ["c_000", "c_002"], "{list}");
    }
    // An empty list says nothing.
    msd.described(r#", "training": []"#);
    assert_eq!(ids(&msd.load()), ALL);
}

/// The case msd-two-endings, with and without a list.
#[test]
fn both_endings_are_used() {
    let msd = Msd::new();
    for number in [1, 3] {
        for folder in ["imagesTr", "labelsTr"] {
            fs::remove_file(msd.path(&format!("{folder}/c_00{number}.nii.gz"))).unwrap();
        }
        msd.put(
            number,
            &format!("imagesTr/c_00{number}.nii"),
            &format!("labelsTr/c_00{number}.nii"),
        );
    }
    for more in [training(0..5, "labelsTr"), String::new()] {
        msd.described(&(more + r#", "numTraining": 5"#));
        let data = msd.load();
        assert_eq!(ids(&data), ALL);
        assert_eq!(data.cases[3].labels.voxels, scan_of(3).1);
    }
    // One ending is stated: then the others are named, not lost.
    msd.described(r#", "numTraining": 5, "file_ending": ".nii.gz""#);
    assert_eq!(
        msd.problems(),
        [
            "dataset.json: expected 5 cases by numTraining, found 3; images without a label: imagesTr/c_001.nii, imagesTr/c_003.nii; \
          Correct numTraining, or the cases that it counts."
        ]
    );
    // Two files of one case.
    msd.put(1, "imagesTr/c_001.nii.gz", "labelsTr/c_001.nii.gz");
    assert_eq!(
        msd.described("").problems(),
        [
            "dataset.json: expected one label of a case in labelsTr, got c_001.nii and c_001.nii.gz; \
          Remove one of the two, or state file_ending."
        ]
    );
}

/// The case msd-missing-labels, with and without a list.
#[test]
fn files_that_are_missing_are_named_in_one_line() {
    let msd = Msd::new();
    for number in [3, 4] {
        fs::remove_file(msd.path(&format!("labelsTr/c_00{number}.nii.gz"))).unwrap();
    }
    let put_there =
        "Put the missing files there, or take their cases out (labelsTr, training, numTraining).";
    let missing = "found 3; missing: labelsTr/c_003.nii.gz, labelsTr/c_004.nii.gz";
    msd.described(&(training(0..5, "labelsTr") + r#", "numTraining": 5"#));
    assert_eq!(
        msd.problems(),
        [format!(
            "dataset.json: expected 5 cases by numTraining, {missing}; {put_there}"
        )]
    );
    msd.described(&training(0..5, "labelsTr"));
    assert_eq!(
        msd.problems(),
        [format!(
            "dataset.json: expected 5 cases by training, {missing}; {put_there}"
        )]
    );
    msd.described(r#", "numTraining": 5"#);
    assert_eq!(
        msd.problems(),
        [
            "dataset.json: expected 5 cases by numTraining, found 3; images without a label: imagesTr/c_003.nii.gz, imagesTr/c_004.nii.gz; \
          Correct numTraining, or the cases that it counts."
        ]
    );
    // Nobody promised them.
    msd.described("");
    assert_eq!(ids(&msd.load()), ALL[..3]);
    assert_eq!(
        msd.notes(),
        [
            "FOLDER: left out are images without a label: imagesTr/c_003.nii.gz, imagesTr/c_004.nii.gz"
        ]
    );
    // A label without an image, even if numTraining leaves it out.
    fs::remove_file(msd.path("imagesTr/c_001.nii.gz")).unwrap();
    for more in ["", r#", "numTraining": 2"#] {
        msd.described(more);
        assert_eq!(
            msd.problems(),
            [format!(
                "dataset.json: expected 3 cases by labelsTr, found 2; missing: imagesTr/c_001.nii.gz; \
                 images without a label: imagesTr/c_003.nii.gz, imagesTr/c_004.nii.gz; {put_there}"
            )]
        );
    }
    // More than promised.
    let msd = Msd::new();
    msd.described(r#", "numTraining": "4""#);
    assert_eq!(
        msd.problems(),
        [
            "dataset.json: expected 4 cases by numTraining, found 5; Correct numTraining, or the cases that it counts."
        ]
    );
    msd.described(&(training(0..3, "labelsTr") + r#", "numTraining": 5"#));
    assert_eq!(
        msd.problems(),
        [
            "dataset.json: expected 5 cases by numTraining, found 3; images that training does not name: imagesTr/c_003.nii.gz, imagesTr/c_004.nii.gz; \
          Correct numTraining, or the cases that it counts."
        ]
    );
}
