//! Tests every dataset on a small copy of its folder.

use crate::small_files::{good_manifest, image, image_of, inside, labels, put_image, put_labels};
use slicewise_data::datasets::{DATASETS, find};
use slicewise_data::{DataConfig, Part, PhantomConfig, Task, TaskData, check_task, load_task};
use std::collections::BTreeSet;
use std::path::Path;

fn load(config: &DataConfig, task: Task, folder: &Path) -> TaskData {
    assert_eq!(check_task(task, &task.preset().unwrap(), config), []);
    load_task(task, &task.preset().unwrap(), config, &folder.join("cache")).unwrap()
}

fn ids(data: &TaskData, part: Part) -> Vec<&str> {
    let in_part = data.cases.iter().filter(|case| case.part == part);
    in_part.map(|case| case.id.as_str()).collect()
}

fn values(data: &TaskData) -> BTreeSet<u8> {
    data.cases
        .iter()
        .flat_map(|case| case.labels.voxels.iter().copied())
        .collect()
}

#[test]
fn names_are_unique_and_found() {
    let names: BTreeSet<&str> = DATASETS.iter().map(|dataset| dataset.name()).collect();
    assert_eq!(names.len(), DATASETS.len());
    for dataset in DATASETS {
        assert_eq!(find(dataset.name()).unwrap().name(), dataset.name());
        assert!(!dataset.summary().is_empty());
    }
}

#[test]
fn manifest() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = good_manifest(folder.path());
    let tissues = load(&config, Task::TISSUE_SEGMENTATION, folder.path());
    assert_eq!(tissues.classes, ["background", "odd", "even"]);
    assert_eq!(
        (ids(&tissues, Part::A), ids(&tissues, Part::B)),
        (vec!["one"], vec!["two"])
    );
    assert_eq!(values(&tissues), BTreeSet::from([0, 1, 2]));
    // Without a mask the whole image counts, so nothing is 0 and nothing is cropped.
    assert_eq!(tissues.cases[0].image.voxels.dim(), image().voxels.dim());
    let brain = load(&config, Task::BRAIN_EXTRACTION, folder.path());
    assert_eq!(brain.classes, ["background", "brain"]);
    for ((z, y, x), &class) in brain.cases[0].labels.voxels.indexed_iter() {
        assert_eq!(class == 1, inside(z, y, x));
    }
    // A list in the config takes precedence over the table's own split.
    config.part_b = Some(vec!["one".to_owned()]);
    let brain = load(&config, Task::BRAIN_EXTRACTION, folder.path());
    assert_eq!(ids(&brain, Part::A), ["two"]);
}

