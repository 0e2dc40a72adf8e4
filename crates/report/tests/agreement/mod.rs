//! P and uncertainty against R: table, page and Fig. 4 of coefficients worked by hand.

use super::statistics::assert_cells;
use super::{read, record, report, rows, small};
use slicewise_experiment::RoundRecord;
use slicewise_experiment::record::FULL;

/// Two cases of three slices. Within each, P and −uncertainty rank as R does; the second case has
/// the higher P and the lower R.
fn two_cases(strategy: &str, ratio: f64) -> RoundRecord {
    let mut record = record(strategy, 0, ratio, &[0.8, 0.8]);
    let of_case = [
        ([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [false, true, true]),
        ([0.7, 0.8, 0.9], [0.01, 0.02, 0.03], [true, true, true]),
    ];
    for (case, (p, r, foreground)) in record.cases.iter_mut().zip(of_case) {
        case.p = Some(p.to_vec());
        case.r = r.to_vec();
        case.uncertainty = vec![3.0, 2.0, 1.0];
        case.foreground = foreground.to_vec();
    }
    record
}

#[test]
fn coefficients_are_what_a_hand_computes() {
    let dir = report(&small(&[0], vec![two_cases("attention-guided", 0.5)]));
    let table = rows(&read(dir.path(), "tables/agreement.csv"));
    assert_eq!(
        table[0].join(","),
        "task,strategy,signal,ratio,scope,slices,mean,ci_low,ci_high,seeds,n,part,as_paper"
    );
    // Pooled, R ranks the slices 4 5 6 1 2 3. P ranks them 1 to 6: 1 − 6·54/210. −uncertainty
    // ranks them 1.5 3.5 5.5 twice: products of the centred ranks sum to 8, squares to 16 and
    // 17.5. Without the lowest slice of the first case R ranks 4 5 1 2 3, P 1 to 5: 1 − 6·30/120;
    // −uncertainty ranks 2.5 4.5 1 2.5 4.5: products sum to 7, squares to 9 and 10.
    let expected = [
        ("p", "pooled", "all", 1.0 - 324.0 / 210.0, 6),
        ("uncertainty", "pooled", "all", 8.0 / 280_f64.sqrt(), 6),
        ("p", "pooled", "foreground", -0.5, 5),
        ("uncertainty", "pooled", "foreground", 7.0 / 90_f64.sqrt(), 5),
        ("p", "within-case", "all", 1.0, 6),
        ("uncertainty", "within-case", "all", 1.0, 6),
        ("p", "within-case", "foreground", 1.0, 5),
        ("uncertainty", "within-case", "foreground", 1.0, 5),
    ];
    assert_eq!(table.len() - 1, expected.len());
    for (row, (signal, scope, slices, mean, n)) in table[1..].iter().zip(expected) {
        assert_eq!([&row[2], &row[4], &row[5]], [signal, scope, slices], "{row:?}");
        let got: f64 = row[6].parse().unwrap();
        assert!((got - mean).abs() < 1e-9, "{row:?}, expected {mean}");
        // Of P both cases have 1, which is above the paper's 0.92.
        let as_paper = if (signal, scope) == ("p", "within-case") { "1.0" } else { "" };
        assert_eq!(row[7..].join(","), format!(",,1,{n},B,{as_paper}"));
    }
    let markdown = read(dir.path(), "tables/agreement.md");
    assert!(markdown.contains(
        "| Task 2 | attention-guided | 50\u{a0}% | pooled | −0.543 | 0.478 | 6 | −0.500 | 0.738 | 5 |"
    ));
    assert!(read(dir.path(), "report.html").contains("a coefficient of −0.543 (n = 6)"));
}

#[test]
fn slices_count_once_and_intervals_know_that_cases_differ() {
    let seeds = (0..3).map(|seed| {
        let mut record = RoundRecord { seed, ..two_cases("attention-guided", 0.5) };
        // P ranks the second case the wrong way round.
        record.cases[1].p = Some(vec![0.9, 0.8, 0.7]);
        record
    });
    let dir = report(&small(&[0, 1, 2], seeds.collect()));
    let table = rows(&read(dir.path(), "tables/agreement.csv"));
    let row = |scope: &str| {
        let row = table.iter().find(|row| row[2] == "p" && row[4] == scope && row[5] == "all");
        row.unwrap_or_else(|| panic!("{scope}"))[6..11].to_vec()
    };
    // Seeds are equal, but one case alone has 1 and the other −1: of two such cases nothing is
    // known. Pooled, P ranks the slices 1 2 3 6 5 4 and R 4 5 6 1 2 3.
    assert_cells(&row("within-case"), &[0.0, -1.0, 1.0, 3.0, 6.0]);
    assert_cells(&row("pooled"), &[1.0 - 6.0 * 62.0 / 210.0, -1.0, 1.0, 3.0, 6.0]);
}

#[test]
fn fig_4_has_the_case_and_all_cases_with_their_intervals() {
    let dir = report(&small(&[0], vec![two_cases("attention-guided", 0.5)]));
    let svg = read(dir.path(), "figures/fig4.svg");
    // Three slices have no interval; of six, z = −0.608 ± 1.96 √((1 + 0.543²/2) / 3).
    for title in ["\n1.00, n = 3\n", "\n−0.54 (−0.95 to 0.54), n = 6\n"] {
        assert!(svg.contains(title), "{title}");
    }
    assert!(svg.contains("95 % intervals") && svg.contains("commit 0000000-made-up"));
}

#[test]
fn rounds_show_both_signals_and_full_annotation() {
    let records = vec![two_cases(FULL, 1.0), two_cases("attention-guided", 0.5)];
    let svg = read(report(&small(&[0], records)).path(), "figures/fig4-rounds.svg");
    for words in [
        "\n−0.54\n", // full annotation, P, all slices
        "\n0.48\n",  // uncertainty
        "\n−0.50\n", // foreground slices
        "\n0.74\n",
        "attention-guided",
        "−uncertainty with R (dotted, hollow)",
        "1 seed(s), so no intervals; up to n = 6 distinct slices a point",
    ] {
        assert!(svg.contains(words), "{words}");
    }
    // Nothing to follow without a round of a strategy.
    let dir = report(&small(&[0], vec![two_cases(FULL, 1.0)]));
    assert!(dir.path().join("figures/fig4.svg").exists());
    assert!(!dir.path().join("figures/fig4-rounds.svg").exists());
}
