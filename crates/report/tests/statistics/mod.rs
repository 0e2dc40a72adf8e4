//! Statistics between strategies, worked by hand.

use super::{read, record, report, rows, sample, small};
use slicewise_experiment::RoundRecord;
use slicewise_experiment::record::{FIRST, FULL};

/// Student's t(0.975, 2): half an interval of three values is this times their standard error.
const T_975_2: f64 = 4.302_652_73;

/// Compares numbers; NaN stands for an empty cell.
#[track_caller]
pub(crate) fn assert_cells(cells: &[String], expected: &[f64]) {
    assert_eq!(cells.len(), expected.len(), "{cells:?}");
    for (cell, expected) in cells.iter().zip(expected) {
        if expected.is_nan() {
            assert_eq!(cell, "", "{cells:?}");
            continue;
        }
        let value: f64 = cell.parse().unwrap_or_else(|_| panic!("{cells:?}"));
        assert!((value - expected).abs() < 1e-6, "{value} against {expected}");
    }
}

/// Mean of two values, which have no interval.
pub(crate) fn of_two(a: f64, b: f64) -> [f64; 3] {
    [(a + b) / 2.0, f64::NAN, f64::NAN]
}

/// Mean of three values and the ends of its interval.
pub(crate) fn of_three(values: [f64; 3]) -> [f64; 3] {
    let mean = values.iter().sum::<f64>() / 3.0;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let half = T_975_2 * (squares / 6.0).sqrt();
    [mean, mean - half, mean + half]
}

/// Two seeds of two strategies; half the annotated slices' share is the drawn share of the
/// foreground. Random's curves halve, or quarter, their distance to full annotation (0.9) with
/// every tenth of the foreground; `my-own` has no round at 30 %.
fn two_seeds() -> Vec<RoundRecord> {
    vec![
        record(FULL, 0, 1.0, &[0.85, 0.91]),
        record(FULL, 1, 1.0, &[0.92, 0.92]),
        record(FIRST, 0, 0.1, &[0.4, 0.6]),
        record(FIRST, 1, 0.1, &[0.5, 0.5]),
        record("random", 0, 0.3, &[0.6, 0.8]),
        record("random", 0, 0.5, &[0.7, 0.9]),
        record("random", 1, 0.3, &[0.8, 0.8]),
        record("random", 1, 0.5, &[0.875, 0.875]),
        record("my-own", 0, 0.5, &[0.65, 0.65]),
        record("my-own", 1, 0.5, &[0.75, 0.75]),
    ]
}

/// A third seed beside them, which is the second again but for full annotation.
fn three_seeds() -> Vec<RoundRecord> {
    let mut records = two_seeds();
    let again: Vec<RoundRecord> =
        records.iter().filter(|r| r.seed == 1 && r.strategy != FULL).cloned().collect();
    records.extend(again.into_iter().map(|record| RoundRecord { seed: 2, ..record }));
    records
}

#[test]
fn measures_of_a_curve_are_what_a_hand_computes() {
    let dir = report(&small(&[0, 1, 2], three_seeds()));
    let table = rows(&read(dir.path(), "tables/statistics.csv"));
    assert_eq!(
        table[0].join(","),
        "task,strategy,measure,mean,ci_low,ci_high,seeds,ratio_low,ratio_high,rounds"
    );
    let find = |strategy: &str, measure: &str| {
        let row = table.iter().find(|row| row[1] == strategy && row[2] == measure);
        row.unwrap_or_else(|| panic!("{strategy} {measure}"))
    };
    // Over 10 % and 50 %, which both have: half the sum of the ends.
    let area = find("random", "aubc");
    assert_cells(&area[3..6], &of_three([0.65, 0.6875, 0.6875]));
    assert_cells(&area[6..], &[3.0, 0.1, 0.5, 2.0]);
    assert_cells(&find("my-own", "aubc")[3..6], &of_three([0.575, 0.625, 0.625]));

    let last = find("random", "final");
    assert_cells(&last[3..6], &of_three([0.8, 0.875, 0.875]));
    assert_cells(&last[6..], &[3.0, 0.5, 0.5, 1.0]);

    // exp(−b/10) is ½ in seed 0 and ¼ in seeds 1 and 2.
    let rate = find("random", "fg-eff");
    let two = 2_f64.ln();
    assert_cells(&rate[3..6], &of_three([10.0 * two, 20.0 * two, 20.0 * two]));
    assert_cells(&rate[6..], &[3.0, 0.1, 0.5, 3.0]);
    // One round behind x₀ is met exactly: 0.25 = 0.4 exp(−b/5) and 0.15 = 0.4 exp(−b/5).
    let own = [0.25_f64, 0.15].map(|left| -5.0 * (left / 0.4).ln());
    assert_cells(&find("my-own", "fg-eff")[3..6], &of_three([own[0], own[1], own[1]]));
    assert_eq!(table.len(), 1 + 6);
}

