//! Cases in which there is nothing to find.

use crate::values::{BRAIN, TISSUE, counts, problem, problem_of, put_labels, sound};
use slicewise_data::TaskDefinition;

/// Case healthy-case: a scan without lesions, where the task allows for one.
#[test]
fn a_case_without_foreground_is_allowed_where_classes_may_be_absent() {
    let folder = tempfile::tempdir().unwrap();
    let config = sound(folder.path());
    put_labels(folder.path(), "s1", |_| 0u8);
    let all = counts(&TISSUE, &config, folder.path());
    assert_eq!(all[1], [7680, 0, 0]);
    assert_eq!(all[0], [6259, 645, 776]);
    let strict = TaskDefinition {
        absent_classes: false,
        ..TISSUE.preset().unwrap()
    };
    let (text, remedy) = problem_of(&TISSUE, &strict, &config, folder.path());
    assert_eq!(
        text,
        "s1.nii.gz: expected every class of the task in its labels, got none of one, two"
    );
    assert!(remedy.contains("absent_classes: true"), "{remedy}");
    // A scan of a head without a brain is the wrong file.
    let (text, _) = problem(&BRAIN, &config, folder.path());
    assert_eq!(
        text,
        "s1.nii.gz: expected labels of at least one foreground class for it, got none"
    );
}
