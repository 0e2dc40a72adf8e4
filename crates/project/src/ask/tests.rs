use super::*;
use crate::history::{Event, Line};
use slicewise_core::{Agreement, Geometry, SliceAxis, Volume};
use slicewise_data::DataConfig;
use slicewise_data::nifti::write_image;
use slicewise_data::scan::prepare_scan;
use std::collections::BTreeMap;

fn settings(spacing_mm: Option<f64>) -> Settings {
    Settings {
        task: "heads".parse().unwrap(),
        classes: vec!["background".to_owned(), "cyst".to_owned()],
        axis: SliceAxis::Axial,
        agreement: Agreement::Dice,
        preparation: DataConfig {
            spacing_mm: spacing_mm.map(Into::into),
            ..DataConfig::new("manifest")
        },
        seed: 1,
        steps: 1,
        checkpoint_every: 1,
    }
}

/// Three scans of 12 slices of 4 mm.
fn cases(settings: &Settings) -> Vec<ProjectCase> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan.nii");
    let voxels = Array3::from_shape_fn((12, 8, 8), |(z, y, x)| (1 + z + y * x) as f32);
    let geometry = Geometry::axis_aligned([4.0, 2.0, 2.0]);
    write_image(&path, &Volume { voxels, geometry }).unwrap();
    let case = |id: &str| {
        let scan = prepare_scan(&path, SliceAxis::Axial, &settings.preparation, None).unwrap();
        let (labels, annotated) = scan.annotation(&BTreeMap::new(), 2);
        ProjectCase {
            id: id.to_owned(),
            scan,
            labels,
            annotated,
        }
    };
    ["a", "b", "c"].map(case).into()
}

/// A state in which these slices were asked for.
fn asked(slices: &[AskedSlice]) -> State {
    State::of(&[Line {
        time: String::new(),
        who: "anna".to_owned(),
        before: String::new(),
        event: Event::Ask {
            round: 1,
            task: "r01".to_owned(),
            to: None,
            strategy: WITHOUT_MODEL.to_owned(),
            model: None,
            slices: slices.to_vec(),
            labels: BTreeMap::new(),
        },
    }])
}

fn ask(state: &State, settings: &Settings, slices: usize) -> Vec<AskedSlice> {
    let query = Query {
        strategy: without_model().unwrap(),
        slices,
        segmenter: None,
    };
    choose(state, settings, &cases(settings), query).unwrap()
}

fn of_case(asked: &[AskedSlice], case: &str) -> Vec<usize> {
    let of_case = asked.iter().filter(|asked| asked.case == case);
    of_case.map(|asked| asked.slice).collect()
}

#[test]
fn the_first_slices_are_spread_over_scans_and_heights() {
    let settings = settings(None);
    let first = ask(&State::default(), &settings, 5);
    let slices = ["a", "b", "c"].map(|case| of_case(&first, case));
    assert_eq!(slices.each_ref().map(Vec::len), [2, 2, 1]);
    // Distance 6; phases of 1/6, 5/6 and 1/2 of it.
    assert_eq!(slices, [vec![1, 7], vec![5, 11], vec![6]]);
    assert!(first[0].why.ends_with("nothing of this scan is drawn yet"));

    // The next ones go to the scan with the fewest, into the widest gaps, and none is asked for twice.
    let next = ask(&asked(&first), &settings, 4);
    assert_eq!(of_case(&next, "c").len(), 2);
    assert!(next.iter().all(|slice| !first.contains(slice)));
    assert_eq!(of_case(&next, "a"), [4]);
    assert_eq!(
        next[0].why,
        "in the middle of a gap, 12 mm from the nearest drawn slice"
    );
    // More than there are.
    assert_eq!(ask(&asked(&first), &settings, 99).len(), 3 * 12 - 5);
}

/// The network's slices are 2 mm thick: two of them lie in each of the scan's.
#[test]
fn a_slice_of_the_scan_is_asked_for_once() {
    let settings = settings(Some(2.0));
    let first = ask(&State::default(), &settings, 3);
    let next = ask(&asked(&first), &settings, 33);
    let mut all: Vec<(String, usize)> = first
        .into_iter()
        .chain(next)
        .map(|asked| (asked.case, asked.slice))
        .collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 36);
}

#[test]
fn an_oracle_is_refused() {
    let settings = settings(None);
    let oracle = STRATEGIES.iter().find(|strategy| strategy.is_oracle());
    let query = Query {
        strategy: *oracle.unwrap(),
        slices: 1,
        segmenter: None,
    };
    let error = choose(&State::default(), &settings, &cases(&settings), query).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("expected a strategy that needs no ground truth, got oracle-")
    );
}