#[test]
fn a_seed_short_of_the_last_round_does_not_count() {
    let mut records = two_seeds();
    records
        .retain(|record| !(record.strategy == "random" && record.seed == 1 && record.ratio > 0.4));
    let dir = report(&small(&[0, 1], records));
    let table = rows(&read(dir.path(), "tables/statistics.csv"));
    for row in table.iter().filter(|row| row[1] == "random") {
        assert_eq!(row[4..7].join(","), ",,1", "{row:?}");
    }
    let page = read(dir.path(), "report.html");
    assert!(page.contains("shared ratios: seed(s) 1 of random (before 50\u{a0}%)."), "{page}");
}

#[test]
fn a_seed_already_at_full_annotation_has_no_rate() {
    let mut records = two_seeds();
    records.pop();
    records.push(record("my-own", 1, 0.5, &[0.95, 0.95]));
    let table = rows(&read(report(&small(&[0, 1], records)).path(), "tables/statistics.csv"));
    let seeds = |measure: &str| {
        let own = |row: &&Vec<String>| row[1] == "my-own" && row[2] == measure;
        table.iter().find(own).unwrap()[6].clone()
    };
    assert_eq!(["aubc", "final", "fg-eff"].map(seeds), ["2", "2", "1"]);
}

#[test]
fn without_full_annotation_there_is_no_efficiency() {
    let mut records = two_seeds();
    records.retain(|record| record.strategy != FULL);
    let dir = report(&small(&[0, 1], records));
    assert!(!read(dir.path(), "tables/statistics.csv").contains("fg-eff"));
    assert!(read(dir.path(), "report.html").contains("Statistics between strategies"));
}

/// Random on three cases of some seeds, and a strategy this many 256ths above it: no rounding.
pub(crate) fn above_random<const SEEDS: usize>(
    strategy: &str,
    above: [[i32; 3]; SEEDS],
) -> Vec<RoundRecord> {
    let random = [[100, 120, 140], [110, 130, 150], [105, 135, 130]];
    let seeds = random.iter().zip(above).enumerate();
    seeds
        .map(|(seed, (random, above))| {
            let dice: Vec<f64> = random
                .iter()
                .zip(above)
                .map(|(random, above)| f64::from(random + above) / 256.0)
                .collect();
            record(strategy, seed as u64, 0.5, &dice)
        })
        .collect()
}

/// p of Student's t with two degrees of freedom.
pub(crate) fn p_of(t: f64) -> f64 {
    1.0 - t / (2.0 + t * t).sqrt()
}

#[test]
fn pairs_are_compared_as_a_hand_does() {
    let records = [
        above_random("random", [[0; 3]; 3]),
        above_random("uncertainty", [[10; 3], [20; 3], [30; 3]]),
        above_random("my-own", [[4; 3]; 3]),
    ];
    let dir = report(&small(&[0, 1, 2], records.concat()));
    let table = rows(&read(dir.path(), "tables/comparison.csv"));
    assert_eq!(
        table[0].join(","),
        "task,ratio,strategy,rival,mean,ci_low,ci_high,p,p_holm,seeds,cases,n"
    );
    assert_eq!(table.len(), 1 + 3);
    // Seeds differ, cases do not: a t test over three seeds. A difference that is the same
    // everywhere is certain. Holm: 3 · 0, then 2 · that of the larger t, then not below it.
    let t = [20.0, 16.0].map(|mean| mean / (10.0 / 3_f64.sqrt()));
    let p = t.map(p_of);
    let expected = [
        (["uncertainty", "random"], [10.0, 20.0, 30.0], [p[0], 2.0 * p[0]]),
        (["my-own", "random"], [4.0; 3], [0.0, 0.0]),
        (["my-own", "uncertainty"], [-6.0, -16.0, -26.0], [p[1], 2.0 * p[0]]),
    ];
    for (row, ([strategy, rival], seeds, p)) in table[1..].iter().zip(expected) {
        assert_eq!(row[..4].join(","), format!("tissue-segmentation,0.5,{strategy},{rival}"));
        assert_cells(&row[4..7], &of_three(seeds.map(|difference| difference / 256.0)));
        assert_cells(&row[7..], &[p[0], p[1], 3.0, 3.0, 9.0]);
    }
    let markdown = read(dir.path(), "tables/comparison.md");
    assert!(
        markdown.contains(
            "| uncertainty | random | Task 2 | 50\u{a0}% | +0.078 ± 0.097 | −0.019 to +0.175 | 0.074 | 0.148 | 3 | 3 |"
        ) && markdown.contains("whole seeds and whole cases are random"),
        "{markdown}"
    );
}

