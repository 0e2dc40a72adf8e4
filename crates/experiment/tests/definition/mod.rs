//! Tasks of one's own: which plans need a definition, and what a data set's hash says of it.

use crate::fake::{data, task_plan};
use slicewise_data::{Agreement, Task, TaskDefinition};

#[test]
fn the_papers_tasks_are_defined_and_any_other_defines_itself() {
    let (mut plan, own) = (task_plan(), "liver".parse().unwrap());
    for task in Task::OF_PAPER {
        assert_eq!(plan.definition(task).ok(), task.preset());
    }
    let missing = plan.definition(own).unwrap_err();
    assert!(
        missing.starts_with(
            "expected a definition, because this is no task of the paper (the paper's tasks are "
        ),
        "{missing}"
    );
    let near = plan
        .definition("brain-extracton".parse().unwrap())
        .unwrap_err();
    assert!(
        near.contains("(did you mean `brain-extraction`?)"),
        "{near}"
    );
    plan.definition = Some(TaskDefinition::BRAIN_EXTRACTION);
    assert_eq!(plan.definition(own), Ok(TaskDefinition::BRAIN_EXTRACTION));
    let taken = plan.definition(Task::TISSUE_SEGMENTATION).unwrap_err();
    assert!(taken.starts_with("expected no definition"), "{taken}");
    assert!(
        taken.ends_with("choose another name for a task of your own"),
        "{taken}"
    );
}

/// Of the paper's tasks manifests of older programs hold hashes, which may not change.
#[test]
fn a_definition_is_part_of_the_hash_of_a_task_of_ones_own_alone() {
    let mut data = data();
    let hash = data.sha256();
    data.definition.agreement = Agreement::Dice;
    assert_eq!(data.sha256(), hash);
    data.task = "liver".parse().unwrap();
    let by_dice = data.sha256();
    data.definition.agreement = Agreement::Accuracy;
    assert_ne!(data.sha256(), by_dice);
}
