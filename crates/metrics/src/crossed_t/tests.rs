//! The test with whole seeds and whole cases, worked by hand.

use super::*;

fn table(rows: &[&[f64]]) -> Vec<(usize, usize, f64)> {
    let cells = rows.iter().enumerate();
    cells
        .flat_map(|(r, row)| row.iter().enumerate().map(move |(c, d)| (r, c, *d)))
        .collect()
}

#[track_caller]
fn assert_near(got: Option<f64>, expected: f64) {
    assert!(
        (got.unwrap() - expected).abs() < 1e-9,
        "{got:?} against {expected}"
    );
}

#[test]
fn runs_alone_are_a_t_test_over_runs_worked_by_hand() {
    // Cases differ by nothing: 1, 2, 3 have mean 2 and standard error 1/√3. With two degrees
    // of freedom p = 1 − t / √(2 + t²), where t = 2√3.
    let test = crossed_t(&table(&[&[1.0; 4], &[2.0; 4], &[3.0; 4]])).unwrap();
    assert_eq!(
        (test.interval.mean, test.interval.n, test.runs, test.cases),
        (2.0, 12, 3, 4)
    );
    assert_near(test.error, 1.0 / 3_f64.sqrt());
    assert_near(test.freedom, 2.0);
    assert_near(test.p, 1.0 - (12_f64 / 14.0).sqrt());
}

#[test]
fn runs_and_cases_add_up_worked_by_hand() {
    // Runs −4, 0, 4, cases −6, 0, 6, residuals ±1 without row or column sum. Mean squares: of
    // runs 3 · 16, of cases 3 · 36, of residuals 4/4. So the variance of the mean is
    // (48 + 108 − 1)/9 with 155² / (48²/2 + 108²/2 + 1/4) degrees of freedom.
    let rows: [&[f64]; 3] = [&[-9.0, -5.0, 2.0], &[-7.0, 1.0, 6.0], &[-2.0, 4.0, 10.0]];
    let test = crossed_t(&table(&rows)).unwrap();
    assert_near(Some(test.interval.mean), 0.0);
    assert_near(test.error, (155_f64 / 9.0).sqrt());
    assert_near(test.freedom, 155_f64.powi(2) / (1152.0 + 5832.0 + 0.25));
    let found = variance_components(&table(&rows)).unwrap().unwrap();
    assert_near(Some(found.run), (48.0 - 1.0) / 3.0);
    assert_near(Some(found.case), (108.0 - 1.0) / 3.0);
    assert_near(Some(found.residual), 1.0);
}

#[test]
fn a_component_that_is_nothing_goes_to_the_residual() {
    // Each row and each column of the Latin square has the same sum, so all is residual: 18
    // over 8 degrees of freedom, and 18/8/9 is the variance of the mean.
    let rows: [&[f64]; 3] = [&[1.0, 2.0, 4.0], &[2.0, 4.0, 1.0], &[4.0, 1.0, 2.0]];
    let test = crossed_t(&table(&rows)).unwrap();
    let squares = 3.0 * (16.0 + 1.0 + 25.0) / 9.0;
    assert_near(test.error, (squares / 72.0_f64).sqrt());
    assert_near(test.freedom, 8.0);
}

#[test]
fn what_is_corrected_is_the_largest_p_worked_by_hand() {
    // Means of runs, and of cases, are 7/3, 7/3 and 8/3: mean 22/9, standard error 1/9, so t is 22
    // with two degrees of freedom. Pooled, the residual has eight, and a smaller p.
    let rows: [&[f64]; 3] = [&[1.0, 2.0, 4.0], &[2.0, 4.0, 1.0], &[4.0, 1.0, 3.0]];
    let test = crossed_t(&table(&rows)).unwrap();
    assert_near(test.strict, 1.0 - 22.0 / (2.0 + 22_f64.powi(2)).sqrt());
    assert!(
        test.p < test.strict && test.freedom == Some(8.0),
        "{test:?}"
    );
    // Where runs are all there is, both are the t test over runs.
    let test = crossed_t(&table(&[&[1.0; 4], &[2.0; 4], &[3.0; 4]])).unwrap();
    assert_near(test.strict, test.p.unwrap());
}

#[test]
fn folds_of_one_run_are_compared_by_their_means() {
    let scores = [
        (1, 1, 1.0),
        (1, 2, 3.0),
        (2, 3, 5.0),
        (2, 4, 7.0),
        (3, 5, 7.0),
        (3, 6, 9.0),
    ];
    let (test, means) = (
        crossed_t(&scores).unwrap(),
        crate::mean_interval(&[2.0, 6.0, 8.0]),
    );
    assert_near(test.interval.low, means.low.unwrap());
    assert_near(test.interval.high, means.high.unwrap());
    assert_near(test.freedom, 2.0);
    assert_eq!(crossed_t(&scores[..4]).unwrap().p, None, "two runs");
}

#[test]
fn equal_differences_are_certain_unless_they_are_zero() {
    for (value, p) in [(0.25, 0.0), (-0.25, 0.0), (0.0, 1.0)] {
        let test = crossed_t(&table(&[&[value; 2], &[value; 2], &[value; 2]])).unwrap();
        assert_eq!((test.p, test.interval.low), (Some(p), Some(value)));
    }
}

#[test]
fn two_runs_or_one_case_have_a_mean_alone() {
    for rows in [vec![&[1.0, 2.0, 4.0][..]; 2], vec![&[1.0], &[2.0], &[4.0]]] {
        let test = crossed_t(&table(&rows)).unwrap();
        assert!(test.p.is_none() && test.strict.is_none() && test.interval.low.is_none());
        assert!(test.freedom.is_none());
        assert_near(Some(test.interval.mean), 7.0 / 3.0);
    }
}

#[test]
fn what_cannot_be_tested_is_refused() {
    let none: [(u64, u64, f64); 0] = [];
    assert_eq!(
        crossed_t(&none),
        Err(MetricsError::TooFew { needed: 1, got: 0 })
    );
    let twice = crossed_t(&[(1, 1, 0.5), (1, 2, 0.5), (1, 1, 0.5)]);
    assert_eq!(twice, Err(MetricsError::Repeated { index: 2 }));
    let nan = crossed_t(&[(1, 1, 0.5), (1, 2, f64::NAN)]);
    assert!(matches!(nan, Err(MetricsError::NotFinite { index: 1, .. })));
}
