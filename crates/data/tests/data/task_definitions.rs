//! What a task's definition makes of the same files: classes, absent classes, the sliced axis.

use crate::small_files::{good_manifest, image_of, labels, put_image, put_labels};
use ndarray::Array3;
use slicewise_data::{
    Agreement, DataConfig, Geometry, Labels, Part, SliceAxis, Task, TaskData, TaskDefinition,
    Volume, check_task, load_task, nifti,
};
use std::path::Path;

fn definition(labels: Labels) -> TaskDefinition {
    TaskDefinition {
        labels,
        agreement: Agreement::Accuracy,
        absent_classes: false,
        slice_axis: SliceAxis::Axial,
    }
}

fn chosen(names: &[&str]) -> TaskDefinition {
    definition(Labels::Classes(
        names.iter().map(|&name| name.to_owned()).collect(),
    ))
}

fn own() -> Task {
    "own".parse().unwrap()
}

fn load(definition: &TaskDefinition, config: &DataConfig, folder: &Path) -> TaskData {
    assert_eq!(check_task(own(), definition, config), []);
    load_task(own(), definition, config, &folder.join("cache")).unwrap()
}

/// Counts the voxels of each class in the first case.
fn counts(data: &TaskData) -> Vec<usize> {
    let labels = &data.cases[0].labels.voxels;
    let of = |class: usize| {
        labels
            .iter()
            .filter(|&&label| usize::from(label) == class)
            .count()
    };
    (0..data.classes.len()).map(of).collect()
}

#[test]
fn a_task_has_the_classes_that_its_definition_chooses() {
    let folder = tempfile::tempdir().unwrap();
    let config = good_manifest(folder.path());
    // 24 voxels a slice; two slices of each class.
    for (definition, classes, expected) in [
        (
            definition(Labels::Mask),
            "background foreground",
            vec![384, 96],
        ),
        (
            definition(Labels::All),
            "background odd even",
            vec![384, 48, 48],
        ),
        (chosen(&["even"]), "background even", vec![432, 48]),
        (
            chosen(&["even", "odd"]),
            "background even odd",
            vec![384, 48, 48],
        ),
    ] {
        let data = load(&definition, &config, folder.path());
        assert_eq!(
            (data.classes.join(" ").as_str(), counts(&data)),
            (classes, expected)
        );
    }
    // "even" has the value 2, so that the order of the list is the order of the classes.
    let swapped = load(&chosen(&["even", "odd"]), &config, folder.path());
    let plain = load(&definition(Labels::All), &config, folder.path());
    let swap = |&label: &u8| [0, 2, 1][usize::from(label)];
    let expected: Vec<u8> = plain.cases[0].labels.voxels.iter().map(swap).collect();
    assert_eq!(
        swapped.cases[0]
            .labels
            .voxels
            .iter()
            .copied()
            .collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn an_unknown_class_has_the_nearest_and_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let config = good_manifest(folder.path());
    for (name, hint) in [("evn", " (did you mean \"even\"?)"), ("background", "")] {
        let problems = check_task(own(), &chosen(&["odd", name]), &config);
        let [problem] = &problems[..] else {
            panic!("{problems:?}")
        };
        assert_eq!(problem.file, Path::new("tasks.own.definition.labels"));
        let expected = format!("unknown class \"{name}\"{hint}; the data set has odd, even");
        assert_eq!(problem.problem, expected);
    }
}

#[test]
fn a_case_without_a_class_is_reported_unless_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let config = good_manifest(folder.path());
    put_labels(
        &folder.path().join("two-label.nii.gz"),
        &labels(|_, _, _| 1),
    );
    let mut strict = definition(Labels::All);
    let problems = check_task(own(), &strict, &config);
    let [problem] = &problems[..] else {
        panic!("{problems:?}")
    };
    assert!(problem.file.ends_with("two.nii.gz"), "{problem:?}");
    assert_eq!(
        problem.problem,
        "expected every class of the task in its labels, got none of even"
    );
    assert!(
        problem.remedy.contains("absent_classes: true"),
        "{problem:?}"
    );
    // One that allows it reads the same files, and leaves nothing in the cache for the other.
    let lenient = TaskDefinition {
        absent_classes: true,
        ..strict.clone()
    };
    assert_eq!(load(&lenient, &config, folder.path()).cases.len(), 2);
    let refused = load_task(own(), &strict, &config, &folder.path().join("cache"));
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("got none of even")
    );
    // Without the class there is nothing to miss; without any class the case is a healthy one.
    strict.labels = Labels::Classes(vec!["odd".to_owned()]);
    assert_eq!(check_task(own(), &strict, &config), []);
    let empty = TaskDefinition {
        absent_classes: true,
        ..chosen(&["even"])
    };
    let data = load(&empty, &config, folder.path());
    assert!(data.cases[1].labels.voxels.iter().all(|&class| class == 0));
    // The paper's tasks let a case lack a class.
    for task in Task::OF_PAPER {
        assert_eq!(check_task(task, &task.preset().unwrap(), &config), []);
    }
}

