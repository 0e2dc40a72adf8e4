//! Cases that are held out of Part A.

use super::*;
use slicewise_experiment::losses;

/// A case that is held out changes no record: it is looked at, neither trained on nor scored.
#[test]
fn a_learning_curve_has_the_dice_of_cases_that_are_held_out() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = |name: &str| ResultsFolder::new(scratch.path().join(name));
    let (with, without) = (folder("with"), folder("without"));
    run(&without, "full", &mut Fake::new(1)).unwrap();
    let mut data = data();
    data.held_out = vec![Case {
        id: "held".to_owned(),
        ..data.cases[0].clone()
    }];
    let (id, plan) = (run_of("full"), task_plan());
    let once = prepared(&with, &id, &plan, &data);
    once.run(&mut Fake::new(1), &mut Silent).unwrap();
    let read = |folder: &ResultsFolder| fs::read(folder.records(&id)).unwrap();
    assert_eq!(read(&with), read(&without));
    let curve = losses::read(&with, &id);
    let dice: Vec<f64> = curve
        .iter()
        .map(|piece| piece.held_out_dice.unwrap())
        .collect();
    assert_eq!(dice.len(), 10);
    assert!(dice.iter().any(|each| *each != dice[0]), "{dice:?}");
    // It has the voxels of the first case, and the last piece ends with the weights that are scored.
    let scored = records(&with, "full")[0].cases[0].mean_dice;
    assert_eq!(dice.last().copied(), scored);
}
