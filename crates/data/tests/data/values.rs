//! What labels and masks hold: scaled, soft, ignored, contradictory or no values at all.

use crate::case_files::{Affine, SHAPE, Stored, manifest, put, put_case, scan};
use ndarray::Array3;
use slicewise_data::nifti::{read_image, read_labels};
use slicewise_data::{DataConfig, Task, TaskDefinition, check_task, examine, load_task};
use std::path::Path;

const GRID: Affine = [
    [1.0, 0.0, 0.0, 0.0],
    [0.0, 1.0, 0.0, 0.0],
    [0.0, 0.0, 1.0, 0.0],
    [0.0, 0.0, 0.0, 1.0],
];
pub(crate) const TISSUE: Task = Task::TISSUE_SEGMENTATION;
pub(crate) const BRAIN: Task = Task::BRAIN_EXTRACTION;

/// Counts the voxels of each class in every case.
pub(crate) fn counts(task: &Task, config: &DataConfig, folder: &Path) -> Vec<Vec<usize>> {
    let definition = task.preset().unwrap();
    assert_eq!(check_task(*task, &definition, config), []);
    let data = load_task(*task, &definition, config, &folder.join("cache")).unwrap();
    let of = |labels: &Array3<u8>| {
        let mut counts = vec![0; data.classes.len()];
        labels
            .iter()
            .for_each(|&class| counts[usize::from(class)] += 1);
        counts
    };
    data.cases
        .iter()
        .map(|case| of(&case.labels.voxels))
        .collect()
}

/// Returns the one problem, without folder, and its remedy.
pub(crate) fn problem(task: &Task, config: &DataConfig, folder: &Path) -> (String, String) {
    problem_of(task, &task.preset().unwrap(), config, folder)
}

pub(crate) fn problem_of(
    task: &Task,
    definition: &TaskDefinition,
    config: &DataConfig,
    folder: &Path,
) -> (String, String) {
    let problems = check_task(*task, definition, config);
    let [problem] = &problems[..] else {
        panic!("{problems:?}")
    };
    let place = problem.file.strip_prefix(folder).unwrap();
    let text = format!("{}: {}", place.display(), problem.problem);
    assert!(!text.contains('\n'), "{text}");
    (text, problem.remedy.clone())
}

/// Returns what the table of cases says of case `s1`.
fn marks(task: &Task, config: &DataConfig) -> Vec<String> {
    let inspected = examine(*task, &task.preset().unwrap(), config);
    assert_eq!(inspected.problems, []);
    inspected.cases[1].marks.clone()
}

/// A data set without blemish, to which tests add files.
pub(crate) fn sound(folder: &Path) -> DataConfig {
    manifest(folder, |_, scan, truth, image, labels| {
        put_case((scan, truth), (image, labels), &GRID, |_| ());
    })
}

/// Makes the labels of a case of [`sound`] anew.
pub(crate) fn put_labels<T: Stored>(folder: &Path, case: &str, of: impl Fn(u8) -> T) {
    let (_, labels) = scan(0, SHAPE);
    put(
        &folder.join(format!("{case}_seg.nii.gz")),
        &labels.mapv(of),
        &GRID,
        |_| (),
    );
}

/// Adds masks to the table of [`sound`], one of them as `of` makes it of labels.
fn put_masks<T: Stored>(folder: &Path, labelled: bool, mask: &Array3<T>) {
    let mut rows = "case,image,label,mask,split\n".to_owned();
    for number in 0..4 {
        let label = if labelled {
            format!("s{number}_seg.nii.gz")
        } else {
            String::new()
        };
        let part = if number < 3 { 'A' } else { 'B' };
        let mask = if number == 1 {
            "odd.nii.gz".to_owned()
        } else {
            format!("s{number}_seg.nii.gz")
        };
        rows += &format!("s{number},s{number}.nii.gz,{label},{mask},{part}\n");
    }
    std::fs::write(folder.join("manifest.csv"), rows).unwrap();
    put(&folder.join("odd.nii.gz"), mask, &GRID, |_| ());
}

