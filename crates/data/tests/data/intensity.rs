//! CT and thick slices: what normalisation and what grid a case gets, by numbers worked by hand.

use crate::case_files::{diagonal, manifest, put_case};
use ndarray::Array3;
use slicewise_data::{
    DataConfig, IntensityScale, Normalise, Task, TaskData, check_task, load_task,
};
use std::path::Path;

pub(crate) const TASK: Task = Task::TISSUE_SEGMENTATION;

/// Voxels of 10 × 10 × 10 in HU, sorted: air, lung, the water of class one, the bone of class two, and
/// a piece of metal in it.
pub(crate) const TISSUES: [(usize, f32, u8); 5] = [
    (600, -1000.0, 0),
    (50, -800.0, 0),
    (250, 0.0, 1),
    (99, 1000.0, 2),
    (1, 3000.0, 2),
];

/// Returns the scan and the labels of these tissues.
pub(crate) fn body(tissues: [(usize, f32, u8); 5]) -> (Array3<f32>, Array3<u8>) {
    let voxels = tissues
        .iter()
        .flat_map(|&(count, intensity, class)| std::iter::repeat_n((intensity, class), count));
    let voxels = Array3::from_shape_vec((10, 10, 10), voxels.collect()).unwrap();
    (voxels.mapv(|voxel| voxel.0), voxels.mapv(|voxel| voxel.1))
}

/// Writes three equal cases of Part A and one of Part B, whose bone is harder.
pub(crate) fn ct(folder: &Path, normalise: Normalise) -> DataConfig {
    let mut config = manifest(folder, |number, scan, truth, _, _| {
        let mut tissues = TISSUES;
        if number == 3 {
            tissues[3].1 = 2000.0;
        }
        let (image, labels) = body(tissues);
        put_case(
            (scan, truth),
            (&image, &labels),
            &diagonal([1.0; 3]),
            |_| (),
        );
    });
    config.normalise = normalise;
    config
}

pub(crate) fn load(config: &DataConfig, folder: &Path) -> TaskData {
    let definition = TASK.preset().unwrap();
    assert_eq!(check_task(TASK, &definition, config), []);
    load_task(TASK, &definition, config, &folder.join("cache")).unwrap()
}

pub(crate) fn assert_near(got: f64, expected: f64) {
    assert!((got - expected).abs() < 1e-4, "{got}, not {expected}");
}

/// Checks what a network sees of every voxel of a case with these `tissues`.
fn assert_sees(data: &TaskData, case: usize, tissues: [(usize, f32, u8); 5], seen: [f64; 5]) {
    let image = &data.cases[case].image.voxels;
    assert_eq!(image.dim(), (10, 10, 10), "nothing is cropped");
    let expected = seen.iter().zip(tissues);
    let expected = expected.flat_map(|(&seen, (count, ..))| std::iter::repeat_n(seen, count));
    for (&got, expected) in image.iter().zip(expected) {
        assert_near(f64::from(got), expected);
    }
    assert_eq!(data.cases[case].labels.voxels, body(tissues).1);
}

#[test]
fn ct_is_clipped_and_standardised_by_the_voxels_of_part_a() {
    let folder = tempfile::tempdir().unwrap();
    let data = load(&ct(folder.path(), Normalise::Ct(None)), folder.path());
    // Of 400 voxels above -950 HU in each case: the mean is (50 × -800 + 99 × 1000 + 3000) / 400 = 155,
    // that of squares (50 × 0.64 + 99 + 9) × 10⁶ / 400 = 350 000. Of 1200 voxels the percentiles are
    // those at places 5.995 and 1193.005, and metal has the last three.
    let scale = data.intensities.unwrap();
    let deviation = (350_000.0 - 155.0f64 * 155.0).sqrt();
    assert_eq!((scale.low, scale.high), (-800.0, 1000.0));
    assert_near(scale.zero, 155.0);
    assert_near(scale.unit, deviation);
    let seen = |hu: f64| (hu - 155.0) / deviation;
    // Air is clipped to lung; water is water; metal is clipped to bone.
    let all = [-800.0, -800.0, 0.0, 1000.0, 1000.0].map(seen);
    assert_sees(&data, 0, TISSUES, all);
    // The unseen case is scaled by the same numbers, and its harder bone is clipped.
    let mut harder = TISSUES;
    harder[3].1 = 2000.0;
    assert_sees(&data, 3, harder, all);
}

#[test]
fn a_window_becomes_minus_one_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let window = Normalise::Ct(Some([-160.0, 240.0]));
    let data = load(&ct(folder.path(), window), folder.path());
    let expected = IntensityScale {
        low: -160.0,
        high: 240.0,
        zero: 40.0,
        unit: 200.0,
    };
    assert_eq!(data.intensities, Some(expected));
    assert_sees(&data, 1, TISSUES, [-1.0, -1.0, -0.2, 1.0, 1.0]);
}

/// As MR, the zeros of the organ would not have counted.
#[test]
fn mr_is_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let data = load(&ct(folder.path(), Normalise::Mr), folder.path());
    assert_eq!(data.intensities, None);
    // (-600 - 40 + 99 + 3) × 1000 / 750, and squares (600 + 32 + 99 + 9) × 10⁶ / 750.
    let mean: f64 = -538_000.0 / 750.0;
    let deviation = (740e6 / 750.0 - mean * mean).sqrt();
    let water = (0.0 - mean) / deviation;
    let image = &data.cases[0].image.voxels;
    assert_near(f64::from(image[[7, 0, 0]]), water);
}

#[test]
fn neither_part_b_nor_any_label_changes_the_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let config = ct(folder.path(), Normalise::Ct(None));
    let before = load(&config, folder.path());
    let (image, labels) = body(TISSUES);
    let moved = labels.mapv(|class| 2 - class);
    let put = |number: usize, image: &Array3<f32>, labels: &Array3<u8>| {
        let name = |end: &str| folder.path().join(format!("s{number}{end}.nii.gz"));
        let paths = (name(""), name("_seg"));
        put_case(
            (&paths.0, &paths.1),
            (image, labels),
            &diagonal([1.0; 3]),
            |_| (),
        );
    };
    put(0, &image, &moved);
    put(3, &image.mapv(|hu| 2.0 * hu + 100.0), &labels);
    let after = load(&config, folder.path());
    assert_eq!(after.intensities, before.intensities);
    assert_ne!(after.sha256(), before.sha256());
    // A case of Part A does, and then every case changes with it.
    put(1, &image.mapv(|hu| 2.0 * hu), &labels);
    let changed = load(&config, folder.path());
    assert_ne!(changed.intensities, before.intensities);
    assert_ne!(changed.cases[2].image, after.cases[2].image);
}