#[test]
fn dhcp_names_of_all_releases() {
    let releases = [
        ["T2w_restore", "brainmask_drawem", "drawem_tissue_labels"],
        [
            "desc-restore_T2w",
            "desc-drawem_space-T2w_brainmask",
            "desc-drawem9_space-T2w_dseg",
        ],
        ["desc-restore_T2w", "desc-brain_mask", "desc-drawem9_dseg"],
    ];
    for [scan, mask, tissue] in releases {
        let folder = tempfile::tempdir().unwrap();
        for (number, (subject, session)) in [("CC01", "1"), ("CC01", "2"), ("CC02", "3")]
            .into_iter()
            .enumerate()
        {
            let anat = folder
                .path()
                .join(format!("sub-{subject}/ses-{session}/anat"));
            let name = |what: &str| anat.join(format!("sub-{subject}_ses-{session}_{what}.nii.gz"));
            put_image(&name(scan), &image_of(number));
            put_labels(&name(mask), &labels(|_, _, _| 1));
            put_labels(&name(tissue), &labels(|z, y, x| ((x + y + z) % 10) as u8));
        }
        std::fs::create_dir_all(folder.path().join("sub-CC03/ses-9/dwi")).unwrap();
        let mut config = DataConfig::new("dhcp");
        config.path = Some(folder.path().to_owned());
        config.part_b = Some(vec!["sub-CC02_ses-3".to_owned()]);
        let data = load(&config, Task::TISSUE_SEGMENTATION, folder.path());
        assert_eq!(ids(&data, Part::A), ["sub-CC01_ses-1", "sub-CC01_ses-2"]);
        assert_eq!(data.classes.len(), 9);
        assert_eq!(data.classes[5], "cerebellum");
        assert_eq!(values(&data), BTreeSet::from([0, 1, 2, 3, 4, 5, 6, 7, 8]));
        let brain = load(&config, Task::BRAIN_EXTRACTION, folder.path());
        assert_eq!(values(&brain), BTreeSet::from([0, 1]));
        // Two sessions of one child must not be in different parts, and a draw does not separate
        // them.
        config.part_b = Some(vec!["sub-CC01_ses-1".to_owned()]);
        let problems = check_task(
            Task::BRAIN_EXTRACTION,
            &Task::BRAIN_EXTRACTION.preset().unwrap(),
            &config,
        );
        assert_eq!(problems.len(), 1);
        let file = |case: &str| {
            let anat = folder.path().join(case.replace('_', "/")).join("anat");
            anat.join(format!("{case}_{scan}.nii.gz"))
        };
        assert_eq!(
            problems[0].problem,
            format!(
                "subject \"sub-CC01\" is in both parts (its sessions show one brain): \
                 case \"sub-CC01_ses-2\" ({}) in Part A, case \"sub-CC01_ses-1\" ({}) in Part B",
                file("sub-CC01_ses-2").display(),
                file("sub-CC01_ses-1").display()
            )
        );
        config.part_b = None;
        config.part_b_count = Some(1);
        for seed in 0..8 {
            config.split_seed = seed;
            let data = load(&config, Task::BRAIN_EXTRACTION, folder.path());
            assert!(matches!(ids(&data, Part::B).len(), 1 | 2));
            assert!(matches!(ids(&data, Part::A).len(), 1 | 2));
        }
    }
}

#[test]
fn dhcp_misses_nothing_silently() {
    let folder = tempfile::tempdir().unwrap();
    let anat = folder.path().join("sub-CC01/ses-1/anat");
    put_image(
        &anat.join("sub-CC01_ses-1_desc-restore_T2w.nii.gz"),
        &image(),
    );
    std::fs::create_dir_all(folder.path().join("sub-CC02/ses-1/anat")).unwrap();
    let mut config = DataConfig::new("dhcp");
    config.path = Some(folder.path().to_owned());
    config.part_b_count = Some(1);
    let problems = check_task(
        Task::BRAIN_EXTRACTION,
        &Task::BRAIN_EXTRACTION.preset().unwrap(),
        &config,
    );
    let mut missing: Vec<_> = problems
        .iter()
        .map(|problem| problem.file.file_name().unwrap().to_str().unwrap())
        .collect();
    missing.sort();
    let expected = [
        "sub-CC01_ses-1_desc-brain_mask.nii.gz",
        "sub-CC02_ses-1_desc-brain_mask.nii.gz",
        "sub-CC02_ses-1_desc-restore_T2w.nii.gz",
    ];
    assert_eq!(missing, expected);
    config.path = Some(folder.path().join("nowhere"));
    let problems = check_task(
        Task::BRAIN_EXTRACTION,
        &Task::BRAIN_EXTRACTION.preset().unwrap(),
        &config,
    );
    assert_eq!(
        problems[0].problem,
        "not found (expected a folder of sub-* folders)"
    );
}

