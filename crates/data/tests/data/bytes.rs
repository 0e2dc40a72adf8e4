//! What lies in and behind a file: padding, pointers in its place, other formats, damage.

use crate::case_files::{Header, SHAPE, diagonal, file, gzip, scan};
use slicewise_data::Image;
use slicewise_data::nifti::read_image;
use std::fs;
use std::path::Path;

/// Returns a good volume, uncompressed.
pub(crate) fn volume() -> Vec<u8> {
    let (image, _) = scan(0, SHAPE);
    file(&image, &diagonal([1.0, 1.0, 2.0]), |_| ())
}

/// Returns what is read of these bytes under this name, or the message without folder and its
/// remedy.
pub(crate) fn read_as(name: &str, bytes: &[u8]) -> Result<Image, (String, &'static str)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read(folder.path(), &path)
}

pub(crate) fn read(folder: &Path, path: &Path) -> Result<Image, (String, &'static str)> {
    read_image(path).map_err(|error| {
        let text = error.to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
        // A remedy is a cell of a table.
        assert!(!error.remedy().contains(['|', '\n']), "{}", error.remedy());
        let text = text.replace(&format!("{}/", folder.display()), "");
        (text, error.remedy())
    })
}

pub(crate) fn refused(name: &str, bytes: &[u8]) -> (String, &'static str) {
    read_as(name, bytes).unwrap_err()
}

/// Asserts that the bytes are read as the good volume.
pub(crate) fn assert_good(name: &str, bytes: &[u8]) {
    let read = read_as(name, bytes).unwrap();
    assert_eq!(read.voxels, scan(0, SHAPE).0);
    assert_eq!(read.geometry.spacing_mm(), [2.0, 1.0, 1.0]);
}

/// Case zeros-after-gzip. More zeros than a buffer holds, and zeros between members, count too.
#[test]
fn zeros_behind_and_between_gzip_streams_are_padding() {
    let stream = gzip(&volume());
    for zeros in [1, 512, 100_000] {
        assert_good("x.nii.gz", &[&stream[..], &vec![0; zeros]].concat());
    }
    let (head, tail) = (gzip(&volume()[..5000]), gzip(&volume()[5000..]));
    assert_good("x.nii.gz", &[&head[..], &tail].concat());
    assert_good(
        "x.nii.gz",
        &[&head[..], &[0; 300], &tail, &[0; 20]].concat(),
    );
    // An empty member at the end is one, too.
    assert_good("x.nii.gz", &[&head[..], &tail, &gzip(&[])].concat());
}

#[test]
fn other_bytes_behind_a_gzip_stream_are_named() {
    let stream = gzip(&volume());
    let length = stream.len();
    let (text, remedy) = refused("x.nii.gz", &[&stream[..], b"garbage"].concat());
    assert_eq!(
        text,
        format!(
            "x.nii.gz: expected only zeros behind the gzip stream, got 7 other bytes from byte \
             {length} of the file on"
        )
    );
    assert!(remedy.contains("gunzip"), "{remedy}");
    // Behind zeros, and where voxels are missing.
    let padded = [&stream[..], &[0; 10], b"more"].concat();
    let at = length + 10;
    assert!(
        refused("x.nii.gz", &padded)
            .0
            .ends_with(&format!("got 4 other bytes from byte {at} of the file on"))
    );
    let half = [&gzip(&volume()[..5000])[..], &[7; 9]].concat();
    let (text, _) = refused("x.nii.gz", &half);
    assert!(text.contains("got 9 other bytes"), "{text}");
}

