//! Who beats whom, worked by hand; figures of many strategies; which slices were chosen.

use super::statistics::{above_random, assert_cells, of_three, p_of};
use super::{read, record, report, rows, sample, small};
use slicewise_data::Task;
use slicewise_experiment::record::FIRST;
use slicewise_experiment::{Endpoint, QueryRecord, Ratio, RoundRecord};
use std::path::Path;

const HEADING: &str = "task,strategy,kind,rank,rank_low,rank_high,against,difference,difference_low,\
    difference_high,p,p_holm,wins,ties,losses,seeds,cases";

/// Rows of the table by task and strategy.
fn table(dir: &Path) -> Vec<Vec<String>> {
    let table = rows(&read(dir, "tables/ranks.csv"));
    assert_eq!(table[0].join(","), HEADING);
    table[1..].to_vec()
}

#[test]
fn ranks_differences_and_wins_are_what_a_hand_computes() {
    let records = [
        above_random("random", [[0; 3]; 3]),
        above_random("uncertainty", [[10; 3], [20; 3], [30; 3]]),
        above_random("my-own", [[-4; 3]; 3]),
        above_random("oracle-most-error", [[50; 3]; 3]),
    ];
    let dir = report(&small(&[0, 1, 2], records.concat()));
    let table = table(dir.path());
    let names: Vec<&str> = table.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(names, ["uncertainty", "random", "my-own", "oracle-most-error"], "the oracle last");
    let p = p_of(20.0 / (10.0 / 3_f64.sqrt()));
    // Ranks are the same everywhere. Random is what others are compared with, for want of another.
    assert_cells(&table[0][3..6], &[1.0; 3]);
    assert_eq!(table[0][6], "random");
    assert_cells(&table[0][7..10], &of_three([10.0, 20.0, 30.0].map(|d| d / 256.0)));
    // Holm: my-own's p is 0, so the larger of two stays. The oracle is in no family.
    assert_cells(&table[0][10..], &[p, p, 0.0, 2.0, 0.0, 3.0, 3.0]);
    assert_cells(&table[1][3..6], &[2.0; 3]);
    assert_eq!(table[1][7..].join(","), ",,,,,1,1,0,,");
    assert_cells(&table[2][3..6], &[3.0; 3]);
    assert_cells(&table[2][10..], &[0.0, 0.0, 0.0, 1.0, 1.0, 3.0, 3.0]);
    // It wins against all three, which lose nothing by it.
    assert_eq!(table[3][2..6].join(","), "oracle,,,");
    assert_eq!(table[3][11..].join(","), ",3,0,0,3,3");
    let page = read(dir.path(), "report.html").replace('\u{a0}', " ");
    for words in [
        "Of 3 strategies these have the best mean rank: uncertainty 1.0 (1.0 to 1.0), \
         random 2.0 (2.0 to 2.0); the last is my-own 3.0 (3.0 to 3.0).",
        "Over the ratios that all have, after Holm's correction, better than random: none; worse: my-own −0.016.",
        "oracle-most-error (bound: sees the truth)",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

/// Two cases in two seeds at one ratio.
fn two_seeds(strategy: &str, ratio: f64, dice: [[f64; 2]; 2]) -> Vec<RoundRecord> {
    let seeds = dice.iter().enumerate();
    seeds.map(|(seed, dice)| record(strategy, seed as u64, ratio, dice)).collect()
}

#[test]
fn ranks_are_taken_at_shared_ratios_and_below_three_seeds_stand_alone() {
    let mut records = [
        two_seeds("random", 0.25, [[0.1, 0.1], [0.1, 0.1]]),
        two_seeds("random", 0.5, [[0.5, 0.75], [0.5, 0.5]]),
        two_seeds("equal-interval", 0.5, [[0.75, 0.5], [0.5, 0.75]]),
        two_seeds("my-own", 0.5, [[0.25, 0.5], [0.25, 0.25]]),
        two_seeds("my-own", 0.75, [[0.9, 0.9], [0.9, 0.9]]),
    ]
    .concat();
    let dir = report(&small(&[0, 1], records.clone()));
    let table = table(dir.path());
    // Ranks case by case: equal-interval 1, 2.5, 1.5, 1; random 2, 1, 1.5, 2; my-own 3, 2.5, 3, 3.
    let expected = [
        ("equal-interval", 1.5, ",,,,,,,,,"),
        ("random", 1.625, "-0.0625,,,,,,,,2,2"),
        ("my-own", 2.875, "-0.3125,,,,,,,,2,2"),
    ];
    for (row, (name, rank, rest)) in table.iter().zip(expected) {
        assert_eq!(row[1], name);
        assert_cells(&row[3..4], &[rank]);
        assert_eq!(row[4..7].join(","), ",,equal-interval");
        assert_eq!(row[7..].join(","), rest, "{name}");
    }
    assert!(read(dir.path(), "tables/ranks.md").contains("| random | 1.6 | −0.062 |"));

    // A strategy of one seed in two is ranked, and a case counts where all have it; one that has none
    // of the ratios takes every rank away.
    records.retain(|record| !(record.strategy == "my-own" && record.seed == 1));
    let table = self::table(report(&small(&[0, 1], records.clone())).path());
    assert_cells(&table[0][3..4], &[1.5]);
    assert_eq!(table[0][1], "random");
    records.retain(|record| record.strategy != "my-own" || record.ratio > 0.6);
    let table = self::table(report(&small(&[0, 1], records)).path());
    assert!(table.iter().all(|row| row[3].is_empty() && row[7].is_empty()), "{table:?}");
}

#[test]
fn all_tasks_together_come_first_and_the_endpoint_names_the_reference() {
    let mut results = sample::sweep(&[0, 1, 2]);
    results.manifest.endpoint =
        Some(Endpoint { against: "uncertainty".to_owned(), ratios: vec![Ratio(0.25)] });
    let dir = report(&results);
    let table = table(dir.path());
    let tasks: Vec<&str> = table.iter().map(|row| row[0].as_str()).collect();
    let of = |task| [task; 4];
    let order = ["all", Task::OF_PAPER[0].name(), Task::OF_PAPER[1].name()];
    assert_eq!(tasks, order.map(of).concat());
    assert!(table.iter().all(|row| row[6] == "uncertainty"));
    let number = |task: &str, column: usize| -> f64 {
        let own = |row: &&Vec<String>| row[0] == task && row[1] == "attention-guided";
        table.iter().find(own).unwrap()[column].parse().unwrap()
    };
    for column in [3, 7] {
        let mean = (number(order[1], column) + number(order[2], column)) / 2.0;
        assert!((number("all", column) - mean).abs() < 1e-9);
    }
    // Tests: two ratios shared by four, one by three.
    let sum: f64 = (12..15).map(|column| number(order[1], column)).sum();
    assert_eq!([sum, (12..15).map(|column| number("all", column)).sum()], [6.0, 12.0]);
}

#[test]
fn of_twelve_strategies_eight_have_a_colour() {
    let mut results = sample::many(&[0, 1, 2], 12);
    let dir = report(&results);
    let table = table(dir.path());
    let figure = read(dir.path(), "figures/fig5.svg");
    let named = |name: &str| figure.contains(&format!(">\n{name}\n<"));
    let own: Vec<&str> = table[..11].iter().map(|row| row[1].as_str()).collect();
    let own: Vec<&str> = own.into_iter().filter(|name| name.starts_with("strategy")).collect();
    // The paper's four, then the best four of seven by mean rank; no oracle, however good.
    for paper in ["random", "equal-interval", "uncertainty", "attention-guided"] {
        assert!(named(paper), "{paper}");
    }
    let shown: Vec<bool> = own.iter().map(|name| named(name)).collect();
    assert_eq!(shown, [true, true, true, true, false, false, false], "{own:?}");
    assert!(!named("oracle-most-error") && named("3 other strategies"));
    // Three thin lines in each of four panels, none of them the oracle, which a grey line would not mark.
    let thin = figure.matches("stroke=\"#BEBEBE\" stroke-width=\"1\"").count();
    assert_eq!(thin, 4 * 3);
    let page = read(dir.path(), "report.html");
    assert!(page.contains("3 others are thin grey lines; the tables name all."));
    assert!(
        page.contains("In tables alone (fewer seeds, or oracles without room): oracle-most-error.")
    );
    // Of 66 pairs a task, the page shows those with the reference, and its distance from full
    // annotation; the matrix is a figure alone.
    let section = |name: &str| {
        let section = page.split(&format!("<section id=\"made-up-sweep-{name}\">")).nth(1);
        section.unwrap().split("</section>").next().unwrap().to_owned()
    };
    assert_eq!(section("comparison").matches("<tr").count(), 1 + 2 * (11 + 1));
    assert!(!section("penalty").contains("<table") && section("penalty").contains("<svg"));

    assert!(read(dir.path(), "tables/table2.md").contains("| oracle-most-error |"));

    // One seed in three is another level: no curve, and the caption says so.
    results.records.retain(|record| record.strategy != own[6] || record.seed == 1);
    let dir = report(&results);
    let figure = read(dir.path(), "figures/fig5.svg");
    assert!(figure.contains(">\n2 other strategies\n<"));
    let page = read(dir.path(), "report.html");
    assert!(page.contains("In tables alone") && page.contains(own[6]));
}

/// The records, each with a volume of ten thick slices in Part A, of which these were asked for.
fn asking(mut records: Vec<RoundRecord>, slices: &[usize]) -> Vec<RoundRecord> {
    for record in &mut records {
        let mut case = record.cases[0].clone();
        (case.case, case.part) = ("a".to_owned(), slicewise_data::Part::A);
        (case.annotated, case.foreground) = (vec![false; 10], vec![true; 10]);
        record.cases.push(case);
        if record.strategy != FIRST {
            let (scores, slices) = (vec![0.0; slices.len()], slices.to_vec());
            record.queries = vec![QueryRecord { case: "a".to_owned(), slices, scores }];
        }
    }
    records
}

#[test]
fn chosen_slices_stand_where_they_lie() {
    let records = vec![record(FIRST, 0, 0.25, &[0.4]), record("random", 0, 0.5, &[0.8])];
    // One of four lies in an outer tenth; one beyond the volume is none.
    let records = asking(records, &[0, 4, 5, 6, 10]);
    let dir = report(&small(&[0], records));
    let figure = read(dir.path(), "figures/chosen-tissue-segmentation.svg");
    assert!(figure.contains(">\nends 25\u{a0}%\n<") && figure.contains(">\nrandom\n<"), "{figure}");
    // 10/4 times as often as evenly, in four parts of forty for each slice.
    let chosen = figure.split(">\n50\u{a0}%\n<").nth(1).unwrap();
    let color = |part: usize| {
        let path = chosen.split("<path").nth(1 + part).unwrap();
        path.split("fill=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let dark: Vec<usize> = (0..40).filter(|part| color(*part) != color(39)).collect();
    let expected: Vec<usize> = (0..4).chain(16..28).collect();
    assert_eq!(dark, expected);
    assert!(
        figure.contains(">\nplace of the axial slice in its volume, from 0 (inferior) to 1\n<")
    );
}

#[test]
fn the_choices_of_many_strategies_fill_several_figures() {
    let records = (10..50).map(|place| record(&format!("my-own-{place}"), 0, 0.5, &[0.8]));
    let dir = report(&small(&[0], asking(records.collect(), &[3])));
    let [one, two] = [1, 2]
        .map(|page| read(dir.path(), &format!("figures/chosen-tissue-segmentation-{page}.svg")));
    let panels = |figure: &str| figure.matches(">\nmy-own-").count();
    assert_eq!([panels(&one), panels(&two)], [32, 8]);
}