#[test]
fn below_three_seeds_a_difference_has_its_value_alone() {
    let records = [above_random("random", [[0; 3]; 2]), above_random("my-own", [[4; 3], [8; 3]])];
    let dir = report(&small(&[0, 1], records.concat()));
    let table = rows(&read(dir.path(), "tables/comparison.csv"));
    assert_cells(&table[1][4..5], &[6.0 / 256.0]);
    assert_eq!(table[1][5..].join(","), ",,,,2,3,6");
    let markdown = read(dir.path(), "tables/comparison.md");
    assert!(markdown.contains("| +0.023 |  |  |  | 2 | 3 |"), "{markdown}");
}

#[test]
fn pairs_are_joined_by_seed_and_case_not_by_place() {
    let mut own = above_random("my-own", [[8, 16, 24], [32, 40, 48]]);
    own.reverse();
    for record in &mut own {
        record.cases.reverse();
    }
    // The first case of seed 0 is unscored: 16, 24 | 32, 40, 48 remain, and cases count alike.
    own[1].cases.pop();
    let records = [above_random("random", [[0; 3]; 2]), own].concat();
    let dir = report(&small(&[0, 1], records));
    let table = rows(&read(dir.path(), "tables/comparison.csv"));
    assert_cells(&table[1][4..5], &[(32.0 + 28.0 + 36.0) / 3.0 / 256.0]);
    assert_cells(&table[1][9..], &[2.0, 3.0, 5.0]);
}

#[test]
fn a_point_is_compared_with_full_annotation_of_as_many_steps() {
    let full = above_random(FULL, [[40; 3]; 3]);
    let longer = |mut record: RoundRecord| {
        (record.steps, record.round) = (20, 1);
        record
    };
    let records =
        [above_random("random", [[0; 3]; 3]), full.clone(), full.into_iter().map(longer).collect()];
    let mut records = records.concat();
    records.iter_mut().filter(|record| record.strategy == FULL).for_each(|full| full.ratio = 1.0);
    let dir = report(&small(&[0, 1, 2], records));
    let table = rows(&read(dir.path(), "tables/comparison.csv"));
    assert_eq!(table.len(), 2, "{table:?}");
    assert_eq!(table[1][..4].join(","), "tissue-segmentation,0.5,random,full");
    assert_cells(&table[1][4..7], &[-40.0 / 256.0; 3]);
}

#[test]
fn what_shares_no_ratio_is_not_compared() {
    let records = vec![
        record("random", 0, 0.25, &[0.7]),
        record("my-own", 0, 0.3, &[0.8]),
        record("uncertainty", 1, 0.3, &[0.8]),
    ];
    let dir = report(&small(&[0, 1], records));
    assert_eq!(rows(&read(dir.path(), "tables/comparison.csv")).len(), 1, "the header");
    let measures = read(dir.path(), "tables/statistics.csv");
    assert!(measures.contains("final") && !measures.contains("aubc"));
}

