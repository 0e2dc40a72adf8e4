//! Fair comparisons: full annotation at equal steps, rounds between reports, and folds.

use super::statistics::assert_cells;
use super::{cell, read, record, report, rows, small};
use slicewise_data::Part;
use slicewise_experiment::record::{FIRST, FULL};
use slicewise_experiment::{Results, RoundRecord, Run};

/// A record with so many steps behind it.
fn after(steps: u64, mut record: RoundRecord) -> RoundRecord {
    record.steps = steps;
    record
}

/// Full annotation evaluated at these numbers of steps.
fn full(seed: u64, rounds: &[(u64, f64)]) -> Vec<RoundRecord> {
    let rounds = rounds.iter().enumerate().map(|(number, &(steps, dice))| {
        let mut record = after(steps, record(FULL, seed, 1.0, &[dice, dice]));
        record.round = number;
        record
    });
    rounds.collect()
}

/// Steps grow with the ratio, and full annotation was evaluated at each number of steps.
fn own_steps() -> Vec<RoundRecord> {
    let mut records = full(0, &[(100, 0.5), (200, 0.7), (300, 0.9)]);
    records.extend([
        after(100, record(FIRST, 0, 0.1, &[0.3, 0.3])),
        after(200, record("random", 0, 0.25, &[0.7, 0.7])),
        after(300, record("random", 0, 0.5, &[0.8, 0.8])),
    ]);
    records
}

#[test]
fn a_point_is_compared_with_full_annotation_of_as_many_steps() {
    let dir = report(&small(&[0], own_steps()));
    let of = |column| cell(dir.path(), "minimum-cost", "tissue-segmentation,random,mean", column);
    // 0.7 after 200 steps each; the 0.9 after 300 steps is of another training.
    assert_eq!([of("ratio"), of("difference")], ["0.25", "0.0"]);
    let page = read(dir.path(), "report.html");
    assert!(page.contains("random at 25\u{a0}% of the slices"), "{page}");
    assert!(page.contains(
        "Full annotation reaches a mean Dice of 0.500 after 100 steps, 0.700 after 200 steps, \
         0.900 after 300 steps on unseen cases."
    ));
    assert!(!page.contains("was trained longer"));
    let svg = read(dir.path(), "figures/fig5.svg");
    assert!(svg.contains("full annotation, as many steps"));
    // Points of one curve differ in steps, so it has no one level to near.
    assert!(!read(dir.path(), "tables/statistics.csv").contains("fg-eff"));
    // The strategy's last round and full annotation beside it.
    assert_eq!(cell(dir.path(), "tissues", "tissue-segmentation,white matter,full", "mean"), "0.9");
}

#[test]
fn table_2_has_the_steps_behind_each_row() {
    let dir = report(&small(&[0], own_steps()));
    let table = rows(&read(dir.path(), "tables/table2.csv"));
    let shown: Vec<String> =
        table.iter().map(|row| [&row[2], &row[9], &row[4]].map(String::as_str).join(" ")).collect();
    let expected = [
        "strategy steps mean",
        "full 100 0.5",
        "full 200 0.7",
        "full 300 0.9",
        "first 100 0.3",
        "random 200 0.7",
        "random 300 0.8",
    ];
    assert_eq!(shown, expected);
    let markdown = read(dir.path(), "tables/table2.md").replace('\u{a0}', " ");
    for row in [
        "| strategy | slices | T2 steps |",
        "| full annotation | 100 % | 100 |",
        "| full annotation | 100 % | 300 |",
        "| random | 25 % | 200 |",
        "Rows of Task 2 differ in training steps",
    ] {
        assert!(markdown.contains(row), "{row}: {markdown}");
    }
    let short = read(dir.path(), "tables/table2-short.md").replace('\u{a0}', " ");
    assert!(short.contains("| full annotation | 100 % | 300 |"), "{short}");
    assert!(!short.contains("| full annotation | 100 % | 200 |"), "{short}");

    // With a budget the steps are said once.
    let budget = vec![record(FULL, 0, 1.0, &[0.9]), record("random", 0, 0.5, &[0.8])];
    let markdown = read(report(&small(&[0], budget)).path(), "tables/table2.md");
    assert!(markdown.contains("10 training steps are behind every row of Task 2."), "{markdown}");
    assert!(!markdown.contains("T2 steps"));
}

