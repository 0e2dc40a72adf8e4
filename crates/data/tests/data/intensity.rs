//! CT and thick slices: what normalisation and what grid a case gets, by numbers worked by hand.

use crate::case_files::{diagonal, manifest, put_case};
use ndarray::Array3;
use slicewise_data::{
    DataConfig, IntensityScale, Normalise, SliceAxis, Spacing, Task, TaskData, TaskDefinition,
    check_task, load_task,
};
use std::path::Path;

const TASK: Task = Task::TISSUE_SEGMENTATION;

/// Voxels of 10 × 10 × 10 in HU, sorted: air, lung, the water of class one, the bone of class two, and
/// a piece of metal in it.
const TISSUES: [(usize, f32, u8); 5] = [
    (600, -1000.0, 0),
    (50, -800.0, 0),
    (250, 0.0, 1),
    (99, 1000.0, 2),
    (1, 3000.0, 2),
];

/// Returns the scan and the labels of these tissues.
fn body(tissues: [(usize, f32, u8); 5]) -> (Array3<f32>, Array3<u8>) {
    let voxels = tissues
        .iter()
        .flat_map(|&(count, intensity, class)| std::iter::repeat_n((intensity, class), count));
    let voxels = Array3::from_shape_vec((10, 10, 10), voxels.collect()).unwrap();
    (voxels.mapv(|voxel| voxel.0), voxels.mapv(|voxel| voxel.1))
}

/// Writes three equal cases of Part A and one of Part B, whose bone is harder.
fn ct(folder: &Path, normalise: Normalise) -> DataConfig {
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

fn load(config: &DataConfig, folder: &Path) -> TaskData {
    let definition = TASK.preset().unwrap();
    assert_eq!(check_task(TASK, &definition, config), []);
    load_task(TASK, &definition, config, &folder.join("cache")).unwrap()
}

fn assert_near(got: f64, expected: f64) {
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

#[test]
fn each_fold_has_the_numbers_of_its_own_part_a() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ct(folder.path(), Normalise::Ct(None));
    // The same scan in several folds would be refused; two voxels that change places make it another.
    for number in 1..3 {
        let (mut image, mut labels) = body(TISSUES);
        let places = [[0, 0, 0], [9, 0, number]];
        image.swap(places[0], places[1]);
        labels.swap(places[0], places[1]);
        let file = |end: &str| folder.path().join(format!("s{number}{end}.nii.gz"));
        let (scan, truth) = (file(""), file("_seg"));
        put_case(
            (&scan, &truth),
            (&image, &labels),
            &diagonal([1.0; 3]),
            |_| (),
        );
    }
    config.folds = Some(4);
    let mut higher = 0;
    for fold in 1..=4 {
        config.fold = Some(fold);
        let data = load(&config, folder.path());
        let unseen = &data.cases[3];
        let zero = data.intensities.unwrap().zero;
        if unseen.part == slicewise_data::Part::B {
            // The case with harder bone is unseen.
            assert_near(zero, 155.0);
        } else {
            // One case of three has 99 voxels of 2000 HU for 1000.
            assert_near(zero, (3.0 * 62.0 + 99.0) * 1000.0 / 1200.0);
            higher += 1;
        }
    }
    assert_eq!(higher, 3);
}

#[test]
fn damaged_counts_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = ct(folder.path(), Normalise::Ct(None));
    let sum = load(&config, folder.path()).sha256();
    let entries = std::fs::read_dir(folder.path().join("cache")).unwrap();
    let counts = entries.map(|entry| entry.unwrap().path());
    let counts: Vec<_> = counts
        .filter(|path| {
            path.extension()
                .is_some_and(|ending| ending == "intensities")
        })
        .collect();
    // Three equal cases of Part A.
    assert_eq!(counts.len(), 1);
    for damage in ["", "rubbish"] {
        std::fs::write(&counts[0], damage).unwrap();
        assert_eq!(load(&config, folder.path()).sha256(), sum);
    }
}

