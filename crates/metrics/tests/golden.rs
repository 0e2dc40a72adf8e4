//! Compares metrics and statistics with numpy and scipy. `fixtures/golden.py` made the values.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use ndarray::{Array3, Array4};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use slicewise_metrics::{
    Agreement, CurveEnds, Difference, Interval, LEAST_RUNS, Line, aubc, average_ranks, class_dice,
    crossed_bootstrap, crossed_t, fg_eff, holm, linear_fit, mean_interval, paired_t,
    pairwise_penalty, pearson, rank_regression, slice_agreement, slice_entropy, spearman,
    spearman_interval, variance_components, wilcoxon,
};

fn golden() -> Value {
    serde_json::from_str(include_str!("fixtures/golden.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|x| x.as_f64().unwrap()).collect()
}

fn label_map(golden: &Value, name: &str) -> Array3<u8> {
    let shape: Vec<usize> = numbers(&golden["shape"])
        .iter()
        .map(|&n| n as usize)
        .collect();
    let voxels = numbers(&golden[name]).iter().map(|&v| v as u8).collect();
    Array3::from_shape_vec((shape[0], shape[1], shape[2]), voxels).unwrap()
}

#[track_caller]
fn assert_close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (g, e) in got.iter().zip(expected) {
        let scale = e.abs().max(1.0);
        assert!((g - e).abs() <= tolerance * scale, "got {g}, expected {e}");
    }
}

#[test]
fn slice_agreement_and_class_dice_match_numpy() {
    let golden = golden();
    let (pred, truth) = (label_map(&golden, "pred"), label_map(&golden, "truth"));
    for (name, agreement) in [
        ("slice_dice", Agreement::Dice),
        ("slice_accuracy", Agreement::Accuracy),
    ] {
        let got = slice_agreement(&pred, &truth, agreement).unwrap();
        assert_close(&got, &numbers(&golden[name]), 1e-15);
    }
    let expected = golden["class_dice"].as_array().unwrap();
    let expected: Vec<Option<f64>> = expected.iter().map(Value::as_f64).collect();
    let got = class_dice(&pred, &truth, 5).unwrap();
    assert_eq!(got.len(), expected.len());
    for (g, e) in got.iter().zip(&expected) {
        assert_eq!(g.is_some(), e.is_some());
        assert_close(&[g.unwrap_or(0.0)], &[e.unwrap_or(0.0)], 1e-15);
    }
}

#[test]
fn slice_entropy_matches_scipy() {
    let golden = &golden()["slice_entropy"];
    let shape: Vec<usize> = numbers(&golden["shape"])
        .iter()
        .map(|&n| n as usize)
        .collect();
    let p = numbers(&golden["p"]).iter().map(|&p| p as f32).collect();
    let p = Array4::from_shape_vec((shape[0], shape[1], shape[2], shape[3]), p).unwrap();
    assert_close(&slice_entropy(&p), &numbers(&golden["entropy"]), 1e-12);
}

#[test]
fn bootstrap_intervals_match_scipy_but_for_the_noise_of_resampling() {
    for case in golden()["bootstrap"].as_array().unwrap() {
        let values = numbers(&case["values"]);
        let mut generator = ChaCha8Rng::seed_from_u64(3);
        // With a single column only rows are resampled.
        let table: Vec<_> = values.iter().map(|value| vec![Some(*value)]).collect();
        let interval = crossed_bootstrap(&table, 0.95, 50_000, &mut generator).unwrap();
        let (low, high) = (
            case["low"].as_f64().unwrap(),
            case["high"].as_f64().unwrap(),
        );
        let tolerance = 0.01 * (high - low);
        for (got, expected) in [(interval.low, low), (interval.high, high)] {
            let got = got.unwrap();
            assert!(
                (got - expected).abs() < tolerance,
                "got {got}, expected {expected}"
            );
        }
    }
}

#[test]
fn ranks_correlations_and_lines_match_scipy() {
    let flat = |line: Line| [line.slope, line.intercept, line.r];
    for pair in golden()["pairs"].as_array().unwrap() {
        let (x, y) = (numbers(&pair["x"]), numbers(&pair["y"]));
        assert_close(&average_ranks(&x).unwrap(), &numbers(&pair["ranks_x"]), 0.0);
        let correlations = [pearson(&x, &y).unwrap(), spearman(&x, &y).unwrap()];
        let expected = ["pearson", "spearman"].map(|name| pair[name].as_f64().unwrap());
        assert_close(&correlations, &expected, 1e-9);
        let fit = flat(linear_fit(&x, &y).unwrap());
        assert_close(&fit, &numbers(&pair["fit"]), 1e-9);
        let ranks = flat(rank_regression(&x, &y).unwrap());
        assert_close(&ranks, &numbers(&pair["rank_fit"]), 1e-12);
    }
}

#[test]
fn intervals_of_rank_correlations_match_scipy() {
    for case in golden()["spearman_intervals"].as_array().unwrap() {
        let [r, n, low, high] = ["r", "n", "low", "high"].map(|name| case[name].as_f64().unwrap());
        let got = spearman_interval(r, n as usize).unwrap();
        assert_close(&[got.0, got.1], &[low, high], 1e-10);
    }
}

#[test]
fn student_intervals_match_scipy() {
    for case in golden()["intervals"].as_array().unwrap() {
        let values = numbers(&case["values"]);
        let got = mean_interval(&values);
        if values.len() < LEAST_RUNS {
            assert_eq!((got.low, got.high), (None, None));
            continue;
        }
        let got = [got.mean, got.low.unwrap(), got.high.unwrap()];
        let expected = ["mean", "low", "high"].map(|name| case[name].as_f64().unwrap());
        assert_close(&got, &expected, 1e-10);
    }
}

#[test]
fn signed_ranks_match_scipy() {
    for case in golden()["wilcoxon"].as_array().unwrap() {
        let got = wilcoxon(&numbers(&case["differences"])).unwrap();
        let expected = ["statistic", "p", "n"].map(|name| case[name].as_f64().unwrap());
        assert_close(
            &[got.statistic, got.n as f64],
            &[expected[0], expected[2]],
            0.0,
        );
        // The tolerance is relative, so that a p of 1e-15 is checked too.
        assert!((got.p / expected[1] - 1.0).abs() < 1e-9, "{got:?} {case}");
    }
}

#[test]
fn paired_t_tests_match_scipy() {
    for case in golden()["paired_t"].as_array().unwrap() {
        let got = paired_t(&numbers(&case["differences"])).unwrap();
        let expected = ["statistic", "p"].map(|name| case[name].as_f64().unwrap());
        assert_close(&[got.statistic], &expected[..1], 1e-9);
        assert!((got.p / expected[1] - 1.0).abs() < 1e-8, "{got:?} {case}");
    }
}

#[test]
fn crossed_tests_match_numpy() {
    let golden = golden();
    let cases = golden["crossed_t"].as_array().unwrap();
    for case in cases {
        let [runs, units, values] = ["runs", "cases", "values"].map(|name| numbers(&case[name]));
        let scores: Vec<(u64, u64, f64)> = runs
            .iter()
            .zip(&units)
            .zip(&values)
            .map(|((run, unit), value)| (*run as u64, *unit as u64, *value))
            .collect();
        let got = crossed_t(&scores).unwrap();
        let expected =
            ["mean", "low", "high", "freedom", "p"].map(|name| case[name].as_f64().unwrap());
        let Interval {
            mean, low, high, ..
        } = got.interval;
        let got = [
            mean,
            low.unwrap(),
            high.unwrap(),
            got.freedom.unwrap(),
            got.p.unwrap(),
        ];
        assert_close(&got, &expected, 1e-8);
        let found = variance_components(&scores).unwrap().unwrap();
        let found = [found.run, found.case, found.residual];
        assert_close(&found, &numbers(&case["components"]), 1e-8);
    }
    // Each number of components that are kept is among them.
    for kept in 0..3 {
        assert!(cases.iter().any(|case| case["kept"] == kept), "{kept}");
    }
}

#[test]
fn penalties_match_scipy() {
    let golden = &golden()["penalty"];
    let budgets: Vec<Vec<_>> = golden["scores"]
        .as_array()
        .unwrap()
        .iter()
        .map(|budget| {
            let methods = budget.as_array().unwrap().iter();
            methods.map(numbers).collect()
        })
        .collect();
    let over_seeds = |ours: &Vec<f64>, theirs: &Vec<f64>| {
        let differences: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
        let test = paired_t(&differences).ok()?;
        Some(Difference {
            mean: test.statistic,
            p: test.p,
        })
    };
    let matrix = pairwise_penalty(&budgets, 0.05, over_seeds);
    let expected = golden["matrix"].as_array().unwrap();
    assert_eq!(matrix.len(), expected.len());
    for (winner, (row, expected)) in matrix.iter().zip(expected).enumerate() {
        // Scipy's 0 of a method against itself is no test; every other 0 is one that found nothing.
        assert_eq!(row[winner], None, "a method is not tested against itself");
        let expected = numbers(expected);
        assert_eq!(row.len(), expected.len());
        for (loser, (cell, expected)) in row.iter().zip(expected).enumerate() {
            if loser == winner {
                continue;
            }
            let penalty = cell.unwrap_or_else(|| panic!("no test of {winner} and {loser}"));
            assert_eq!(penalty.budgets, budgets.len());
            assert_close(&[penalty.share], &[expected], 1e-12);
        }
    }
}

#[test]
fn holm_and_areas_match_numpy() {
    let golden = golden();
    for case in golden["holm"].as_array().unwrap() {
        let got = holm(&numbers(&case["p"])).unwrap();
        assert_close(&got, &numbers(&case["adjusted"]), 1e-15);
    }
    for case in golden["aubc"].as_array().unwrap() {
        let got = aubc(&numbers(&case["x"]), &numbers(&case["y"])).unwrap();
        assert_close(&[got], &[case["aubc"].as_f64().unwrap()], 1e-14);
    }
}

#[test]
fn foreground_efficiency_matches_scipy() {
    for case in golden()["fg_eff"].as_array().unwrap() {
        let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
        let [start, ceiling, b] =
            ["start", "ceiling", "b"].map(|name| case[name].as_f64().unwrap());
        let ends = CurveEnds {
            x0: x[0],
            start,
            ceiling,
        };
        assert_close(&[fg_eff(&x, &y, ends).unwrap()], &[b], 1e-6);
    }
}

#[test]
fn agreement_is_symmetric_and_accuracy_never_exceeds_dice() {
    let golden = golden();
    let (a, b) = (label_map(&golden, "pred"), label_map(&golden, "truth"));
    let scores = |a, b, agreement| slice_agreement(a, b, agreement).unwrap();
    for agreement in [Agreement::Dice, Agreement::Accuracy] {
        assert_eq!(scores(&a, &b, agreement), scores(&b, &a, agreement));
        assert!(scores(&a, &a, agreement).iter().all(|&p| p == 1.0));
    }
    let pairs =
        scores(&a, &b, Agreement::Accuracy)
            .into_iter()
            .zip(scores(&a, &b, Agreement::Dice));
    for (accuracy, dice) in pairs {
        assert!((0.0..=dice).contains(&accuracy) && dice <= 1.0);
    }
}