#[test]
fn neonates() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (index, number) in ["01", "02", "07"].into_iter().enumerate() {
        let template = root.join(format!("dcan-neonates/Template{number}"));
        let mut stripped = image_of(index);
        stripped
            .voxels
            .indexed_iter_mut()
            .for_each(|((z, y, x), value)| {
                if !inside(z, y, x) {
                    *value = 0.0;
                }
            });
        put_image(&template.join("T2w_brain.nii.gz"), &stripped);
        // Inside the mask 0 is CSF, 42 grey matter and 172 cerebellum.
        let values = [0, 42, 172, 0, 42, 172];
        put_labels(
            &template.join("Segmentation.nii.gz"),
            &labels(|_, _, x| values[x - 2]),
        );
        if number != "02" {
            put_image(
                &root.join(format!("alberts/T2/ALBERT_{number}.nii.gz")),
                &image_of(index),
            );
        }
    }
    let mut config = DataConfig::new("neonates");
    config.path = Some(root.to_owned());
    config.part_b = Some(vec!["baby-07".to_owned()]);
    let tissues = load(&config, Task::TISSUE_SEGMENTATION, root);
    assert_eq!(ids(&tissues, Part::A), ["baby-01", "baby-02"]);
    assert_eq!(values(&tissues), BTreeSet::from([0, 1, 2, 5]));
    let counts = |class: u8| {
        tissues.cases[0]
            .labels
            .voxels
            .iter()
            .filter(|&&c| c == class)
            .count()
    };
    assert_eq!([counts(1), counts(2), counts(5)], [32, 32, 32]);
    let brain = load(&config, Task::BRAIN_EXTRACTION, root);
    assert_eq!(ids(&brain, Part::A), ["baby-01"]);
    assert_eq!(values(&brain), BTreeSet::from([0, 1]));
}

#[test]
fn decathlon_and_nnunet() {
    let descriptions = [
        (
            r#"{"labels": {"0": "background", "2": "Posterior", "1": "Anterior"}}"#,
            "",
        ),
        (
            r#"{"labels": {"background": 0, "Anterior": 1, "Posterior": 2}, "file_ending": ".nii.gz"}"#,
            "_0000",
        ),
    ];
    for (description, suffix) in descriptions {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("dataset.json"), description).unwrap();
        for number in [1, 3, 4] {
            let case = format!("hippocampus_00{number}");
            put_image(
                &root.join(format!("imagesTr/{case}{suffix}.nii.gz")),
                &image_of(number),
            );
            put_labels(
                &root.join(format!("labelsTr/{case}.nii.gz")),
                &labels(|_, y, _| 1 + (y % 2) as u8),
            );
        }
        std::fs::write(root.join("labelsTr/._hippocampus_001.nii.gz"), "").unwrap();
        let mut config = DataConfig::new("msd");
        config.path = Some(root.to_owned());
        config.part_b_count = Some(1);
        let data = load(&config, Task::TISSUE_SEGMENTATION, root);
        assert_eq!(data.classes, ["background", "Anterior", "Posterior"]);
        assert_eq!((data.cases.len(), ids(&data, Part::B).len()), (3, 1));
        assert_eq!(values(&data), BTreeSet::from([0, 1, 2]));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut config = DataConfig::new("msd");
    config.path = Some(folder.path().to_owned());
    let regions = r#"{"labels": {"background": 0, "whole": [1, 2]}}"#;
    std::fs::write(folder.path().join("dataset.json"), regions).unwrap();
    let problems = check_task(
        Task::TISSUE_SEGMENTATION,
        &Task::TISSUE_SEGMENTATION.preset().unwrap(),
        &config,
    );
    assert_eq!(
        problems[0].problem,
        "expected one whole number a label, got \"whole\": [1,2] (regions are not supported)"
    );
    assert_eq!(
        problems[1].problem,
        "not found (expected the folder of training labels)"
    );
}

#[test]
fn phantoms() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = DataConfig::new("phantom");
    config.phantom = Some(PhantomConfig {
        subjects: 2,
        seed: 5,
    });
    config.spacing_mm = Some(4.0.into());
    config.part_b = Some(vec!["phantom-02".to_owned()]);
    let tissues = load(&config, Task::TISSUE_SEGMENTATION, folder.path());
    assert_eq!(ids(&tissues, Part::A), ["phantom-01"]);
    assert_eq!(tissues.classes.len(), 9);
    assert_eq!(tissues.classes[1], "csf");
    let spacing = tissues.cases[0].image.geometry.spacing_mm();
    assert!(spacing.iter().all(|spacing| (spacing - 4.0).abs() < 1e-9));
    let brain = load(&config, Task::BRAIN_EXTRACTION, folder.path());
    assert_eq!(values(&brain), BTreeSet::from([0, 1]));
    assert!(brain.cases[0].image.voxels.len() > tissues.cases[0].image.voxels.len());
    let again = load(&config, Task::TISSUE_SEGMENTATION, folder.path());
    assert_eq!(again.sha256(), tissues.sha256(), "from the cache");
}