#[test]
fn without_equal_steps_there_is_no_star_and_the_page_says_why() {
    let dir = report(&small(
        &[0],
        vec![
            after(600, record(FULL, 0, 1.0, &[0.8])),
            after(257, record(FIRST, 0, 0.1, &[0.4])),
            after(371, record("random", 0, 0.25, &[0.9])),
            after(600, record("random", 0, 0.5, &[0.9])),
        ],
    ));
    assert_eq!(rows(&read(dir.path(), "tables/minimum-cost.csv")).len(), 1, "the header");
    let page = read(dir.path(), "report.html");
    let words = "full annotation was trained longer: 600 steps against 257 at 10\u{a0}%, 371 at \
        25\u{a0}%";
    assert!(page.matches(words).count() >= 3, "findings, minimum cost, figure: {page}");
    assert!(!page.contains("Within 0.01 of full annotation"));
    let svg = read(dir.path(), "figures/fig5.svg");
    assert!(svg.contains("full annotation, other numbers of steps"));
}

#[test]
fn rounds_between_reports_count_in_the_stop_rule_alone() {
    let between = |ratio: f64, converged: bool| {
        let mut record = record("random", 0, ratio, &[0.1, 0.2]);
        record.evaluated = false;
        record.round = (10.0 * ratio) as usize;
        record.converged = Some(converged);
        record.cases.iter_mut().for_each(|case| case.part = Part::A);
        record
    };
    let mut last = record("random", 0, 0.5, &[0.8, 0.8]);
    (last.round, last.converged) = (5, Some(true));
    let records = vec![between(0.3, false), between(0.4, true), last, record(FULL, 0, 1.0, &[0.9])];
    let dir = report(&small(&[0], records));
    let table = read(dir.path(), "tables/table2.csv");
    assert_eq!(rows(&table).len(), 1 + 2, "{table}");
    for file in ["effort", "measures", "tissues", "comparison", "statistics", "minimum-cost"] {
        let table = read(dir.path(), &format!("tables/{file}.csv"));
        assert!(!table.contains("0.4") && !table.contains("0.3"), "{file}: {table}");
    }
    let of = |column| cell(dir.path(), "stop", "tissue-segmentation,random", column);
    assert_eq!(["by_seed", "stopped", "dice", "last"].map(of), ["0:0.4", "1", "", "0.8"]);
    let page = read(dir.path(), "report.html");
    assert!(page.contains("on average at 40\u{a0}% of the slices, between two reports."), "{page}");
}

/// Two folds of one seed, or several: four cases, two of them unseen in each fold.
fn folded(seeds: &[u64]) -> Results {
    let mut records = Vec::new();
    let names = ["a", "b", "c", "d"];
    for &seed in seeds {
        for (fold, unseen) in [(1, [0, 1]), (2, [2, 3])] {
            for (strategy, ratio, dice) in
                [(FULL, 1.0, [0.9, 0.8, 0.7, 0.6]), ("random", 0.5, [0.8, 0.6, 0.7, 0.5])]
            {
                let mut record = record(strategy, seed, ratio, &dice);
                record.fold = Some(fold);
                for (place, case) in record.cases.iter_mut().enumerate() {
                    names[place].clone_into(&mut case.case);
                    if !unseen.contains(&place) {
                        // Seen in training, and better.
                        case.part = Part::A;
                        case.mean_dice = case.mean_dice.map(|dice| dice + 0.1);
                    }
                }
                records.push(record);
            }
        }
    }
    let mut results = small(seeds, records);
    let data = &mut results.manifest.data[0];
    data.folds = vec![vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned(), "d".to_owned()]];
    let runs = results.records.iter().map(|record| Run {
        task: record.task,
        model: record.model.clone(),
        strategy: record.strategy.clone(),
        seed: record.seed,
        fold: record.fold,
    });
    results.manifest.runs = runs.collect();
    results
}