#[test]
fn a_stream_that_is_cut_or_damaged_or_whole_but_short_has_a_remedy_of_its_own() {
    let stream = gzip(&volume());
    for cut in [20, stream.len() / 2, stream.len() - 1] {
        let (text, remedy) = refused("x.nii.gz", &stream[..cut]);
        assert!(text.contains("truncated gzip stream after"), "{text}");
        assert_eq!(remedy, "Copy or download the file again: it is incomplete.");
    }
    let mut damaged = stream.clone();
    damaged[stream.len() - 6] ^= 1;
    let (text, remedy) = refused("x.nii.gz", &damaged);
    assert!(text.contains("damaged gzip stream after 31072"), "{text}");
    assert_eq!(remedy, "Copy or download the file again: it is damaged.");
    // A second member that is cut is no padding.
    let second = [&stream[..], &stream[..100]].concat();
    let (text, _) = refused("x.nii.gz", &second);
    assert!(text.contains("truncated gzip stream"), "{text}");

    let short = &volume()[..1000];
    let expected =
        "expected 30720 bytes of voxels, as the header's 20×24×16 of 4 bytes each, got 648";
    let (text, remedy) = refused("x.nii", short);
    assert_eq!(text, format!("x.nii: {expected}"));
    assert!(remedy.starts_with("Copy or download"), "{remedy}");
    let (text, remedy) = refused("x.nii.gz", &gzip(short));
    assert_eq!(text, format!("x.nii.gz: {expected}"));
    assert!(remedy.starts_with("Export the volume again"), "{remedy}");
}

#[test]
fn bytes_behind_the_last_voxel_are_left_alone() {
    for tail in [&[0; 512][..], b"written by a program that pads"] {
        let longer = [&volume()[..], tail].concat();
        assert_good("x.nii", &longer);
        assert_good("x.nii.gz", &gzip(&longer));
    }
}

/// A header length that is wrong stops no other tool either: the magic says what it is.
#[test]
fn a_wrong_header_length_is_no_obstacle() {
    let mut bytes = volume();
    bytes[..4].fill(0);
    assert_good("x.nii", &bytes);
}

fn at(length: usize, place: usize, magic: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1; length];
    bytes[place..place + magic.len()].copy_from_slice(magic);
    bytes
}

#[test]
fn what_is_no_nifti_is_named_with_its_own_remedy() {
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab\nsize 12345\n";
    let mha = b"ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = 2 2 2\n";
    let page = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>";
    let mut analyze = volume();
    analyze[344..348].fill(0);
    let mut pair = volume();
    pair[344..348].copy_from_slice(b"ni1\0");
    let mut mgh = vec![0; 300];
    for (place, value) in [1i32, 20, 24, 16, 1, 3].into_iter().enumerate() {
        mgh[4 * place..4 * place + 4].copy_from_slice(&value.to_be_bytes());
    }
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (
            lfs.to_vec(),
            "the pointer of Git LFS to the file, not the file",
            "git lfs pull",
        ),
        (
            b"/annex/objects/SHA256E-s1048576--abc.nii.gz\n".to_vec(),
            "the pointer of git-annex to the file, not the file",
            "git annex get",
        ),
        (
            b"../../.git/annex/objects/3K/x8/MD5E-s1--a.nii.gz".to_vec(),
            "the pointer of git-annex to the file, not the file",
            "datalad get",
        ),
        (vec![], "an empty file of 0 bytes", "Copy or download"),
        (page.to_vec(), "an HTML page", "Download the file itself"),
        (
            b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>".to_vec(),
            "an XML document",
            "server's error",
        ),
        (
            b"hello\n".to_vec(),
            "text that begins \"hello\"",
            "Look at its text",
        ),
        (b"PK\x03\x04\x14\0\0\0".to_vec(), "a zip archive", "unzip"),
        (at(512, 257, b"ustar"), "a tar archive", "tar -xf"),
        (b"BZh91AY&SY".to_vec(), "a file for bunzip2", "Unpack it"),
        (at(400, 128, b"DICM"), "a DICOM file", "dcm2niix"),
        (
            b"NRRD0004\n# Complete NRRD file format\ntype: short\n".to_vec(),
            "an NRRD volume",
            "SimpleITK",
        ),
        (
            mha.to_vec(),
            "a MetaImage volume (MHA, MHD)",
            "s.ReadImage('x.mha')",
        ),
        (
            analyze,
            "the header of an Analyze 7.5 pair (.hdr, .img)",
            "which side is left",
        ),
        (pair, "half of a NIfTI pair (.hdr, .img)", "n.load('x.hdr')"),
        (
            b"CDF\x01\0\0\0\x05".to_vec(),
            "a NetCDF file, as MINC 1 is",
            "mnc2nii",
        ),
        (
            b"\x89HDF\r\n\x1a\n\0".to_vec(),
            "an HDF5 file, as MINC 2 is",
            "mnc2nii",
        ),
        (mgh, "a FreeSurfer volume (MGH, MGZ)", "mri_convert"),
        (
            b"\x89PNG\r\n\x1a\n".to_vec(),
            "a picture (PNG, JPEG or TIFF)",
            "no third axis",
        ),
        (
            b"\x93NUMPY\x01\0".to_vec(),
            "an array of NumPy or MATLAB",
            "AFFINE",
        ),
    ];
    for (bytes, what, remedy) in cases {
        let expected = format!("expected a NIfTI volume of real numbers, got {what}");
        for (name, bytes) in [("x.nii", bytes.clone()), ("x.nii.gz", gzip(&bytes))] {
            let (text, told) = refused(name, &bytes);
            assert_eq!(text, format!("{name}: {expected}"));
            assert!(told.contains(remedy), "{what}: {told}");
        }
    }
    let (text, remedy) = refused("x.nii.gz", &gzip(&gzip(&volume())));
    assert!(
        text.ends_with("got a gzip stream in a gzip stream"),
        "{text}"
    );
    assert!(remedy.contains("compressed twice"), "{remedy}");
}

