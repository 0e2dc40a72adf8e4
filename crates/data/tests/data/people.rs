//! Data sets as people have them, each after a public report of a user's trouble, and further ones
//! of the same kinds.

use crate::case_files::{diagonal, manifest, put_case};
use slicewise_data::{Task, check_task, load_task};

/// The builder itself: without any blemish there is nothing to report.
#[test]
fn a_data_set_without_blemish() {
    let folder = tempfile::tempdir().unwrap();
    let affine = diagonal([1.0, 1.0, 2.0]);
    let config = manifest(folder.path(), |_, scan, truth, image, labels| {
        put_case((scan, truth), (image, labels), &affine, |_| ());
    });
    let task = Task::TISSUE_SEGMENTATION;
    let definition = task.preset().unwrap();
    assert_eq!(check_task(task, &definition, &config), []);
    let data = load_task(task, &definition, &config, &folder.path().join("cache")).unwrap();
    assert_eq!(data.cases.len(), 4);
    assert_eq!(data.cases[0].image.geometry.spacing_mm(), [2.0, 1.0, 1.0]);
}