/// The labels of case `s1`.
fn truth() -> Array3<u8> {
    scan(1, SHAPE).1
}

/// Case scaled-labels: what nibabel makes of the floats 0, 1 and 2 in bytes.
#[test]
fn labels_that_were_saved_scaled_are_read_as_the_labels_they_were() {
    let plain = tempfile::tempdir().unwrap();
    let expected = counts(&TISSUE, &sound(plain.path()), plain.path());
    assert_eq!(expected[0], [6259, 645, 776]);
    for (half, slope, intercept) in [(128, 2.0 / 255.0, 0.0), (127, -2.0 / 255.0, 2.0)] {
        let folder = tempfile::tempdir().unwrap();
        let config = manifest(folder.path(), |_, scan, truth, image, labels| {
            put(scan, image, &GRID, |_| ());
            let bytes = match slope > 0.0 {
                true => labels.mapv(|label| [0, half, 255][usize::from(label)]),
                false => labels.mapv(|label| [255, half, 0][usize::from(label)]),
            };
            put(truth, &bytes, &GRID, |header| {
                header.scaling(slope, intercept)
            });
        });
        assert_eq!(counts(&TISSUE, &config, folder.path()), expected, "{slope}");
    }
}

/// A freesurfer-like map of many labels in 16 bits, and one of few in 8 whose slope is coarse.
#[test]
fn scaled_labels_of_other_types_and_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nii");
    let labels = Array3::from_shape_fn((4, 5, 6), |(z, y, x)| ((z * 30 + y * 6 + x) * 97) as i32);
    let slope = f64::from(labels[[3, 4, 5]]) / 65535.0;
    let stored = labels.mapv(|label| (f64::from(label) / slope).round() as u16);
    put(&path, &stored, &GRID, |header| header.scaling(slope, 0.0));
    assert_eq!(read_labels(&path).unwrap().voxels, labels);
    // Read as a scan it stays what the header says.
    assert!((read_image(&path).unwrap().voxels[[0, 0, 1]] - 97.0).abs() > 1e-3);

    let few = Array3::from_shape_fn((2, 2, 2), |(z, y, x)| [0, 1, 50, 99][(z + y + x) % 4]);
    let slope = 99.0 / 255.0;
    let stored = few.mapv(|label: i32| (f64::from(label) / slope).round() as u8);
    put(&path, &stored, &GRID, |header| header.scaling(slope, 0.0));
    assert_eq!(read_labels(&path).unwrap().voxels, few);
}

#[test]
fn fractions_are_refused_by_their_cause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nii");
    let of = || {
        let error = read_labels(&path).unwrap_err();
        let text = error
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "");
        (text, error.remedy())
    };
    // A probability map in bytes: scaled as labels may be, but with values between.
    let map = Array3::from_shape_fn((1, 2, 128), |(_, y, x)| (128 * y + x) as u8);
    put(&path, &map, &GRID, |header| {
        header.scaling(1.0 / 255.0, 0.0)
    });
    let (text, remedy) = of();
    assert!(
        text.starts_with("x.nii: expected whole-number labels, got 0.0039")
            && text.ends_with(
                " at voxel (x, y, z) = (1, 0, 0), and every value between 0 and 1: a probability map"
            ),
        "{text}"
    );
    assert_eq!(remedy, "Name the label map, not a probability map.");
    // 127 and 128 would both be the label 1: who scaled it did not round.
    let map = Array3::from_shape_fn((1, 1, 4), |(_, _, x)| [0u8, 127, 128, 255][x]);
    put(&path, &map, &GRID, |header| {
        header.scaling(2.0 / 255.0, 0.0)
    });
    let (text, remedy) = of();
    assert!(
        text.contains("(1, 0, 0), stored with scl_slope 0.0078"),
        "{text}"
    );
    assert!(
        remedy.starts_with("Save labels as integers without scaling"),
        "{remedy}"
    );
    // Neither scaled nor from 0 to 1: interpolated labels.
    let map = Array3::from_shape_fn((1, 1, 4), |(_, _, x)| [0.0f32, 1.0, 1.5, 3.0][x]);
    put(&path, &map, &GRID, |_| ());
    let (text, remedy) = of();
    assert_eq!(
        text,
        "x.nii: expected whole-number labels, got 1.5 at voxel (x, y, z) = (2, 0, 0)"
    );
    assert!(remedy.contains("nearest neighbour"), "{remedy}");
    for (value, remedy) in [(f64::NAN, "Replace the NaN"), (1e12, "Number the labels")] {
        put(&path, &Array3::from_elem((1, 1, 1), value), &GRID, |_| ());
        assert!(of().1.starts_with(remedy), "{}", of().1);
    }
}

