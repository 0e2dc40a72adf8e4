//! Fuzz tests of every reader of this crate: thousands of broken volumes and tables. Each must be
//! refused in one line, without a panic and within bounded memory.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

#[path = "fuzz/drawings.rs"]
mod drawings;
#[path = "fuzz/volumes.rs"]
mod volumes;

use slicewise_data::nifti::{Reader, read_f64, read_image, read_labels};
use slicewise_data::{DataConfig, Labels, Position, Task, Volume, check_task, datasets};
use slicewise_fuzz::{Target, fuzz, per_byte};
use std::collections::BTreeSet;
use std::path::Path;
use volumes::{FIELDS, gzipped, inflated_length, label_maps, masks, volumes};

/// Beginnings of what is no NIfTI volume, and its own magic.
const WORDS: &[&str] = &[
    "n+1\0",
    "ni1\0",
    "n+2\0",
    "\x1f\u{8b}",
    "version https://git-lfs",
    "/annex/objects/",
    "<!DOCTYPE html>",
    "<?xml",
    "PK\x03\x04",
    "NRRD0004",
    "ObjectType",
    "DICM",
    "ustar",
    "\0\0\0\x01\0\0\0\x02",
];

/// Asserts what must hold of every volume that was read.
fn assert_valid<T: Copy + Into<f64>>(volume: &Volume<T>) {
    assert!(!volume.voxels.is_empty());
    assert!(volume.voxels.iter().all(|&value| value.into().is_finite()));
    let affine = volume.geometry.affine.as_flattened();
    assert!(affine.iter().all(|value| value.is_finite()), "{affine:?}");
}

fn read_volume(path: &Path) -> Result<(), String> {
    let (exact, image, labels) = (read_f64(path), read_image(path), read_labels(path));
    for message in [image.as_ref().err(), labels.as_ref().err()] {
        let message = message.map(ToString::to_string).unwrap_or_default();
        assert!(!message.contains(char::is_control), "{message:?}");
    }
    image.iter().for_each(assert_valid);
    labels.iter().for_each(assert_valid);
    for position in [Position::Sform, Position::Qform] {
        let reader = Reader {
            position: Some(position),
        };
        reader.labels(path).iter().for_each(assert_valid);
    }
    exact
        .map(|volume| assert_valid(&volume))
        .map_err(|error| error.to_string())
}

#[test]
fn nifti() {
    fuzz(
        &Target {
            share: 200,
            fields: FIELDS,
            allowance: &|bytes| per_byte(inflated_length(bytes).max(bytes.len()), 48),
            ..Target::text("nifti", "input.nii", volumes(), WORDS)
        },
        read_volume,
    );
}

#[test]
fn nifti_gzip() {
    fuzz(
        &Target {
            share: 100,
            fields: FIELDS,
            encode: &gzipped,
            allowance: &|bytes| per_byte(inflated_length(bytes).max(bytes.len()), 48),
            ..Target::text("nifti-gzip", "input.nii.gz", volumes(), WORDS)
        },
        read_volume,
    );
}

/// Joins all problems of a table or a case in one line.
fn join_problems(problems: Vec<impl ToString>) -> Result<(), String> {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    if lines.is_empty() {
        Ok(())
    } else {
        Err(lines.join("; "))
    }
}

/// Returns the settings of a dataset with its table or volume at `path`.
fn config(dataset: &str, path: &Path) -> DataConfig {
    let mut config = DataConfig::new(dataset);
    config.path = Some(path.to_owned());
    config
}

fn list(dataset: &str, config: &DataConfig) -> Result<(), String> {
    let dataset = datasets::find(dataset).unwrap();
    let mut problems = Vec::new();
    for labels in [Labels::Mask, Labels::All] {
        match dataset.list(config, &labels) {
            Ok(cases) => {
                let ids: BTreeSet<_> = cases.iter().map(|case| &case.id).collect();
                assert_eq!(ids.len(), cases.len(), "{ids:?}");
                assert!(!ids.contains(&String::new()));
                assert!(
                    !ids.iter().any(|id| id.contains(char::is_control)),
                    "{ids:?}"
                );
            }
            Err(found) => {
                assert!(!found.is_empty());
                problems.extend(found);
            }
        }
    }
    let notes = slicewise_data::notes(config);
    assert!(
        !notes.iter().any(|note| note.contains(char::is_control)),
        "{notes:?}"
    );
    problems.extend(dataset.classes(config).err());
    join_problems(problems)
}

#[test]
fn manifest_csv() {
    let words = [
        "case",
        "image",
        "label",
        "mask",
        "split",
        ",",
        ",,",
        "\"",
        "\"\"",
        "\"a\nb\"",
        "\r\n",
        "\n",
        "\r",
        "A",
        "B",
        "../",
        "/",
        "\u{feff}",
        "\u{85}",
        "\t",
        "\0",
        "é",
        " ",
        ";",
        ";;",
        "subject",
        "sub-01_ses-1",
        "sub-",
        "sep=;",
    ];
    let corpus = [
        "case,image,label,mask,split\none,a.nii,b.nii,c.nii,A\ntwo,d.nii,e.nii,,B\n",
        "case,image,label\r\none,/x/a.nii,\"b, c.nii\"\r\n",
        "split,label,image,case\nA,b.nii.gz,sub/a.nii.gz,sub-01\n\"B\",d,c,sub-02",
        "\u{feff}case;image;label;subject;;\r\none;sub-1/a.nii;\"b; c.nii\";x;;\r\n;;;;;\r\n",
        "case\timage\tlabel\tmask\tsplit\nsub-1_ses-1\ta.nii\tb.nii\t\tA\n",
    ];
    fuzz(
        &Target {
            // Every row may be wrong, and is reported for both kinds of labels.
            allowance: &|bytes| per_byte(bytes.len(), 1024),
            ..Target::text(
                "manifest-csv",
                "input.csv",
                corpus.map(Vec::from).to_vec(),
                &words,
            )
        },
        |path| {
            let mut config = config("manifest", path);
            config.classes = Some(["background", "one"].map(str::to_owned).to_vec());
            list("manifest", &config)
        },
    );
}

