//! Folds over cases: every case is unseen in one of them, and the sessions of a subject stay together.

use crate::small_files::{image_of, labels, put_image, put_labels};
use slicewise_data::{DataConfig, Part, Task, TaskData, check_task, folds, load_task};
use std::collections::BTreeSet;
use std::path::Path;

/// Sessions of each subject.
const SESSIONS: [usize; 5] = [2, 1, 3, 1, 1];

/// Writes a dHCP release of five subjects, eight sessions in all.
fn release(folder: &Path) -> DataConfig {
    for (subject, sessions) in SESSIONS.into_iter().enumerate() {
        for session in 0..sessions {
            let anat = folder.join(format!("sub-CC{subject}/ses-{session}/anat"));
            let name =
                |what: &str| anat.join(format!("sub-CC{subject}_ses-{session}_{what}.nii.gz"));
            put_image(&name("T2w_restore"), &image_of(8 * subject + session));
            put_labels(&name("brainmask_drawem"), &labels(|_, _, _| 1));
            let tissues = labels(|z, y, x| ((x + y + z) % 10) as u8);
            put_labels(&name("drawem_tissue_labels"), &tissues);
        }
    }
    let mut config = DataConfig::new("dhcp");
    config.path = Some(folder.to_owned());
    config
}

fn load(config: &DataConfig, folder: &Path) -> TaskData {
    let task = Task::BRAIN_EXTRACTION;
    load_task(task, &task.preset().unwrap(), config, &folder.join("cache")).unwrap()
}

fn unseen(data: &TaskData) -> Vec<String> {
    let cases = data.cases.iter().filter(|case| case.part == Part::B);
    cases.map(|case| case.id.clone()).collect()
}

#[test]
fn every_case_is_unseen_once_and_subjects_stay_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = release(folder.path());
    let mut first_folds = BTreeSet::new();
    for seed in 0..4 {
        config.split_seed = seed;
        for count in 2..=SESSIONS.len() {
            config.folds = Some(count);
            let listed = folds(&Task::BRAIN_EXTRACTION.preset().unwrap(), &config).unwrap();
            assert_eq!(listed.len(), count);
            let mut seen = Vec::new();
            for fold in 1..=count {
                config.fold = Some(fold);
                let data = load(&config, folder.path());
                assert_eq!(data.cases.len(), 8, "the others are Part A");
                let unseen = unseen(&data);
                assert_eq!(unseen, listed[fold - 1]);
                for id in &unseen {
                    let (subject, _) = id.split_once('_').unwrap();
                    let index: usize = subject.trim_start_matches("sub-CC").parse().unwrap();
                    let together = unseen.iter().filter(|id| id.starts_with(subject)).count();
                    assert_eq!(together, SESSIONS[index], "{subject} in fold {fold}");
                }
                seen.extend(unseen);
            }
            seen.sort();
            let mut all: Vec<String> = load(&config, folder.path())
                .cases
                .iter()
                .map(|case| case.id.clone())
                .collect();
            all.sort();
            assert_eq!(seen, all, "{count} folds of seed {seed}");
        }
        // What is listed without a number is the first fold.
        config.folds = Some(2);
        config.fold = Some(1);
        let first = unseen(&load(&config, folder.path()));
        config.fold = None;
        assert_eq!(unseen(&load(&config, folder.path())), first);
        first_folds.insert(first);
    }
    assert!(first_folds.len() > 1, "the seed deals otherwise");
}

#[test]
fn folds_beside_a_split_and_more_than_there_are_subjects_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = release(folder.path());
    let says = |change: &dyn Fn(&mut DataConfig)| {
        let mut config = good.clone();
        config.folds = Some(4);
        change(&mut config);
        let task = Task::BRAIN_EXTRACTION;
        let problems = check_task(task, &task.preset().unwrap(), &config);
        let texts: Vec<String> = problems.into_iter().map(|each| each.problem).collect();
        texts.join("\n")
    };
    assert_eq!(says(&|_| ()), "");
    let case = || Some(vec!["sub-CC1_ses-0".to_owned()]);
    for (name, change) in [
        (
            "part_a",
            &(|config: &mut DataConfig| config.part_a = case()) as &dyn Fn(&mut DataConfig),
        ),
        ("part_b", &|config| config.part_b = case()),
        ("part_b_count", &|config| config.part_b_count = Some(2)),
    ] {
        let problem = says(change);
        let expected = format!("expected either folds or {name}, got both");
        assert!(problem.contains(&expected), "{problem}");
    }
    for folds in [0, 1, 6] {
        let problem = says(&|config| config.folds = Some(folds));
        let expected = format!("expected 2 to 5 folds, since there are 5 subjects, got {folds}");
        assert!(problem.contains(&expected), "{problem}");
    }
}

