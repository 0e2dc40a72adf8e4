use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

const HEADER: &str = "NRRD0004\n# Complete NRRD file format specification at:\n\
    type: unsigned char\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 3 1\n\
    space directions: (0.5,0,0) (0,2,0) (0,0,3)\nkinds: domain domain domain\nencoding: raw\n\
    space origin: (10,20,-30)\nSegment0_Name:=cyst: left\nSegment0_LabelValue:=4\n";

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [header.as_bytes(), b"\n", data].concat()
}

#[test]
fn a_volume_lies_where_slicer_put_it() {
    let read = parse(&file(HEADER, &[0, 1, 2, 3, 4, 5])).unwrap();
    assert_eq!(read.values.shape(), [1, 1, 3, 2]);
    assert_eq!(read.values[[0, 0, 2, 1]], 5.0);
    let affine = read.affine.unwrap();
    assert_eq!(affine[0], [-0.5, 0.0, 0.0, -10.0]);
    assert_eq!(affine[1], [0.0, -2.0, 0.0, -20.0]);
    assert_eq!(affine[2], [0.0, 0.0, 3.0, -30.0]);
    let segment = Segment {
        name: "cyst: left".to_owned(),
        value: 4,
        layer: 0,
    };
    assert_eq!(read.segments, [segment]);
}

#[test]
fn layers_come_first_and_gzip_and_byte_order_are_undone() {
    let header = HEADER
        .replace("unsigned char", "short")
        .replace("dimension: 3", "dimension: 4")
        .replace("sizes: 2", "sizes: 2 2")
        .replace("directions: (", "directions: none (")
        .replace("raw", "gzip\nendian: big")
        + "Segment0_Layer:=1\n";
    let values: Vec<i16> = (0..12).map(|value| value - 6).collect();
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect();
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&bytes).unwrap();
    let packed = packer.finish().unwrap();
    let read = parse(&file(&header, &packed)).unwrap();
    assert_eq!(read.values.shape(), [2, 1, 3, 2]);
    // The layer varies fastest: -6 and -5 are the two layers of the first voxel.
    assert_eq!(read.values[[0, 0, 0, 0]], -6.0);
    assert_eq!(read.values[[1, 0, 0, 0]], -5.0);
    assert_eq!(read.values[[1, 0, 0, 1]], -3.0);
    assert_eq!(read.segments[0].layer, 1);
    let cut = parse(&file(&header, &packed[..packed.len() - 12])).unwrap_err();
    assert!(cut.contains("damaged gzip") || cut.contains("got"), "{cut}");
}

#[test]
fn what_cannot_be_read_is_said() {
    let data = [0; 6];
    for (from, to, expected) in [
        ("NRRD0004", "NRRD", "does not begin with NRRD000"),
        ("sizes: 2 3 1", "sizes: 2 3", "expected 3 or 4 axes"),
        (
            "sizes: 2 3 1",
            "sizes: 2 3 99",
            "expected 594 bytes of voxels, got 6",
        ),
        ("sizes: 2 3 1", "sizes: 2 3 99999999999", "expected 1 to"),
        ("sizes: 2 3 1", "sizes: 2 2 1", "got 4 and more"),
        (
            "sizes: 2 3 1",
            "sizes: 2 three 1",
            "expected numbers in sizes",
        ),
        ("unsigned char", "block", "got type \"block\""),
        ("raw", "bzip2", "expected encoding: raw or gzip"),
        (
            "encoding: raw",
            "encoding: raw\ndata file: a.raw",
            "not .nhdr",
        ),
        ("(0,0,3)", "(0,0,0)", "that span a volume"),
        ("(0,0,3)", "(0,0,x)", "expected 3 space directions"),
        ("left-posterior-superior", "scanner-xyz", "expected space:"),
        (
            "LabelValue:=4",
            "LabelValue:=four",
            "whole number in Segment0_LabelValue",
        ),
    ] {
        let error = parse(&file(&HEADER.replace(from, to), &data)).unwrap_err();
        assert!(error.contains(expected), "{to}: {error}");
    }
    assert!(parse(b"NRRD0004\ntype: uchar").is_err());
    let nowhere = HEADER.replace("space: left-posterior-superior\n", "");
    assert_eq!(parse(&file(&nowhere, &data)).unwrap().affine, None);
}
