//! Settings and tables that cannot be used: each must give one clear line.

use crate::small_files::good_manifest;
use slicewise_data::{Channel, DataConfig, PhantomConfig, Task, check_task, load_task};
use std::path::Path;

/// Returns the message of `load_task`, and the number of problems that `check_task` finds, without
/// those about missing files: the tables here name files that do not exist.
fn load(config: &DataConfig, task: Task, folder: &Path) -> (String, usize) {
    let error =
        load_task(task, &task.preset().unwrap(), config, &folder.join("cache")).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains('\n'), "one line: {text}");
    let problems = check_task(task, &task.preset().unwrap(), config);
    let problems = problems
        .iter()
        .filter(|problem| !problem.problem.starts_with("not found"))
        .count();
    (
        text.replace(&format!("{}/", folder.display()), ""),
        problems,
    )
}

fn strings(list: &[&str]) -> Option<Vec<String>> {
    Some(list.iter().map(|&text| text.to_owned()).collect())
}

#[test]
fn splits() {
    let folder = tempfile::tempdir().unwrap();
    let good = good_manifest(folder.path());
    let say = |change: &dyn Fn(&mut DataConfig)| {
        let mut config = good.clone();
        change(&mut config);
        load(&config, Task::BRAIN_EXTRACTION, folder.path()).0
    };
    assert_eq!(
        say(&|config| {
            config.part_a = strings(&["one", "two"]);
            config.part_b = strings(&["two"]);
        }),
        "data.part_a, data.part_b: case \"two\" is in both parts"
    );
    assert_eq!(
        say(&|config| config.part_b = strings(&["two", "two"])),
        "data.part_b: case \"two\" appears twice"
    );
    assert_eq!(
        say(&|config| config.part_b = strings(&["tow"])),
        "data.part_b: unknown case \"tow\"; did you mean \"two\"?"
    );
    assert_eq!(
        say(&|config| config.part_a = strings(&["sub-99", "one"])),
        "data.part_a: unknown case \"sub-99\"; known are one, two"
    );
    assert_eq!(
        say(&|config| {
            config.part_b = strings(&["two"]);
            config.part_b_count = Some(1);
        }),
        "data.part_b_count: expected either part_b or part_b_count, got both"
    );
    assert_eq!(
        say(&|config| config.part_b = strings(&["one", "two"])),
        "data: Part A is empty (2 cases found)"
    );
    assert_eq!(
        say(&|config| config.part_b_count = Some(0)),
        "data: Part B is empty (2 cases found)"
    );
    assert_eq!(
        say(&|config| config.part_b_count = Some(3)),
        "data.part_b_count: expected at most the 2 cases there are, got 3"
    );
}

#[test]
fn tables() {
    let folder = tempfile::tempdir().unwrap();
    let config = good_manifest(folder.path());
    let say = |table: &str| {
        std::fs::write(folder.path().join("cases.csv"), table).unwrap();
        load(&config, Task::BRAIN_EXTRACTION, folder.path())
    };
    let cases = [
        (
            "case,imgae,label\na,b,c\n",
            "cases.csv:1: unknown column \"imgae\"; did you mean \"image\"?",
        ),
        ("case,label\na,b\n", "cases.csv:1: missing column \"image\""),
        (
            "case,image,label,split\na,b,c,C\n",
            "cases.csv:2: expected the split A or B, got \"C\"",
        ),
        (
            "case,image,label\na,b,c\na,d,e\n",
            "cases.csv: case \"a\" appears twice",
        ),
        (
            "case,image,label\na,b,\n",
            "cases.csv:2: expected a case, an image and a label, got \"a\"",
        ),
        (
            "case,image,label\na,b\n",
            "cases.csv:2: expected 3 fields, as the header has, got 2",
        ),
        (
            "case,image,label\n",
            "cases.csv: expected at least one case, got none",
        ),
        (
            "case,image,label\na,b,c\n",
            "data.part_b: expected part_b, part_b_count or a data set with its own split, got none",
        ),
        (
            "case,image,label,split\na,b,c,A\nd,e,f,\n",
            "data.part_b: expected a split for every case, got none for \"d\"",
        ),
    ];
    for (table, expected) in cases {
        assert_eq!(say(table), (expected.to_owned(), 1));
    }
    let (first, count) = say("case,image,label,split\na,b,c,C\nb,b,,A\n");
    assert_eq!(
        (first.as_str(), count),
        (cases[2].1, 2),
        "all bad lines are found"
    );
}

#[test]
fn settings() {
    let folder = tempfile::tempdir().unwrap();
    let good = good_manifest(folder.path());
    let say = |change: &dyn Fn(&mut DataConfig)| {
        let mut config = good.clone();
        change(&mut config);
        load(&config, Task::TISSUE_SEGMENTATION, folder.path()).0
    };
    assert_eq!(
        say(&|config| config.dataset = "manifst".to_owned()),
        "data.dataset: unknown dataset \"manifst\"; did you mean \"manifest\"?"
    );
    assert_eq!(
        say(&|config| config.spacing_mm = Some((-1.0).into())),
        "data.spacing_mm: expected 0.05 to 50 mm, got -1"
    );
    assert_eq!(
        say(&|config| config.margin_mm = f64::NAN),
        "data.margin_mm: expected 0 to 1000 mm, got NaN"
    );
    assert_eq!(
        say(&|config| config.classes = None),
        "data.classes: expected the class names, background first (dataset manifest), got none"
    );
    // In every task, and before it counts as one more class.
    for task in Task::OF_PAPER {
        let mut config = good.clone();
        config.classes = strings(&["background", "odd", "Ignore"]);
        assert_eq!(
            load(&config, task, folder.path()).0,
            "data.classes: expected fully annotated labels, got a class \"Ignore\""
        );
    }
    assert_eq!(
        say(&|config| config.channel = Some(Channel::Number(0))),
        "data.channel: expected none with the dataset manifest, got one"
    );
    let phantom = PhantomConfig {
        subjects: 2,
        seed: 0,
    };
    assert_eq!(
        say(&|config| config.phantom = Some(phantom.clone())),
        "data.phantom: expected none with the dataset manifest, got one"
    );
    assert_eq!(
        say(&|config| config.path = Some("/nowhere/cases.csv".into())),
        "/nowhere/cases.csv: not found \
         (expected a CSV file with the columns case,image,label[,mask][,split][,subject])"
    );
    let mut phantoms = DataConfig::new("phantom");
    assert_eq!(
        load(&phantoms, Task::BRAIN_EXTRACTION, folder.path()).0,
        "data.phantom: expected subjects and seed, got none"
    );
    phantoms.phantom = Some(phantom);
    phantoms.spacing_mm = Some(0.2.into());
    assert_eq!(
        load(&phantoms, Task::BRAIN_EXTRACTION, folder.path()).0,
        "data.spacing_mm: expected 0.4 to 8 mm for phantoms, got 0.2"
    );
    phantoms.path = Some("somewhere".into());
    assert_eq!(
        load(&phantoms, Task::BRAIN_EXTRACTION, folder.path()).0,
        "data.path: expected none with the dataset phantom, got one"
    );
}

#[test]
fn unknown_keys_are_refused_and_defaults_filled_in() {
    let error = serde_json::from_str::<DataConfig>(r#"{"dataset": "dhcp", "spacing": 1}"#);
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("unknown field `spacing`, expected one of"),
        "{error}"
    );
    let config: DataConfig = serde_json::from_str(r#"{"dataset": "dhcp"}"#).unwrap();
    assert_eq!(config, DataConfig::new("dhcp"));
    assert_eq!(config.margin_mm, 4.0);
}