fn held_out(data: &TaskData) -> Vec<&str> {
    data.held_out.iter().map(|case| case.id.as_str()).collect()
}

#[test]
fn what_is_held_out_is_neither_trained_on_nor_scored() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = release(folder.path());
    let ids = |ids: &[&str]| Some(ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>());
    config.part_b = ids(&["sub-CC1_ses-0"]);
    let all = load(&config, folder.path());
    config.held_out = ids(&["sub-CC3_ses-0", "sub-CC4_ses-0"]);
    let data = load(&config, folder.path());
    assert_eq!(held_out(&data), ["sub-CC3_ses-0", "sub-CC4_ses-0"]);
    assert_eq!((data.cases.len(), all.cases.len()), (6, 8));
    assert_ne!(data.sha256(), all.sha256());
    assert!(
        data.cases
            .iter()
            .all(|case| !held_out(&data).contains(&case.id.as_str()))
    );
    // A list of Part A need not name it too.
    config.part_a = ids(&["sub-CC2_ses-0", "sub-CC2_ses-1", "sub-CC2_ses-2"]);
    let data = load(&config, folder.path());
    assert_eq!((data.cases.len(), data.held_out.len()), (4, 2));
    // Nobody is drawn for Part B who is held out.
    (config.part_a, config.part_b, config.part_b_count) = (None, None, Some(3));
    let drawn = load(&config, folder.path());
    assert!(unseen(&drawn).len() >= 3);
    assert_eq!(held_out(&drawn).len(), 2);
}

#[test]
fn in_the_fold_in_which_it_is_unseen_a_case_is_not_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = release(folder.path());
    config.folds = Some(5);
    config.held_out = Some(vec!["sub-CC3_ses-0".to_owned()]);
    let mut unseen_in = 0;
    for fold in 1..=5 {
        config.fold = Some(fold);
        let data = load(&config, folder.path());
        let is_unseen = unseen(&data) == ["sub-CC3_ses-0"];
        unseen_in += usize::from(is_unseen);
        assert_eq!(data.held_out.is_empty(), is_unseen, "fold {fold}");
    }
    assert_eq!(unseen_in, 1);
}

#[test]
fn who_cannot_be_held_out_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut good = release(folder.path());
    good.part_b = Some(vec!["sub-CC1_ses-0".to_owned()]);
    for (held, expected) in [
        (
            &["sub-CC1_ses-0"][..],
            "expected cases of Part A, got \"sub-CC1_ses-0\", which is in Part B",
        ),
        (
            &["sub-CC2_ses-0", "sub-CC2_ses-2"],
            "expected whole subjects, got \"sub-CC2_ses-0\" and not \"sub-CC2_ses-1\" of the same subject",
        ),
        (&["sub-CC9_ses-0"], "unknown case \"sub-CC9_ses-0\""),
        (&["sub-CC3_ses-0", "sub-CC3_ses-0"], "sub-CC3_ses-0"),
        (
            &[
                "sub-CC0_ses-0",
                "sub-CC0_ses-1",
                "sub-CC2_ses-0",
                "sub-CC2_ses-1",
                "sub-CC2_ses-2",
                "sub-CC3_ses-0",
                "sub-CC4_ses-0",
            ],
            "Part A is empty",
        ),
    ] {
        let mut config = good.clone();
        config.held_out = Some(held.iter().map(|&id| id.to_owned()).collect());
        let task = Task::BRAIN_EXTRACTION;
        let problems = check_task(task, &task.preset().unwrap(), &config);
        let texts: Vec<String> = problems.into_iter().map(|each| each.problem).collect();
        assert!(texts.join("\n").contains(expected), "{texts:?}");
    }
}