/// Case soft-mask: each voxel is the mean of its 27 neighbours in the mask.
#[test]
fn a_soft_mask_is_cut_at_a_half() {
    let folder = tempfile::tempdir().unwrap();
    let config = sound(folder.path());
    let brain = truth().mapv(|label| f32::from(u8::from(label > 0)));
    let soft = Array3::from_shape_fn(brain.dim(), |(z, y, x)| {
        let near = |at: usize, length: usize| at.saturating_sub(1)..(at + 2).min(length);
        let (d, h, w) = brain.dim();
        let mut sum = 0.0;
        for z in near(z, d) {
            for y in near(y, h) {
                for x in near(x, w) {
                    sum += brain[[z, y, x]];
                }
            }
        }
        sum / 27.0
    });
    let above = |cut: f32| soft.iter().filter(|&&value| value > cut).count();
    let (half, any) = (above(0.4999), above(0.0));
    assert!(half > 1000 && any > half + 500, "{half} {any}");
    put_masks(folder.path(), false, &soft);
    assert_eq!(counts(&BRAIN, &config, folder.path())[1][1], half);
    let said =
        format!("odd.nii.gz: a soft mask, cut at 0.5: {half} voxels are inside, {any} are above 0");
    assert_eq!(marks(&BRAIN, &config), std::slice::from_ref(&said));
    // In another task the scan is cut to the same voxels.
    put_masks(folder.path(), true, &soft);
    let inside = counts(&TISSUE, &config, folder.path());
    let labelled = truth()
        .iter()
        .zip(&soft)
        .filter(|(label, soft)| **label > 0 && **soft >= 0.5)
        .count();
    assert_eq!(inside[1][1] + inside[1][2], labelled);
    let outside = truth().iter().filter(|&&label| label > 0).count() - labelled;
    assert!(outside > 0);
    let lost = format!(
        "s1_seg.nii.gz: {outside} voxels with a label lie outside the mask odd.nii.gz and count as background"
    );
    assert_eq!(marks(&TISSUE, &config), [said, lost]);
}

#[test]
fn masks_of_whole_numbers_are_above_0_inside() {
    let plain = tempfile::tempdir().unwrap();
    let expected = counts(&BRAIN, &sound(plain.path()), plain.path())[1].clone();
    for values in [[0u8, 1, 1], [0, 255, 255], [0, 1, 2], [0, 254, 255]] {
        let folder = tempfile::tempdir().unwrap();
        let config = sound(folder.path());
        put_masks(
            folder.path(),
            false,
            &truth().mapv(|label| values[usize::from(label)]),
        );
        assert_eq!(
            counts(&BRAIN, &config, folder.path())[1],
            expected,
            "{values:?}"
        );
        let note = format!(
            "2 values above 0 ({}, {}), all of which count as inside",
            values[1], values[2]
        );
        let noted = marks(&BRAIN, &config)
            .iter()
            .any(|mark| mark.ends_with(&note));
        assert_eq!(noted, values[1] != values[2], "{values:?}");
    }
}

