//! Measures beside volume Dice, effort, and what tells R of a slice, worked by hand.

use super::statistics::assert_cells;
use super::{read, record, report, rows, small};
use slicewise_data::Part;
use slicewise_experiment::record::{FULL, OwnGridRecord};
use slicewise_experiment::{CaseRecord, RoundRecord};
use std::path::Path;

/// The cells from `column` on of the only row that begins so.
fn cells(dir: &Path, table: &str, begins: &str, column: &str, n: usize) -> Vec<String> {
    let table = rows(&read(dir, &format!("tables/{table}.csv")));
    let place = table[0].iter().position(|name| name == column).unwrap();
    let found: Vec<_> = table.iter().filter(|row| row.join(",").starts_with(begins)).collect();
    assert_eq!(found.len(), 1, "{begins}: {table:?}");
    found[0][place..place + n].to_vec()
}

fn classes(values: &[Option<f64>]) -> Vec<(String, Option<f64>)> {
    ["CSF", "white matter"].map(str::to_owned).into_iter().zip(values.iter().copied()).collect()
}

/// Two unseen cases with these volume Dice, and R over an empty and two foreground slices.
fn scored(strategy: &str, dice: [f64; 2], r: [[f64; 2]; 2]) -> RoundRecord {
    let mut record = record(strategy, 0, 0.5, &dice);
    for (case, r) in record.cases.iter_mut().zip(r) {
        case.r = vec![1.0, r[0], r[1]];
        case.foreground = vec![false, true, true];
        case.uncertainty = vec![0.0; 3];
    }
    record
}

#[test]
fn slices_surfaces_and_the_scans_grid_are_what_a_hand_computes() {
    let mut record = scored("random", [0.8, 0.6], [[0.5, 0.7], [0.1, 0.3]]);
    record.cases[0].hd95_mm = classes(&[Some(2.0), Some(4.0)]);
    record.cases[1].hd95_mm = classes(&[None, Some(5.0)]);
    record.cases[0].own_grid = Some(OwnGridRecord {
        dice: classes(&[Some(0.5), Some(0.75)]),
        hd95_mm: classes(&[None, None]),
    });
    let mut seen: CaseRecord = record.cases[0].clone();
    (seen.case, seen.part) = ("seen".to_owned(), Part::A);
    seen.unannotated_dice = classes(&[Some(0.25), Some(0.5)]);
    seen.delivered_dice = classes(&[Some(0.5), Some(1.0)]);
    seen.interpolated_dice = classes(&[Some(0.25), None]);
    record.cases.push(seen);
    let dir = report(&small(&[0], vec![record]));
    let of = |part: &str, measure: &str| {
        let begins = format!("tissue-segmentation,{part},random,0.5,10,{measure},");
        let found = cells(dir.path(), "measures", &begins, "mean", 6);
        [0, 3, 4, 5].map(|at| found[at].clone())
    };
    // Mean, seeds, cases and undefined values. Slices without foreground do not count.
    assert_cells(&of("B", "dice"), &[0.7, 1.0, 2.0, 0.0]);
    assert_cells(&of("B", "slice_r"), &[0.4, 1.0, 2.0, 0.0]);
    assert_cells(&of("B", "hd95_mm"), &[4.0, 1.0, 2.0, 1.0]);
    assert_cells(&of("B", "own_dice"), &[0.625, 1.0, 1.0, 0.0]);
    assert_cells(&of("A", "unannotated_dice"), &[0.375, 1.0, 1.0, 0.0]);
    assert_cells(&of("A", "delivered_dice"), &[0.75, 1.0, 1.0, 0.0]);
    assert_cells(&of("A", "interpolated_dice"), &[0.25, 1.0, 1.0, 1.0]);
    let table = read(dir.path(), "tables/measures.csv");
    assert!(!table.contains("B,random,0.5,10,unannotated_dice"), "every slice of Part B is free");
    assert!(!table.contains("own_hd95_mm,"), "no case has one");
    let markdown = read(dir.path(), "tables/measures.md").replace('\u{a0}', " ");
    let row = "| Task 2 | random | 50 % | 10 | 0.700 | 0.400 | 0.375 | 0.750 | 0.250 | 4.00 | 1 | 0.625 |";
    assert!(markdown.contains(row), "{markdown}");
}

#[test]
fn effort_is_slices_and_contours_by_the_stated_model() {
    let drawn = |strategy: &str, slices: u64, voxels: u64, contour_mm: f64| {
        let mut record = record(strategy, 0, 0.5, &[0.8]);
        record.annotated_slices = slices;
        record.annotated_foreground_voxels = voxels;
        record.annotated_contour_mm = contour_mm;
        record
    };
    let dir = report(&small(
        &[0],
        vec![drawn("equal-interval", 60, 500, 2400.0), drawn("random", 66, 400, 3000.0)],
    ));
    // 600 s + 600 s, and 660 s + 750 s.
    let of = |strategy: &str, column: &str, n: usize| {
        cells(dir.path(), "effort", &format!("tissue-segmentation,{strategy},"), column, n)
    };
    assert_cells(&of("equal-interval", "contour_mm", 2), &[2400.0, 20.0]);
    assert_cells(&of("random", "contour_mm", 6), &[3000.0, 23.5, 6.0, -100.0, 600.0, 3.5]);
    assert_eq!(of("equal-interval", "slices_difference", 4).join(","), ",,,");
    let markdown = read(dir.path(), "tables/effort.md").replace('\u{a0}', " ");
    assert!(markdown.contains("10 s a slice and 0.25 s a mm of contour"), "{markdown}");
    assert!(markdown.contains("| 3000 | 24 | −100 | +600 | +4 |"), "{markdown}");
    let page = read(dir.path(), "report.html").replace('\u{a0}', " ");
    assert!(page.contains("equal-interval takes 20 minutes of drawing"), "{page}");
    assert!(page.contains("others more or less: random +18 %."), "{page}");

    // Older records do not know their contours.
    let dir = report(&small(&[0], vec![drawn("random", 66, 400, 0.0)]));
    let row = cells(dir.path(), "effort", "tissue-segmentation,random,", "contour_mm", 2);
    assert_eq!(row.join(","), ",");
}

