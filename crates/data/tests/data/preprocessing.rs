//! Tests what a loaded case looks like: cropped, resampled, standardised, cached.

use crate::small_files::{good_manifest, image, inside, labels, put_labels};
use slicewise_data::{DataConfig, Image, Task, TaskData, load_task};
use std::path::Path;

/// Writes the good manifest with a mask for each case, so that tissues are cut out.
fn masked_manifest(folder: &Path) -> DataConfig {
    let config = good_manifest(folder);
    put_labels(&folder.join("mask.nii.gz"), &labels(|_, _, _| 1));
    let table = "case,image,label,mask,split\n\
                 one,one.nii.gz,one-label.nii.gz,mask.nii.gz,A\n\
                 two,two.nii.gz,two-label.nii.gz,mask.nii.gz,B\n";
    std::fs::write(folder.join("cases.csv"), table).unwrap();
    config
}

fn load(config: &DataConfig, task: Task, folder: &Path) -> TaskData {
    load_task(task, &task.preset().unwrap(), config, &folder.join("cache")).unwrap()
}

fn mean_and_variance(values: &[f32]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let square = |&v: &f32| (f64::from(v) - mean).powi(2);
    (mean, values.iter().map(square).sum::<f64>() / n)
}

#[test]
fn tissues_are_cropped_masked_and_normalised() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = masked_manifest(folder.path());
    config.margin_mm = 1.0;
    let data = load(&config, Task::TISSUE_SEGMENTATION, folder.path());
    let case = &data.cases[0];
    // The crop is the mask's 4×4×6 box and one voxel of margin on every side.
    assert_eq!(case.image.voxels.dim(), (6, 6, 8));
    let origin = case.image.geometry.position_mm([0.0; 3]);
    assert_eq!(origin, [1.0, 1.0, 0.0]);
    let mut brain = Vec::new();
    let outside = case.image.voxels[[0, 0, 0]];
    for ((z, y, x), &value) in case.image.voxels.indexed_iter() {
        if inside(z, y + 1, x + 1) {
            brain.push(value);
        } else {
            assert_eq!(value, outside, "outside the mask");
            assert_eq!(case.labels.voxels[[z, y, x]], 0);
        }
    }
    let (mean, variance) = mean_and_variance(&brain);
    assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5);
    // Voxels outside have the score of intensity 0, by the brain's mean and deviation.
    let if_brain = |((z, y, x), value): (_, &f32)| inside(z, y, x).then_some(*value);
    let raw: Vec<f32> = image().voxels.indexed_iter().filter_map(if_brain).collect();
    let (raw_mean, raw_variance) = mean_and_variance(&raw);
    assert!((f64::from(outside) + raw_mean / raw_variance.sqrt()).abs() < 1e-5);
}

#[test]
fn brain_extraction_keeps_the_whole_image() {
    let folder = tempfile::tempdir().unwrap();
    let data = load(
        &masked_manifest(folder.path()),
        Task::BRAIN_EXTRACTION,
        folder.path(),
    );
    let case = &data.cases[0];
    assert_eq!(case.image.voxels.dim(), image().voxels.dim());
    let values: Vec<f32> = case.image.voxels.iter().copied().collect();
    let (mean, variance) = mean_and_variance(&values);
    assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5);
}

#[test]
fn resampling_is_isotropic_and_keeps_the_brain_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = masked_manifest(folder.path());
    let centre = |image: &Image, brain: &ndarray::Array3<u8>| {
        let mut sum = [0.0; 3];
        let mut count = 0.0;
        for ((z, y, x), _) in brain.indexed_iter().filter(|(_, class)| **class > 0) {
            let place = image.geometry.position_mm([z as f64, y as f64, x as f64]);
            (0..3).for_each(|r| sum[r] += place[r]);
            count += 1.0;
        }
        (sum.map(|s| s / count), count)
    };
    let before = load(&config, Task::TISSUE_SEGMENTATION, folder.path());
    let (place_before, voxels_before) =
        centre(&before.cases[0].image, &before.cases[0].labels.voxels);
    for spacing_mm in [0.5, 1.0, 1.4] {
        config.spacing_mm = Some(spacing_mm.into());
        let after = load(&config, Task::TISSUE_SEGMENTATION, folder.path());
        let case = &after.cases[0];
        let spacing = case.image.geometry.spacing_mm();
        assert!(spacing.iter().all(|s| (s - spacing_mm).abs() < 1e-9));
        let (place, voxels) = centre(&case.image, &case.labels.voxels);
        for r in 0..3 {
            assert!((place[r] - place_before[r]).abs() < 0.35 * spacing_mm.max(1.0));
        }
        let volume_ratio = voxels * spacing_mm.powi(3) / (voxels_before * 1.5);
        assert!(
            (0.7..1.3).contains(&volume_ratio),
            "{spacing_mm} mm: {volume_ratio}"
        );
        assert!(case.labels.voxels.iter().all(|&class| class < 3));
    }
}

#[test]
fn the_cache_is_keyed_by_content_and_settings_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let mut config = masked_manifest(folder.path());
    let table = folder.path().join("cases.csv");
    let rows = std::fs::read_to_string(&table).unwrap();
    let third = "three,one.nii.gz,one-label.nii.gz,mask.nii.gz,A\n";
    std::fs::write(&table, rows + third).unwrap();
    let files = || {
        let entries = std::fs::read_dir(&cache).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let first = load(&config, Task::TISSUE_SEGMENTATION, folder.path());
    // The first and the third case have the same content, hence one file.
    assert_eq!(files().len(), 2);
    let sum = first.sha256();
    assert_eq!(sum.len(), 64);
    assert_eq!(
        load(&config, Task::TISSUE_SEGMENTATION, folder.path()).sha256(),
        sum
    );
    std::fs::write(&files()[0], b"rubbish").unwrap();
    assert_eq!(
        load(&config, Task::TISSUE_SEGMENTATION, folder.path()).sha256(),
        sum
    );
    assert!(
        std::fs::metadata(&files()[0]).unwrap().len() > 1000,
        "rebuilt"
    );
    // Another task, other settings and other content each give another file.
    load(&config, Task::BRAIN_EXTRACTION, folder.path());
    assert_eq!(files().len(), 4);
    config.margin_mm = 0.0;
    assert_ne!(
        load(&config, Task::TISSUE_SEGMENTATION, folder.path()).sha256(),
        sum
    );
    assert_eq!(files().len(), 6);
    config.margin_mm = 4.0;
    put_labels(
        &folder.path().join("one-label.nii.gz"),
        &labels(|_, _, _| 2),
    );
    let changed = load(&config, Task::TISSUE_SEGMENTATION, folder.path());
    assert_eq!(files().len(), 7);
    assert_ne!(changed.sha256(), sum);
    assert!(
        changed.cases[0]
            .labels
            .voxels
            .iter()
            .all(|&class| class != 1)
    );
}

/// A label map in another axis order on the same grid is no mismatch.
#[test]
fn axis_order_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let config = masked_manifest(folder.path());
    let sum = load(&config, Task::TISSUE_SEGMENTATION, folder.path()).sha256();
    let mut turned = labels(|z, _, _| 1 + (z % 2) as u8);
    turned.geometry.stored.axis = [2, 0, 1];
    turned.geometry.stored.flipped = [true, false, true];
    put_labels(&folder.path().join("one-label.nii.gz"), &turned);
    assert_eq!(
        load(&config, Task::TISSUE_SEGMENTATION, folder.path()).sha256(),
        sum
    );
}
