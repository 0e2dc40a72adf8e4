//! Dice against how near annotated slices lie to the foreground, worked by hand.

use super::statistics::assert_cells;
use super::{read, record, report, rows, sample, small};
use slicewise_data::Part;
use slicewise_experiment::RoundRecord;
use slicewise_experiment::record::FULL;

/// A strategy with this Dice, whose only annotated slice of four is the one at `place`.
fn annotated(strategy: &str, place: usize, dice: f64) -> RoundRecord {
    let mut record = record(strategy, 0, 0.25, &[dice]);
    let mut seen = sample::unscored("seen".to_owned(), Part::A);
    seen.true_voxels = vec![10, 20, 30, 40];
    seen.annotated = (0..4).map(|z| z == place).collect();
    record.cases.push(seen);
    record
}

#[test]
fn dice_is_set_against_what_lies_within_seven_mm() {
    // Slices are 5 mm apart, so that the annotated one and its neighbours are covered: 30, 60, 90 and 70
    // voxels of 100. Dice is half of that and 0.4.
    let mut results = small(
        &[0],
        vec![
            annotated("random", 0, 0.55),
            annotated("equal-interval", 1, 0.7),
            annotated("uncertainty", 2, 0.85),
            annotated("my-own", 3, 0.75),
            record(FULL, 0, 1.0, &[0.9]),
        ],
    );
    let config = results.config.clone();
    results.config.push_str("data:\n  spacing_mm: 5\n");
    let dir = report(&results);
    // The same for slices of 5 mm in a finer plane, of which the third number is for axial slices.
    results.config = config + "data:\n  spacing_mm:\n  - 0.5\n  - 0.7\n  - 5.0\n";
    let by_axis = report(&results);
    assert_eq!(read(by_axis.path(), "tables/covered.csv"), read(dir.path(), "tables/covered.csv"));
    let table = rows(&read(dir.path(), "tables/covered.csv"));
    let place = table[0].iter().position(|name| name == "covered").unwrap();
    let covered: Vec<String> = table[1..].iter().map(|row| row[place].clone()).collect();
    assert_cells(&covered, &[0.3, 0.6, 0.9, 0.7]);
    let markdown = read(dir.path(), "tables/covered.md");
    // Steps and slices are the same for all, so the mean of the three others is what they tell: it
    // is off by 0.65/3, 0.05/3, 0.55/3 and 0.15/3.
    for (predictor, error) in
        [("training steps", "0.144"), ("annotated slices", "0.144"), ("covered share", "0.000")]
    {
        let row = format!("| Task 2 | {predictor} | {error} | 4 |");
        assert!(markdown.contains(&row), "{row}: {markdown}");
    }
    let page = read(dir.path(), "report.html");
    assert!(page.contains("predicted from: covered share 0.000"), "{page}");
    assert!(dir.path().join("figures/covered.svg").exists());

    // Nobody says how far slices are apart.
    results.config = sample::config(&[("attention-unet", "attention-unet")]);
    assert!(!report(&results).path().join("tables/covered.csv").exists());
}
