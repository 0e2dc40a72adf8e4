//! Compares measures over volumes with numpy, scipy and MONAI. `fixtures/volumes.py` made the
//! values.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use ndarray::{Array3, Array4};
use serde_json::Value;
use slicewise_metrics::{
    DistanceMap, Overlap, class_hd95, class_surface_distance, foreground_entropy,
    interpolated_labels,
};

/// The value in `fixtures/volumes.py` of a pixel where two classes lie equally deep.
const TIE: u8 = 9;

fn golden(name: &str) -> Value {
    let mut golden: Value = serde_json::from_str(include_str!("fixtures/volumes.json")).unwrap();
    golden[name].take()
}

fn numbers<const N: usize>(value: &Value) -> [f64; N] {
    let numbers: Vec<f64> = serde_json::from_value(value.clone()).unwrap();
    numbers.try_into().unwrap()
}

fn shape(value: &Value) -> [usize; 3] {
    serde_json::from_value(value.clone()).unwrap()
}

/// A label map of which the file has one digit a voxel.
fn label_map(digits: &Value, shape: [usize; 3]) -> Array3<u8> {
    let digits = digits.as_str().unwrap().bytes();
    Array3::from_shape_vec(shape, digits.map(|digit| digit - b'0').collect()).unwrap()
}

#[track_caller]
fn assert_close(got: f64, expected: f64) {
    let tolerance = 1e-12 * expected.abs().max(1.0);
    assert!(
        (got - expected).abs() <= tolerance,
        "got {got}, expected {expected}"
    );
}

#[test]
fn distances_match_scipy() {
    for case in golden("distances").as_array().unwrap() {
        let seeds: Vec<usize> = serde_json::from_value(case["seeds"].clone()).unwrap();
        let map = DistanceMap::new(&seeds, shape(&case["shape"]), numbers(&case["spacing_mm"]));
        let expected = case["squared_mm2"].as_array().unwrap();
        for (voxel, expected) in expected.iter().enumerate() {
            assert_close(map.squared_mm2(voxel), expected.as_f64().unwrap());
        }
    }
}

#[test]
fn surface_distances_match_scipy_and_monai() {
    for case in golden("surfaces").as_array().unwrap() {
        let [a, b] = ["a", "b"].map(|name| label_map(&case[name], shape(&case["shape"])));
        let expected = case["distances_mm"].as_array().unwrap();
        let (spacing_mm, classes) = (numbers(&case["spacing_mm"]), expected.len() + 1);
        let got = class_surface_distance(&a, &b, spacing_mm, classes).unwrap();
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert_eq!(got.is_none(), expected.is_null());
            if let Some(got) = got {
                let [hd95, mean] = numbers(expected);
                assert_close(got.hd95_mm, hd95);
                assert_close(got.mean_mm, mean);
            }
        }
        let hd95 = class_hd95(&a, &b, spacing_mm, classes).unwrap();
        let expected: Vec<_> = got.iter().map(|got| got.map(|got| got.hd95_mm)).collect();
        assert_eq!(hd95, expected);
    }
}

#[test]
fn interpolated_labels_match_brute_force() {
    for case in golden("interpolation").as_array().unwrap() {
        let shape = shape(&case["shape"]);
        let slices: Vec<usize> = serde_json::from_value(case["annotated"].clone()).unwrap();
        let annotated: Vec<bool> = (0..shape[0]).map(|z| slices.contains(&z)).collect();
        let classes = case["classes"].as_u64().unwrap() as usize;
        let labels = label_map(&case["labels"], shape);
        let spacing_mm = numbers(&case["spacing_mm"]);
        let got = interpolated_labels(&labels, &annotated, spacing_mm, classes).unwrap();
        let (first, last) = (slices[0], slices[slices.len() - 1]);
        let got = got.slice(ndarray::s![first..=last, .., ..]);
        let expected = label_map(&case["between"], [last + 1 - first, shape[1], shape[2]]);
        let ties = expected.iter().filter(|&&label| label == TIE).count();
        assert!(ties <= 2, "{ties} pixels are not compared");
        for (place, &expected) in expected.indexed_iter() {
            assert!(expected == TIE || got[place] == expected, "at {place:?}");
        }
    }
}

#[test]
fn dice_over_some_slices_matches_numpy() {
    let case = golden("dice_of_slices");
    let [a, b] = ["a", "b"].map(|name| label_map(&case[name], shape(&case["shape"])));
    let include: Vec<bool> = serde_json::from_value(case["include"].clone()).unwrap();
    let overlap = Overlap::of(&a, &b).unwrap().of_slices(&include).unwrap();
    let got = overlap.class_dice(4).unwrap();
    for (got, expected) in got.into_iter().zip(numbers::<3>(&case["class_dice"])) {
        assert_close(got.unwrap(), expected);
    }
}

#[test]
fn entropy_over_foreground_matches_scipy() {
    let case = golden("foreground_entropy");
    let [classes, depth, height, width]: [usize; 4] =
        serde_json::from_value(case["shape"].clone()).unwrap();
    let p: Vec<f32> = serde_json::from_value(case["p"].clone()).unwrap();
    let p = Array4::from_shape_vec((classes, depth, height, width), p).unwrap();
    let predicted = label_map(&case["predicted"], [depth, height, width]);
    let got = foreground_entropy(&p, &predicted).unwrap();
    let expected = case["mean"].as_array().unwrap();
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.into_iter().zip(expected) {
        assert_eq!(got.is_none(), expected.is_null());
        if let Some(got) = got {
            assert_close(got, expected.as_f64().unwrap());
        }
    }
}
