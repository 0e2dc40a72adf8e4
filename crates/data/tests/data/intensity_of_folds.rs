//! What the intensities of CT come to in folds, from the cache and where they are taken for MR, and
//! thick slices.

use crate::case_files::{diagonal, manifest, put_case};
use crate::intensity::{TASK, TISSUES, assert_near, body, ct, load};
use ndarray::Array3;
use slicewise_data::{
    DataConfig, Normalise, SliceAxis, Spacing, Task, TaskDefinition, check_task, examine, load_task,
};
use std::path::Path;

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

#[test]
fn ct_that_is_taken_for_mr_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let definition = TASK.preset().unwrap();
    let notes = |normalise| examine(TASK, &definition, &ct(folder.path(), normalise)).notes;
    let hint = "intensities reach -1000, as those of CT in Hounsfield units do; data.normalise: ct says \
                that they are";
    assert_eq!(
        notes(Normalise::Mr)
            .iter()
            .filter(|note| *note == hint)
            .count(),
        1
    );
    assert!(
        notes(Normalise::Ct(None))
            .iter()
            .all(|note| !note.contains("Hounsfield"))
    );
}