/// Inside a mask nothing else counts, and what is outside is air.
#[test]
fn ct_inside_a_mask() {
    let folder = tempfile::tempdir().unwrap();
    let config = ct(folder.path(), Normalise::Ct(None));
    let mut rows = "case,image,label,mask,split\n".to_owned();
    // The last two of ten slices: 100 of water or bone each, and metal.
    let mask = Array3::from_shape_fn((10, 10, 10), |(z, ..)| u8::from(z >= 8));
    crate::case_files::put(
        &folder.path().join("mask.nii.gz"),
        &mask,
        &diagonal([1.0; 3]),
        |_| (),
    );
    for (number, part) in [(0, 'A'), (3, 'B')] {
        rows += &format!("s{number},s{number}.nii.gz,s{number}_seg.nii.gz,mask.nii.gz,{part}\n");
    }
    std::fs::write(folder.path().join("manifest.csv"), rows).unwrap();
    let data = load(&config, folder.path());
    let scale = data.intensities.unwrap();
    // Slice 8 is water, slice 9 is 99 of bone and one of metal.
    assert_near(scale.zero, 102_000.0 / 200.0);
    assert_near(scale.unit, (108e6 / 200.0 - 510.0f64 * 510.0).sqrt());
    assert_eq!(scale.low, 0.0);
    let image = &data.cases[0].image.voxels;
    // The margin of 4 mm below, and the mask.
    assert_eq!(image.dim(), (6, 10, 10));
    let air = scale.apply(-1000.0);
    assert!(
        image
            .slice(ndarray::s![..4, .., ..])
            .iter()
            .all(|&value| value == air)
    );
    assert_near(f64::from(image[[4, 0, 0]]), -510.0 / scale.unit);
}

#[test]
fn what_is_no_ct_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let definition = TASK.preset().unwrap();
    let mut config = manifest(folder.path(), |_, scan, truth, image, labels| {
        let share = image.mapv(|value| value / 300.0);
        put_case((scan, truth), (&share, labels), &diagonal([1.0; 3]), |_| ());
    });
    let mut says = |normalise| {
        config.normalise = normalise;
        let problems = check_task(TASK, &definition, &config);
        let loaded = load_task(TASK, &definition, &config, &folder.path().join("cache"));
        assert!(loaded.is_err());
        problems
            .into_iter()
            .map(|problem| format!("{}: {}", problem.file.display(), problem.problem))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        says(Normalise::Ct(None)),
        [
            "data.normalise: expected Hounsfield units for ct (air is -1000, water 0), got intensities \
          of 0 to 1 in Part A"
        ]
    );
    let outside = says(Normalise::Ct(Some([100.0, 200.0])));
    let path = folder.path().join("s0.nii.gz");
    assert_eq!(outside.len(), 4);
    assert_eq!(
        outside[0],
        format!(
            "{}: expected intensities that differ, got 100 in every voxel of the content",
            path.display()
        )
    );
    for window in [
        [240.0, -160.0],
        [0.0, 0.0],
        [f64::NAN, 1.0],
        [0.0, f64::INFINITY],
    ] {
        let problems = says(Normalise::Ct(Some(window)));
        let [low, high] = window;
        let expected = format!(
            "data.normalise: expected a window of two numbers, the lower first, got [{low}, {high}]"
        );
        assert!(problems.contains(&expected), "{problems:?}");
    }
}

/// Writes scans of 0.5 × 0.5 × 5 mm, 40 × 44 × 5 voxels (x, y, z).
fn thick(folder: &Path) -> DataConfig {
    manifest(folder, |number, scan, truth, _, _| {
        let (image, labels) = crate::case_files::scan(number, [5, 44, 40]);
        put_case(
            (scan, truth),
            (&image, &labels),
            &diagonal([0.5, 0.5, 5.0]),
            |_| (),
        );
    })
}