/// One case of four foreground slices and an empty one. R rises; P turns the last two around, the
/// area the first two, −mean entropy none, and −uncertainty all.
fn told(strategy: &str, ratio: f64) -> RoundRecord {
    let mut record = record(strategy, 0, ratio, &[0.8]);
    let case = &mut record.cases[0];
    case.r = vec![0.1, 0.2, 0.3, 0.4, 1.0];
    case.p = Some(vec![0.5, 0.6, 0.8, 0.7, 1.0]);
    case.uncertainty = vec![1.0, 2.0, 3.0, 4.0, 0.0];
    case.foreground_entropy = vec![None, Some(0.6), Some(0.5), Some(0.4), None];
    case.predicted_voxels = vec![0, 30, 20, 40, 0];
    case.true_voxels = vec![5, 30, 30, 40, 0];
    case.foreground = vec![true, true, true, true, false];
    record
}

#[test]
fn predictors_of_r_are_ranked_within_a_case() {
    let dir = report(&small(&[0], vec![told("attention-guided", 0.5), told("random", 0.5)]));
    // Spearman: 1 − 6 Σd² / (n (n² − 1)), n = 4. A slice without prediction is the worst.
    for (predictor, mean) in
        [("p", 0.8), ("uncertainty", -1.0), ("foreground-entropy", 1.0), ("area", 0.8)]
    {
        let begins = format!("tissue-segmentation,attention-guided,0.5,{predictor},");
        let found = cells(dir.path(), "predictors", &begins, "mean", 5);
        assert_cells(&[0, 3, 4].map(|at| found[at].clone()), &[mean, 1.0, 4.0]);
    }
    let page = read(dir.path(), "report.html").replace('\u{a0}', " ");
    let words = "R of foreground slices is told by P 0.80, −uncertainty −1.00, −mean entropy of the \
        foreground 1.00, predicted area 0.80 after attention-guided at 50 %. P is the best of them \
        after 0 of 2 rounds.";
    assert!(page.contains(words), "{page}");
    let svg = read(dir.path(), "figures/predictors.svg");
    for words in ["attention-guided", "random", "predicted area", "−mean entropy"] {
        assert!(svg.contains(words), "{words}");
    }

    // Without attention P tells nothing, and nor is anything compared with it.
    let dir = report(&small(&[0], vec![record("random", 0, 0.5, &[0.8])]));
    assert_eq!(rows(&read(dir.path(), "tables/predictors.csv")).len(), 1, "the header");
    assert!(!dir.path().join("figures/predictors.svg").exists());
}

#[test]
fn empty_slices_are_counted_by_both_conventions() {
    let dir = report(&small(&[0], vec![told("attention-guided", 0.5), told(FULL, 1.0)]));
    let of = |slices: &str| {
        let begins = format!("tissue-segmentation,attention-guided,p,0.5,within-case,{slices},");
        cells(dir.path(), "agreement", &begins, "mean", 7)
    };
    // All: ranks 1 2 4 3 5 against 1 2 3 4 5. With 0/0 := 0 the empty slice is the lowest of both.
    for (slices, mean, n) in [("all", 0.9, 5.0), ("foreground", 0.8, 4.0), ("all-zero", 0.9, 5.0)] {
        let found = of(slices);
        assert_cells(&[0, 4].map(|at| found[at].clone()), &[mean, n]);
    }
    // 0.9 is not the paper's 0.92.
    assert_eq!(of("all")[5..].join(","), "B,0.0");
    let page = read(dir.path(), "report.html").replace('\u{a0}', " ");
    let words = "Within a case it is 0.900 over all slices and 0.800 over those with foreground, so \
        that empty slices add +0.100; with 0 for them it is 0.900; 0 % of the single cases have the \
        paper's coefficient or a higher one.";
    assert!(page.contains(words), "{page}");
    let markdown = read(dir.path(), "tables/agreement.md");
    assert!(markdown.contains("0/0 := 0: P"), "{markdown}");
}

#[test]
fn rounds_between_reports_have_their_agreement_on_part_a() {
    let mut between = told("attention-guided", 0.25);
    between.evaluated = false;
    between.cases[0].part = Part::A;
    let dir = report(&small(&[0], vec![between, told("attention-guided", 0.5)]));
    let begins = "tissue-segmentation,attention-guided,p,0.25,within-case,foreground,";
    let found = cells(dir.path(), "agreement", begins, "mean", 6);
    assert_cells(&found[..1], &[0.8]);
    assert_eq!(found[5], "A");
    let predictors = read(dir.path(), "tables/predictors.csv");
    assert!(!predictors.contains("0.25"), "{predictors}");
}