#[test]
fn values_that_no_mask_has_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = sound(folder.path());
    let refused = |values: [f32; 3]| {
        put_masks(
            folder.path(),
            false,
            &truth().mapv(|label| values[usize::from(label)]),
        );
        problem(&BRAIN, &config, folder.path())
    };
    let expected = "odd.nii.gz: expected a mask, 0 outside and above 0 inside, got";
    let (text, remedy) = refused([0.0, 1.0, 255.0]);
    let ones = truth().iter().filter(|&&label| label == 2).count();
    assert_eq!(
        text,
        format!("{expected} 255 in {ones} voxels beside lower values: voxels to ignore?")
    );
    assert!(
        remedy.contains("no voxel of a mask is left out"),
        "{remedy}"
    );
    let (text, remedy) = refused([-1.0, 1.0, 1.0]);
    let outside = truth().iter().filter(|&&label| label == 0).count();
    assert_eq!(text, format!("{expected} -1 in {outside} voxels"));
    assert!(
        remedy.starts_with("Write 0 for what is outside"),
        "{remedy}"
    );
    // A stripped scan is no mask, but one can be made of it.
    let (text, remedy) = refused([0.0, 17.25, 30.5]);
    assert!(
        text.starts_with(&format!("{expected} 17.25, the first of ")),
        "{text}"
    );
    assert!(remedy.contains("> 0).astype('uint8')"), "{remedy}");
    let (_, remedy) = refused([-0.02, 0.5, 1.02]);
    assert!(remedy.contains("> 0.5).astype('uint8')"), "{remedy}");
    let (text, _) = refused([0.0, 1.0, f32::NAN]);
    assert!(
        text.starts_with("odd.nii.gz: expected finite voxels"),
        "{text}"
    );
    let (text, remedy) = refused([0.0; 3]);
    assert_eq!(
        text,
        "s1.nii.gz: expected labels of at least one foreground class for it, got none"
    );
    assert!(remedy.contains("mask or labels"), "{remedy}");
}

#[test]
fn a_mask_that_contradicts_the_labels_is_refused_if_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let config = sound(folder.path());
    put_masks(
        folder.path(),
        true,
        &truth().mapv(|label| u8::from(label == 0)),
    );
    let (text, remedy) = problem(&TISSUE, &config, folder.path());
    assert_eq!(
        text,
        "s1_seg.nii.gz: expected labels inside the mask, since there are some outside, got none"
    );
    assert!(remedy.contains("belong to another scan"), "{remedy}");
    put_masks(folder.path(), true, &truth().mapv(|_| 0u8));
    let (text, _) = problem(&TISSUE, &config, folder.path());
    assert_eq!(
        text,
        "odd.nii.gz: expected a mask with voxels inside, got none"
    );
}

/// Brain extraction from a label map: 255 is no brain.
#[test]
fn labels_in_place_of_a_mask_are_known_or_plausible() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = sound(folder.path());
    let ignored = scan(0, SHAPE).1;
    let ignored = ignored.iter().filter(|&&label| label == 2).count();
    put_labels(folder.path(), "s1", |label| {
        [0u8, 1, 255][usize::from(label)]
    });
    // With named classes the value has none, as in every other task.
    for task in [BRAIN, TISSUE] {
        let (text, remedy) = problem(&task, &config, folder.path());
        assert_eq!(
            text,
            format!(
                "s1_seg.nii.gz: unknown label value 255 in {ignored} voxels (expected one of 0, 1, 2)"
            )
        );
        assert!(remedy.contains("voxels to ignore"), "{remedy}");
    }
    // Without names it is told by the gap below it.
    config.classes = None;
    let (text, _) = problem(&BRAIN, &config, folder.path());
    assert!(
        text.contains(&format!("got 255 in {ignored} voxels beside lower values")),
        "{text}"
    );
    // Alone it is what is inside.
    put_labels(
        folder.path(),
        "s1",
        |label| if label > 0 { 255u8 } else { 0 },
    );
    assert_eq!(counts(&BRAIN, &config, folder.path())[1], [6259, 1421]);
    put_labels(folder.path(), "s1", |label| i16::from(label) - 1);
    let (text, _) = problem(&BRAIN, &config, folder.path());
    assert!(text.contains("got -1 in 6259 voxels"), "{text}");
    config.classes = Some(["background", "one", "two"].map(str::to_owned).to_vec());
    let (_, remedy) = problem(&BRAIN, &config, folder.path());
    assert!(remedy.starts_with("Write 0 for the background"), "{remedy}");
}
