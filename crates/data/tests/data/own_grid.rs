//! Tests that a resampled case keeps its classes on the scan's own voxels, and that what lies on
//! its grid finds the way back to them.

use crate::real_data::root;
use crate::small_files::{SHAPE, good_manifest, labels};
use ndarray::{Array3, Array4, Axis};
use slicewise_data::{
    Case, DataConfig, PhantomConfig, SliceAxis, Task, TaskDefinition, load_task, on_grid,
};

/// Returns the classes as probabilities `[C, D, H, W]` of 0 and 1.
fn one_hot(classes: &Array3<u8>, count: usize) -> Array4<f32> {
    let (d, h, w) = classes.dim();
    let mut probabilities = Array4::zeros((count, d, h, w));
    for (class, mut plane) in probabilities.axis_iter_mut(Axis(0)).enumerate() {
        plane.zip_mut_with(classes, |value, &other| {
            *value = f32::from(u8::from(usize::from(other) == class));
        });
    }
    probabilities
}

/// Maps the classes of training back to the scan's own voxels.
fn back(case: &Case, count: usize) -> Array3<u8> {
    let own = case.own.as_ref().unwrap();
    let probabilities = one_hot(&case.labels.voxels, count);
    let shape = own.voxels.dim().into();
    on_grid(&probabilities, &case.labels.geometry, &own.geometry, shape).unwrap()
}

/// Returns the mean Dice over the foreground classes.
fn mean_dice(a: &Array3<u8>, b: &Array3<u8>, count: u8) -> f64 {
    let dice = |class: u8| {
        let size = |map: &Array3<u8>| map.iter().filter(|other| **other == class).count();
        let pairs = a.iter().zip(b);
        let both = pairs.filter(|(a, b)| **a == class && **b == class).count();
        2.0 * both as f64 / (size(a) + size(b)) as f64
    };
    (1..count).map(dice).sum::<f64>() / f64::from(count - 1)
}

#[test]
fn a_resampled_case_keeps_the_classes_of_its_scan() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = good_manifest(folder.path());
    let task = Task::TISSUE_SEGMENTATION;
    let cache = folder.path().join("cache");
    let load = |config: &DataConfig, axis| {
        let definition = TaskDefinition {
            slice_axis: axis,
            ..task.preset().unwrap()
        };
        load_task(task, &definition, config, &cache).unwrap()
    };
    let whole = load(&config, SliceAxis::Axial);
    assert!(whole.cases.iter().all(|case| case.own.is_none()));
    config.spacing_mm = Some(0.8.into());
    // The second time it comes from the cache.
    for _ in 0..2 {
        let data = load(&config, SliceAxis::Axial);
        for (case, before) in data.cases.iter().zip(&whole.cases) {
            assert_eq!(case.own.as_ref(), Some(&before.labels));
        }
        let sum = data.sha256();
        let mut without = data;
        without.cases.iter_mut().for_each(|case| case.own = None);
        assert_eq!(without.sha256(), sum, "it is no part of the data's hash");
    }
    let sagittal = load(&config, SliceAxis::Sagittal);
    let truth = labels(|z, _, _| 1 + (z % 2) as u8);
    for case in &sagittal.cases {
        let own = case.own.as_ref().unwrap();
        assert_eq!(own.voxels.shape(), [SHAPE[2], SHAPE[0], SHAPE[1]]);
        assert_eq!(own.geometry.slice_axis(), SliceAxis::Sagittal);
        assert_eq!(own.geometry.spacing_mm(), [1.0, 1.5, 1.0]);
        let axial = own.voxels.view().permuted_axes([1, 2, 0]);
        assert_eq!(axial, truth.voxels);
        // Voxels of 0.8 mm hold those of 1 mm and more, but for some at an edge.
        let dice = mean_dice(&back(case, 3), &own.voxels, 3);
        assert!(dice > 0.9, "{dice}");
    }
}

#[test]
fn phantoms_are_made_at_their_spacing() {
    let cache = tempfile::tempdir().unwrap();
    let config = DataConfig {
        phantom: Some(PhantomConfig {
            subjects: 2,
            seed: 1,
        }),
        spacing_mm: Some(4.1.into()),
        part_b_count: Some(1),
        ..DataConfig::new("phantom")
    };
    let task = Task::TISSUE_SEGMENTATION;
    let data = load_task(task, &task.preset().unwrap(), &config, cache.path()).unwrap();
    assert!(data.cases.iter().all(|case| case.own.is_none()));
}

/// Real newborns at 1.7 mm, half as fine as their scans: what a perfect network would lose.
#[test]
fn newborns_come_back_to_their_own_voxels() {
    let Some(root) = root() else { return };
    let cache = tempfile::tempdir().unwrap();
    let config = DataConfig {
        path: Some(root),
        spacing_mm: Some(1.7.into()),
        part_a: Some(vec!["baby-01".to_owned()]),
        part_b: Some(vec!["baby-03".to_owned()]),
        ..DataConfig::new("neonates")
    };
    let task = Task::TISSUE_SEGMENTATION;
    let data = load_task(task, &task.preset().unwrap(), &config, cache.path()).unwrap();
    for case in &data.cases {
        let own = case.own.as_ref().unwrap();
        let count = data.classes.len();
        let mapped = back(case, count);
        let dice = mean_dice(&mapped, &own.voxels, count as u8);
        eprintln!(
            "{}: mean Dice {dice:.4} of {} classes, {:?} of {:?} mm",
            case.id,
            count,
            own.voxels.shape(),
            own.geometry.spacing_mm(),
        );
        assert!(dice > 0.85, "{}: {dice}", case.id);
    }
}
