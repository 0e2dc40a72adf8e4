//! Slices on their way to the page, and drawings on their way back.

use crate::client::{drawing, folder, frame, get, line, post, start};
use crate::fake::{self, SHAPE};
use slicewise_browser::{
    Answer, AskedSlice, Class, Desk, DeskError, Overview, Saved, SliceView, State,
};

#[test]
fn a_slice_comes_whole() {
    let (_folder, server) = folder();
    let (status, _, body) = get(&server, "slice?case=sub-02%20(thick)&slice=5");
    assert_eq!(status, 200);
    let length = u32::from_le_bytes(body[..4].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&body[4..4 + length]).unwrap();
    assert_eq!(header["shape"], serde_json::json!(SHAPE));
    assert_eq!(header["spacing_mm"], serde_json::json!([1.5, 1.0]));
    assert_eq!(header["sides"], serde_json::json!(["L", "R", "A", "P"]));
    assert_eq!(
        (&header["labels"], &header["draft"]),
        (&false.into(), &true.into())
    );
    assert_eq!(header["outline"], 4);
    // Intensities of four bytes, then draft and outline of one.
    let pixels = SHAPE[0] * SHAPE[1];
    assert_eq!(body.len(), 4 + length + 6 * pixels);
    let draft = &body[4 + length + 4 * pixels..][..pixels];
    assert_eq!(draft, fake::tissue(4, 1.06));
}

#[test]
fn drawings_are_kept_and_conflicts_are_told() {
    let (folder, server) = folder();
    let mut labels = vec![0; SHAPE[0] * SHAPE[1]];
    labels[7] = 255;
    labels[100] = 3;
    assert_eq!(
        post(&server, &drawing("sub-01", 0, &labels)),
        (200, serde_json::json!({ "version": 1 }))
    );
    let kept = std::fs::read(folder.path().join("sub-01-12-1.labels")).unwrap();
    assert_eq!(kept, labels);
    // Another tab drew on version 0 too.
    let (status, said) = post(&server, &drawing("sub-01", 0, &labels));
    assert_eq!(
        (status, &said["kind"], &said["version"]),
        (409, &"conflict".into(), &1.into())
    );
    assert_eq!(post(&server, &drawing("sub-01", 1, &labels)).0, 200);
    let (_, _, body) = get(&server, "overview");
    let overview: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(overview["slices"][0]["state"], "begun");
    assert_eq!(overview["slices"][0]["who"], "Ä");
}

#[test]
fn drawings_that_make_no_sense_get_one_line() {
    let (folder, server) = folder();
    let labels = vec![0; SHAPE[0] * SHAPE[1]];
    let mut wrong = labels.clone();
    wrong[5] = 4;
    for (body, words) in [
        (Vec::new(), "expected the length of a header"),
        (
            vec![255, 255, 255, 255, b'{'],
            "expected the length of a header",
        ),
        (frame("{", &labels), "in JSON"),
        (frame(r#"{"case":"sub-01"}"#, &labels), "missing field"),
        (
            drawing("sub-01", 0, &labels[1..]),
            "expected 80 × 96 labels, got 7679",
        ),
        (
            drawing("sub-01", 0, &wrong),
            "expected labels below 4 or 255, got 4",
        ),
        (drawing("nobody", 0, &labels), "no such slice"),
    ] {
        let (status, said) = post(&server, &body);
        let said = said["error"].as_str().unwrap();
        assert_eq!(status, 400, "{said}");
        assert!(said.contains(words) && !said.contains('\n'), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A desk that does everything wrong.
struct Broken;

impl Desk for Broken {
    fn overview(&self) -> Result<Overview, DeskError> {
        panic!("a desk that panics, as this test wants it to");
    }

    fn slice(&self, _: &str, _: usize) -> Result<SliceView, DeskError> {
        Ok(SliceView {
            shape: [2, 2],
            spacing_mm: [1.0; 2],
            intensities: vec![0.0; 4],
            window: [0.0, 1.0],
            labels: Some(vec![0; 3]),
            draft: None,
            outline: None,
            version: 0,
            sides: Default::default(),
        })
    }

    fn save(&self, _: &Answer) -> Result<Saved, DeskError> {
        Err(DeskError::Failed("the disk is full".into()))
    }
}

#[test]
fn a_desk_that_fails_is_told_in_one_line() {
    let server = start(Broken);
    for (path, words) in [
        ("overview", "the program failed at this request"),
        (
            "slice?case=a&slice=0",
            "expected 2 × 2 values of labels, got 3",
        ),
    ] {
        let (status, _, body) = get(&server, path);
        assert_eq!((status, line(&body)), (500, words.into()));
    }
    let (status, said) = post(&server, &drawing("a", 0, &[]));
    assert_eq!(
        (status, &said["error"], &said["kind"]),
        (500, &"the disk is full".into(), &"failed".into())
    );
    // And it goes on.
    assert_eq!(get(&server, "").0, 200);
}

#[test]
fn states_and_classes_are_written_as_the_page_reads_them() {
    let asked = AskedSlice {
        case: "a".into(),
        slice: 0,
        of: 1,
        position_mm: 0.5,
        plane: "axial".into(),
        why: String::new(),
        state: State::Open,
        who: None,
    };
    let class = Class {
        name: "background".into(),
        colour: "#000000".into(),
    };
    let overview = Overview {
        title: "t".into(),
        classes: vec![class],
        slices: vec![asked],
    };
    assert_eq!(
        serde_json::to_string(&overview).unwrap(),
        r##"{"title":"t","classes":[{"name":"background","colour":"#000000"}],"slices":[{"case":"a","slice":0,"of":1,"position_mm":0.5,"plane":"axial","why":"","state":"open","who":null}]}"##
    );
}
