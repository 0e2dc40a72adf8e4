//! Tables say what was reached, whatever was asked for, and count apart what has no Dice.

use crate::{cell, read, record, report, rows, small};
use slicewise_experiment::RoundRecord;
use slicewise_experiment::record::{FIRST, FULL};

/// Asks for `ratio` of five thick slices in each of two volumes, of which `annotated` are.
fn thick(strategy: &str, seed: u64, ratio: f64, annotated: u64, dice: f64) -> RoundRecord {
    RoundRecord {
        annotated_slices: annotated,
        total_slices: 10,
        annotated_contour_mm: 60.0 * annotated as f64,
        ..record(strategy, seed, ratio, &[dice])
    }
}

#[test]
fn the_share_of_slices_is_the_one_reached() {
    let records = (0..3).flat_map(|seed| {
        [
            thick(FULL, seed, 1.0, 10, 0.9),
            thick(FIRST, seed, 0.0625, 2, 0.8),
            // Nothing can be added for 12.5 %.
            thick("random", seed, 0.125, 2, 0.81),
            thick("random", seed, 0.5, 6, 0.895),
            thick("equal-interval", seed, 0.5, 6, 0.82),
        ]
    });
    let dir = report(&small(&[0, 1, 2], records.collect()));
    let of = |strategy: &str, column| cell(dir.path(), "table2", strategy, column);
    let table = rows(&read(dir.path(), "tables/table2.csv"));
    let reached: Vec<[&str; 3]> =
        table[1..].iter().map(|row| [row[2].as_str(), &row[3], &row[10]]).collect();
    assert_eq!(
        reached,
        [
            ["full", "1.0", "1.0"],
            ["first", "0.2", "0.0625"],
            ["random", "0.200001", "0.125"],
            ["random", "0.6", "0.5"],
            ["equal-interval", "0.6", "0.5"],
        ]
    );
    assert_eq!(of("tissue-segmentation,B,equal-interval", "mean"), "0.82");
    let markdown = read(dir.path(), "tables/table2.md").replace('\u{a0}', " ");
    for row in ["| first round (shared) | 20 % |", "| random | 20 % |", "| random | 60 % |"] {
        assert!(markdown.contains(row), "{row}: {markdown}");
    }
    // The paper's number belongs to what was asked for.
    let random = markdown.lines().find(|line| line.starts_with("| random | 60 %")).unwrap();
    assert!(random.ends_with("| 0.846 | 0.846 |"), "{random}");
    // The paper's 50 % are what strategies are compared at, and 60 % is where they stand.
    let comparison = read(dir.path(), "tables/comparison.md").replace('\u{a0}', " ");
    assert!(comparison.contains("| Task 2 | 60 % |"), "{comparison}");
    // 6 slices of 10 s, and 360 mm of 0.25 s: two and a half minutes.
    assert_eq!(
        cell(dir.path(), "minimum-cost", "tissue-segmentation,random,mean", "minutes"),
        "2.5"
    );
    let page = read(dir.path(), "report.html");
    assert!(page.contains("random at 60\u{a0}% of the slices"), "the star");
    let figure = read(dir.path(), "figures/minutes.svg");
    assert!(figure.contains("minutes of drawing, by the stated model"));
}

#[test]
fn a_case_with_nothing_to_find_is_counted_apart() {
    let healthy = |strategy: &str, seed, ratio, voxels: u64| {
        let mut record = record(strategy, seed, ratio, &[0.8, 0.0, 0.0]);
        for (case, voxels) in record.cases[1..].iter_mut().zip([0, voxels]) {
            case.mean_dice = None;
            case.dice[0].1 = None;
            case.foreground = vec![false, false];
            case.predicted_voxels = vec![0, voxels];
        }
        record.cases[0].predicted_voxels = vec![3, 5];
        record
    };
    let records = vec![
        healthy(FULL, 0, 1.0, 0),
        healthy(FULL, 1, 1.0, 0),
        healthy("random", 0, 0.5, 30),
        healthy("random", 1, 0.5, 10),
    ];
    let dir = report(&small(&[0, 1], records));
    let of = |table: &str, row: &str, column| cell(dir.path(), table, row, column);
    let random = "tissue-segmentation,random";
    assert_eq!(of("healthy", random, "cases"), "2");
    assert_eq!(of("healthy", random, "left_empty"), "0.5");
    // 0 and 30 in one seed, 0 and 10 in the other.
    assert_eq!(of("healthy", random, "voxels"), "10.0");
    assert_eq!(of("healthy", "tissue-segmentation,full", "left_empty"), "1.0");
    // The others count in no mean.
    assert_eq!(of("table2", "tissue-segmentation,B,random", "mean"), "0.8");
    assert_eq!(of("table2", "tissue-segmentation,B,random", "cases"), "1");
    assert_eq!(of("tissues", "tissue-segmentation,white matter,random", "cases"), "1");
    let page = read(dir.path(), "report.html");
    assert!(
        page.contains("2 case(s) of Part B have nothing to find and count in no Dice"),
        "{page}"
    );
    let without = report(&small(&[0], vec![record("random", 0, 0.5, &[0.8])]));
    assert!(!without.path().join("tables/healthy.csv").exists());
}

/// The paper's claim is about shares that were asked for, and about every rival.
#[test]
fn the_papers_claim_is_held_against_every_rival() {
    let records = (0..3).flat_map(|seed| {
        [
            thick("attention-guided", seed, 0.3, 4, 0.84),
            thick("random", seed, 0.5, 6, 0.86),
            thick("equal-interval", seed, 0.5, 6, 0.87),
        ]
    });
    let page = read(report(&small(&[0, 1, 2], records.collect())).path(), "report.html");
    for words in [
        "rival at 50\u{a0}%, does not hold here: 0.840 against 0.870 (equal-interval)",
        // One case has no interval.
        "; the difference is −0.020 from random (0.860).",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

/// Minutes can be many, and in one task many more than in the other.
#[test]
fn amounts_beyond_100_stay_in_their_panels() {
    let long = |strategy: &str, seed, ratio, annotated| RoundRecord {
        annotated_contour_mm: 20_000.0 * annotated as f64,
        ..thick(strategy, seed, ratio, annotated, 0.8)
    };
    let records = (0..3).flat_map(|seed| {
        [long(FULL, seed, 1.0, 10), long(FIRST, seed, 0.0625, 2), long("random", seed, 0.5, 6)]
    });
    let dir = report(&small(&[0, 1, 2], records.collect()));
    let minutes: f64 =
        cell(dir.path(), "effort", "tissue-segmentation,random", "minutes").parse().unwrap();
    assert!(minutes > 400.0, "{minutes}");
    let svg = read(dir.path(), "figures/minutes.svg");
    let number = |text: &str| text.parse::<f64>().unwrap();
    let width = svg.split("width=\"").nth(1).unwrap().split('"').next().map(number).unwrap();
    let half = width / 2.0;
    let lines = svg.lines().filter(|line| line.starts_with("<polyline"));
    let points = lines.flat_map(|line| {
        let points = line.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        points.split_whitespace().map(|point| point.split_once(',').unwrap())
    });
    // The legend lies above the panels.
    let points = points.map(|(x, y)| (number(x), number(y))).filter(|(_, y)| *y > 100.0);
    let points: Vec<f64> = points.map(|(x, _)| x).collect();
    assert!(points.len() > 10);
    for x in points {
        assert!(x <= width - 51.0 && !(half - 51.0..half + 19.0).contains(&x), "{x} of {width}");
    }
}