#[test]
fn the_page_shows_the_compared_ratio_and_names_the_shared_ones() {
    let dir = report(&sample::sweep(&[0, 1, 2]));
    // Pairs of 3 strategies at 12.5 %, of 4 at 25 % and 50 %, and all 19 points beside full
    // annotation, in two tasks.
    let table = rows(&read(dir.path(), "tables/comparison.csv"));
    assert_eq!(table.len() - 1, 2 * (3 + 6 + 6 + 19));
    assert!(table[1..].iter().all(|row| row[9..].join(",") == "3,4,12"));
    let page = read(dir.path(), "report.html");
    let section = |name: &str| {
        let section = page.split(&format!("<section id=\"made-up-sweep-{name}\">")).nth(1);
        section.unwrap().split("</section>").next().unwrap()
    };
    let pairs = section("comparison").matches("<td class=\"text\">random</td>").count();
    assert_eq!(pairs, 2 * 3, "at one ratio only");
    let shared = "Task 2: 6.25\u{a0}%, 25\u{a0}%, 50\u{a0}%)";
    assert!(section("statistics").contains(shared));
    let first = report(&small(&[0], vec![record(FIRST, 0, 0.1, &[0.4])]));
    assert!(!read(first.path(), "report.html").contains("Statistics between"));
}

#[test]
fn a_single_case_of_a_single_seed_has_no_interval() {
    let records = vec![record("random", 0, 0.5, &[0.5]), record("my-own", 0, 0.5, &[0.75])];
    let dir = report(&small(&[0], records));
    let table = rows(&read(dir.path(), "tables/comparison.csv"));
    assert_eq!(table[1][4..9].join(","), "0.25,,,,");
}

#[test]
fn losses_are_counted_as_a_hand_does() {
    let records = vec![
        // A constant quarter below random: no variance, and certain.
        record("random", 0, 0.25, &[0.5, 0.75]),
        record("random", 1, 0.25, &[0.75, 0.5]),
        record("random", 2, 0.25, &[0.5, 0.5]),
        record("my-own", 0, 0.25, &[0.25, 0.5]),
        record("my-own", 1, 0.25, &[0.5, 0.25]),
        record("my-own", 2, 0.25, &[0.25, 0.25]),
        // A quarter below, a quarter above, and level.
        record("random", 0, 0.5, &[0.5, 0.5]),
        record("random", 1, 0.5, &[0.5, 0.5]),
        record("random", 2, 0.5, &[0.5, 0.5]),
        record("my-own", 0, 0.5, &[0.25, 0.25]),
        record("my-own", 1, 0.5, &[0.75, 0.75]),
        record("my-own", 2, 0.5, &[0.5, 0.5]),
        // Two seeds in common test nothing, here and of the third strategy.
        record("random", 0, 0.75, &[0.9, 0.9]),
        record("random", 1, 0.75, &[0.9, 0.9]),
        record("my-own", 0, 0.75, &[0.1, 0.1]),
        record("my-own", 1, 0.75, &[0.1, 0.1]),
        record("uncertainty", 0, 0.25, &[0.1, 0.1]),
    ];
    let dir = report(&small(&[0, 1, 2], records));
    let table = rows(&read(dir.path(), "tables/penalty.csv"));
    assert_eq!(table[0].join(","), "task,loser,winner,penalty,ratios");
    let find = |loser: &str, winner: &str| {
        let row = table.iter().find(|row| row[1] == loser && row[2] == winner);
        row.unwrap_or_else(|| panic!("{loser} {winner}"))[3..].join(",")
    };
    assert_eq!(table.len() - 1, 6);
    assert_eq!(find("my-own", "random"), "0.5,2");
    assert_eq!(find("random", "my-own"), "0.0,2");
    assert_eq!(find("uncertainty", "random"), ",0");
    // Columns lose.
    let markdown = read(dir.path(), "tables/penalty.md");
    assert!(
        markdown.contains("loses → | random | uncertainty | my-own |")
            && markdown.contains("| random |  |  | 0.50 |")
            && markdown.contains("| mean | 0.00 |  | 0.50 |"),
        "{markdown}"
    );
    let figure = read(dir.path(), "figures/penalty.svg");
    assert!(figure.contains("0.50") && figure.contains("my-own"));
    let page = read(dir.path(), "report.html");
    assert!(page.contains("Columns lose to rows"));
}

#[test]
fn one_seed_has_no_penalties() {
    let dir = report(&sample::sweep(&[3]));
    assert!(!dir.path().join("figures/penalty.svg").exists());
    let table = rows(&read(dir.path(), "tables/penalty.csv"));
    assert_eq!(table.len() - 1, 2 * 4 * 3);
    assert!(table[1..].iter().all(|row| row[3..].join(",") == ",0"));
}
