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
