//! Fuzz tests of every reader of this crate: thousands of broken volumes and tables. Each must be
//! refused in one line, without a panic and within bounded memory.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use ndarray::Array3;
use rand::Rng;
use slicewise_data::nifti::{read_f64, read_image, read_labels, write_image, write_labels};
use slicewise_data::{DataConfig, Geometry, Labels, Task, Volume, check_task, datasets};
use slicewise_fuzz::{ChaCha8Rng, Target, fuzz, per_byte};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

/// Offset and width in bytes of the numbers that are read from a NIfTI-1 header (`nifti1.h`).
const FIELDS: &[(usize, usize)] = &[
    (0, 4),
    // dim
    (40, 2),
    (42, 2),
    (44, 2),
    (46, 2),
    (48, 2),
    (50, 2),
    // datatype, bitpix
    (70, 2),
    (72, 2),
    // pixdim
    (76, 4),
    (80, 4),
    (84, 4),
    (88, 4),
    // vox_offset, scl_slope, scl_inter
    (108, 4),
    (112, 4),
    (116, 4),
    // xyzt_units
    (123, 1),
    // qform_code, sform_code, quaternion and offsets
    (252, 2),
    (254, 2),
    (256, 4),
    (260, 4),
    (264, 4),
    (268, 4),
    (272, 4),
    (276, 4),
    // srow_x, srow_y, srow_z
    (280, 4),
    (284, 4),
    (288, 4),
    (292, 4),
    (296, 4),
    (300, 4),
    (304, 4),
    (308, 4),
    (312, 4),
    (316, 4),
    (320, 4),
    (324, 4),
    // magic
    (344, 4),
    // extension
    (348, 4),
];

/// Returns the bytes of committed volumes of every type, byte order, orientation and form.
fn volumes() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".nii"))
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 46, "fixtures");
    paths
        .iter()
        .map(|path| inflated(&fs::read(path).unwrap()))
        .collect()
}

/// Returns what a gzip stream holds, as far as it can be read; returns other bytes as they are.
fn inflated(bytes: &[u8]) -> Vec<u8> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes.to_vec();
    }
    let mut body = Vec::new();
    let _ = MultiGzDecoder::new(bytes).read_to_end(&mut body);
    body
}

/// Returns the length of what [`inflated`] would return, without keeping it.
fn inflated_length(bytes: &[u8]) -> usize {
    let mut decoder = MultiGzDecoder::new(bytes);
    let mut piece = [0; 8192];
    let mut length = 0;
    while let Ok(count @ 1..) = decoder.read(&mut piece) {
        length += count;
    }
    length
}

/// Compresses. One time in four the stream is damaged or padded as well.
fn gzipped(body: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let compress = |bytes: &[u8], level| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut stream = compress(&body, 1);
    match rng.random_range(0..16) {
        0 => stream.truncate(rng.random_range(0..=stream.len())),
        1 | 2 => {
            let at = rng.random_range(0..stream.len());
            stream[at] ^= 1 << rng.random_range(0..8);
        }
        // A gzip bomb: a kilobyte that unpacks to a megabyte, as a second member or in place of the
        // voxels.
        3 if rng.random_ratio(1, 64) => stream.extend(compress(&vec![0; 1 << 20], 9)),
        4 if rng.random_ratio(1, 64) => {
            let mut long = body;
            long.resize(1 << 20, 0);
            stream = compress(&long, 9);
        }
        _ => {}
    }
    stream
}

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
    exact
        .map(|volume| assert_valid(&volume))
        .map_err(|error| error.to_string())
}

#[test]
fn nifti() {
    fuzz(
        &Target {
            share: 250,
            fields: FIELDS,
            allowance: &|bytes| per_byte(inflated_length(bytes).max(bytes.len()), 48),
            ..Target::text(
                "nifti",
                "input.nii",
                volumes(),
                &["n+1\0", "ni1\0", "\x1f\u{8b}"],
            )
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
            ..Target::text("nifti-gzip", "input.nii.gz", volumes(), &["n+1\0"])
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

/// Returns volumes that serve as image and label map at once: of two types, straight and rotated.
/// Those of another shift have other voxels.
fn label_maps(shift: usize) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.nii");
    let voxels = Array3::from_shape_fn((6, 8, 10), |(z, y, x)| ((z * y * x + shift) % 5) as u8);
    let straight = Geometry::axis_aligned([1.5, 1.0, 0.8]);
    let mut turned = straight.clone();
    turned.stored.axis = [2, 0, 1];
    turned.stored.flipped = [true, false, true];
    let mut files = Vec::new();
    for geometry in [straight, turned] {
        let labels = Volume {
            voxels: voxels.clone(),
            geometry,
        };
        let image = Volume {
            voxels: voxels.mapv(f32::from),
            geometry: labels.geometry.clone(),
        };
        write_labels(&path, &labels).unwrap();
        files.push(fs::read(&path).unwrap());
        write_image(&path, &image).unwrap();
        files.push(fs::read(&path).unwrap());
    }
    files
}

/// Uses one broken volume as image and label map of a case, which is cropped, resampled and
/// standardised.
#[test]
fn case() {
    // All runs on this thread, where allocations are counted.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread();
    let _pool = pool.build().unwrap();
    let read = |path: &Path| {
        let mut problems = Vec::new();
        for task in Task::OF_PAPER {
            let mut config = config("manifest", &path.with_file_name("cases.csv"));
            config.spacing_mm = Some(1.0);
            let classes = (0..32).map(|class| class.to_string());
            config.classes = Some(classes.collect());
            problems.extend(check_task(task, &task.preset().unwrap(), &config));
        }
        join_problems(problems.iter().map(|problem| &problem.problem).collect())
    };
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
        read,
    );
}