#[test]
fn what_the_bytes_do_not_tell_the_name_may() {
    for (name, what) in [
        ("x.img", "half of a NIfTI pair (.hdr, .img)"),
        ("x.DCM", "a DICOM file"),
        ("x.mgz", "a FreeSurfer volume (MGH, MGZ)"),
        ("x.nrrd", "an NRRD volume"),
    ] {
        let (text, _) = refused(name, &[200; 500]);
        assert!(text.ends_with(what), "{text}");
        // A NIfTI volume is one under any name.
        assert_good(name, &volume());
    }
    let (text, _) = refused("x.nii", &[200; 500]);
    assert!(text.contains("expected the header size 348"), "{text}");
}

#[test]
fn voxels_that_are_no_real_numbers_have_a_remedy_each() {
    for (code, what, remedy) in [
        (
            128,
            "one with colours (RGB) as voxels",
            "colours were made from",
        ),
        (
            2304,
            "one with colours (RGB) as voxels",
            "colours were made from",
        ),
        (32, "one with complex numbers as voxels", "magnitude"),
        (1792, "one with complex numbers as voxels", "magnitude"),
        (1536, "one with numbers of 128 bits as voxels", "float32"),
    ] {
        let mut bytes = volume();
        bytes[70..72].copy_from_slice(&i16::to_le_bytes(code));
        let (text, told) = refused("x.nii", &bytes);
        assert_eq!(
            text,
            format!("x.nii: expected a NIfTI volume of real numbers, got {what}")
        );
        assert!(told.contains(remedy), "{told}");
    }
    let mut bytes = volume();
    bytes[70..72].copy_from_slice(&i16::to_le_bytes(77));
    let (text, remedy) = refused("x.nii", &bytes);
    assert_eq!(
        text,
        "x.nii: not a readable NIfTI file: expected a type's code as datatype, got 77"
    );
    assert!(remedy.contains("nibabel"), "{remedy}");
}

#[test]
fn a_series_a_slice_and_a_field_of_vectors_have_a_remedy_each() {
    for (axes, lengths, remedy) in [
        (4, [5, 8, 6, 2, 1], "Name one volume of the series"),
        (5, [5, 8, 6, 1, 3], "vectors or tensors"),
        (2, [5, 8, 1, 1, 1], "one slice or less"),
    ] {
        let mut header = Header(volume());
        header.set_i16(40, axes);
        for (axis, length) in lengths.into_iter().enumerate() {
            header.set_i16(42 + 2 * axis, length);
        }
        let (text, told) = refused("x.nii", &header.0);
        assert!(text.contains("expected a 3D volume"), "{text}");
        assert!(told.contains(remedy), "{told}");
    }
}