#[test]
fn folds_together_are_every_case_once() {
    let dir = report(&folded(&[0]));
    let of = |part: &str, column| {
        cell(dir.path(), "table2", &format!("tissue-segmentation,{part},random"), column)
    };
    assert_cells(&["mean", "seeds", "cases"].map(|column| of("B", column)), &[0.65, 1.0, 4.0]);
    // Each of the four is in Part A of one fold.
    assert_cells(&["mean", "seeds", "cases"].map(|column| of("A", column)), &[0.75, 1.0, 4.0]);
    let last = cell(dir.path(), "statistics", "tissue-segmentation,random,final", "mean");
    assert_cells(&[last], &[0.65]);
    let page = read(dir.path(), "report.html");
    assert!(page.contains("Task 2: 4 cases in 2 folds, each unseen once"), "{page}");
    assert!(!page.contains("sweep is incomplete"), "{page}");
}

#[test]
fn a_run_is_a_fold_of_a_seed() {
    let dir = report(&folded(&[0, 1]));
    let of = |column| cell(dir.path(), "minimum-cost", "tissue-segmentation,random,mean", column);
    // −0.1 −0.2 0 −0.1 in both seeds: not within the margin, so nothing is reached.
    assert_eq!(of("ratio"), "");
    let mut results = folded(&[0, 1]);
    for record in results.records.iter_mut().filter(|record| record.strategy == "random") {
        for case in &mut record.cases {
            case.mean_dice = case.mean_dice.map(|dice| dice + 0.1);
        }
    }
    let dir = report(&results);
    let of = |column| cell(dir.path(), "minimum-cost", "tissue-segmentation,random,mean", column);
    assert_cells(&["difference", "seeds", "cases"].map(of), &[0.0, 4.0, 4.0]);
}

#[test]
fn what_is_missing_is_named_by_seed_and_fold() {
    let mut results = folded(&[0, 1, 2]);
    results.records.retain(|record| {
        let unbegun = record.seed == 2 || record.seed == 1 && record.fold == Some(2);
        let lost = record.seed == 0 && record.fold == Some(2) && record.strategy == FULL;
        !unbegun && !lost
    });
    let dir = report(&results);
    let page = read(dir.path(), "report.html");
    assert!(read(dir.path(), "tables/table2.md").contains("2 seed(s)"));
    assert!(read(dir.path(), "figures/fig5.svg").contains("seeds 0, 1\n"));
    for line in [
        "seeds 0, 1 ·",
        "<li>seed 2: no record yet</li>",
        "<li>seed 1, fold 2: no record yet</li>",
        "<li>Task 2, model attention-unet, full: seed 0, fold 2 missing</li>",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    assert_eq!(page.matches("missing</li>").count(), 1, "{page}");

    let mut records = full(0, &[(100, 0.5), (200, 0.7)]);
    records.extend(full(1, &[(100, 0.5)]));
    let page = read(report(&small(&[0, 1], records)).path(), "report.html");
    assert!(page.contains("full: seed 1 without 200 steps"), "{page}");
}

#[test]
fn nothing_is_missing_of_a_strategy_that_is_planned_for_one_seed() {
    let mut results = folded(&[0, 1]);
    let other = |strategy: &str, seed: u64| strategy == "random" && seed == 1;
    results.records.retain(|record| !other(&record.strategy, record.seed));
    let page = read(report(&results).path(), "report.html");
    assert!(page.contains("random: seed 1, fold 1 missing; seed 1, fold 2 missing"), "{page}");
    results.manifest.runs.retain(|run| !other(&run.strategy, run.seed));
    let page = read(report(&results).path(), "report.html");
    assert!(!page.contains("sweep is incomplete"), "{page}");
}