/// Writes a manifest of two cases of the given spacings `[z, y, x]`.
fn of_spacings(folder: &Path, spacings: [[f64; 3]; 2]) -> DataConfig {
    let config = good_manifest(folder);
    for (number, (case, spacing)) in ["one", "two"].into_iter().zip(spacings).enumerate() {
        let geometry = Geometry::axis_aligned(spacing);
        put_image(
            &folder.join(format!("{case}.nii.gz")),
            &Volume {
                geometry: geometry.clone(),
                ..image_of(number)
            },
        );
        let labels = Volume {
            geometry,
            ..labels(|z, _, _| 1 + (z % 2) as u8)
        };
        put_labels(&folder.join(format!("{case}-label.nii.gz")), &labels);
    }
    config
}

#[test]
fn the_sliced_axis_comes_first_and_goes_back_to_its_place_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = of_spacings(folder.path(), [[1.0; 3], [4.0, 1.0, 2.0]]);
    let axial = load(&definition(Labels::All), &config, folder.path());
    for (axis, shape, order) in [
        (SliceAxis::Sagittal, [10, 6, 8], [2, 0, 1]),
        (SliceAxis::Coronal, [8, 6, 10], [1, 0, 2]),
    ] {
        let definition = TaskDefinition {
            slice_axis: axis,
            ..definition(Labels::All)
        };
        let data = load(&definition, &config, folder.path());
        for (case, before) in data.cases.iter().zip(&axial.cases) {
            assert_eq!(case.labels.voxels.shape(), shape);
            let moved = |voxels: &Array3<u8>| voxels.clone().permuted_axes(order);
            assert_eq!(case.labels.voxels, moved(&before.labels.voxels));
            let spacing = before.image.geometry.spacing_mm();
            assert_eq!(
                case.image.geometry.spacing_mm(),
                order.map(|axis| spacing[axis])
            );
            assert_eq!(case.image.geometry.slice_axis(), axis);
            // A file of it is the file of the axial one.
            let path = folder.path().join("written.nii.gz");
            nifti::write_labels(&path, &case.labels).unwrap();
            let read = nifti::read_labels(&path).unwrap();
            assert_eq!(read.voxels, before.labels.voxels.mapv(i32::from));
            assert_eq!(read.geometry.affine, before.labels.geometry.affine);
        }
    }
}

#[test]
fn the_thickest_axis_is_that_of_each_scan_before_it_is_resampled() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = of_spacings(folder.path(), [[1.0, 1.0, 3.0], [1.0, 1.0, 1.0]]);
    config.spacing_mm = Some(1.0.into());
    let thickest = TaskDefinition {
        slice_axis: SliceAxis::Thickest,
        ..definition(Labels::All)
    };
    let data = load(&thickest, &config, folder.path());
    // Ten sagittal slices of 3 mm, as cubes of 1 mm; and six axial slices of the isotropic scan.
    let [one, two] = &data.cases[..] else {
        panic!()
    };
    assert_eq!(
        (one.part, one.image.geometry.slice_axis()),
        (Part::A, SliceAxis::Sagittal)
    );
    assert_eq!(one.image.voxels.shape(), [30, 6, 8]);
    assert_eq!(
        (two.part, two.image.geometry.slice_axis()),
        (Part::B, SliceAxis::Axial)
    );
    assert_eq!(two.image.voxels.shape(), [6, 8, 10]);
}