#[test]
fn thick_slices_are_resampled_in_their_plane_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = thick(folder.path());
    let native = load(&config, folder.path());
    let image = &native.cases[0].image;
    assert_eq!(image.voxels.dim(), (5, 44, 40));
    assert_eq!(image.geometry.spacing_mm(), [5.0, 0.5, 0.5]);
    assert!(native.cases[0].own.is_none());

    config.spacing_mm = Some(Spacing::ByAxis([0.8, 1.0, 5.0]));
    let data = load(&config, folder.path());
    let case = &data.cases[0];
    // 40 × 0.5 / 0.8 voxels, 44 × 0.5 / 1, and five slices as they were.
    assert_eq!(case.image.voxels.dim(), (5, 22, 25));
    assert_eq!(case.labels.voxels.dim(), (5, 22, 25));
    let spacing = case.image.geometry.spacing_mm();
    for (got, expected) in spacing.into_iter().zip([5.0, 1.0, 0.8]) {
        assert_near(got, expected);
    }
    assert_eq!(case.own.as_ref().unwrap().voxels.dim(), (5, 44, 40));
    // Slices are not mixed: their share of foreground stays.
    for (coarse, fine) in case
        .labels
        .voxels
        .outer_iter()
        .zip(native.cases[0].labels.voxels.outer_iter())
    {
        let share = |slice: ndarray::ArrayView2<u8>| {
            slice.iter().filter(|&&class| class > 0).count() as f64 / slice.len() as f64
        };
        assert!((share(coarse) - share(fine)).abs() < 0.03);
    }
    // Three equal numbers are one number.
    config.spacing_mm = Some(Spacing::ByAxis([2.5; 3]));
    let by_axis = load(&config, folder.path()).sha256();
    config.spacing_mm = Some(2.5.into());
    assert_eq!(load(&config, folder.path()).sha256(), by_axis);
}

/// The numbers stay those of the body, whichever axis is sliced and whatever the file's order.
#[test]
fn the_axes_of_a_voxel_size_are_those_of_the_body() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = thick(folder.path());
    config.spacing_mm = Some(Spacing::ByAxis([0.8, 1.0, 2.5]));
    let task: Task = "own".parse().unwrap();
    for (axis, shape, expected) in [
        (SliceAxis::Axial, (10, 22, 25), [2.5, 1.0, 0.8]),
        (SliceAxis::Sagittal, (25, 10, 22), [0.8, 2.5, 1.0]),
        (SliceAxis::Coronal, (22, 10, 25), [1.0, 2.5, 0.8]),
        (SliceAxis::Thickest, (10, 22, 25), [2.5, 1.0, 0.8]),
    ] {
        let definition = TaskDefinition {
            slice_axis: axis,
            ..TASK.preset().unwrap()
        };
        let cache = folder.path().join("cache");
        let data = load_task(task, &definition, &config, &cache).unwrap();
        let image = &data.cases[0].image;
        assert_eq!(image.voxels.dim(), shape, "{axis:?}");
        for (got, expected) in image.geometry.spacing_mm().into_iter().zip(expected) {
            assert_near(got, expected);
        }
    }
}

#[test]
fn voxel_sizes_out_of_range_are_refused_by_axis() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = thick(folder.path());
    config.spacing_mm = Some(Spacing::ByAxis([0.5, 0.5, 500.0]));
    let says = |config: &DataConfig| {
        let problems = check_task(TASK, &TASK.preset().unwrap(), config);
        problems[0].problem.clone()
    };
    assert_eq!(says(&config), "expected 0.05 to 50 mm, got 0.5×0.5×500");
    let mut phantoms = DataConfig::new("phantom");
    phantoms.phantom = Some(slicewise_data::PhantomConfig {
        subjects: 2,
        seed: 1,
    });
    phantoms.part_b_count = Some(1);
    phantoms.spacing_mm = Some(Spacing::ByAxis([1.0, 1.0, 5.0]));
    assert_eq!(
        says(&phantoms),
        "expected one number of 0.4 to 8 mm for phantoms, got 1×1×5"
    );
}
