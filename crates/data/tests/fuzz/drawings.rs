//! Segmentations that 3D Slicer writes.

use slicewise_data::{Geometry, Image, Volume, read_drawing};
use slicewise_fuzz::{Target, fuzz, per_byte};

/// Words of the format.
const WORDS: &[&str] = &[
    "NRRD0005",
    "type: short",
    "type: double",
    "dimension: 4",
    "sizes: ",
    "99999999999",
    "space: RAS",
    "space directions: none (1,0,0) (0,1,0) (0,0,1)",
    "(nan,0,0)",
    "encoding: gzip",
    "endian: big",
    "data file: a.raw",
    ":=",
    "Segment0_LabelValue:=-1",
    "Segment0_Layer:=7",
    "\n\n",
];

/// Segmentations of 2 × 3 × 4 voxels: one layer, two layers, and one without segments.
fn segmentations() -> Vec<Vec<u8>> {
    let file = |kind: &str, sizes: &str, none: &str, segments: &str, bytes: usize| {
        let header = format!(
            "NRRD0004\ntype: {kind}\nendian: little\ndimension: 3\nspace: left-posterior-superior\n\
             sizes: {sizes}\nspace directions: {none}(-1,0,0) (0,-1,0) (0,0,1)\nencoding: raw\n\
             space origin: (0,0,0)\n{segments}\n"
        );
        let data = (0..bytes).map(|byte| (byte % 3) as u8);
        header.bytes().chain(data).collect()
    };
    let segments = "Segment0_Name:=one\nSegment0_LabelValue:=1\nSegment0_Layer:=0\n\
        Segment1_Name:=two\nSegment1_LabelValue:=2\nSegment1_Layer:=0\n";
    vec![
        file("unsigned char", "4 3 2", "", segments, 24),
        file("unsigned char", "2 4 3 2", "none ", segments, 48),
        file("short", "4 3 2", "", "", 48),
    ]
}

#[test]
fn drawing() {
    let scan: Image = Volume {
        voxels: ndarray::Array3::zeros((2, 3, 4)),
        geometry: Geometry::axis_aligned([1.0; 3]),
    };
    let classes = ["background", "one", "two"].map(str::to_owned);
    fuzz(
        &Target {
            share: 50,
            allowance: &|bytes| per_byte(bytes.len(), 128),
            ..Target::text("drawing", "input.seg.nrrd", segmentations(), WORDS)
        },
        |path| {
            let drawing = read_drawing(path, &scan, &classes, false)?;
            assert_eq!(drawing.labels.voxels.dim(), (2, 3, 4));
            Ok(())
        },
    );
}
