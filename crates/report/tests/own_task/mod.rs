//! A report of a task that the paper does not have: its name, its margin, and none of the paper's
//! numbers.

use crate::{read, report, rows, sample};
use slicewise_data::{Agreement, Task, TaskDefinition};
use slicewise_experiment::Results;

/// The sample with its second task renamed, and no slices annotated beyond 25 %.
fn sweep(agreement: Agreement) -> Results {
    let mut results = sample::sweep(&[0, 1, 2]);
    let own: Task = "liver-tumour".parse().unwrap();
    results.manifest.data.remove(0);
    results.manifest.data[0].task = own;
    results.manifest.data[0].definition =
        Some(TaskDefinition { agreement, ..TaskDefinition::TISSUE_SEGMENTATION });
    results.records.retain(|record| {
        record.task == Task::TISSUE_SEGMENTATION && (record.ratio == 1.0 || record.ratio < 0.26)
    });
    results.records.iter_mut().for_each(|record| record.task = own);
    results.manifest.runs.retain(|run| run.task == Task::TISSUE_SEGMENTATION);
    results.manifest.runs.iter_mut().for_each(|run| run.task = own);
    results
}

#[test]
fn it_has_its_name_everywhere_and_no_number_of_the_paper() {
    let dir = report(&sweep(Agreement::Accuracy));
    for table in ["table1", "table2", "tissues", "effort", "minimum-cost", "stop", "agreement"] {
        let table = rows(&read(dir.path(), &format!("tables/{table}.csv")));
        assert!(table.len() > 1 && table[1..].iter().all(|row| row[0] == "liver-tumour"));
    }
    let table_2 = read(dir.path(), "tables/table2.md");
    assert!(
        table_2.contains("| strategy | slices | liver tumour A | liver tumour B |\n"),
        "{table_2}"
    );
    assert!(!table_2.contains("paper") && !table_2.contains("T1"), "{table_2}");
    let short = read(dir.path(), "tables/table2-short.md");
    assert!(
        short.contains("| random | 25\u{a0}% |") && !short.contains("| random | 12.5\u{a0}% |")
    );
    let page = read(dir.path(), "report.html");
    assert!(page.contains("<h3>liver tumour</h3>"));
    for absent in
        ["Task 1, brain", "Task 2, tissue", "The paper's claim", "the paper shows one sample with"]
    {
        assert!(!page.contains(absent), "{absent}");
    }
}

#[test]
fn classes_are_shown_at_its_largest_ratio_where_none_is_the_papers() {
    let dir = report(&sweep(Agreement::Accuracy));
    let tissues = rows(&read(dir.path(), "tables/tissues.csv"));
    let of_strategies = tissues[1..].iter().filter(|row| row[2] != "full");
    let ratios: Vec<&str> = of_strategies.map(|row| row[3].as_str()).collect();
    assert!(!ratios.is_empty() && ratios.iter().all(|ratio| *ratio == "0.25"), "{ratios:?}");
    assert!(
        read(dir.path(), "tables/tissues.md").contains("by strategy with 25\u{a0}% of the slices")
    );
}

#[test]
fn its_measure_decides_the_margin() {
    for (agreement, margin) in [(Agreement::Dice, "0.005"), (Agreement::Accuracy, "0.01")] {
        let dir = report(&sweep(agreement));
        let costs = rows(&read(dir.path(), "tables/minimum-cost.csv"));
        assert!(costs.len() > 1 && costs[1..].iter().all(|row| row[3] == margin), "{costs:?}");
    }
}
