use super::*;
use ndarray::Array3;
use slicewise_core::{Geometry, Volume};

/// A grid of 4 × 5 × 6 voxels (z, y, x) of 3 × 2 × 1 mm, whose y and z axes are turned by 0.3 rad.
fn map() -> LabelMap {
    let mut geometry = Geometry::axis_aligned([3.0, 2.0, 1.0]);
    let (sine, cosine) = 0.3f64.sin_cos();
    geometry.affine[0][3] = 10.0;
    geometry.affine[1] = [0.0, 2.0 * cosine, -3.0 * sine, -20.0];
    geometry.affine[2] = [0.0, 2.0 * sine, 3.0 * cosine, 30.0];
    Volume {
        voxels: Array3::zeros((4, 5, 6)),
        geometry,
    }
}

fn classes() -> Vec<String> {
    ["background", "grey matter", "cyst <1>"]
        .map(str::to_owned)
        .to_vec()
}

fn asked(slice: usize) -> AskedSlice {
    AskedSlice {
        case: "sub-01".to_owned(),
        slice,
        why: "evenly spaced, nothing is drawn yet".to_owned(),
    }
}

fn with(axis: SliceAxis, test: impl Fn(&CaseFiles)) {
    let (labels, classes) = (map(), classes());
    let (one, two) = (asked(1), asked(3));
    test(&CaseFiles {
        case: "sub-01",
        labels: &labels,
        axis,
        classes: &classes,
        asked: &[&one, &two],
    });
}

#[test]
fn labels_are_the_classes_then_unsure_and_done() {
    let palette = palette(&classes());
    let names: Vec<(usize, &str)> = palette.iter().map(|l| (l.value, l.name.as_str())).collect();
    assert_eq!(
        names,
        [
            (1, "grey matter"),
            (2, "cyst <1>"),
            (3, "unsure"),
            (4, "done")
        ]
    );
    let text = itk_snap::label_description(&palette);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], "# ITK-SnAP Label Description File");
    assert_eq!(
        lines[5],
        "    0     0    0    0        0  0  0    \"Clear Label\""
    );
    assert_eq!(
        lines[6],
        "    1   230  159    0        1  1  1    \"grey matter\""
    );
    let table = slicer::colour_table(&palette);
    assert!(table.contains("\n1 grey_matter 230 159 0 255\n"), "{table}");
    assert_eq!(table.lines().count(), 6);
}

/// n·(affine·(0,0,k,1)) by hand: the normal of axial slices is (0, −sin 0.3, cos 0.3).
#[test]
fn slicers_offset_is_along_the_normal() {
    with(SliceAxis::Axial, |case| {
        let (sine, cosine) = 0.3f64.sin_cos();
        for slice in [0, 3] {
            let point = [
                10.0,
                -20.0 - 3.0 * sine * slice as f64,
                30.0 + 3.0 * cosine * slice as f64,
            ];
            let expected = -sine * point[1] + cosine * point[2];
            assert!((case.offset_mm(slice) - expected).abs() < 1e-9);
        }
    });
    with(SliceAxis::Sagittal, |case| {
        assert!((case.offset_mm(3) - 13.0).abs() < 1e-9)
    });
}

#[test]
fn a_workspace_marks_each_slice_in_its_plane() {
    for (axis, plane, position) in [
        (SliceAxis::Axial, 2, "3.5 2.5 3.5"),
        (SliceAxis::Coronal, 1, "3.5 3.5 2.5"),
        (SliceAxis::Sagittal, 0, "3.5 2.5 2.5"),
    ] {
        with(axis, |case| {
            let text = itk_snap::workspace(case, &palette(case.classes));
            assert_eq!(text.matches("LandmarkAnnotation").count(), 2);
            assert!(text.contains(&format!("<entry key=\"Plane\" value=\"{plane}\" />")));
            assert!(
                text.contains(&format!("<entry key=\"Pos\" value=\"{position}\" />")),
                "{text}"
            );
            assert!(text.contains("value=\"draw 4\"") && text.contains("cyst &lt;1&gt;"));
            let (open, close) = (
                text.matches("<folder ").count(),
                text.matches("</folder>").count(),
            );
            assert_eq!(open, close);
        });
    }
}

#[test]
fn marks_lie_in_the_middle_of_their_slices_in_lps() {
    with(SliceAxis::Axial, |case| {
        let document: serde_json::Value = serde_json::from_str(&slicer::markups(case)).unwrap();
        let point = &document["markups"][0]["controlPoints"][1];
        let [x, y, z] = case.labels.geometry.position_mm([3.0, 2.0, 3.0]);
        assert_eq!(point["position"][0], -x);
        assert_eq!(point["position"][1], -y);
        assert_eq!(point["position"][2], z);
        assert_eq!(point["positionStatus"], "defined");
        let script = slicer::script(case);
        assert!(script.contains("vtkMRMLSliceNodeRed"));
        assert!(
            script.contains(&format!("    (3, {x:.4}, {y:.4}, {z:.4}),\n]")),
            "{script}"
        );
    });
    with(SliceAxis::Coronal, |case| {
        assert!(slicer::script(case).contains("vtkMRMLSliceNodeGreen"));
    });
}

#[test]
fn the_page_gives_the_number_that_each_tool_shows() {
    with(SliceAxis::Axial, |case| {
        let start = Start {
            task: "r01",
            to: Some("anna"),
            classes: case.classes,
            minutes_per_slice: 3.0,
        };
        let page = start_page(&start, std::slice::from_ref(case));
        assert!(page.contains("Task r01 for anna: draw 2 slices"));
        assert!(page.contains("about 6 minutes"));
        let row = format!(
            "<td class=\"n\">4</td><td class=\"n\">{:.2}</td><td class=\"n\">3</td><td class=\"n\">{:.2}</td>",
            case.offset_mm(3),
            case.position_mm(3)[2]
        );
        assert!(page.contains(&row), "{page}");
        assert!(!page.contains("http") && !page.contains("<script"));
    });
}
