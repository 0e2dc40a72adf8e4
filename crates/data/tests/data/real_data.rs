//! Tests on the real newborns, where they are available: in `$SLICEWISE_DATA`, else in
//! `shared/data` beside the repository. Skipped elsewhere.

use slicewise_data::nifti::{read_image, read_labels};
use slicewise_data::{DataConfig, Task, TaskData, load_task};
use std::path::{Path, PathBuf};

pub(crate) fn root() -> Option<PathBuf> {
    let given = std::env::var_os("SLICEWISE_DATA").map(PathBuf::from);
    let root =
        given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    if root.join("dcan-neonates").is_dir() {
        return Some(root);
    }
    eprintln!("skipped: no newborns in {}", root.display());
    None
}

/// Loads a task at the files' own resolution, with an empty cache.
fn load(root: &Path, task: Task) -> TaskData {
    let cache = tempfile::tempdir().unwrap();
    let mut config = DataConfig::new("neonates");
    config.path = Some(root.to_owned());
    config.part_b_count = Some(4);
    load_task(task, &task.preset().unwrap(), &config, cache.path()).unwrap()
}

/// The expected numbers of voxels of each class over all cases were counted by nibabel and numpy
/// (`fixtures/count_newborn_labels.py`).
#[test]
fn tissues_have_the_documented_sizes() {
    let Some(root) = root() else { return };
    let data = load(&root, Task::TISSUE_SEGMENTATION);
    assert_eq!(data.cases.len(), 16);
    let expected = [
        1_238_568, 4_383_729, 3_959_629, 209_017, 675_851, 483_338, 154_692, 85_757,
    ];
    let mut counts = [0u64; 9];
    for case in &data.cases {
        case.labels
            .voxels
            .iter()
            .for_each(|&class| counts[usize::from(class)] += 1);
    }
    assert_eq!(counts[1..], expected);
}

/// The loosely stripped scans keep a rim: 22 to 31 % of their non-zero voxels are not brain.
#[test]
fn brain_extraction_has_fourteen_cases_with_a_rim() {
    let Some(root) = root() else { return };
    let data = load(&root, Task::BRAIN_EXTRACTION);
    assert_eq!(data.cases.len(), 14);
    let ids: Vec<_> = data.cases.iter().map(|case| case.id.as_str()).collect();
    assert!(!ids.contains(&"baby-02") && !ids.contains(&"baby-09"));
    for case in &data.cases {
        // Air has the lowest score.
        let air = case
            .image
            .voxels
            .iter()
            .copied()
            .fold(f32::INFINITY, f32::min);
        let (mut head, mut brain) = (0.0, 0.0);
        for (&value, &class) in case.image.voxels.iter().zip(&case.labels.voxels) {
            head += f64::from(u8::from(value > air));
            brain += f64::from(class);
        }
        let rim = 1.0 - brain / head;
        assert!((0.20..0.33).contains(&rim), "{}: {rim}", case.id);
    }
}

/// The scans have the orientations LAS, RAS, LPS and LIA.
#[test]
fn orientations_and_types_as_documented() {
    let Some(root) = root() else { return };
    let code = |file: &str| read_image(&root.join(file)).unwrap().geometry.stored.code();
    assert_eq!(code("dcan-neonates/Template01/T2w_brain.nii.gz"), "LAS");
    assert_eq!(code("msd-hippocampus/images/hippocampus_001.nii.gz"), "RAS");
    let segmentation = root.join("dcan-neonates/Template16/Segmentation.nii.gz");
    let labels = read_labels(&segmentation).unwrap();
    assert_eq!(labels.voxels.dim(), (126, 159, 117));
}
