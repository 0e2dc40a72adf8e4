//! The endpoint that an experiment named before it ran.

use super::statistics::{above_random, assert_cells, of_three, p_of};
use super::{read, report, rows, small};
use slicewise_experiment::{Endpoint, Ratio, Results};

/// Three seeds of random and three other strategies at 50 %.
fn sweep() -> Results {
    let records = [
        above_random("random", [[0; 3]; 3]),
        above_random("uncertainty", [[10; 3], [20; 3], [30; 3]]),
        above_random("my-own", [[-4; 3]; 3]),
        above_random("oracle-most-error", [[50; 3]; 3]),
    ];
    small(&[0, 1, 2], records.concat())
}

#[test]
fn it_comes_first_and_holm_counts_its_own_comparisons_alone() {
    let mut results = sweep();
    results.manifest.endpoint =
        Some(Endpoint { against: "random".to_owned(), ratios: vec![Ratio(0.25), Ratio(0.5)] });
    // Slices without foreground do not count: 0.125 more by slices in one strategy, nothing in others.
    for record in &mut results.records {
        let more = if record.strategy == "uncertainty" { 0.25 } else { 0.0 };
        for case in &mut record.cases {
            case.foreground = vec![true, true, false];
            case.r = vec![0.5, 0.5 + more, 0.75 - more];
        }
    }
    let dir = report(&results);
    let table = rows(&read(dir.path(), "tables/endpoint.csv"));
    let heading = "task,ratio,strategy,against,mean,ci_low,ci_high,p,p_holm,seeds,cases,n,by_slices,\
        by_slices_low,by_slices_high";
    assert_eq!(table[0].join(","), heading);
    // Nothing was evaluated at 25 %, and nobody asks whether an oracle is better.
    let strategies: Vec<&str> = table[1..].iter().map(|row| row[2].as_str()).collect();
    assert_eq!(strategies, ["uncertainty", "my-own"]);
    let p = p_of(20.0 / (10.0 / 3_f64.sqrt()));
    let expected = [([10.0, 20.0, 30.0], [p, p], 0.125), ([-4.0; 3], [0.0, 0.0], 0.0)];
    for (row, (seeds, p, by_slices)) in table[1..].iter().zip(expected) {
        assert_eq!([&row[1], &row[3]], ["0.5", "random"]);
        assert_cells(&row[4..7], &of_three(seeds.map(|difference| difference / 256.0)));
        assert_cells(&row[7..12], &[p[0], p[1], 3.0, 3.0, 9.0]);
        assert_cells(&row[12..], &[by_slices; 3]);
    }
    let page = read(dir.path(), "report.html").replace('\u{a0}', " ");
    let sentence = "The endpoint, named before the run: Dice on Part B minus that of random: \
        uncertainty at 50 % +0.078 (−0.019 to +0.175); my-own at 50 % −0.016 (−0.016 to −0.016). \
        After Holm's correction these differ at 0.05: my-own at 50 % (worse). By slices, the paper's measure: \
        uncertainty at 50 % +0.125 (+0.125 to +0.125); my-own at 50 % +0.000 (+0.000 to +0.000).";
    let place = |words: &str| page.find(words).unwrap_or_else(|| panic!("{words}: {page}"));
    assert!(place(sentence) < place("Sections"), "among the first sentences");
    let heading = |title: &str| place(&format!("<h2>{title}</h2>"));
    let first = heading("The endpoint, named before the run");
    assert!(first < heading("Pairs of strategies"));
}

#[test]
fn what_holm_corrects_is_the_largest_p() {
    // Means of seeds and of cases are 56, 56 and 64 thirds: t is 22 with two degrees of freedom.
    let own = [[8, 16, 32], [16, 32, 8], [32, 8, 24]];
    let records = [above_random("random", [[0; 3]; 3]), above_random("my-own", own)];
    let mut results = small(&[0, 1, 2], records.concat());
    results.manifest.endpoint =
        Some(Endpoint { against: "random".to_owned(), ratios: vec![Ratio(0.5)] });
    let table = rows(&read(report(&results).path(), "tables/endpoint.csv"));
    assert_cells(&table[1][8..9], &[p_of(22.0)]);
    // The test of both has more degrees of freedom, and the page says its p too.
    assert!(table[1][7].parse::<f64>().unwrap() < 0.9 * p_of(22.0), "{table:?}");
}

#[test]
fn without_one_the_page_has_none() {
    let dir = report(&sweep());
    assert!(!dir.path().join("tables/endpoint.csv").exists());
    assert!(!read(dir.path(), "report.html").contains("The endpoint"));
}