#[test]
fn dataset_json() {
    let words = r#""labels" "file_ending" "training" "dataset" "numTraining" "channel_names" "modality"
        "image" "images" "label" "background" "ignore" .nii .nii.gz imagesTr/ labelsTr/ one_0000 ../
        { } [ ] : , " \n \u0000 \ud800 null [[[[[[[[ {"a": 0 255"#;
    let words: Vec<&str> = words.split_whitespace().chain(["\u{feff}"]).collect();
    let corpus = [
        r#"{"labels": {"0": "background", "1": "Anterior", "2": "Posterior"}, "numTraining": 2}"#,
        r#"{"channel_names": {"0": "T2"}, "labels": {"background": 0, "a": 1, "b": 2},
           "file_ending": ".nii.gz"}"#,
        r#"{"labels": {"0": "background", "1": "a"}, "modality": {"0": "MR"}, "numTraining": 1,
           "training": [{"image": "./imagesTr/one.nii.gz", "label": "./labelsTr/one.nii.gz"}]}"#,
        r#"{"labels": {"background": 0, "a": 1}, "training": ["imagesTr/one_0000.nii.gz"]}"#,
        r#"{"labels": {"background": 0, "a": 1}, "channel_names": ["T1"],
           "dataset": {"one": {"images": ["imagesTr/one_0000.nii.gz"], "label": "labelsTr/one.nii.gz"}}}"#,
    ];
    fuzz(
        &Target {
            companions: vec![
                ("labelsTr/one.nii.gz", Vec::new()),
                ("imagesTr/one_0000.nii.gz", Vec::new()),
                ("labelsTr/two.nii", Vec::new()),
                ("imagesTr/two_0000.nii", Vec::new()),
                ("imagesTr/three_0000.nii.gz", Vec::new()),
            ],
            ..Target::text(
                "dataset-json",
                "dataset.json",
                corpus.map(Vec::from).to_vec(),
                &words,
            )
        },
        |path| list("msd", &config("msd", path.parent().unwrap())),
    );
}

/// Returns the problems of both of the paper's tasks on the cases of `cases.csv` beside a file.
fn check(path: &Path) -> Result<(), String> {
    let mut problems = Vec::new();
    for (task, position) in Task::OF_PAPER
        .into_iter()
        .zip([None, Some(Position::Qform)])
    {
        let mut config = config("manifest", &path.with_file_name("cases.csv"));
        config.spacing_mm = Some(1.0.into());
        config.position = position;
        let classes = (0..32).map(|class| class.to_string());
        config.classes = Some(classes.collect());
        problems.extend(check_task(task, &task.preset().unwrap(), &config));
    }
    join_problems(problems.iter().map(|problem| &problem.problem).collect())
}

/// Keeps all that rayon does on this thread, where allocations are counted.
fn stay_on_this_thread() {
    if rayon::current_thread_index().is_none() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .use_current_thread();
        std::mem::forget(pool.build().unwrap());
    }
}

/// Uses one broken volume as image and label map of a case, which is cropped, resampled and
/// standardised.
#[test]
fn case() {
    stay_on_this_thread();
    let corpus = label_maps(0);
    let table = "case,image,label,split\none,input.nii,input.nii,A\ntwo,two.nii,two.nii,B\n";
    fuzz(
        &Target {
            share: 50,
            fields: FIELDS,
            companions: vec![
                ("cases.csv", Vec::from(table)),
                ("two.nii", label_maps(1).remove(0)),
            ],
            // One voxel may become 512 when a coarse grid is made finer.
            allowance: &|bytes| per_byte(bytes.len(), 512 * 64),
            ..Target::text("case", "input.nii", corpus, &[])
        },
        check,
    );
}

/// Uses one broken volume as the mask of a sound case, which is cut to it.
#[test]
fn mask() {
    stay_on_this_thread();
    let scan = label_maps(0)[0].clone();
    let mut other = scan.clone();
    other[400] += 1;
    let table = "case,image,label,mask,split\n\
                 one,one.nii,two.nii,input.nii,A\ntwo,two.nii,two.nii,,B\n";
    fuzz(
        &Target {
            share: 50,
            fields: FIELDS,
            companions: vec![
                ("cases.csv", Vec::from(table)),
                ("one.nii", other),
                ("two.nii", scan),
            ],
            allowance: &|bytes| per_byte(bytes.len(), 512 * 64),
            ..Target::text("mask", "input.nii", masks(), &[])
        },
        check,
    );
}
